# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `forward`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers

ANSWERS = Answers("forward")

KEPT = """
def signal_kept(schedule, steps=1000, start=1e-4, end=0.02):
    if schedule == "cosine":
        f = torch.cos((torch.arange(steps + 1).double() / steps + 0.008) / 1.008 * torch.pi / 2) ** 2
        betas = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    elif schedule == "scaled_linear":
        betas = torch.linspace(start**0.5, end**0.5, steps).double() ** 2
    else:
        betas = torch.linspace(start, end, steps).double()
    return torch.cumprod(1 - betas, 0).float()
"""
ADD = """
def add_noise(clean, noise, t, kept):
    left = kept[t].view(-1, *[1] * (clean.ndim - 1))
    return left.sqrt() * clean + (1 - left).sqrt() * noise
"""
FORWARD_TAIL = """
with needs("forward"):
    scene = diffusion_lab.scene_pixels()
    moments = torch.tensor([0, 100, 200, 300, 450, 600, 800, 999])
    static = torch.randn((8, 3, 64, 64), generator=torch.Generator().manual_seed(SEED))
    dissolved = add_noise(scene.expand(8, -1, -1, -1), static, moments, signal_kept("linear"))
"""


def _forward(kept: str = KEPT, add: str = ADD, tail: str = FORWARD_TAIL) -> str:
    return f"{kept.strip()}\n\n\n{add.strip()}\n\n\n{tail.strip()}\n"


ANSWERS.right(
    "a loop over the steps",
    _forward(
        """
def signal_kept(schedule, steps=1000, start=1e-4, end=0.02):
    import math

    left, result = 1.0, []
    for t in range(steps):
        part = t / max(steps - 1, 1)
        if schedule == "linear":
            beta = start + part * (end - start)
        elif schedule == "scaled_linear":
            beta = (math.sqrt(start) + part * (math.sqrt(end) - math.sqrt(start))) ** 2
        else:
            f = [math.cos((u / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for u in (t, t + 1)]
            beta = min(1 - f[1] / f[0], 0.999)
        left *= 1 - beta
        result.append(left)
    return torch.tensor(result)
""",
        """
def add_noise(clean, noise, t, kept):
    return torch.stack([kept[i] ** 0.5 * x + (1 - kept[i]) ** 0.5 * z for x, z, i in zip(clean, noise, t)])
""",
    ),
)
ANSWERS.right(
    "NumPy and logarithms",
    _forward(
        """
def signal_kept(schedule, steps=1000, start=1e-4, end=0.02):
    if schedule == "cosine":
        f = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.minimum(1 - f[1:] / f[:-1], 0.999)
    else:
        power = 2 if schedule == "scaled_linear" else 1
        betas = np.linspace(start ** (1 / power), end ** (1 / power), steps) ** power
    return torch.tensor(np.exp(np.cumsum(np.log1p(-betas))), dtype=torch.float32)
""",
        """
def add_noise(clean, noise, t, kept):
    signal, rest = kept[t].sqrt(), (1 - kept[t]).sqrt()
    return torch.einsum("n,n...->n...", signal, clean) + torch.einsum("n,n...->n...", rest, noise)
""",
    ),
)
ANSWERS.wrong(
    "not multiplied up",
    _forward(KEPT.replace("torch.cumprod(1 - betas, 0)", "(1 - betas)")),
    "no cumprod",
    slip="multiply them up",
)
ANSWERS.wrong(
    "variances for factors",
    _forward(add=ADD.replace("left.sqrt()", "left").replace("(1 - left).sqrt()", "(1 - left)")),
    "mixes with the variances and not with their roots",
    slip="mixed by the variances",
)
ANSWERS.wrong(
    "roots not squared",
    _forward(KEPT.replace("steps).double() ** 2", "steps).double()")),
    "in scaled_linear the evenly spaced roots are taken for the betas",
    slip="square them again",
)
ANSWERS.wrong(
    "the defaults for ever",
    _forward(
        KEPT.replace("(start, end, steps)", "(1e-4, 0.02, steps)").replace("start**0.5, end**0.5", "0.01, 0.02**0.5")
    ),
    "ignores start and end",
    slip="are not used",
)
ANSWERS.wrong(
    "pictures only",
    _forward(add=ADD.replace("view(-1, *[1] * (clean.ndim - 1))", "view(-1, 1, 1, 1)")),
    "shapes the factors for pictures, and fails on points",
    slip="not for points",
)
ANSWERS.wrong(
    "off by one",
    _forward(
        KEPT.replace("torch.cumprod(1 - betas, 0)", "torch.cat([torch.ones(1), torch.cumprod(1 - betas, 0)[:-1]])")
    ),
    "entry t has only t betas in it",
    slip="shifted by one step",
)
ANSWERS.wrong(
    "the cosine's betas uncapped",
    _forward(KEPT.replace(".clamp(max=0.999)", "")),
    "the last beta is 1, and nothing at all is left",
    slip="above 0.999",
)

ANSWERS.wrong(
    "no offset in the cosine",
    _forward(KEPT.replace("+ 0.008) / 1.008", ")").replace("f = torch.cos((", "f = torch.cos((")),
    "the 0.008 is left out",
    slip="0.008 is missing",
)
ANSWERS.wrong(
    "the noise's share",
    _forward(
        KEPT.replace("return torch.cumprod(1 - betas, 0).float()", "return 1 - torch.cumprod(1 - betas, 0).float()")
    ),
    "returns what is noise",
    slip="that is the noise's part",
)
ANSWERS.wrong(
    "the factor and not the share",
    _forward(KEPT.replace("torch.cumprod(1 - betas, 0)", "torch.cumprod(1 - betas, 0).sqrt()")),
    "returns the root, the factor of the picture",
    slip="that is a root",
)
ANSWERS.wrong(
    "a thousand steps for ever",
    _forward(KEPT.replace("start, end, steps", "start, end, 1000").replace("end**0.5, steps", "end**0.5, 1000")),
    "ignores steps",
    slip="`steps` is not used",
)
ANSWERS.wrong(
    "noise at full strength",
    _forward(add=ADD.replace("(1 - left).sqrt() * noise", "noise")),
    "adds the noise without its factor",
    slip="at full strength",
)
ANSWERS.wrong(
    "one time for all",
    _forward(add=ADD.replace("kept[t].view", "kept[t][:1].view")),
    "mixes the whole batch for the first sample's time",
    slip="for the first one's time",
)
ANSWERS.wrong(
    "in place",
    _forward(add=ADD.replace("left.sqrt() * clean +", "clean.clone() * 0 + clean.mul_(left.sqrt()) +")),
    "writes into the caller's pictures",
    visible_passes=True,
    slip="",
)
