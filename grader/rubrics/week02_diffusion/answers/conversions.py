# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `conversions`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("conversions")

CONVERT = "def clean_and_noise(output, noisy, t, kept, prediction):"
FACTORS = """
left = kept[t].view(-1, *[1] * (noisy.ndim - 1))
a, b = left.sqrt(), (1 - left).sqrt()
"""
ANSWERS.right(
    "by way of the noise",
    cell(
        function(
            CONVERT,
            FACTORS
            + """
if prediction == "sample":
    return output, (noisy - a * output) / b
noise = output if prediction == "epsilon" else b * noisy + a * output
return (noisy - b * noise) / a, noise
""",
        )
    ),
)
ANSWERS.right(
    "solving two equations",
    cell(
        function(
            CONVERT,
            FACTORS
            + """
# noisy = a x + b e; and the output is x, e, or -b x + a e
p, q = {"sample": (1.0, 0.0), "epsilon": (0.0, 1.0), "v_prediction": (-b, a)}[prediction]
det = a * q - b * p
return (q * noisy - b * output) / det, (a * output - p * noisy) / det
""",
        )
    ),
)
V = """
if prediction == "epsilon":
    return (noisy - b * output) / a, output
if prediction == "sample":
    return output, (noisy - a * output) / b
return a * noisy - b * output, b * noisy + a * output
"""
ANSWERS.wrong(
    "exchanged",
    cell(
        function(
            CONVERT,
            FACTORS
            + V.replace("return ", "x, e = ")
            .replace("x, e = (noisy - b * output) / a, output", "return output, (noisy - b * output) / a")
            .replace("x, e = output, (noisy - a * output) / b", "return (noisy - a * output) / b, output")
            .replace(
                "x, e = a * noisy - b * output, b * noisy + a * output",
                "return b * noisy + a * output, a * noisy - b * output",
            ),
        )
    ),
    "returns the noise first",
    slip="the two are exchanged",
)
ANSWERS.wrong(
    "a sign of v",
    cell(function(CONVERT, FACTORS + V.replace("a * noisy - b * output", "a * noisy + b * output"))),
    "v is noise minus signal, so its part is subtracted",
    slip="a sign of v",
)
ANSWERS.wrong(
    "v taken for the noise",
    cell(
        function(
            CONVERT,
            FACTORS
            + V.replace(
                "return a * noisy - b * output, b * noisy + a * output", "return (noisy - b * output) / a, output"
            ),
        )
    ),
    "treats a velocity like a noise",
    slip="v is taken for the noise",
)
ANSWERS.wrong(
    "variances for factors",
    cell(function(CONVERT, FACTORS.replace("left.sqrt(), (1 - left).sqrt()", "left, 1 - left") + V)),
    "the factors are roots",
    slip="the factors are the variances",
)
ANSWERS.wrong(
    "pictures only",
    cell(function(CONVERT, FACTORS.replace("view(-1, *[1] * (noisy.ndim - 1))", "view(-1, 1, 1, 1)") + V)),
    "shapes the factors for pictures only",
    slip="not for points",
)
ANSWERS.wrong(
    "the clean sample cut to [-1, 1]",
    cell(
        function(
            CONVERT,
            FACTORS + V.replace("return a * noisy - b * output,", "return (a * noisy - b * output).clamp(-1, 1),"),
        )
    ),
    "clips, as samplers in pixel space do: latents and points are not so bounded",
    slip="cut off",
)

ANSWERS.wrong(
    "a sign of the noise",
    cell(function(CONVERT, FACTORS + V.replace("b * noisy + a * output", "b * noisy - a * output"))),
    "the velocity's part of the noise is added",
    slip="a sign of v",
)
ANSWERS.wrong(
    "the wrong divisor",
    cell(function(CONVERT, FACTORS + V.replace("(noisy - b * output) / a", "(noisy - b * output) / b"))),
    "the clean sample has the factor a",
    slip="divided by the wrong factor",
)
ANSWERS.wrong(
    "kept for a thousand",
    cell(function(CONVERT, FACTORS.replace("kept[t]", "kept[t.clamp(min=100)]") + V)),
    "cannot tell the first hundred times apart",
    visible_passes=True,
    slip="",
)
