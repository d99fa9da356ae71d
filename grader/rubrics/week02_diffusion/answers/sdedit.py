# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `sdedit`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("sdedit")

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
    return cell(function(EDIT, body + end), EDIT_TAIL)


ANSWERS.right(
    "counting from the front",
    cell(
        function(
            EDIT,
            """
first = len(times) - int(len(times) * strength)
remaining = [int(t) for t in times[first:]]
level = kept[remaining[0]] if remaining else torch.tensor(1.0)
return torch.sqrt(level) * clean + torch.sqrt(1 - level) * noise, remaining
""",
        ),
        EDIT_TAIL,
    ),
)
ANSWERS.right(
    "a loop",
    cell(
        function(
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
        ),
        EDIT_TAIL,
    ),
)
ANSWERS.wrong(
    "the first times",
    _edit(EDIT_BODY.replace("[-count:]", "[:count]")),
    "walks the first times",
    slip="those are the first times",
)
ANSWERS.wrong(
    "from pure noise",
    _edit(end="return noise, remaining"),
    "forgets the picture",
    slip="that is pure noise",
)
ANSWERS.wrong(
    "not noised",
    _edit(end="return clean, remaining"),
    "starts from the clean picture",
    slip="that is the clean picture",
)
ANSWERS.wrong(
    "noised too much",
    _edit(EDIT_BODY.replace("kept[remaining[0]]", "kept[times[0]]")),
    "noised as at the very first time",
    slip="very first time",
)
ANSWERS.wrong(
    "minus zero",
    _edit(EDIT_BODY.replace("if count == 0:\n    return clean, []\n", "")),
    "times[-0:] is all of them",
    slip="times[-0:]",
)
ANSWERS.wrong(
    "rounded",
    _edit(EDIT_BODY.replace("int(strength * len(times))", "-int(-strength * len(times) // 1)")),
    "rounds the number of steps up",
    slip="int() cuts off",
)
ANSWERS.wrong(
    "the noise at full strength",
    _edit(end="return left.sqrt() * clean + noise, remaining"),
    "noise without its factor",
    slip="full strength",
)

ANSWERS.wrong(
    "rounded to the nearest",
    _edit(EDIT_BODY.replace("int(strength * len(times))", "int(strength * len(times) + 0.5)")),
    "rounds where int() was asked for",
    slip="int() cuts off",
)
ANSWERS.wrong(
    "variances for factors",
    _edit(end="return left * clean + (1 - left) * noise, remaining"),
    "mixes with the variances",
    slip="mixed by the variances",
)
ANSWERS.wrong(
    "the caller's list",
    _edit(EDIT_BODY.replace("remaining = list(times)[-count:]", "del times[:-count]\nremaining = list(times)")),
    "shortens the list that it is given",
    visible_passes=True,
    slip="",
)
