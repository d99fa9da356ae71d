# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `ddpm_step`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function
from grader.rubrics.week02_diffusion.answers.shared import TWO

ANSWERS = Answers("ddpm_step")

DDPM = "def ddpm_step(epsilon, noisy, t, previous, kept, noise):"
DDPM_BODY = """
alpha = now / then
mean = then.sqrt() * (1 - alpha) / (1 - now) * clean + alpha.sqrt() * (1 - then) / (1 - now) * noisy
sigma = ((1 - then) / (1 - now) * (1 - alpha)).sqrt()
"""


def _ddpm(end: str = "return mean + sigma * noise", two: str = TWO, body: str = DDPM_BODY) -> str:
    return cell(function(DDPM, two + body + end))


ANSWERS.right(
    "the mean by way of the noise",
    cell(
        function(
            DDPM,
            """
now = kept[t].item()
then = kept[previous].item() if previous >= 0 else 1.0
alpha = now / then
mean = (noisy - (1 - alpha) / (1 - now) ** 0.5 * epsilon) / alpha**0.5
return mean + max((1 - then) / (1 - now) * (1 - alpha), 0.0) ** 0.5 * noise
""",
        )
    ),
)
ANSWERS.right(
    "as DDIM with eta 1",
    cell(
        function(
            DDPM,
            TWO
            + """
sigma = ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
return then.sqrt() * clean + (1 - then - sigma**2).clamp(min=0).sqrt() * epsilon + sigma * noise
""",
        )
    ),
)
ANSWERS.wrong(
    "no fresh noise",
    _ddpm("return mean"),
    "returns the mean alone",
    slip="no fresh noise",
)
ANSWERS.wrong(
    "variance for deviation",
    _ddpm("return mean + sigma**2 * noise"),
    "forgets the root",
    slip="take its root",
)
ANSWERS.wrong(
    "the noising step's variance",
    _ddpm("return mean + (1 - alpha).sqrt() * noise"),
    "takes beta for sigma squared",
    slip="that of one noising step",
)
ANSWERS.wrong(
    "always one step",
    _ddpm(two=TWO.replace("kept[previous] if previous >= 0", "kept[t - 1] if t > 0")),
    "ignores `previous`",
    slip="a step of 1",
)
ANSWERS.wrong(
    "minus one is the last",
    _ddpm(two=TWO.replace("kept[previous] if previous >= 0 else torch.ones(())", "kept[previous]")),
    "kept[-1] is the last entry",
    slip="`kept[-1]` is the last",
)
ANSWERS.wrong(
    "a sampler of ten steps",
    _ddpm(
        two=TWO.replace(
            "kept[previous] if previous >= 0",
            "kept[max(previous, 0)] if previous != -1 and (t - previous) in (10, 20, 50)",
        )
    ),
    "knows only the strides of the visible check",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "noise of its own",
    _ddpm("return mean + sigma * torch.randn_like(noisy)"),
    "ignores the noise it is given",
    slip="random is drawn",
)

ANSWERS.wrong(
    "factors exchanged",
    _ddpm(body=DDPM_BODY.replace("* clean +", "* noisy +").replace("/ (1 - now) * noisy\n", "/ (1 - now) * clean\n")),
    "the noisy sample has the clean one's factor",
    slip="the two factors of the mean are exchanged",
)
ANSWERS.wrong(
    "minus one is the first",
    _ddpm(two=TWO.replace("kept[previous] if previous >= 0 else torch.ones(())", "kept[max(previous, 0)]")),
    "takes -1 for time 0",
    slip="-1 is taken for time 0",
)
ANSWERS.wrong(
    "the clean guess cut off",
    _ddpm(two=TWO + "clean = clean.clamp(-1, 1)\n"),
    "clips, as samplers in pixel space do",
    slip="cut off to [-1, 1]",
)
