# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `word_maps`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("word_maps")

MAPS = "def word_maps(weights):"
MAPS_TAIL = """
with needs("word_maps"):
    watched = caption_lab.sample_scenes(1, 2, seed=33)[0]
    watched_words, watched_weights = caption_lab.looks(captioner, watched.render(), watched.caption())
    my_maps = word_maps(watched_weights)
"""
MAPS_BODY = """
mean = torch.stack(list(weights)).mean(dim=(0, 1))[:-1, 1:]
mean = mean / mean.sum(dim=1, keepdim=True)
side = round(mean.shape[1] ** 0.5)
return mean.reshape(-1, side, side)
"""


def _maps(body: str = MAPS_BODY) -> str:
    return cell(function(MAPS, body), MAPS_TAIL)


ANSWERS.right(
    "sums and a loop",
    _maps("""
total = sum(w.sum(0) for w in weights)
out = []
for row in total[: len(total) - 1]:
    patches = row[1:]
    g = int(len(patches) ** 0.5 + 0.5)
    out.append((patches / patches.sum()).view(g, g))
return torch.stack(out)
"""),
)
ANSWERS.right(
    "NumPy",
    _maps("""
mean = np.stack([w.numpy() for w in weights]).mean((0, 1))[:-1, 1:]
g = int(round(np.sqrt(mean.shape[-1])))
maps = mean.reshape(len(mean), g, g)
return torch.from_numpy(maps / maps.sum((1, 2), keepdims=True))
"""),
)
ANSWERS.wrong(
    "the step that reads",
    _maps(MAPS_BODY.replace("[:-1, 1:]", "[1:, 1:]")),
    "shifted by one word",
    slip="the steps that READ each word",
)
ANSWERS.wrong(
    "all steps",
    _maps(MAPS_BODY.replace("[:-1, 1:]", "[:, 1:]")),
    "keeps the last step",
    slip="the last token's step writes nothing",
)
ANSWERS.wrong(
    "the last column left out",
    _maps(MAPS_BODY.replace("[:-1, 1:]", "[:-1, :-1]")),
    "drops the last patch",
    slip="leave out column 0",
)
ANSWERS.wrong(
    "not scaled",
    _maps(MAPS_BODY.replace("mean = mean / mean.sum(dim=1, keepdim=True)\n", "")),
    "sums below 1",
    slip="the maps do not sum to 1",
)
ANSWERS.wrong(
    "turned",
    _maps(MAPS_BODY.replace("reshape(-1, side, side)", "reshape(-1, side, side).mT")),
    "turned over",
    slip="rows and columns of the grid are exchanged",
)
ANSWERS.wrong(
    "last layer",
    _maps(MAPS_BODY.replace("torch.stack(list(weights)).mean(dim=(0, 1))", "weights[-1].mean(0)")),
    "one layer",
    slip="only the last layer was used",
)
ANSWERS.wrong(
    "a grid of four",
    _maps(MAPS_BODY.replace("side = round(mean.shape[1] ** 0.5)", "side = 4")),
    "takes every grid for one of 4 x 4",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "written into the weights",
    _maps("""
total = weights[0]
for w in weights[1:]:
    total += w
mean = total.mean(0)[:-1, 1:]
side = round(mean.shape[1] ** 0.5)
return (mean / mean.sum(dim=1, keepdim=True)).reshape(-1, side, side)
"""),
    "adds the layers into the caller's first one",
    visible_passes=True,
)
