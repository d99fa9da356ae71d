# CROSSMODAL-RUBRIC: must never reach students
"""Answers of week 2 whose verdict is known: right in other ways than ours, and wrong in ways that real students are."""

from __future__ import annotations

from textwrap import indent

from grader.authoring.known_answers import Answers

ANSWERS = Answers()
_right, _wrong = ANSWERS.right, ANSWERS.wrong


def _cell(head: str, body: str, tail: str = "") -> str:
    """The source of an answer cell: a function's first line, its body, and what the notebook runs with it."""
    return f"{head}\n{indent(body.strip(chr(10)), '    ')}\n" + (f"\n\n{tail.strip(chr(10))}\n" if tail else "")


# --- 1 forward ------------------------------------------------------------------------------------------------------

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


_right(
    "forward",
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
_right(
    "forward",
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
_wrong(
    "forward", "not multiplied up", _forward(KEPT.replace("torch.cumprod(1 - betas, 0)", "(1 - betas)")), "no cumprod"
)
_wrong(
    "forward",
    "variances for factors",
    _forward(add=ADD.replace("left.sqrt()", "left").replace("(1 - left).sqrt()", "(1 - left)")),
    "mixes with the variances and not with their roots",
)
_wrong(
    "forward",
    "roots not squared",
    _forward(KEPT.replace("steps).double() ** 2", "steps).double()")),
    "in scaled_linear the evenly spaced roots are taken for the betas",
)
_wrong(
    "forward",
    "the defaults for ever",
    _forward(
        KEPT.replace("(start, end, steps)", "(1e-4, 0.02, steps)").replace("start**0.5, end**0.5", "0.01, 0.02**0.5")
    ),
    "ignores start and end",
    visible_passes=True,
)
_wrong(
    "forward",
    "pictures only",
    _forward(add=ADD.replace("view(-1, *[1] * (clean.ndim - 1))", "view(-1, 1, 1, 1)")),
    "shapes the factors for pictures, and fails on points",
    visible_passes=True,
)
_wrong(
    "forward",
    "off by one",
    _forward(
        KEPT.replace("torch.cumprod(1 - betas, 0)", "torch.cat([torch.ones(1), torch.cumprod(1 - betas, 0)[:-1]])")
    ),
    "entry t has only t betas in it",
)
_wrong(
    "forward",
    "the cosine's betas uncapped",
    _forward(KEPT.replace(".clamp(max=0.999)", "")),
    "the last beta is 1, and nothing at all is left",
    visible_passes=False,
)

# --- 2 conversions --------------------------------------------------------------------------------------------------

CONVERT = "def clean_and_noise(output, noisy, t, kept, prediction):"
FACTORS = """
left = kept[t].view(-1, *[1] * (noisy.ndim - 1))
a, b = left.sqrt(), (1 - left).sqrt()
"""

_right(
    "conversions",
    "by way of the noise",
    _cell(
        CONVERT,
        FACTORS
        + """
if prediction == "sample":
    return output, (noisy - a * output) / b
noise = output if prediction == "epsilon" else b * noisy + a * output
return (noisy - b * noise) / a, noise
""",
    ),
)
_right(
    "conversions",
    "solving two equations",
    _cell(
        CONVERT,
        FACTORS
        + """
# noisy = a x + b e; and the output is x, e, or -b x + a e
p, q = {"sample": (1.0, 0.0), "epsilon": (0.0, 1.0), "v_prediction": (-b, a)}[prediction]
det = a * q - b * p
return (q * noisy - b * output) / det, (a * output - p * noisy) / det
""",
    ),
)
V = """
if prediction == "epsilon":
    return (noisy - b * output) / a, output
if prediction == "sample":
    return output, (noisy - a * output) / b
return a * noisy - b * output, b * noisy + a * output
"""
_wrong(
    "conversions",
    "exchanged",
    _cell(
        CONVERT,
        FACTORS
        + V.replace("return ", "x, e = ")
        .replace("x, e = (noisy - b * output) / a, output", "return output, (noisy - b * output) / a")
        .replace("x, e = output, (noisy - a * output) / b", "return (noisy - a * output) / b, output")
        .replace(
            "x, e = a * noisy - b * output, b * noisy + a * output",
            "return b * noisy + a * output, a * noisy - b * output",
        ),
    ),
    "returns the noise first",
)
_wrong(
    "conversions",
    "a sign of v",
    _cell(CONVERT, FACTORS + V.replace("a * noisy - b * output", "a * noisy + b * output")),
    "v is noise minus signal, so its part is subtracted",
)
_wrong(
    "conversions",
    "v taken for the noise",
    _cell(
        CONVERT,
        FACTORS
        + V.replace("return a * noisy - b * output, b * noisy + a * output", "return (noisy - b * output) / a, output"),
    ),
    "treats a velocity like a noise",
)
_wrong(
    "conversions",
    "variances for factors",
    _cell(CONVERT, FACTORS.replace("left.sqrt(), (1 - left).sqrt()", "left, 1 - left") + V),
    "the factors are roots",
)
_wrong(
    "conversions",
    "pictures only",
    _cell(CONVERT, FACTORS.replace("view(-1, *[1] * (noisy.ndim - 1))", "view(-1, 1, 1, 1)") + V),
    "shapes the factors for pictures only",
    visible_passes=True,
)
_wrong(
    "conversions",
    "the clean sample cut to [-1, 1]",
    _cell(
        CONVERT, FACTORS + V.replace("return a * noisy - b * output,", "return (a * noisy - b * output).clamp(-1, 1),")
    ),
    "clips, as samplers in pixel space do: latents and points are not so bounded",
)

# --- 3 diffusion_loss -----------------------------------------------------------------------------------------------

LOSS = 'def diffusion_loss(model, clean, t, noise, kept, prediction="epsilon"):'
LOSS_TAIL = """
with needs("diffusion_loss"):
    star_model = diffusion_lab.points.build(SEED)
    star_losses = diffusion_lab.points.train(star_model, diffusion_loss, steps=500, seed=SEED)
"""
LOSS_BODY = """
left = kept[t].view(-1, *[1] * (clean.ndim - 1))
a, b = left.sqrt(), (1 - left).sqrt()
noisy = a * clean + b * noise
target = {"epsilon": noise, "sample": clean, "v_prediction": a * noise - b * clean}[prediction]
"""


def _loss(end: str, body: str = LOSS_BODY, tail: str = LOSS_TAIL) -> str:
    return _cell(LOSS, body + end, tail)


_right("diffusion_loss", "by hand", _loss("return ((target - model(noisy, t)) ** 2).mean()"))
_right(
    "diffusion_loss",
    "the library's scheduler",
    _cell(
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
        LOSS_TAIL,
    ),
)
_wrong(
    "diffusion_loss", "summed", _loss("return F.mse_loss(model(noisy, t), target, reduction='sum')"), "takes the sum"
)
_wrong(
    "diffusion_loss",
    "the clean sample shown",
    _loss("return F.mse_loss(model(clean, t), target)"),
    "shows the clean samples",
)
_wrong(
    "diffusion_loss",
    "cut off",
    _loss("return torch.tensor(F.mse_loss(model(noisy, t), target).item())"),
    ".item() cuts the gradient",
)
_wrong("diffusion_loss", "always the noise", _loss("return F.mse_loss(model(noisy, t), noise)"), "ignores `prediction`")
_wrong(
    "diffusion_loss",
    "noise of its own",
    _loss(
        "return F.mse_loss(model(noisy, t), target)",
        LOSS_BODY.replace("left = ", "noise = torch.randn_like(clean)\nleft = ", 1),
    ),
    "draws new noise and ignores the one it is given",
)
_wrong(
    "diffusion_loss",
    "absolute errors",
    _loss("return (model(noisy, t) - target).abs().mean()"),
    "no squares",
)
_wrong(
    "diffusion_loss",
    "points only",
    _loss(
        "return F.mse_loss(model(noisy, t), target)",
        LOSS_BODY.replace("view(-1, *[1] * (clean.ndim - 1))", "view(-1, 1)"),
    ),
    "shapes the factors for points, and fails on pictures",
    visible_passes=True,
)

# --- 4 ddpm_step ----------------------------------------------------------------------------------------------------

DDPM = "def ddpm_step(epsilon, noisy, t, previous, kept, noise):"
TWO = """
now = kept[t]
then = kept[previous] if previous >= 0 else torch.ones(())
clean = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt()
"""
DDPM_BODY = """
alpha = now / then
mean = then.sqrt() * (1 - alpha) / (1 - now) * clean + alpha.sqrt() * (1 - then) / (1 - now) * noisy
sigma = ((1 - then) / (1 - now) * (1 - alpha)).sqrt()
"""


def _ddpm(end: str = "return mean + sigma * noise", two: str = TWO, body: str = DDPM_BODY) -> str:
    return _cell(DDPM, two + body + end)


_right(
    "ddpm_step",
    "the mean by way of the noise",
    _cell(
        DDPM,
        """
now = kept[t].item()
then = kept[previous].item() if previous >= 0 else 1.0
alpha = now / then
mean = (noisy - (1 - alpha) / (1 - now) ** 0.5 * epsilon) / alpha**0.5
return mean + max((1 - then) / (1 - now) * (1 - alpha), 0.0) ** 0.5 * noise
""",
    ),
)
_right(
    "ddpm_step",
    "as DDIM with eta 1",
    _cell(
        DDPM,
        TWO
        + """
sigma = ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
return then.sqrt() * clean + (1 - then - sigma**2).clamp(min=0).sqrt() * epsilon + sigma * noise
""",
    ),
)
_wrong("ddpm_step", "no fresh noise", _ddpm("return mean"), "returns the mean alone")
_wrong("ddpm_step", "variance for deviation", _ddpm("return mean + sigma**2 * noise"), "forgets the root")
_wrong(
    "ddpm_step",
    "the noising step's variance",
    _ddpm("return mean + (1 - alpha).sqrt() * noise"),
    "takes beta for sigma squared",
)
_wrong(
    "ddpm_step",
    "always one step",
    _ddpm(two=TWO.replace("kept[previous] if previous >= 0", "kept[t - 1] if t > 0")),
    "ignores `previous`",
)
_wrong(
    "ddpm_step",
    "minus one is the last",
    _ddpm(two=TWO.replace("kept[previous] if previous >= 0 else torch.ones(())", "kept[previous]")),
    "kept[-1] is the last entry",
)
_wrong(
    "ddpm_step",
    "a sampler of ten steps",
    _ddpm(
        two=TWO.replace(
            "kept[previous] if previous >= 0",
            "kept[max(previous, 0)] if previous != -1 and (t - previous) in (10, 20, 50)",
        )
    ),
    "knows only the strides of the visible check",
    visible_passes=True,
)
_wrong(
    "ddpm_step",
    "noise of its own",
    _ddpm("return mean + sigma * torch.randn_like(noisy)"),
    "ignores the noise it is given",
)

# --- 5 ddim_step ----------------------------------------------------------------------------------------------------

DDIM = "def ddim_step(epsilon, noisy, t, previous, kept, eta=0.0, noise=None):"
SIGMA = "sigma = eta * ((1 - then) / (1 - now)).sqrt() * (1 - now / then).sqrt()\n"
DDIM_BODY = SIGMA + "result = then.sqrt() * clean + (1 - then - sigma**2).sqrt() * epsilon\n"


def _ddim(
    end: str = "return result if eta == 0 else result + sigma * noise", two: str = TWO, body: str = DDIM_BODY
) -> str:
    return _cell(DDIM, two + body + end)


_right(
    "ddim_step",
    "no noise is zero noise",
    _ddim("return result + sigma * (torch.zeros_like(noisy) if noise is None else noise)"),
)
_right(
    "ddim_step",
    "plain numbers",
    _cell(
        DDIM,
        """
now = float(kept[t])
then = 1.0 if previous < 0 else float(kept[previous])
spread = eta**2 * (1 - then) / (1 - now) * (1 - now / then)
clean = (noisy - (1 - now) ** 0.5 * epsilon) / now**0.5
result = then**0.5 * clean + max(1 - then - spread, 0) ** 0.5 * epsilon
if eta:
    result = result + spread**0.5 * noise
return result
""",
    ),
)
_wrong("ddim_step", "the clean guess", _ddim("return clean"), "does not mix the noise in again")
_wrong(
    "ddim_step",
    "eta ignored",
    _ddim(body="result = then.sqrt() * clean + (1 - then).sqrt() * epsilon\nsigma = 0 * now\n"),
    "never adds noise",
)
_wrong(
    "ddim_step",
    "noise on top",
    _ddim(body=SIGMA + "result = then.sqrt() * clean + (1 - then).sqrt() * epsilon\n"),
    "adds noise without taking as much away",
)
_wrong(
    "ddim_step",
    "the old level",
    _ddim(body=SIGMA + "result = now.sqrt() * clean + (1 - now - sigma**2).sqrt() * epsilon\n"),
    "mixes for time t again",
)
_wrong("ddim_step", "needs noise", _ddim("return result + sigma * noise"), "fails when noise is None")
_wrong(
    "ddim_step",
    "minus one is the last",
    _ddim(two=TWO.replace("kept[previous] if previous >= 0 else torch.ones(())", "kept[previous]")),
    "kept[-1] is the last entry",
    visible_passes=True,
)
_wrong(
    "ddim_step",
    "one root too few",
    _ddim(body=DDIM_BODY.replace("(1 - now / then).sqrt()", "(1 - now / then)")),
    "sigma lacks a root",
)

# --- 6 timesteps ----------------------------------------------------------------------------------------------------

TIMES = "def timesteps(n, spacing, total=1000):"
_right(
    "timesteps",
    "comprehensions",
    _cell(
        TIMES,
        """
if spacing == "leading":
    return [i * (total // n) for i in reversed(range(n))]
if spacing == "linspace":
    return [round(i * (total - 1) / (n - 1)) if n > 1 else 0 for i in reversed(range(n))]
return [round(total - i * total / n) - 1 for i in range(n)]
""",
    ),
)
_right(
    "timesteps",
    "tensors and a dictionary",
    _cell(
        TIMES,
        """
ways = {
    "leading": torch.arange(n, dtype=torch.float64).flip(0) * (total // n),
    "linspace": torch.linspace(0, total - 1, n, dtype=torch.float64).round().flip(0),
    "trailing": (total - torch.arange(n, dtype=torch.float64) * total / n).round() - 1,
}
return ways[spacing].long().tolist()
""",
    ),
)
LIBRARY_TIMES = """
scheduler = DDIMScheduler(num_train_timesteps=total, timestep_spacing=spacing, steps_offset=0)
scheduler.set_timesteps(n)
times = scheduler.timesteps.tolist()
"""
_wrong("timesteps", "ascending", _cell(TIMES, LIBRARY_TIMES + "return times[::-1]"), "from the clean end")
_wrong(
    "timesteps",
    "one for all",
    _cell(TIMES, LIBRARY_TIMES.replace("=spacing", '="leading"') + "return times"),
    "ignores the spacing",
)
_wrong("timesteps", "counted from one", _cell(TIMES, LIBRARY_TIMES + "return [t + 1 for t in times]"), "shifted by one")
_wrong(
    "timesteps",
    "a thousand for ever",
    _cell(TIMES, LIBRARY_TIMES.replace("=total", "=1000") + "return times"),
    "ignores total",
    visible_passes=True,
)
_wrong(
    "timesteps",
    "cut off instead of rounded",
    _cell(
        TIMES,
        """
if spacing == "leading":
    return [i * (total // n) for i in reversed(range(n))]
if spacing == "linspace":
    return [int(i * (total - 1) / max(n - 1, 1)) for i in reversed(range(n))]
return [int(total - i * total / n) - 1 for i in range(n)]
""",
    ),
    "int() cuts off where rounding was asked for",
    visible_passes=True,
)
_wrong(
    "timesteps",
    "an even stride",
    _cell(
        TIMES,
        """
stride = total // n
if spacing == "leading":
    return list(range(0, n * stride, stride))[::-1]
if spacing == "linspace":
    return np.linspace(0, total - 1, n).round().astype(int)[::-1].tolist()
return list(range(total - 1, -1, -stride))[:n]
""",
    ),
    "trailing with a whole stride: right only where n divides T",
    visible_passes=True,
)

# --- 6 dpm_step -----------------------------------------------------------------------------------------------------

DPM = "def dpm_step(clean, noisy, t, previous, kept, earlier=None, before=None):"
LEVELS = """
a, sigma = kept.double().sqrt(), (1 - kept.double()).sqrt()
level = torch.log(a / sigma)
h = level[previous] - level[t]
"""
DPM_BODY = """
D = clean
if earlier is not None:
    r = (level[t] - level[before]) / h
    D = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * earlier
"""
DPM_END = "return (sigma[previous] / sigma[t] * noisy - a[previous] * (torch.exp(-h) - 1) * D).float()"
_right(
    "dpm_step",
    "with a slope",
    _cell(
        DPM,
        LEVELS
        + """
slope = 0 if earlier is None else (clean - earlier) / (level[t] - level[before])
D = clean + h / 2 * slope
"""
        + DPM_END,
    ),
)
_right(
    "dpm_step",
    "plain numbers",
    _cell(
        DPM,
        """
import math

def parts(i):
    k = float(kept[i])
    return math.sqrt(k), math.sqrt(1 - k), 0.5 * math.log(k / (1 - k))

(_, s_t, l_t), (a_s, s_s, l_s) = parts(t), parts(previous)
h = l_s - l_t
D = clean
if before is not None:
    r = (l_t - parts(before)[2]) / h
    D = clean + (clean - earlier) / (2 * r)
return s_s / s_t * noisy - a_s * math.expm1(-h) * D
""",
    ),
)
_wrong("dpm_step", "first order", _cell(DPM, LEVELS + "D = clean\n" + DPM_END), "never uses the earlier guess")
_wrong(
    "dpm_step",
    "the drift backwards",
    _cell(
        DPM,
        LEVELS
        + DPM_BODY.replace(
            "(1 + 1 / (2 * r)) * clean - 1 / (2 * r) * earlier", "(1 - 1 / (2 * r)) * clean + 1 / (2 * r) * earlier"
        )
        + DPM_END,
    ),
    "a sign of the drift",
)
_wrong(
    "dpm_step",
    "r upside down",
    _cell(
        DPM,
        LEVELS + DPM_BODY.replace("r = (level[t] - level[before]) / h", "r = h / (level[t] - level[before])") + DPM_END,
    ),
    "r is the stride before over this one",
)
_wrong(
    "dpm_step", "the clean guess", _cell(DPM, LEVELS + DPM_BODY + "return D.float()"), "does not mix the noise in again"
)
_wrong(
    "dpm_step",
    "strides are equal",
    _cell(DPM, LEVELS + DPM_BODY.replace("r = (level[t] - level[before]) / h", "r = 1.0") + DPM_END),
    "takes all strides for equal",
)
_wrong(
    "dpm_step",
    "strides in time",
    _cell(DPM, LEVELS + DPM_BODY.replace("(level[t] - level[before]) / h", "(before - t) / (t - previous)") + DPM_END),
    "measures strides in t and not in lambda",
)

_wrong(
    "dpm_step",
    "remembers by itself",
    "_last = {}\n\n\n"
    + _cell(
        DPM,
        """
earlier, before = _last.get("clean"), _last.get("t")
_last.update(clean=clean, t=t)
"""
        + LEVELS
        + DPM_BODY
        + DPM_END,
    ),
    "keeps the last guess in a global, so the next walk begins with the end of the last",
    visible_passes=True,
)

# --- 7 guidance -----------------------------------------------------------------------------------------------------

GUIDED = "def guided(unet, latents, t, states, empty, scale):"
BOTH = """
told = unet(latents, t, encoder_hidden_states=states).sample
without = unet(latents, t, encoder_hidden_states=empty).sample
"""
_right("guidance", "two calls", _cell(GUIDED, BOTH + "return torch.lerp(without, told, scale)"))
_right(
    "guidance",
    "words first",
    _cell(
        GUIDED,
        """
with torch.no_grad():
    answers = unet(latents.repeat(2, 1, 1, 1), t, torch.cat([states, empty]), return_dict=False)[0]
told, without = answers[: len(latents)], answers[len(latents) :]
return scale * told + (1 - scale) * without
""",
    ),
)
_wrong(
    "guidance", "exchanged", _cell(GUIDED, BOTH + "return told + scale * (without - told)"), "goes away from the words"
)
_wrong("guidance", "one more", _cell(GUIDED, BOTH + "return told + scale * (told - without)"), "the paper's w, not g")
_wrong("guidance", "a mean", _cell(GUIDED, BOTH + "return (told + without) / 2"), "cannot go past the told answer")
_wrong(
    "guidance",
    "the difference alone",
    _cell(GUIDED, BOTH + "return scale * (told - without)"),
    "does not start from the empty answer",
)
_wrong("guidance", "louder words", _cell(GUIDED, BOTH + "return scale * told"), "does not use the empty text")
_wrong(
    "guidance",
    "no guidance below two",
    _cell(GUIDED, BOTH + "return told if scale < 2 else without + scale * (told - without)"),
    "treats g = 0 like g = 1",
    visible_passes=True,
)
_wrong(
    "guidance",
    "one empty text for all",
    _cell(
        GUIDED,
        """
told = unet(latents, t, encoder_hidden_states=states).sample
without = unet(latents, t, encoder_hidden_states=empty[:1].expand_as(states)).sample
return without + scale * (told - without)
""",
    ),
    "gives every sample the first negative text",
)

# --- 8 text_to_image ------------------------------------------------------------------------------------------------

PAINT = "def text_to_image(pipe, prompts, latents, steps=25, guidance=3.0):"
PAINT_TAIL = """
with needs("text_to_image"):
    my_wishes = wishes[:4]
    my_noise = diffusion_lab.start(painter, 4, seed=SEED)
    my_pictures = text_to_image(painter, my_wishes, my_noise, steps=15, guidance=GUIDANCE)
"""
PAINT_BODY = """
def encode(texts):
    n = pipe.tokenizer.model_max_length
    tokens = pipe.tokenizer(texts, padding="max_length", max_length=n, truncation=True, return_tensors="pt")
    return pipe.text_encoder(tokens.input_ids.to(pipe.unet.device))[0]

with torch.no_grad():
    both = torch.cat([encode([""] * len(prompts)), encode(prompts)])
    pipe.scheduler.set_timesteps(steps)
    latents = latents * pipe.scheduler.init_noise_sigma
    for t in pipe.scheduler.timesteps:
        inputs = pipe.scheduler.scale_model_input(torch.cat([latents] * 2), t)
        without, told = pipe.unet(inputs, t, encoder_hidden_states=both).sample.chunk(2)
        answer = without + guidance * (told - without)
        latents = pipe.scheduler.step(answer, t, latents).prev_sample
    pixels = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
return (pixels / 2 + 0.5).clamp(0, 1).cpu()
"""


def _paint(old: str = "", new: str = "", body: str = PAINT_BODY) -> str:
    assert old in body, old
    return _cell(PAINT, body.replace(old, new) if old else body, PAINT_TAIL)


_right("text_to_image", "both at once", _paint())
_right(
    "text_to_image",
    "one prompt after another",
    _cell(
        PAINT,
        """
pictures = []
for prompt, sample in zip(prompts, latents):
    with torch.inference_mode():
        states = []
        for text in (prompt, ""):
            tokens = pipe.tokenizer([text], padding="max_length", truncation=True, return_tensors="pt")
            states.append(pipe.text_encoder(tokens.input_ids)[0])
        pipe.scheduler.set_timesteps(steps)
        sample = sample[None] * pipe.scheduler.init_noise_sigma
        for t in pipe.scheduler.timesteps:
            seen = pipe.scheduler.scale_model_input(sample, t)
            told, without = (pipe.unet(seen, t, s).sample for s in states)
            sample = pipe.scheduler.step((1 - guidance) * without + guidance * told, t, sample).prev_sample
        pixels = pipe.vae.decode(sample / pipe.vae.config.scaling_factor).sample
    pictures.append((pixels[0].clamp(-1, 1) + 1) / 2)
return torch.stack(pictures).clone()
""",
        PAINT_TAIL,
    ),
)
_wrong(
    "text_to_image",
    "pixels from -1 to 1",
    _paint("return (pixels / 2 + 0.5).clamp(0, 1).cpu()", "return pixels.clamp(-1, 1).cpu()"),
    "does not halve and move",
)
_wrong(
    "text_to_image",
    "no guidance",
    _paint("answer = without + guidance * (told - without)", "answer = told"),
    "ignores guidance",
)
_wrong("text_to_image", "texts exchanged", _paint("without, told =", "told, without ="), "the empty text comes first")
_wrong(
    "text_to_image",
    "unpadded",
    _paint('padding="max_length", max_length=n', "padding=True"),
    "pads to the longest text only",
)
_wrong(
    "text_to_image",
    "never rescaled",
    _paint("pipe.scheduler.scale_model_input(torch.cat([latents] * 2), t)", "torch.cat([latents] * 2)"),
    "forgets scale_model_input",
    visible_passes=True,
)
_wrong(
    "text_to_image",
    "a quiet start",
    _paint(" * pipe.scheduler.init_noise_sigma", ""),
    "forgets init_noise_sigma",
    visible_passes=True,
)
_wrong(
    "text_to_image",
    "the latents' scale",
    _paint(" / pipe.vae.config.scaling_factor", ""),
    "forgets the scaling factor",
    visible_passes=True,
)
_wrong(
    "text_to_image",
    "noise of its own",
    _paint("latents = latents * pipe", "latents = torch.randn_like(latents) * pipe"),
    "does not start from the noise it is given",
)

# --- 9 attention ----------------------------------------------------------------------------------------------------

ATTENTION = "def attention_weights(queries, keys, heads):"
ATTENTION_TAIL = """
with needs("attention"):
    watched = "a large red star left of a small blue circle on a white background"
    watched_picture, my_maps = diffusion_lab.watch(painter, watched, attention_weights, guidance=GUIDANCE, seed=SEED)
"""
SPLIT = """
q = queries.unflatten(-1, (heads, -1)).transpose(1, 2)
k = keys.unflatten(-1, (heads, -1)).transpose(1, 2)
d = q.shape[-1]
"""


def _attention(end: str, body: str = SPLIT) -> str:
    return _cell(ATTENTION, body + end, ATTENTION_TAIL)


_right(
    "attention",
    "a loop over the heads",
    _cell(
        ATTENTION,
        """
total = 0
for q, k in zip(queries.chunk(heads, dim=-1), keys.chunk(heads, dim=-1)):
    scores = torch.bmm(q, k.transpose(1, 2)) * k.shape[-1] ** -0.5
    total = total + torch.nn.functional.softmax(scores, dim=-1)
return total / heads
""",
        ATTENTION_TAIL,
    ),
)
_right(
    "attention",
    "einsum",
    _cell(
        ATTENTION,
        """
n, places, width = queries.shape
q = queries.reshape(n, places, heads, width // heads)
k = keys.reshape(n, -1, heads, width // heads)
scores = torch.einsum("nphd,nthd->nhpt", q, k) / (width // heads) ** 0.5
weights = (scores - scores.amax(-1, keepdim=True)).exp()
return (weights / weights.sum(-1, keepdim=True)).mean(1)
""",
        ATTENTION_TAIL,
    ),
)
_wrong(
    "attention",
    "one head",
    _attention("return (queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5).softmax(-1)"),
    "one softmax over all features",
)
_wrong(
    "attention",
    "over the places",
    _attention("return (q @ k.transpose(-1, -2) / d**0.5).softmax(-2).mean(1)"),
    "the softmax runs over the places",
)
_wrong(
    "attention",
    "no root",
    _attention("return (q @ k.transpose(-1, -2)).softmax(-1).mean(1)"),
    "the root of d is missing",
)
_wrong(
    "attention",
    "the root of all features",
    _attention("return (q @ k.transpose(-1, -2) / queries.shape[-1] ** 0.5).softmax(-1).mean(1)"),
    "d is one head's",
)
_wrong(
    "attention",
    "averaged too early",
    _attention("return ((q @ k.transpose(-1, -2)).mean(1) / d**0.5).softmax(-1)"),
    "the heads' scores are averaged, not their weights",
)
_wrong(
    "attention",
    "heads across",
    _attention(
        "return (q @ k.transpose(-1, -2) / d**0.5).softmax(-1).mean(1)",
        """
q = queries.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)
k = keys.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)
d = q.shape[-1]
""",
    ),
    "head h gets every heads-th feature",
)
_wrong(
    "attention",
    "exp by hand",
    _attention("e = (q @ k.transpose(-1, -2) / d**0.5).exp()\nreturn (e / e.sum(-1, keepdim=True)).mean(1)"),
    "overflows on large scores",
    visible_passes=True,
)

# --- 10 sdedit ------------------------------------------------------------------------------------------------------

EDIT = "def edit_start(clean, noise, strength, times, kept):"
EDIT_TAIL = """
with needs("sdedit"):
    source = diffusion_lab.scene_pixels()
    latents = diffusion_lab.encode(painter, source[None])
    step = diffusion_lab.stepper(painter, diffusion_lab.other_caption(), GUIDANCE)
    edits = []
    for strength in (0.0, 0.3, 0.5, 0.7, 0.9, 1.0):
        sample, remaining = edit_start(latents, diffusion_lab.start(painter, 1, SEED), strength, times, kept)
        for t, previous in pairwise([*remaining, -1]):
            sample = step(sample, t, previous)
        edits.append(diffusion_lab.decode(painter, sample)[0])
"""
EDIT_BODY = """
count = int(strength * len(times))
if count == 0:
    return clean, []
remaining = list(times)[-count:]
left = kept[remaining[0]]
"""
EDIT_END = "return left.sqrt() * clean + (1 - left).sqrt() * noise, remaining"


def _edit(body: str = EDIT_BODY, end: str = EDIT_END) -> str:
    return _cell(EDIT, body + end, EDIT_TAIL)


_right(
    "sdedit",
    "counting from the front",
    _cell(
        EDIT,
        """
first = len(times) - int(len(times) * strength)
remaining = [int(t) for t in times[first:]]
level = kept[remaining[0]] if remaining else torch.tensor(1.0)
return torch.sqrt(level) * clean + torch.sqrt(1 - level) * noise, remaining
""",
        EDIT_TAIL,
    ),
)
_right(
    "sdedit",
    "a loop",
    _cell(
        EDIT,
        """
remaining = []
for i, t in enumerate(times):
    if len(times) - i <= int(strength * len(times)):
        remaining.append(t)
if remaining:
    k = float(kept[remaining[0]])
    clean = k**0.5 * clean + (1 - k) ** 0.5 * noise
return clean, remaining
""",
        EDIT_TAIL,
    ),
)
_wrong("sdedit", "the first times", _edit(EDIT_BODY.replace("[-count:]", "[:count]")), "walks the first times")
_wrong("sdedit", "from pure noise", _edit(end="return noise, remaining"), "forgets the picture")
_wrong("sdedit", "not noised", _edit(end="return clean, remaining"), "starts from the clean picture")
_wrong(
    "sdedit",
    "noised too much",
    _edit(EDIT_BODY.replace("kept[remaining[0]]", "kept[times[0]]")),
    "noised as at the very first time",
)
_wrong(
    "sdedit",
    "minus zero",
    _edit(EDIT_BODY.replace("if count == 0:\n    return clean, []\n", "")),
    "times[-0:] is all of them",
    visible_passes=True,
)
_wrong(
    "sdedit",
    "rounded",
    _edit(EDIT_BODY.replace("int(strength * len(times))", "-int(-strength * len(times) // 1)")),
    "rounds the number of steps up",
)
_wrong(
    "sdedit",
    "the noise at full strength",
    _edit(end="return left.sqrt() * clean + noise, remaining"),
    "noise without its factor",
)

# --- 11 inpaint -----------------------------------------------------------------------------------------------------

INPAINT = "def inpaint(step, start, clean, mask, times, kept, noise):"
INPAINT_TAIL = """
with needs("inpaint"):
    scenes_in, wish = diffusion_lab.half_scenes()
    latents_in, mask = diffusion_lab.encode(painter, scenes_in), diffusion_lab.right_half(painter, len(scenes_in))
    begin = diffusion_lab.start(painter, len(scenes_in), SEED)
    step = diffusion_lab.stepper(painter, wish, GUIDANCE)
    inpainted_latents = inpaint(step, begin, latents_in, mask, times, kept, begin)
"""
INPAINT_BODY = """
sample = start
for i, t in enumerate(times):
    previous = times[i + 1] if i + 1 < len(times) else -1
    sample = step(sample, t, previous)
    left = kept[previous] if previous >= 0 else torch.ones(())
    known = left.sqrt() * clean + (1 - left).sqrt() * noise
    sample = mask * sample + (1 - mask) * known
return sample
"""


def _inpaint(old: str = "", new: str = "") -> str:
    assert old in INPAINT_BODY, old
    return _cell(INPAINT, INPAINT_BODY.replace(old, new) if old else INPAINT_BODY, INPAINT_TAIL)


_right(
    "inpaint", "with where", _inpaint("mask * sample + (1 - mask) * known", "torch.where(mask > 0.5, sample, known)")
)
_right(
    "inpaint",
    "put back before each step too",
    _cell(
        INPAINT,
        """
def put_back(sample, t):
    level = 1.0 if t < 0 else float(kept[t])
    return sample + (1 - mask) * (level**0.5 * clean + (1 - level) ** 0.5 * noise - sample)

ends = list(times[1:]) + [-1]
sample = start
while ends:
    t, *_ = times[len(times) - len(ends) :]
    sample = put_back(step(sample, t, ends[0]), ends.pop(0))
return sample
""",
        INPAINT_TAIL,
    ),
)
_wrong(
    "inpaint",
    "the mask the wrong way round",
    _inpaint("mask * sample + (1 - mask) * known", "(1 - mask) * sample + mask * known"),
    "keeps what was to be painted",
)
_wrong(
    "inpaint",
    "only at the end",
    _cell(
        INPAINT,
        """
sample = start
for t, previous in pairwise([*times, -1]):
    sample = step(sample, t, previous)
return mask * sample + (1 - mask) * clean
""",
        INPAINT_TAIL,
    ),
    "the network never saw the known region",
)
_wrong(
    "inpaint",
    "clean at every level",
    _inpaint("left.sqrt() * clean + (1 - left).sqrt() * noise", "clean"),
    "the known region is put back without its noise",
)
_wrong(
    "inpaint",
    "one level too noisy",
    _inpaint("kept[previous] if previous >= 0", "kept[t] if previous >= 0"),
    "noised as before the step",
)
_wrong(
    "inpaint",
    "fresh noise",
    _inpaint("(1 - left).sqrt() * noise", "(1 - left).sqrt() * torch.randn_like(clean)"),
    "draws new noise where the given one was asked for",
)
_wrong(
    "inpaint",
    "minus one is the last",
    _inpaint("kept[previous] if previous >= 0 else torch.ones(())", "kept[previous]"),
    "the end is noise",
)
_wrong(
    "inpaint",
    "before the step",
    _cell(
        INPAINT,
        """
sample = start
for t, previous in pairwise([*times, -1]):
    left = kept[t]
    sample = mask * sample + (1 - mask) * (left.sqrt() * clean + (1 - left).sqrt() * noise)
    sample = step(sample, t, previous)
return sample
""",
        INPAINT_TAIL,
    ),
    "puts the known region back before each step and not after the last",
)
_wrong(
    "inpaint",
    "in place",
    _inpaint(
        "sample = mask * sample + (1 - mask) * known",
        "clean *= 1 - mask\n    sample = mask * sample + (1 - mask) * known",
    ),
    "writes into the caller's picture",
    visible_passes=True,
)
