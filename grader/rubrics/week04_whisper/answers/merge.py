# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `merge`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("merge")

MERGE = """
def merge(parts):
    if not parts:
        return []
    result = list(parts[0])
    for part in parts[1:]:
        best, shift, length = 1, None, 0
        for k in range(1, min(len(result), len(part)) + 1):
            same = sum(a == b for a, b in zip(result[-k:], part[:k]))
            if same > best or same == best and same > 1 and k < length:
                best, shift, length = same, k, k
        if shift is None:
            result += part
        else:
            half = shift // 2
            result = result[: len(result) - shift + half] + list(part[half:])
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
"""
ANSWERS.right(
    "the longest common run",
    """
def merge(parts):
    from difflib import SequenceMatcher

    result = []
    for part in parts:
        part = list(part)
        reach = result[-len(part) :] if part else []
        found = SequenceMatcher(None, reach, part, autojunk=False).find_longest_match()
        if found.size < 2:
            result += part
        else:
            result = result[: len(result) - len(reach) + found.a] + part[found.b :]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
)
ANSWERS.right(
    "the share of matches",
    """
def merge(parts):
    result = [list(part) for part in parts[:1]]
    result = result[0] if result else []
    for part in parts[1:]:
        part = list(part)
        shares = {0: 0.0}
        for k in range(2, min(len(result), len(part)) + 1):
            same = sum(a == b for a, b in zip(result[-k:], part[:k]))
            shares[k] = same / k + k / 10_000 if same > 1 else 0.0
        k = max(shares, key=shares.get) if max(shares.values()) > 0 else 0
        result = result[: len(result) - k + k // 2] + part[k // 2 :]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
)
ANSWERS.wrong(
    "one after the other",
    """
def merge(parts):
    return [token for part in parts for token in part]


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "everything in the overlaps twice",
)
ANSWERS.wrong(
    "each word once",
    """
def merge(parts):
    return list(dict.fromkeys(token for part in parts for token in part))


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "what is said twice is lost",
    visible_passes=True,
)
ANSWERS.wrong(
    "exact overlaps only",
    """
def merge(parts):
    result = []
    for part in parts:
        k = next((k for k in range(min(len(result), len(part)), 0, -1) if result[-k:] == list(part[:k])), 0)
        result += part[k:]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "a word cut in two hides the overlap",
    visible_passes=True,
)
ANSWERS.wrong(
    "the left one is always right",
    swap(MERGE, ("half = shift // 2", "half = shift")),
    "keeps the word that the left piece's end cut in two",
    visible_passes=True,
)
ANSWERS.wrong(
    "a fixed overlap",
    """
def merge(parts):
    result = list(parts[0]) if parts else []
    for part in parts[1:]:
        result += part[4:]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "the number of shared tokens differs from window to window",
)
