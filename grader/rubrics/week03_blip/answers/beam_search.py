# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `beam_search`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("beam_search")

BEAM = "def beam_search(step, start, end, longest, beams=3, length_penalty=1.0):"
BEAM_TAIL = """
with needs("beam_search"):
    my_beams = []
    for picture in opening_pictures[4:]:
        found, score = beam_search(caption_lab.stepper(captioner, [picture]), start, end, 40, beams=4)
        my_beams.append(caption_lab.texts(captioner, [found])[0])
"""
BEAM_BODY = """
begun, sums = torch.tensor([[start]]), torch.zeros(1)
finished = []
for length in range(1, longest + 1):
    extended = sums[:, None] + step(begun).log_softmax(dim=-1)
    best, places = extended.flatten().topk(2 * beams)
    rows, tokens = places // extended.shape[1], places % extended.shape[1]
    grown = torch.cat([begun[rows], tokens[:, None]], dim=1)
    ends = (tokens == end) | (length == longest)
    for i in range(beams):
        if ends[i]:
            finished.append((float(best[i]) / length**length_penalty, grown[i, 1:].tolist()))
    begun, sums = grown[~ends][:beams], best[~ends][:beams]
score, ids = max(finished)
return ids, score
"""


def _beam(body: str = BEAM_BODY) -> str:
    return cell(function(BEAM, body), BEAM_TAIL)


ANSWERS.right(
    "plain Python",
    _beam("""
alive, done = [(0.0, [])], []
for t in range(1, longest + 1):
    logp = step(torch.tensor([[start] + ids for _, ids in alive])).double().log_softmax(-1).tolist()
    grown = [(s + p, ids + [i]) for (s, ids), row in zip(alive, logp) for i, p in enumerate(row)]
    grown.sort(key=lambda pair: -pair[0])
    alive = []
    for place, (s, ids) in enumerate(grown[: 2 * beams]):
        if ids[-1] == end or t == longest:
            if place < beams:
                done.append((s / t**length_penalty, ids))
        elif len(alive) < beams:
            alive.append((s, ids))
best = max(done, key=lambda pair: pair[0])
return best[1], best[0]
"""),
)
ANSWERS.right(
    "stops when nothing can get better",
    _beam(
        BEAM_BODY.replace(
            "score, ids = max(finished)",
            "    if finished and len(begun) and max(finished)[0] >= float(sums.max()) / longest**length_penalty:\n"
            "        break\nscore, ids = max(finished)",
        )
    ),
)
ANSWERS.wrong(
    "greedy",
    _beam(BEAM_BODY.replace("[:beams]", "[:1]")),
    "keeps one beginning only",
    slip="only one beginning goes on",
)
ANSWERS.wrong(
    "no penalty",
    _beam(BEAM_BODY.replace(" / length**length_penalty", "")),
    "ignores the length penalty",
    slip="the best plain sum was chosen",
)
ANSWERS.wrong(
    "the end does not count",
    _beam(BEAM_BODY.replace("length**length_penalty", "max(length - 1, 1) ** length_penalty")),
    "the length leaves the end token out",
    slip="the length counts all new tokens",
)
ANSWERS.wrong(
    "with the start",
    _beam(BEAM_BODY.replace("grown[i, 1:]", "grown[i]")),
    "returns the start token too",
    slip="the start token is not part",
)
ANSWERS.wrong(
    "without the end",
    _beam(BEAM_BODY.replace("return ids, score", "return [i for i in ids if i != end], score")),
    "drops the end token",
    slip="the end token is part of the caption",
)
ANSWERS.wrong(
    "no log-softmax",
    _beam(BEAM_BODY.replace(".log_softmax(dim=-1)", "")),
    "sums raw scores, which are no log-probabilities",
    slip="no log-probabilities before log_softmax",
)
ANSWERS.wrong(
    "the first to finish",
    _beam(BEAM_BODY.replace("score, ids = max(finished)", "score, ids = finished[0]")),
    "returns the first finished caption",
    slip="stopped when a caption was finished",
)
ANSWERS.wrong(
    "must end",
    _beam(
        BEAM_BODY.replace("ends = (tokens == end) | (length == longest)", "ends = tokens == end").replace(
            "score, ids = max(finished)",
            "score, ids = max(finished) if finished else (float(sums[0]), begun[0, 1:].tolist())",
        )
    ),
    "never finishes captions that are cut off by the longest",
    slip="all of the best B are finished",
)
ANSWERS.wrong(
    "beams used up",
    _beam(
        BEAM_BODY.replace("grown[~ends][:beams], best[~ends][:beams]", "grown[~ends][:left], best[~ends][:left]")
        .replace("    begun, sums =", "    left = max(beams - len(finished), 0)\n    begun, sums =")
        .replace("score, ids = max(finished)", "    if not left:\n        break\nscore, ids = max(finished)")
    ),
    "every finished caption takes a beam away from the others",
    slip="took a beam away",
)
ANSWERS.wrong(
    "the best B only",
    _beam(
        BEAM_BODY.replace("topk(2 * beams)", "topk(min(beams, extended.numel()))")
        .replace("for i in range(beams):", "for i in range(len(ends)):")
        .replace("begun, sums = grown", "if ends.all():\n        break\n    begun, sums = grown")
    ),
    "takes the best B extensions, not 2 B: those that end cost beams",
    slip="the best B extensions are too few",
)
ANSWERS.wrong(
    "any of the 2 B finishes",
    _beam(BEAM_BODY.replace("for i in range(beams):", "for i in range(2 * beams):")),
    "finishes captions that are not among the best B",
    slip="only if it is among the best B",
)
ANSWERS.wrong(
    "enough is enough",
    _beam(
        BEAM_BODY.replace(
            "score, ids = max(finished)", "    if len(finished) >= beams:\n        break\nscore, ids = max(finished)"
        )
    ),
    "stops once B captions are finished",
    slip="stopped when B captions were finished",
)
ANSWERS.wrong(
    "ends with a full stop",
    _beam(
        BEAM_BODY.replace("score, ids = max(finished)", "    if ends[0]:\n        break\nscore, ids = max(finished)")
    ),
    "stops as soon as the best extension ends",
    slip="stopped when the best extension ended",
)
ANSWERS.wrong(
    "the sum for a score",
    _beam(
        BEAM_BODY.replace("score, ids = max(finished)", "score, ids = max(finished)\nscore *= len(ids)**length_penalty")
    ),
    "finds the right caption and gives its plain sum",
    slip="the score is the plain sum",
)
ANSWERS.wrong(
    "the start counts",
    _beam(BEAM_BODY.replace("length**length_penalty", "(length + 1) ** length_penalty")),
    "the length counts the start token too",
    slip="the start token counts for nothing",
)
ANSWERS.wrong(
    "two beams at least",
    _beam("beams = max(beams, 2)\n" + BEAM_BODY.lstrip("\n")),
    "one beam is made two",
    visible_passes=True,
    slip="",
)
