# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `tube_mask`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("tube_mask")

TUBE_MASK = """
def tube_mask(n, slices, places, hidden, seed):
    scores = torch.rand(n, places, generator=torch.Generator().manual_seed(seed))
    return (scores.argsort(dim=1).argsort(dim=1) < hidden).repeat(1, slices)


def masked_pixels(film, predicted, mask, t, p):
    n, _, channels = film.shape[:3]
    blocks = film.unfold(1, t, t).unfold(3, p, p).unfold(4, p, p)
    blocks = blocks.permute(0, 1, 3, 4, 5, 6, 7, 2).reshape(n, -1, t * p * p, channels)
    target = (blocks - blocks.mean(dim=2, keepdim=True)) / (blocks.std(dim=2, keepdim=True) + 1e-6)
    return F.mse_loss(predicted, target.flatten(2)[mask].view_as(predicted))
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(TUBE_MASK, *pairs))


ANSWERS.right(
    "film by film",
    cell(
        """
def tube_mask(n, slices, places, hidden, seed):
    rng = np.random.default_rng(seed)
    mask = torch.zeros(n, slices, places, dtype=torch.bool)
    for i in range(n):
        mask[i][:, torch.from_numpy(rng.choice(places, hidden, replace=False))] = True
    return mask.reshape(n, -1)


def masked_pixels(film, predicted, mask, t, p):
    n, frames, c, h, w = film.shape
    x = film.reshape(n, frames // t, t, c, h // p, p, w // p, p).permute(0, 1, 4, 6, 2, 5, 7, 3)
    x = x.reshape(n, mask.shape[1], t * p * p, c)
    x = (x - x.mean(-2, keepdim=True)) / (x.var(-2, keepdim=True).sqrt() + 1e-6)
    return ((x.flatten(2)[mask] - predicted.flatten(0, 1)) ** 2).mean()
"""
    ),
)
ANSWERS.right(
    "tubelet by tubelet",
    cell(
        """
def tube_mask(n, slices, places, hidden, seed):
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(n):
        row = torch.zeros(places, dtype=torch.bool)
        row[torch.randperm(places, generator=g)[:hidden]] = True
        rows.append(torch.cat([row] * slices))
    return torch.stack(rows)


def masked_pixels(film, predicted, mask, t, p):
    n, frames, c, h, w = film.shape
    total, count = 0.0, 0
    for i in range(n):
        k = token = 0
        for a in range(0, frames, t):
            for y in range(0, h, p):
                for x in range(0, w, p):
                    if mask[i, token]:
                        block = film[i, a : a + t, :, y : y + p, x : x + p].permute(0, 2, 3, 1).reshape(-1, c)
                        block = (block - block.mean(0)) / (block.std(0) + 1e-6)
                        total = total + ((block.flatten() - predicted[i, k]) ** 2).sum()
                        count += block.numel()
                        k += 1
                    token += 1
    return total / count
"""
    ),
)
ANSWERS.wrong(
    "new in each slice",
    answer(
        ("torch.rand(n, places,", "torch.rand(n * slices, places,"),
        ("< hidden).repeat(1, slices)", "< hidden).view(n, -1)"),
    ),
    "draws a new mask for each slice",
    slip="each slice has a mask of its own",
)
ANSWERS.wrong(
    "True is visible",
    answer(("< hidden).repeat", ">= hidden).repeat")),
    "marks what is visible",
    slip="here it means visible",
)
ANSWERS.wrong(
    "by chance",
    answer(("(scores.argsort(dim=1).argsort(dim=1) < hidden)", "(scores < hidden / places)")),
    "hides each place by chance",
    slip="hidden by chance",
)
ANSWERS.wrong(
    "one for all",
    answer(("torch.rand(n, places,", "torch.rand(1, places,"), (".repeat(1, slices)", ".repeat(n, slices)")),
    "hides the same places in all films",
    slip="all films have the same mask",
)
ANSWERS.wrong(
    "place by place",
    answer((".repeat(1, slices)", ".repeat_interleave(slices, dim=1)")),
    "puts each place's slices together",
    slip="each place's slices stand together",
)
ANSWERS.wrong(
    "no seed",
    answer((", generator=torch.Generator().manual_seed(seed)", ", generator=torch.Generator().manual_seed(0)")),
    "always draws the same",
    slip="the seed is not used",
)
ANSWERS.wrong(
    "loss on what shows",
    answer(("[mask].view_as(predicted)", "[~mask][: predicted.shape[0] * predicted.shape[1]].view_as(predicted)")),
    "compares what is visible",
    slip="what is *visible*",
)
ANSWERS.wrong(
    "not normalised",
    answer(("target.flatten(2)[mask]", "blocks.flatten(2)[mask]")),
    "compares the pixels as they are",
    slip="the pixels are as they are",
)
ANSWERS.wrong(
    "channels together",
    answer(
        (
            "target = (blocks - blocks.mean(dim=2, keepdim=True)) / (blocks.std(dim=2, keepdim=True) + 1e-6)",
            "target = (blocks - blocks.mean(dim=(2, 3), keepdim=True)) / (blocks.std(dim=(2, 3), keepdim=True) + 1e-6)",
        )
    ),
    "normalises the channels together",
    slip="channels were normalised together",
)
ANSWERS.wrong(
    "divided by m",
    answer(("blocks.std(dim=2, keepdim=True)", "blocks.std(dim=2, correction=0, keepdim=True)")),
    "divides the variance by m",
    slip="divided by m",
)
ANSWERS.wrong(
    "channels first",
    answer(("target.flatten(2)[mask]", "target.transpose(2, 3).flatten(2)[mask]")),
    "puts the channels first",
    slip="channels come first",
)
ANSWERS.wrong(
    "sum",
    answer(("view_as(predicted))", 'view_as(predicted), reduction="sum")')),
    "sums the errors",
    slip="errors were summed",
)
ANSWERS.wrong(
    "always a block of places",
    answer(
        (
            "    scores = torch.rand(n, places, generator=torch.Generator().manual_seed(seed))\n"
            "    return (scores.argsort(dim=1).argsort(dim=1) < hidden).repeat(1, slices)",
            "    first = torch.randint(places, (n, 1), generator=torch.Generator().manual_seed(seed))\n"
            "    return ((torch.arange(places) - first) % places < hidden).repeat(1, slices)",
        )
    ),
    "hides neighbours only, so not all choices are possible",
    visible_passes=True,
    slip="",
)
