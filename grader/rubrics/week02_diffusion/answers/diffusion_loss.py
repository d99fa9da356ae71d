# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `diffusion_loss`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("diffusion_loss")

LOSS = 'def diffusion_loss(model, clean, t, noise, kept, prediction="epsilon"):'
LOSS_TAIL = """
with needs("diffusion_loss"):
    star_model = diffusion_lab.points.build(SEED)
    star_losses = diffusion_lab.points.train(star_model, diffusion_loss, steps=2000, seed=SEED)
"""
LOSS_BODY = """
left = kept[t].view(-1, *[1] * (clean.ndim - 1))
a, b = left.sqrt(), (1 - left).sqrt()
noisy = a * clean + b * noise
target = {"epsilon": noise, "sample": clean, "v_prediction": a * noise - b * clean}[prediction]
"""


def _loss(end: str, body: str = LOSS_BODY, tail: str = LOSS_TAIL) -> str:
    return cell(function(LOSS, body + end), tail)


ANSWERS.right("by hand", _loss("return ((target - model(noisy, t)) ** 2).mean()"))
ANSWERS.right(
    "the library's scheduler",
    cell(
        function(
            LOSS,
            """
before = torch.cat([torch.ones(1), kept])
scheduler = DDPMScheduler(len(kept), trained_betas=(1 - before[1:] / before[:-1]).numpy())
noisy = scheduler.add_noise(clean, noise, t)
if prediction == "epsilon":
    target = noise
elif prediction == "sample":
    target = clean
else:
    target = scheduler.get_velocity(clean, noise, t)
return torch.nn.MSELoss()(model(noisy, t), target)
""",
        ),
        LOSS_TAIL,
    ),
)
ANSWERS.wrong(
    "summed",
    _loss("return F.mse_loss(model(noisy, t), target, reduction='sum')"),
    "takes the sum",
    slip="summed over the entries",
)
ANSWERS.wrong(
    "the clean sample shown",
    _loss("return F.mse_loss(model(clean, t), target)"),
    "shows the clean samples",
    slip="was shown the clean",
)
ANSWERS.wrong(
    "cut off",
    _loss("return torch.tensor(F.mse_loss(model(noisy, t), target).item())"),
    ".item() cuts the gradient",
    slip="does not arrive",
)
ANSWERS.wrong(
    "always the noise",
    _loss("return F.mse_loss(model(noisy, t), noise)"),
    "ignores `prediction`",
    slip="still the noise",
)
ANSWERS.wrong(
    "noise of its own",
    _loss(
        "return F.mse_loss(model(noisy, t), target)",
        LOSS_BODY.replace("left = ", "noise = torch.randn_like(clean)\nleft = ", 1),
    ),
    "draws new noise and ignores the one it is given",
    slip="random is drawn",
)
ANSWERS.wrong(
    "absolute errors",
    _loss("return (model(noisy, t) - target).abs().mean()"),
    "no squares",
    slip="absolute errors",
)
ANSWERS.wrong(
    "points only",
    _loss(
        "return F.mse_loss(model(noisy, t), target)",
        LOSS_BODY.replace("view(-1, *[1] * (clean.ndim - 1))", "view(-1, 1)"),
    ),
    "shapes the factors for points, and fails on pictures",
    slip="not for pictures",
)

ANSWERS.wrong(
    "a sign of v",
    _loss(
        "return F.mse_loss(model(noisy, t), target)",
        LOSS_BODY.replace("a * noise - b * clean", "a * noise + b * clean"),
    ),
    "the velocity's sample is subtracted",
    slip="a sign of v",
)
ANSWERS.wrong(
    "v's factors exchanged",
    _loss(
        "return F.mse_loss(model(noisy, t), target)",
        LOSS_BODY.replace("a * noise - b * clean", "b * noise - a * clean"),
    ),
    "the noise has the signal's factor",
    slip="two factors exchanged",
)
ANSWERS.wrong(
    "in place",
    _loss(
        "return F.mse_loss(model(clean.copy_(noisy), t), target)",
        LOSS_BODY.replace("clean,", "clean.clone(),"),
    ),
    "writes the noisy samples into the caller's batch",
    visible_passes=True,
    slip="",
)
