# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `ddim_step`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function
from grader.rubrics.week02_diffusion.answers.shared import TWO

ANSWERS = Answers("ddim_step")

DDIM = "def ddim_step(epsilon, noisy, t, previous, kept, eta=0.0, noise=None):"
SIGMA = "sigma = eta * ((1 - then) / (1 - now)).sqrt() * (1 - now / then).sqrt()\n"
DDIM_BODY = SIGMA + "result = then.sqrt() * clean + (1 - then - sigma**2).sqrt() * epsilon\n"


def _ddim(
    end: str = "return result if eta == 0 else result + sigma * noise", two: str = TWO, body: str = DDIM_BODY
) -> str:
    return cell(function(DDIM, two + body + end))


ANSWERS.right(
    "no noise is zero noise",
    _ddim("return result + sigma * (torch.zeros_like(noisy) if noise is None else noise)"),
)
ANSWERS.right(
    "plain numbers",
    cell(
        function(
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
        )
    ),
)
ANSWERS.wrong(
    "the clean guess",
    _ddim("return clean"),
    "does not mix the noise in again",
    slip="the clean guess is returned",
)
ANSWERS.wrong(
    "eta ignored",
    _ddim(body="result = then.sqrt() * clean + (1 - then).sqrt() * epsilon\nsigma = 0 * now\n"),
    "never adds noise",
    slip="eta is ignored",
)
ANSWERS.wrong(
    "noise on top",
    _ddim(body=SIGMA + "result = then.sqrt() * clean + (1 - then).sqrt() * epsilon\n"),
    "adds noise without taking as much away",
    slip="as much must be taken",
)
ANSWERS.wrong(
    "the old level",
    _ddim(body=SIGMA + "result = now.sqrt() * clean + (1 - now - sigma**2).sqrt() * epsilon\n"),
    "mixes for time t again",
    slip="mixed for time t again",
)
ANSWERS.wrong(
    "needs noise",
    _ddim("return result + sigma * noise"),
    "fails when noise is None",
    slip="`noise` may be None",
)
ANSWERS.wrong(
    "minus one is the last",
    _ddim(two=TWO.replace("kept[previous] if previous >= 0 else torch.ones(())", "kept[previous]")),
    "kept[-1] is the last entry",
    slip="`kept[-1]` is the last",
)
ANSWERS.wrong(
    "one root too few",
    _ddim(body=DDIM_BODY.replace("(1 - now / then).sqrt()", "(1 - now / then)")),
    "sigma lacks a root",
    slip="a root too few",
)

ANSWERS.wrong(
    "the variance for the deviation",
    _ddim(body=DDIM_BODY.replace("(1 - now / then).sqrt()\n", "(1 - now / then).sqrt()\nsigma = sigma**2\n")),
    "squares sigma",
    slip="sigma is squared",
)
ANSWERS.wrong(
    "minus one is the first",
    _ddim(two=TWO.replace("kept[previous] if previous >= 0 else torch.ones(())", "kept[max(previous, 0)]")),
    "takes -1 for time 0",
    slip="-1 is taken for time 0",
)
ANSWERS.wrong(
    "eta is yes or no",
    _ddim(body=DDIM_BODY.replace("eta * ", "(eta > 0) * ")),
    "any eta counts as 1",
    slip="whatever eta is",
)
ANSWERS.wrong(
    "a hundred times at most",
    _ddim(two=TWO.replace("kept[previous] if previous >= 0", "kept[max(previous, t - 100)] if previous >= 0")),
    "shortens long strides",
    visible_passes=True,
    slip="",
)
