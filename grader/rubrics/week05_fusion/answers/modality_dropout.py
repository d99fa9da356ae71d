# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `modality_dropout`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("modality_dropout")

DROP = """
def drop_modalities(there, rates, seed):
    generator = torch.Generator().manual_seed(seed)
    kept = there & (torch.rand(there.shape, generator=generator) >= rates)
    return torch.where(kept.any(dim=1, keepdim=True), kept, there)
"""
BELIEVED = """
def believed(said, first, second):
    torn = [(s, a, b) for s, a, b in zip(said, first, second) if a != b]
    if not torn:
        return 0.0, 0.0
    return sum(s == a for s, a, _ in torn) / len(torn), sum(s == b for s, _, b in torn) / len(torn)
"""
ANSWERS.right(
    "bernoulli and a loop",
    cell(
        """
def drop_modalities(there, rates, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    out = there.clone()
    for i in range(there.shape[1]):
        gone = torch.bernoulli(torch.full((len(there),), float(rates[i])), generator=g).bool()
        out[:, i] &= ~gone
    empty = ~out.any(1)
    out[empty] = there[empty]
    return out
""",
        """
def believed(said, first, second):
    n = a = b = 0
    for s, x, y in zip(said, first, second):
        if x != y:
            n, a, b = n + 1, a + (s == x), b + (s == y)
    return (a / n, b / n) if n else (0.0, 0.0)
""",
    ),
)
ANSWERS.right(
    "one forked generator",
    cell(
        """
def drop_modalities(there, rates, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stays = torch.rand(there.shape) > rates.expand(there.shape)
    kept = stays & there
    return kept | (~kept.any(1, keepdim=True) & there)
""",
        BELIEVED,
    ),
)
ANSWERS.wrong(
    "rates of staying",
    cell(swap(DROP, (">= rates", "< rates")), BELIEVED),
    "takes a rate for how likely a modality stays",
    slip="how likely it *stays*",
)
ANSWERS.wrong(
    "comes back",
    cell(swap(DROP, ("kept = there & (", "kept = (")), BELIEVED),
    "brings missing modalities back",
    slip="missing is there now",
)
ANSWERS.wrong(
    "no seed",
    cell(swap(DROP, (".manual_seed(seed)", "")), BELIEVED).replace("generator = torch.Generator()", "generator = None"),
    "ignores the seed",
    slip="a second call with the same seed",
)
ANSWERS.wrong(
    "counts agreement too",
    cell(DROP, swap(BELIEVED, (" if a != b]", "]"))),
    "counts places where both say the same",
    slip="both say the same are counted too",
)
ANSWERS.wrong(
    "a row may lose all",
    cell(swap(DROP, ("return torch.where(kept.any(dim=1, keepdim=True), kept, there)", "return kept")), BELIEVED),
    "leaves rows with nothing",
    slip="lost all that it had",
)
ANSWERS.wrong(
    "one draw for all",
    cell(
        swap(
            DROP, ("torch.rand(there.shape, generator=generator)", "torch.rand((len(there), 1), generator=generator)")
        ),
        BELIEVED,
    ),
    "draws once a row for all modalities",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "the same for every row",
    cell(
        swap(DROP, ("torch.rand(there.shape, generator=generator)", "torch.rand(there.shape[1], generator=generator)")),
        BELIEVED,
    ),
    "draws once for the whole batch",
    slip="every row lost the same",
)
