# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `splice`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("splice")

PROJECT = """
def project(features, first, first_bias, second, second_bias):
    return F.gelu(features @ first.T + first_bias) @ second.T + second_bias
"""
SPLICE = """
def splice(words, ids, image, patches):
    places = ids == image
    if not (places.sum(dim=1) == patches.shape[1]).all():
        raise ValueError("placeholders and patches differ in number")
    spliced = words.clone()
    spliced[places] = patches.flatten(0, 1)
    return spliced
"""
SPLICE_TAIL = """
with needs("splice"):
    asked = fusion_lab.inputs(llava, opening[0], "what colour is the star?")
    with torch.no_grad():
        seen = project(asked.features, *asked.projector)
        spliced = splice(asked.words, asked.ids, asked.image, seen)
        my_logits = fusion_lab.read(llava, spliced)
"""
ANSWERS.right(
    "masked_scatter",
    cell(
        """
def project(features, first, first_bias, second, second_bias):
    inner = torch.nn.functional.linear(features, first, first_bias)
    inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
    return torch.einsum("npd,ed->npe", inner, second) + second_bias
""",
        """
def splice(words, ids, image, patches):
    mask = ids == image
    if mask.sum(1).ne(patches.shape[1]).any():
        raise ValueError("count")
    return words.masked_scatter(mask[..., None], patches)
""",
        SPLICE_TAIL,
    ),
)
ANSWERS.right(
    "row by row",
    cell(
        PROJECT,
        """
def splice(words, ids, image, patches):
    rows = []
    for word, token, patch in zip(words, ids, patches):
        places = (token == image).nonzero()[:, 0]
        if len(places) != len(patch):
            raise ValueError(f"{len(places)} placeholders, {len(patch)} patches")
        rows.append(word.index_copy(0, places, patch))
    return torch.stack(rows)
""",
        SPLICE_TAIL,
    ),
)
ANSWERS.wrong(
    "relu",
    cell(swap(PROJECT, ("F.gelu", "F.relu")), SPLICE, SPLICE_TAIL),
    "puts ReLU where GELU belongs",
    slip="ReLU stands",
)
ANSWERS.wrong(
    "tanh gelu",
    cell(swap(PROJECT, ("+ first_bias)", '+ first_bias, approximate="tanh")')), SPLICE, SPLICE_TAIL),
    "takes the approximation of GELU",
    slip="tanh approximation",
)
ANSWERS.wrong(
    "adds",
    cell(PROJECT, swap(SPLICE, ("spliced[places] =", "spliced[places] +=")), SPLICE_TAIL),
    "adds patches to the placeholders' embeddings",
    slip="added up",
)
ANSWERS.wrong(
    "writes into words",
    cell(PROJECT, swap(SPLICE, ("words.clone()", "words")), SPLICE_TAIL),
    "changes its argument",
    slip="work on a copy",
)
ANSWERS.wrong(
    "one row's places for all",
    cell(
        PROJECT,
        """
def splice(words, ids, image, patches):
    places = ids == image
    if not (places.sum(dim=1) == patches.shape[1]).all():
        raise ValueError("placeholders and patches differ in number")
    out = words.clone()
    for i in range(len(ids)):
        start = int(places[i].nonzero()[0])
        out[i, start : start + patches.shape[1]] = patches[i]
    return out
""",
        SPLICE_TAIL,
    ),
    "takes it that placeholders stand side by side",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "no error",
    cell(
        PROJECT,
        """
def splice(words, ids, image, patches):
    return words.masked_scatter((ids == image)[..., None], patches)
""",
        SPLICE_TAIL,
    ),
    "says nothing where a row has too few placeholders",
    slip="a row with too few placeholders",
)
ANSWERS.wrong(
    "counts the batch",
    cell(
        PROJECT,
        swap(
            SPLICE,
            ("(places.sum(dim=1) == patches.shape[1]).all()", "places.sum() == patches.shape[0] * patches.shape[1]"),
        ),
        SPLICE_TAIL,
    ),
    "counts placeholders over the batch, not in each row",
    slip="not over the batch",
)
