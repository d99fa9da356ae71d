# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `inpaint`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("inpaint")

INPAINT = "def inpaint(step, start, clean, mask, times, kept, noise):"
INPAINT_TAIL = """
with needs("inpaint"):
    scenes_in, wish = diffusion_lab.half_scenes()
    latents_in, mask = diffusion_lab.encode(painter, scenes_in), diffusion_lab.right_half(painter, len(scenes_in))
    begin = diffusion_lab.start(painter, len(scenes_in), SEED)
    step = diffusion_lab.stepper(painter, wish, GUIDANCE)
    inpainted_latents = inpaint(step, begin, latents_in, mask, diffusion_lab.times(painter, 12), kept, begin)
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
    return cell(function(INPAINT, INPAINT_BODY.replace(old, new) if old else INPAINT_BODY), INPAINT_TAIL)


ANSWERS.right("with where", _inpaint("mask * sample + (1 - mask) * known", "torch.where(mask > 0.5, sample, known)"))
ANSWERS.right(
    "put back before each step too",
    cell(
        function(
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
        ),
        INPAINT_TAIL,
    ),
)
ANSWERS.wrong(
    "the mask the wrong way round",
    _inpaint("mask * sample + (1 - mask) * known", "(1 - mask) * sample + mask * known"),
    "keeps what was to be painted",
    slip="wrong way round",
)
ANSWERS.wrong(
    "only at the end",
    cell(
        function(
            INPAINT,
            """
sample = start
for t, previous in pairwise([*times, -1]):
    sample = step(sample, t, previous)
return mask * sample + (1 - mask) * clean
""",
        ),
        INPAINT_TAIL,
    ),
    "the network never saw the known region",
    slip="only at the end",
)
ANSWERS.wrong(
    "clean at every level",
    _inpaint("left.sqrt() * clean + (1 - left).sqrt() * noise", "clean"),
    "the known region is put back without its noise",
    slip="without its noise",
)
ANSWERS.wrong(
    "one level too noisy",
    _inpaint("kept[previous] if previous >= 0", "kept[t] if previous >= 0"),
    "noised as before the step",
    slip="has the noise of t",
)
ANSWERS.wrong(
    "fresh noise",
    _inpaint("(1 - left).sqrt() * noise", "(1 - left).sqrt() * torch.randn_like(clean)"),
    "draws new noise where the given one was asked for",
    slip="random is drawn",
)
ANSWERS.wrong(
    "minus one is the last",
    _inpaint("kept[previous] if previous >= 0 else torch.ones(())", "kept[previous]"),
    "the end is noise",
    slip="`kept[-1]` is the last",
)
ANSWERS.wrong(
    "before the step",
    cell(
        function(
            INPAINT,
            """
sample = start
for t, previous in pairwise([*times, -1]):
    left = kept[t]
    sample = mask * sample + (1 - mask) * (left.sqrt() * clean + (1 - left).sqrt() * noise)
    sample = step(sample, t, previous)
return sample
""",
        ),
        INPAINT_TAIL,
    ),
    "puts the known region back before each step and not after the last",
    slip="before the step",
)
ANSWERS.wrong(
    "in place",
    _inpaint(
        "sample = mask * sample + (1 - mask) * known",
        "clean *= 1 - mask\n    sample = mask * sample + (1 - mask) * known",
    ),
    "writes into the caller's picture",
    visible_passes=True,
    slip="",
)

ANSWERS.wrong(
    "variances for factors",
    _inpaint("left.sqrt() * clean + (1 - left).sqrt() * noise", "left * clean + (1 - left) * noise"),
    "mixes with the variances",
    slip="mixed by the variances",
)
ANSWERS.wrong(
    "minus one is the first",
    _inpaint("kept[previous] if previous >= 0 else torch.ones(())", "kept[max(previous, 0)]"),
    "takes -1 for time 0",
    slip="-1 is taken for time 0",
)
ANSWERS.wrong(
    "full noise",
    _inpaint("(1 - left).sqrt() * noise", "(noise if previous >= 0 else 0)"),
    "adds the noise without its factor",
    slip="full strength",
)
ANSWERS.wrong(
    "never put back",
    _inpaint("sample = mask * sample + (1 - mask) * known", "pass"),
    "is no inpainting",
    slip="never put back",
)
