# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `bleu`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("bleu")

BLEU = "def bleu(candidates, references, n=4):"
BLEU_TAIL = """
with needs("bleu"):
    judged = caption_lab.sample_scenes(48, 2, seed=29)
    judged_captions = caption_lab.captions(captioner, caption_lab.pictures(judged))
    judged_references = [scene.captions(4, seed=i) for i, scene in enumerate(judged)]
    my_bleu = bleu(judged_captions, judged_references)
"""
BLEU_BODY = """
def grams(text, size):
    words = text.split()
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))

ours = theirs = 0
hits, total = [0] * n, [0] * n
for candidate, some in zip(candidates, references):
    length = len(candidate.split())
    ours += length
    theirs += min((len(r.split()) for r in some), key=lambda other: (abs(other - length), other))
    for k in range(n):
        count, most = grams(candidate, k + 1), Counter()
        for reference in some:
            most |= grams(reference, k + 1)
        hits[k] += (count & most).total()
        total[k] += count.total()
if min(hits) == 0:
    return 0.0
brevity = min(1.0, float(np.exp(1 - theirs / ours)))
return 100 * brevity * float(np.exp(np.mean([np.log(h / t) for h, t in zip(hits, total)])))
"""


def _bleu(body: str = BLEU_BODY) -> str:
    return cell(function(BLEU, body), BLEU_TAIL)


ANSWERS.right(
    "plain dicts",
    _bleu("""
import math

def count(words, k):
    seen = {}
    for i in range(len(words) - k + 1):
        seen[" ".join(words[i : i + k])] = seen.get(" ".join(words[i : i + k]), 0) + 1
    return seen

c = r = 0
log = 0.0
for text, refs in zip(candidates, references):
    long = len(text.split())
    c += long
    lengths = sorted(len(x.split()) for x in refs)
    r += sorted(lengths, key=lambda x: abs(x - long))[0]
for k in range(1, n + 1):
    hit = all_ = 0
    for text, refs in zip(candidates, references):
        mine = count(text.split(), k)
        theirs = [count(x.split(), k) for x in refs]
        all_ += sum(mine.values())
        hit += sum(min(m, max(t.get(g, 0) for t in theirs)) for g, m in mine.items())
    if hit == 0:
        return 0.0
    log += math.log(hit / all_) / n
return 100 * math.exp(log) * (1 if c > r else math.exp(1 - r / c))
"""),
)
ANSWERS.right(
    "sacrebleu itself",
    _bleu("""
from sacrebleu.metrics import BLEU

most = max(map(len, references))
streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
scorer = BLEU(tokenize="none", smooth_method="none", max_ngram_order=n, force=True)
return scorer.corpus_score(candidates, streams).score
"""),
)
ANSWERS.wrong(
    "no brevity",
    _bleu(BLEU_BODY.replace("100 * brevity *", "100 *")),
    "forgets the brevity penalty",
    slip="the brevity penalty is missing",
)
ANSWERS.wrong(
    "arithmetic",
    _bleu(
        BLEU_BODY.replace(
            "float(np.exp(np.mean([np.log(h / t) for h, t in zip(hits, total)])))",
            "float(np.mean([h / t for h, t in zip(hits, total)]))",
        )
    ),
    "takes the arithmetic mean",
    slip="the mean of the p_n is arithmetic",
)
ANSWERS.wrong(
    "unclipped",
    _bleu(BLEU_BODY.replace("(count & most).total()", "sum(c for gram, c in count.items() if gram in most)")),
    "does not clip: in this world's captions an article repeated more often than in a reference is paid for",
    slip="not clipped",
)
ANSWERS.wrong(
    "first reference",
    _bleu(BLEU_BODY.replace("for reference in some:", "for reference in some[:1]:")),
    "one reference only",
    slip="only the first reference",
)
ANSWERS.wrong(
    "always the shortest",
    _bleu(
        BLEU_BODY.replace(
            "min((len(r.split()) for r in some), key=lambda other: (abs(other - length), other))",
            "min(len(r.split()) for r in some)",
        )
    ),
    "r is the shortest reference's length",
    slip="not of the shortest",
)
ANSWERS.wrong(
    "mean of sentences",
    cell(
        function("def _corpus(candidates, references, n=4):", BLEU_BODY),
        function(BLEU, "return float(np.mean([_corpus([c], [r], n) for c, r in zip(candidates, references)]))"),
        BLEU_TAIL,
    ),
    "averages sentence scores",
    slip="the mean of sentence scores",
)
ANSWERS.wrong(
    "in [0, 1]",
    _bleu(BLEU_BODY.replace("return 100 * brevity", "return brevity")),
    "in [0, 1]",
    slip="in [0, 100] was asked for",
)
ANSWERS.wrong(
    "references added up",
    _bleu(BLEU_BODY.replace("most |= grams", "most += grams")),
    "sums the references' counts instead of taking the largest",
    slip="not their sum",
)
ANSWERS.wrong(
    "of ties the longer",
    _bleu(BLEU_BODY.replace("(abs(other - length), other)", "(abs(other - length), -other)")),
    "of two lengths as close takes the longer",
    slip="the shorter counts",
)
ANSWERS.wrong("four for ever", _bleu("n = 4\n" + BLEU_BODY.lstrip("\n")), "ignores n", slip="`n` was ignored")
ANSWERS.wrong(
    "nothing raises",
    _bleu(
        BLEU_BODY.replace("if min(hits) == 0:\n    return 0.0\n", "import math\n").replace(
            "np.log(h / t)", "math.log(h / t)"
        )
    ),
    "takes the logarithm of 0 where no n-gram is shared",
    visible_passes=True,
    slip="",
)
