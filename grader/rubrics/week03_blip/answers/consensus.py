# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `consensus`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell

ANSWERS = Answers("consensus")

ROUGE = """
def rouge_l(candidate, references):
    def longest(a, b):
        table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
        return int(table[-1, -1])

    words = candidate.split()
    return max(2 * longest(words, r.split()) / (len(words) + len(r.split())) for r in references)
"""
CIDER = """
def cider(candidates, references):
    def grams(text, size):
        words = text.split()
        return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))

    def cosine(a, b):
        long = sum(x * x for x in a.values()) * sum(x * x for x in b.values())
        return sum(x * b.get(key, 0.0) for key, x in a.items()) / long**0.5 if long > 0 else 0.0

    scores = [0.0] * len(candidates)
    for size in range(1, 5):
        told = [[grams(r, size) for r in some] for some in references]
        there = Counter(gram for some in told for gram in set().union(*some))
        weigh = lambda count: {g: h * np.log(len(candidates) / max(1, there[g])) for g, h in count.items()}
        for i, candidate in enumerate(candidates):
            mine = weigh(grams(candidate, size))
            scores[i] += 10 / 4 * float(np.mean([cosine(mine, weigh(count)) for count in told[i]]))
    return scores
"""


def _consensus(rouge: str = ROUGE, cider: str = CIDER) -> str:
    return cell(rouge, cider)


ANSWERS.right(
    "recursion and vectors",
    _consensus(
        """
def rouge_l(candidate, references):
    from functools import lru_cache

    def shared(a, b):
        @lru_cache(None)
        def go(i, j):
            if i == len(a) or j == len(b):
                return 0
            return 1 + go(i + 1, j + 1) if a[i] == b[j] else max(go(i + 1, j), go(i, j + 1))

        return go(0, 0)

    best = 0.0
    for reference in references:
        a, b = candidate.split(), reference.split()
        n = shared(a, b)
        if n:
            p, r = n / len(a), n / len(b)
            best = max(best, 2 * p * r / (p + r))
    return best
""",
        """
def cider(candidates, references):
    m = len(candidates)
    out = np.zeros(m)
    for n in (1, 2, 3, 4):
        cut = lambda text: [" ".join(text.split()[i : i + n]) for i in range(len(text.split()) - n + 1)]
        words = sorted({g for some in [*references, candidates] for text in some for g in cut(text)})
        if not words:
            continue
        place = {g: i for i, g in enumerate(words)}
        df = np.zeros(len(words))
        for some in references:
            for g in {g for text in some for g in cut(text)}:
                df[place[g]] += 1
        idf = np.log(m) - np.log(np.maximum(df, 1))

        def vector(text):
            v = np.zeros(len(words))
            for g in cut(text):
                v[place[g]] += 1 / max(len(cut(text)), 1)
            return v * idf

        for i in range(m):
            a = vector(candidates[i])
            sims = []
            for text in references[i]:
                b = vector(text)
                norm = np.linalg.norm(a) * np.linalg.norm(b)
                sims.append(a @ b / norm if norm > 1e-12 else 0.0)
            out[i] += np.mean(sims)
    return (out / 4 * 10).tolist()
""",
    ),
)
ANSWERS.right(
    "an array of scores",
    _consensus(cider=CIDER.replace("return scores", "return np.array(scores)")),
)
ANSWERS.wrong(
    "the mean reference",
    _consensus(
        ROUGE.replace("return max(", "return float(np.mean([").replace("for r in references)", "for r in references]))")
    ),
    "averages over references",
    slip="the mean over the references",
)
ANSWERS.wrong(
    "recall",
    _consensus(
        ROUGE.replace(
            "2 * longest(words, r.split()) / (len(words) + len(r.split()))",
            "longest(words, r.split()) / len(r.split())",
        )
    ),
    "recall alone",
    slip="the recall alone",
)
ANSWERS.wrong(
    "a bag of words",
    _consensus(ROUGE.replace("longest(words, r.split()) /", "(Counter(words) & Counter(r.split())).total() /")),
    "ignores the order",
    slip="words shared in any order",
)
ANSWERS.wrong(
    "not times ten", _consensus(cider=CIDER.replace("10 / 4", "1 / 4")), "forgets the 10", slip="not multiplied by 10"
)
ANSWERS.wrong(
    "no weights",
    _consensus(cider=CIDER.replace("h * np.log(len(candidates) / max(1, there[g]))", "float(h)")),
    "no idf",
    slip="the weights are missing",
)
ANSWERS.wrong(
    "counted in references",
    _consensus(cider=CIDER.replace("set().union(*some)", "[g for one in some for g in one]")),
    "counts references instead of pictures",
    slip="counted over references; count in how many",
)
ANSWERS.wrong(
    "counted in references, both",
    _consensus(
        cider=CIDER.replace("set().union(*some)", "[g for one in some for g in one]").replace(
            "np.log(len(candidates) /", "np.log(sum(map(len, references)) /"
        )
    ),
    "counts references instead of pictures, in both places",
    slip="both counts are over references",
)
ANSWERS.wrong(
    "the best reference",
    _consensus(cider=CIDER.replace("float(np.mean([cosine", "float(max([cosine")),
    "takes the best reference, not their mean",
    slip="the best of the references was taken",
)
ANSWERS.wrong(
    "the contiguous run",
    _consensus(
        ROUGE.replace("else max(table[i, j + 1], table[i + 1, j])", "else 0").replace(
            "int(table[-1, -1])", "int(table.max())"
        )
    ),
    "the longest run of words without gaps",
    slip="a subsequence may have gaps",
)
ANSWERS.wrong(
    "nan where nothing tells",
    _consensus(cider=CIDER.replace(" if long > 0 else 0.0", "").replace("long**0.5", "np.float64(long) ** 0.5")),
    "divides by the length of a zero vector",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "three references for ever",
    _consensus(
        cider=CIDER.replace("for count in told[i]", "for count in (told[i] * 3)[:3]")
        .replace("float(np.mean([", "float(sum([")
        .replace("(told[i] * 3)[:3]]))", "told[i]]) / 3)")
    ),
    "takes every picture to have three references",
    visible_passes=True,
    slip="",
)
