# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `sampling`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell

ANSWERS = Answers("sampling")

FILTERED = """
def filtered(scores, temperature=1.0, top_k=None, top_p=None):
    scores = scores / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        scores = scores.masked_fill(scores < scores.topk(top_k).values[:, -1:], -torch.inf)
    if top_p is not None:
        chances, order = scores.softmax(dim=-1).sort(dim=-1, descending=True)
        enough = chances.cumsum(dim=-1) - chances >= top_p
        scores = scores.masked_fill(torch.zeros_like(enough).scatter(-1, order, enough), -torch.inf)
    return scores.softmax(dim=-1)
"""
SAMPLE = """
def sample(scores, temperature=1.0, top_k=None, top_p=None):
    return torch.multinomial(filtered(scores, temperature, top_k, top_p), 1)[:, 0]
"""


def _sampling(filtered: str = FILTERED, sample: str = SAMPLE) -> str:
    return cell(filtered, sample)


ANSWERS.right(
    "row by row in NumPy",
    _sampling(
        """
def filtered(scores, temperature=1.0, top_k=None, top_p=None):
    out = np.zeros(scores.shape)
    for i, row in enumerate(scores.double().numpy() / temperature):
        p = np.exp(row - row.max())
        p /= p.sum()
        order = np.argsort(-p)
        order = order[:top_k] if top_k is not None else order
        p_left = p[order] / p[order].sum()
        if top_p is not None:
            count = int(np.searchsorted(np.cumsum(p_left), top_p - 1e-12)) + 1
            order, p_left = order[:count], p_left[:count]
        out[i, order] = p_left / p_left.sum()
    return torch.from_numpy(out)
""",
        """
def sample(scores, temperature=1.0, top_k=None, top_p=None):
    rng = np.random.default_rng()
    chances = filtered(scores, temperature, top_k, top_p).numpy()
    return torch.tensor([int(rng.choice(len(row), p=row / row.sum())) for row in chances])
""",
    ),
)
ANSWERS.right(
    "Gumbel's trick",
    _sampling(
        sample="""
def sample(scores, temperature=1.0, top_k=None, top_p=None):
    log = filtered(scores, temperature, top_k, top_p).double().log()
    noise = -torch.log(-torch.log(torch.rand(log.shape, dtype=torch.float64).clamp(1e-300, 1 - 1e-16)))
    return (log + noise).argmax(dim=-1)
"""
    ),
)
ANSWERS.right(
    "the library's filters",
    _sampling(
        """
def filtered(scores, temperature=1.0, top_k=None, top_p=None):
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    out = TemperatureLogitsWarper(float(temperature))(None, scores)
    out = TopKLogitsWarper(top_k)(None, out) if top_k else out
    return (TopPLogitsWarper(top_p)(None, out) if top_p and top_p < 1 else out).softmax(-1)
"""
    ),
)
ANSWERS.wrong(
    "not made to sum to 1",
    _sampling(
        FILTERED.replace("    return scores.softmax(dim=-1)", "    return before * (scores > -torch.inf)").replace(
            "    scores = scores / temperature\n",
            "    scores = scores / temperature\n    before = scores.softmax(dim=-1)\n",
        )
    ),
    "filters the probabilities and leaves them",
    slip="does not sum to 1",
)
ANSWERS.wrong(
    "hotter is colder",
    _sampling(FILTERED.replace("scores / temperature", "scores * temperature")),
    "multiplies by the temperature",
    slip="multiplied by the temperature",
)
ANSWERS.wrong(
    "one too few",
    _sampling(
        FILTERED.replace(
            "enough = chances.cumsum(dim=-1) - chances >= top_p",
            "enough = chances.cumsum(dim=-1) > top_p\n        enough[:, 0] = False",
        )
    ),
    "drops the token that reaches top_p",
    slip="one token too few",
)
ANSWERS.wrong(
    "a floor for each",
    _sampling(
        FILTERED.replace(
            "enough = chances.cumsum(dim=-1) - chances >= top_p",
            "enough = chances < top_p\n        enough[:, 0] = False",
        )
    ),
    "takes top_p for the least probability of a token",
    slip="top_p bounds the sum of the best tokens",
)
ANSWERS.wrong(
    "not sorted back",
    _sampling(FILTERED.replace("torch.zeros_like(enough).scatter(-1, order, enough)", "enough")),
    "applies the sorted mask to the unsorted scores",
    slip="sorted, and not sorted back",
)
ANSWERS.wrong(
    "always the best",
    _sampling(
        sample=SAMPLE.replace(
            "torch.multinomial(filtered(scores, temperature, top_k, top_p), 1)[:, 0]",
            "filtered(scores, temperature, top_k, top_p).argmax(-1)",
        )
    ),
    "does not draw",
    slip="every row got the same token",
)
ANSWERS.wrong(
    "drawn unfiltered",
    _sampling(sample=SAMPLE.replace("filtered(scores, temperature, top_k, top_p)", "scores.softmax(-1)")),
    "draws without the filters",
    slip="a token was drawn that the filters had taken away",
)
ANSWERS.wrong(
    "the nucleus of what was before",
    _sampling(
        FILTERED.replace(
            "    scores = scores / temperature\n",
            "    scores = scores / temperature\n    before = scores.softmax(-1)\n",
        ).replace(
            "chances, order = scores.softmax(dim=-1).sort(dim=-1, descending=True)",
            "chances, order = before.sort(dim=-1, descending=True)",
        )
    ),
    "measures the nucleus before top-k",
    slip="the nucleus is of what top-k has left",
)
ANSWERS.wrong(
    "a seed inside",
    _sampling(sample=SAMPLE.replace("    return", "    torch.manual_seed(0)\n    return")),
    "draws the same at every call",
    visible_passes=True,
    slip="",
)
