# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `guidance`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("guidance")

GUIDED = "def guided(unet, latents, t, states, empty, scale):"
BOTH = """
told = unet(latents, t, encoder_hidden_states=states).sample
without = unet(latents, t, encoder_hidden_states=empty).sample
"""
ANSWERS.right("two calls", cell(function(GUIDED, BOTH + "return torch.lerp(without, told, scale)")))
ANSWERS.right(
    "words first",
    cell(
        function(
            GUIDED,
            """
with torch.no_grad():
    answers = unet(latents.repeat(2, 1, 1, 1), t, torch.cat([states, empty]), return_dict=False)[0]
told, without = answers[: len(latents)], answers[len(latents) :]
return scale * told + (1 - scale) * without
""",
        )
    ),
)
ANSWERS.wrong(
    "exchanged",
    cell(function(GUIDED, BOTH + "return told + scale * (without - told)")),
    "goes away from the words",
    slip="are exchanged",
)
ANSWERS.wrong(
    "one more",
    cell(function(GUIDED, BOTH + "return told + scale * (told - without)")),
    "the paper's w, not g",
    slip="guidance g + 1",
)
ANSWERS.wrong(
    "a mean",
    cell(function(GUIDED, BOTH + "return (told + without) / 2")),
    "cannot go past the told answer",
    slip="a mean of the two",
)
ANSWERS.wrong(
    "the difference alone",
    cell(function(GUIDED, BOTH + "return scale * (told - without)")),
    "does not start from the empty answer",
    slip="the empty answer is missing",
)
ANSWERS.wrong(
    "louder words",
    cell(function(GUIDED, BOTH + "return scale * told")),
    "does not use the empty text",
    slip="louder",
)
ANSWERS.wrong(
    "no guidance below two",
    cell(function(GUIDED, BOTH + "return told if scale < 2 else without + scale * (told - without)")),
    "treats g = 0 like g = 1",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "one empty text for all",
    cell(
        function(
            GUIDED,
            """
told = unet(latents, t, encoder_hidden_states=states).sample
without = unet(latents, t, encoder_hidden_states=empty[:1].expand_as(states)).sample
return without + scale * (told - without)
""",
        )
    ),
    "gives every sample the first negative text",
    slip="the first empty text",
)

ANSWERS.wrong("not guided", cell(function(GUIDED, BOTH + "return told")), "ignores scale", slip="scale is not used")
