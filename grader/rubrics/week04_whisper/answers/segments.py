# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `segments`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("segments")

SEGMENTS = """
def segments(tokens, begin):
    found, start, words = [], None, []
    for token in tokens:
        if token < begin:
            words.append(token)
        else:
            time = (token - begin) * 0.02
            if start is not None and words:
                found.append((start, time, words))
                start, words = None, []
            else:
                start = time
    if words:
        found.append((start, None, words))
    return found


with needs("segments"):
    my_segments = segments(timed, first_time)
"""
ANSWERS.right(
    "split at the times",
    """
def segments(tokens, begin):
    found, i = [], 0
    while i < len(tokens):
        j = i + 1
        while j < len(tokens) and tokens[j] < begin:
            j += 1
        if j > i + 1:
            end = 0.02 * (tokens[j] - begin) if j < len(tokens) else None
            found.append((0.02 * (tokens[i] - begin), end, list(tokens[i + 1 : j])))
            i = j + 1
        else:
            i = j
    return found


with needs("segments"):
    my_segments = segments(timed, first_time)
""",
)
ANSWERS.right(
    "groups",
    """
def segments(tokens, begin):
    from itertools import groupby

    found, last = [], None
    for spoken, group in groupby(tokens, key=lambda token: token < begin):
        group = list(group)
        if spoken:
            found.append([last, None, group])
        else:
            if found and found[-1][1] is None:
                found[-1][1] = (group[0] - begin) / 50
            last = (group[-1] - begin) / 50
    return [tuple(one) for one in found]


with needs("segments"):
    my_segments = segments(timed, first_time)
""",
)
ANSWERS.wrong(
    "in tokens", swap(SEGMENTS, ("(token - begin) * 0.02", "token - begin")), "not in seconds", slip="counted in tokens"
)
ANSWERS.wrong(
    "the token's number",
    swap(SEGMENTS, ("(token - begin) * 0.02", "token * 0.02")),
    "not from `begin` on",
    slip="the times are the tokens' numbers",
)
ANSWERS.wrong("frames of 10 ms", swap(SEGMENTS, ("* 0.02", "* 0.01")), "frames for positions", slip="0.02 s, not 0.01")
ANSWERS.wrong(
    "the pause as well",
    """
def segments(tokens, begin):
    marks = [i for i, token in enumerate(tokens) if token >= begin]
    found = []
    for i, j in zip(marks, marks[1:]):
        found.append(((tokens[i] - begin) * 0.02, (tokens[j] - begin) * 0.02, list(tokens[i + 1 : j])))
    return found


with needs("segments"):
    my_segments = segments(timed, first_time)
""",
    "empty segments between the others",
    slip="a pause is no segment",
)
ANSWERS.wrong(
    "only what was closed",
    swap(SEGMENTS, ("    if words:\n        found.append((start, None, words))\n", "")),
    "the unfinished segment is lost",
    slip="what was never closed is missing",
)
ANSWERS.wrong(
    "closed at the beginning",
    swap(SEGMENTS, ("(start, None, words)", "(start, start, words)")),
    "the unfinished segment is given an end",
    slip="what was never closed has no end",
)
ANSWERS.wrong(
    "from the last end",
    swap(
        SEGMENTS,
        (
            "                start, words = None, []\n            else:\n                start = time",
            "                start, words = time, []\n            elif start is None:\n                start = time",
        ),
    ),
    "the pause belongs to what follows",
    slip="a pause between segments belongs to none",
)
ANSWERS.wrong(
    "a last time opens",
    swap(
        SEGMENTS,
        ("                start, words = None, []\n", "                start, words = time, []\n"),
        (
            "    if words:\n",
            "    if words or (tokens and tokens[-1] >= begin and (len(tokens) < 2 or tokens[-2] >= begin)):\n",
        ),
    ),
    "a segment of no words at the end",
    visible_passes=True,
    slip="",
)
