# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `matching`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell

ANSWERS = Answers("matching")

MINE = """
def hard_negatives(similarity, same):
    open_ones = similarity.masked_fill(same, -torch.inf)
    captions, pictures = (torch.multinomial(s.softmax(dim=1), 1)[:, 0] for s in (open_ones, open_ones.T))
    return captions, pictures
"""
MATCH = """
def match(model, processor, pictures, captions):
    inputs = processor(images=pictures, text=captions, padding=True, return_tensors="pt").to(model.device)
    with torch.no_grad():
        return model(**inputs).itm_score.softmax(dim=-1)[:, 1].float().cpu()
"""
MATCH_TAIL = """
with needs("matching"):
    reranked = []
    for picture, some in zip(doubtful_pictures, guesses, strict=True):
        chance = match(matcher.model, matcher.processor, [picture] * len(some), some)
        reranked.append(some[int(chance.argmax())])
"""


def _matching(mine: str = MINE, match: str = MATCH) -> str:
    return cell(mine, match, MATCH_TAIL)


ANSWERS.right(
    "by hand and one at a time",
    _matching(
        """
def hard_negatives(similarity, same):
    def draw(scores, closed):
        rng, out = np.random.default_rng(), []
        for row, shut in zip(scores.double().numpy(), closed.numpy()):
            p = np.where(shut, 0.0, np.exp(row - row[~shut].max()))
            out.append(int(rng.choice(len(row), p=p / p.sum())))
        return torch.tensor(out)

    return draw(similarity, same), draw(similarity.T, same.T)
""",
        """
def match(model, processor, pictures, captions):
    out = []
    for picture, caption in zip(pictures, captions):
        with torch.no_grad():
            a, b = model(**processor(images=picture, text=caption, return_tensors="pt")).itm_score[0]
        out.append(torch.sigmoid(b - a))
    return torch.stack(out)
""",
    ),
)
ANSWERS.right(
    "categorical",
    _matching(
        """
def hard_negatives(similarity, same):
    from torch.distributions import Categorical

    shut = torch.where(same, float("-inf"), similarity)
    return Categorical(logits=shut).sample(), Categorical(logits=shut.mT).sample()
""",
        """
@torch.inference_mode()
def match(model, processor, pictures, captions):
    seen = processor(images=pictures, return_tensors="pt")
    read = processor.tokenizer(captions, padding=True, return_tensors="pt")
    out = model(pixel_values=seen["pixel_values"], input_ids=read["input_ids"], attention_mask=read["attention_mask"])
    return torch.softmax(out.itm_score, -1)[:, 1].clone()
""",
    ),
)
ANSWERS.wrong(
    "the hardest for ever",
    _matching("""
def hard_negatives(similarity, same):
    shut = similarity.masked_fill(same, -torch.inf)
    return shut.argmax(1), shut.argmax(0)
"""),
    "takes the most similar instead of drawing",
    slip="always the same one",
)
ANSWERS.wrong(
    "the diagonal only",
    _matching(MINE.replace("masked_fill(same,", "masked_fill(torch.eye(len(same), dtype=torch.bool),")),
    "draws captions that are true of the picture as well",
    slip="a true pair was drawn",
)
ANSWERS.wrong(
    "all alike",
    _matching(MINE.replace("similarity.masked_fill", "torch.zeros_like(similarity).masked_fill")),
    "does not use the similarity",
    slip="drawn alike",
)
ANSWERS.wrong(
    "rows for columns",
    _matching(MINE.replace("(open_ones, open_ones.T)", "(open_ones.T, open_ones)")),
    "exchanges pictures and captions",
    slip="rows and columns are exchanged",
)
ANSWERS.wrong(
    "the first score",
    _matching(match=MATCH.replace("[:, 1]", "[:, 0]")),
    "returns the probability of no match",
    slip="does NOT match",
)
ANSWERS.wrong(
    "no softmax",
    _matching(match=MATCH.replace(".softmax(dim=-1)", "")),
    "returns a score",
    slip="make probabilities of both",
)
ANSWERS.wrong(
    "cosines",
    _matching(
        match=MATCH.replace(
            "model(**inputs).itm_score.softmax(dim=-1)[:, 1]",
            "model(**inputs, use_itm_head=False).itm_score.diagonal()",
        )
    ),
    "asks the ITC heads",
    slip="those are ITC's cosines",
)
ANSWERS.wrong(
    "a global matcher",
    _matching(
        match=MATCH.replace("model(**inputs)", "matcher.model(**inputs)").replace(
            "model.device", "matcher.model.device"
        )
    ),
    "asks the notebook's matcher, whatever model it is given",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "exp by hand",
    _matching("""
def hard_negatives(similarity, same):
    p = torch.exp(similarity) * ~same
    return torch.multinomial(p, 1)[:, 0], torch.multinomial(p.T, 1)[:, 0]
"""),
    "overflows for loud similarities",
    visible_passes=True,
    slip="",
)
