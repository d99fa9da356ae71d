# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `merge`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("merge")

MERGE = """
def merge(parts):
    result = list(parts[0]) if parts else []
    for part in parts[1:]:
        best, overlap = 0.0, 0
        for k in range(1, min(len(result), len(part)) + 1):
            same = sum(a == b for a, b in zip(result[-k:], part[:k]))
            if same >= 2 and same / k >= best:
                best, overlap = same / k, k
        half = overlap // 2
        result = result[: len(result) - overlap + half] + list(part[half:])
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
    slip="stand one after the other, overlaps and all",
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
    slip="",
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
    slip="only where all of it agrees",
)
ANSWERS.wrong(
    "the left one is always right",
    swap(MERGE, ("half = overlap // 2", "half = overlap")),
    "keeps the word that the left piece's end cut in two",
    slip="taken from the left piece",
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
    slip="4 tokens were dropped from every piece",
)
ANSWERS.wrong(
    "the right one is always right",
    swap(MERGE, ("half = overlap // 2", "half = 0")),
    "keeps the word that the right piece's beginning cut in two",
    slip="taken from the right piece",
)
ANSWERS.wrong(
    "one is enough",
    swap(MERGE, ("same >= 2 and", "same >= 1 and")),
    "takes one token in common for an overlap",
    slip="one agreement alone is an accident",
)
ANSWERS.wrong(
    "the most agreements",
    swap(MERGE, ("same / k >= best", "same >= best"), ("best, overlap = same / k, k", "best, overlap = same, k")),
    "a refrain further back agrees more often by number",
    slip="the place with most agreements",
)
ANSWERS.wrong(
    "no pieces",
    swap(MERGE, ("list(parts[0]) if parts else []", "list(parts[0])")),
    "of nothing it breaks",
    slip="list index out of range",
)
ANSWERS.wrong(
    "within twenty tokens",
    swap(MERGE, ("min(len(result), len(part)) + 1", "min(len(result), len(part), 16) + 1")),
    "an overlap of more than sixteen is not found",
    visible_passes=True,
    slip="",
)
