# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `word_errors`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("word_errors")

ALIGN = """
def align(said, heard):
    n, m = len(said), len(heard)
    cost = np.zeros((n + 1, m + 1), dtype=int)
    cost[:, 0], cost[0] = np.arange(n + 1), np.arange(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            same = cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1])
            cost[i, j] = min(same, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    steps, i, j = [], n, m
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            steps.append(("ok" if said[i] == heard[j] else "sub", said[i], heard[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            steps.append(("del", said[i], None))
        else:
            j -= 1
            steps.append(("ins", None, heard[j]))
    return steps[::-1]


def error_rate(said, heard, unit="word"):
    split = str.split if unit == "word" else list
    pairs = [(split(a), split(b)) for a, b in zip(said, heard)]
    errors = sum(what != "ok" for a, b in pairs for what, _, _ in align(a, b))
    return errors / sum(len(a) for a, _ in pairs)
"""
ANSWERS.right(
    "recursion with a memory",
    """
def align(said, heard):
    from functools import lru_cache

    @lru_cache(maxsize=None)
    def errors(i, j):
        if i == len(said) or j == len(heard):
            return len(said) - i + len(heard) - j
        return min(errors(i + 1, j + 1) + (said[i] != heard[j]), errors(i + 1, j) + 1, errors(i, j + 1) + 1)

    steps, i, j = [], 0, 0
    while i < len(said) or j < len(heard):
        if i < len(said) and errors(i, j) == errors(i + 1, j) + 1:
            steps.append(("del", said[i], None))
            i += 1
        elif j < len(heard) and errors(i, j) == errors(i, j + 1) + 1:
            steps.append(("ins", None, heard[j]))
            j += 1
        else:
            steps.append(("ok" if said[i] == heard[j] else "sub", said[i], heard[j]))
            i, j = i + 1, j + 1
    return steps


def error_rate(said, heard, unit="word"):
    errors = words = 0
    for a, b in zip(said, heard):
        a, b = (a.split(), b.split()) if unit == "word" else (list(a), list(b))
        errors += sum(step[0] != "ok" for step in align(a, b))
        words += len(a)
    return errors / words
""",
)
ANSWERS.right(
    "rows of paths",
    """
def align(said, heard):
    row = [[("ins", None, h) for h in heard[:j]] for j in range(len(heard) + 1)]
    count = lambda path: sum(what != "ok" for what, _, _ in path)
    for s in said:
        new = [row[0] + [("del", s, None)]]
        for j, h in enumerate(heard, 1):
            options = [
                row[j - 1] + [("ok" if s == h else "sub", s, h)],
                row[j] + [("del", s, None)],
                new[j - 1] + [("ins", None, h)],
            ]
            new.append(min(options, key=count))
        row = new
    return row[-1]


def error_rate(said, heard, unit="word"):
    cut = (lambda text: text.split()) if unit == "word" else list
    total = sum(len(cut(a)) for a in said)
    return sum(sum(what != "ok" for what, _, _ in align(cut(a), cut(b))) for a, b in zip(said, heard)) / total
""",
)
ANSWERS.wrong(
    "place by place",
    swap(
        ALIGN,
        (
            ALIGN[ALIGN.index("    n, m = len(said)") : ALIGN.index("def error_rate")],
            "    steps = [('ok' if a == b else 'sub', a, b) for a, b in zip(said, heard)]\n"
            "    steps += [('del', a, None) for a in said[len(heard) :]]\n"
            "    return steps + [('ins', None, b) for b in heard[len(said) :]]\n\n\n",
        ),
    ),
    "one word left out makes everything after it wrong",
    slip="word by word in place",
)
ANSWERS.wrong(
    "backwards", swap(ALIGN, ("return steps[::-1]", "return steps")), "not turned round", slip="the steps run backwards"
)
ANSWERS.wrong(
    "the mean of rates",
    swap(
        ALIGN,
        (
            '    errors = sum(what != "ok" for a, b in pairs for what, _, _ in align(a, b))\n'
            "    return errors / sum(len(a) for a, _ in pairs)",
            '    return np.mean([sum(w != "ok" for w, _, _ in align(a, b)) / max(len(a), 1) for a, b in pairs])',
        ),
    ),
    "short sentences count too much",
    slip="the mean of the sentences' rates",
)
ANSWERS.wrong(
    "by the words heard",
    swap(ALIGN, ("sum(len(a) for a, _ in pairs)", "sum(len(b) for _, b in pairs)")),
    "the other length",
    slip="divided by what was heard",
)
ANSWERS.wrong(
    "del and ins exchanged",
    swap(
        ALIGN,
        ('("del", said[i], None)', '("ins", said[i], None)'),
        ('("ins", None, heard[j])', '("del", None, heard[j])'),
    ),
    "what was left out is called put in",
    slip='"del" is what was said and not heard',
)
ANSWERS.wrong(
    "substitutions cost two",
    swap(ALIGN, ("(said[i - 1] != heard[j - 1])", "2 * (said[i - 1] != heard[j - 1])")),
    "every exchange is told as a loss and a gain",
    slip="an exchange is one error",
)
ANSWERS.wrong(
    "characters without spaces",
    swap(
        ALIGN,
        (
            'split = str.split if unit == "word" else list',
            'split = str.split if unit == "word" else lambda text: list(text.replace(" ", ""))',
        ),
    ),
    "the spaces are characters too",
    slip="the spaces were left out",
)
ANSWERS.wrong(
    "words only",
    swap(ALIGN, ("    while i or j:", "    while i and j:")),
    "stops at the first end: what is left over is lost",
    slip="is missing: it was left out, or put in",
)
ANSWERS.wrong(
    "at most all wrong",
    swap(
        ALIGN,
        (
            "    return errors / sum(len(a) for a, _ in pairs)",
            "    return min(1.0, errors / sum(len(a) for a, _ in pairs))",
        ),
    ),
    "a rate can be above 1",
    slip="a rate above 1 was cut off",
)
ANSWERS.wrong(
    "by the longer",
    swap(ALIGN, ("sum(len(a) for a, _ in pairs)", "sum(max(len(a), len(b)) for a, b in pairs)")),
    "divides by whichever is longer",
    slip="divided by the longer of the two",
)
ANSWERS.wrong(
    "lower case",
    swap(ALIGN, ("for a, b in zip(said, heard)]", "for a, b in zip(map(str.lower, said), map(str.lower, heard))]")),
    "case counts",
    slip="case was ignored",
)
ANSWERS.wrong(
    "always words",
    swap(ALIGN, ('split = str.split if unit == "word" else list', "split = str.split")),
    "ignores the unit",
    slip="in words: `unit` is characters",
)
ANSWERS.wrong(
    "the number of errors",
    swap(ALIGN, ("    return errors / sum(len(a) for a, _ in pairs)", "    return errors")),
    "no rate",
    slip="that is the number of errors",
)
ANSWERS.wrong(
    "what nobody heard",
    swap(ALIGN, ("for a, b in zip(said, heard)]", "for a, b in zip(said, heard) if b]")),
    "leaves out sentences of which nothing was heard",
    visible_passes=True,
    slip="",
)
