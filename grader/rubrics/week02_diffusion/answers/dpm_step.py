# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `dpm_step`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("dpm_step")

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
ANSWERS.right(
    "with a slope",
    cell(
        function(
            DPM,
            LEVELS
            + """
slope = 0 if earlier is None else (clean - earlier) / (level[t] - level[before])
D = clean + h / 2 * slope
"""
            + DPM_END,
        )
    ),
)
ANSWERS.right(
    "plain numbers",
    cell(
        function(
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
        )
    ),
)
ANSWERS.wrong(
    "first order",
    cell(function(DPM, LEVELS + "D = clean\n" + DPM_END)),
    "never uses the earlier guess",
    slip="knows nothing of the first",
)
ANSWERS.wrong(
    "the drift backwards",
    cell(
        function(
            DPM,
            LEVELS
            + DPM_BODY.replace(
                "(1 + 1 / (2 * r)) * clean - 1 / (2 * r) * earlier", "(1 - 1 / (2 * r)) * clean + 1 / (2 * r) * earlier"
            )
            + DPM_END,
        )
    ),
    "a sign of the drift",
    slip="wrong sign",
)
ANSWERS.wrong(
    "r upside down",
    cell(
        function(
            DPM,
            LEVELS
            + DPM_BODY.replace("r = (level[t] - level[before]) / h", "r = h / (level[t] - level[before])")
            + DPM_END,
        )
    ),
    "r is the stride before over this one",
    slip="wrong way round",
)
ANSWERS.wrong(
    "the clean guess",
    cell(function(DPM, LEVELS + DPM_BODY + "return D.float()")),
    "does not mix the noise in again",
    slip="that is the clean guess",
)
ANSWERS.wrong(
    "strides are equal",
    cell(function(DPM, LEVELS + DPM_BODY.replace("r = (level[t] - level[before]) / h", "r = 1.0") + DPM_END)),
    "takes all strides for equal",
    slip="equally long",
)
ANSWERS.wrong(
    "strides in time",
    cell(
        function(
            DPM, LEVELS + DPM_BODY.replace("(level[t] - level[before]) / h", "(before - t) / (t - previous)") + DPM_END
        )
    ),
    "measures strides in t and not in lambda",
    slip="measured in lambda",
)
ANSWERS.wrong(
    "remembers by itself",
    "_last = {}\n\n\n"
    + cell(
        function(
            DPM,
            """
earlier, before = _last.get("clean"), _last.get("t")
_last.update(clean=clean, t=t)
"""
            + LEVELS
            + DPM_BODY
            + DPM_END,
        )
    ),
    "keeps the last guess in a global, so the next walk begins with the end of the last",
    visible_passes=True,
    slip="",
)

ANSWERS.wrong(
    "twice the drift",
    cell(
        function(
            DPM,
            LEVELS
            + DPM_BODY.replace("(1 + 1 / (2 * r)) * clean - 1 / (2 * r) * earlier", "clean + (clean - earlier) / r")
            + DPM_END,
        )
    ),
    "forgets the two",
    slip="twice as strong",
)
