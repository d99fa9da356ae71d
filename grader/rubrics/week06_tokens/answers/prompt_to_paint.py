# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `prompt_to_paint`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("prompt_to_paint")

CUT = """
def cutouts(picture, places, side):
    crops = [picture[:, :, top : top + size, left : left + size] for top, left, size in places]
    return torch.cat([F.interpolate(crop, (side, side), mode="bilinear", align_corners=False) for crop in crops])
"""
PAINT = """
def prompt_to_paint(latent, project, decode, score, cut, steps, rate):
    latent = latent.detach().clone().requires_grad_(True)
    optimiser, scores = torch.optim.Adam([latent], lr=rate), []
    for step in range(steps):
        mean = score(cut(decode(project(latent)), step)).mean()
        optimiser.zero_grad()
        (-mean).backward()
        optimiser.step()
        scores.append(mean.item())
    return project(latent).detach(), scores
"""
TAIL = """
with needs("prompt_to_paint"):
    clip = models.load("clip", "tiny", "cpu")
    my_climb = token_lab.climb(prompt_to_paint, cutouts, vq, clip)
    my_painting = my_climb.latent
"""


def cut(*pairs: tuple[str, str]) -> str:
    return cell(swap(CUT, *pairs), PAINT, TAIL)


def paint(*pairs: tuple[str, str]) -> str:
    return cell(CUT, swap(PAINT, *pairs), TAIL)


ANSWERS.right(
    "gradients by name",
    cell(
        """
def cutouts(picture, places, side):
    out = []
    for top, left, size in places:
        crop = picture.narrow(2, top, size).narrow(3, left, size)
        out.append(F.interpolate(crop, size=(side, side), mode="bilinear"))
    return torch.cat(out, dim=0)
""",
        """
def prompt_to_paint(latent, project, decode, score, cut, steps, rate):
    x = torch.nn.Parameter(latent.clone())
    adam, history = torch.optim.Adam([x], rate, maximize=True), []
    for i in range(steps):
        value = torch.mean(score(cut(decode(project(x)), i)))
        (x.grad,) = torch.autograd.grad(value, [x])
        adam.step()
        history.append(float(value.detach()))
    with torch.no_grad():
        return project(x).clone(), history
""",
        TAIL,
    ),
)
ANSWERS.right(
    "torchvision's crops",
    cell(
        """
def cutouts(picture, places, side):
    from torchvision.transforms.functional import resized_crop

    return torch.cat([resized_crop(picture, t, l, s, s, [side, side], antialias=False) for t, l, s in places])
""",
        """
def prompt_to_paint(latent, project, decode, score, cut, steps, rate):
    current = latent.clone().detach()
    current.requires_grad = True
    optimizer = torch.optim.Adam(params=[current], lr=rate)
    means = []
    for number in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = -score(cut(decode(project(current)), number)).mean()
        loss.backward()
        means.append(-loss.item())
        optimizer.step()
    return project(current.detach()), means
""",
        TAIL,
    ),
)
ANSWERS.wrong(
    "down",
    paint(("(-mean).backward()", "mean.backward()")),
    "goes down",
    slip="the scores fall",
)
ANSWERS.wrong(
    "no cutouts",
    paint(("score(cut(decode(project(latent)), step))", "score(decode(project(latent)))")),
    "shows the picture itself",
    slip="it has to see the cutouts",
)
ANSWERS.wrong(
    "one set of cutouts",
    paint(("project(latent)), step)", "project(latent)), 0)")),
    "cuts at the same places at every step",
    slip="every step has the same cutouts",
)
ANSWERS.wrong(
    "off the codes",
    paint(("return project(latent).detach()", "return latent.detach()")),
    "returns a latent that is no code",
    slip="lies off the codes",
)
ANSWERS.wrong(
    "projected at the end only",
    paint(("decode(project(latent))", "decode(latent)")),
    "meets the codes at the end only",
    slip="decoded without `project`",
)
ANSWERS.wrong(
    "plain descent",
    paint(("torch.optim.Adam", "torch.optim.SGD")),
    "is not Adam",
    slip="plain gradient descent",
)
ANSWERS.wrong(
    "no step",
    paint(("        optimiser.step()\n", "")),
    "never takes a step",
    slip="nothing learns",
)
ANSWERS.wrong(
    "moves what it was given",
    paint(("latent.detach().clone().requires_grad_(True)", "latent.requires_grad_(True)")),
    "moves the latent that it was given",
    slip="the latent it began with, after the call",
)
ANSWERS.wrong(
    "rows and columns",
    cut(("for top, left, size in places", "for left, top, size in places")),
    "exchanges top and left",
    slip="top and left are exchanged",
)
ANSWERS.wrong(
    "nearest pixels",
    cut((', mode="bilinear", align_corners=False', ', mode="nearest"')),
    "takes the nearest pixels",
    slip="nearest pixels were taken",
)
ANSWERS.wrong(
    "aligned corners",
    cut(("align_corners=False", "align_corners=True")),
    "aligns the corners",
    slip="the corners are aligned",
)
ANSWERS.wrong(
    "three at most",
    cut(("for top, left, size in places]", "for top, left, size in places[:3]]")),
    "makes three cutouts at most",
    visible_passes=True,
    slip="",
)
