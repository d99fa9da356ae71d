# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `text_to_image`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("text_to_image")

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
    return cell(function(PAINT, body.replace(old, new) if old else body), PAINT_TAIL)


ANSWERS.right("both at once", _paint())
ANSWERS.right(
    "one prompt after another",
    cell(
        function(
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
        ),
        PAINT_TAIL,
    ),
)
ANSWERS.wrong(
    "pixels from -1 to 1",
    _paint("return (pixels / 2 + 0.5).clamp(0, 1).cpu()", "return pixels.clamp(-1, 1).cpu()"),
    "does not halve and move",
    slip="halved and moved",
)
ANSWERS.wrong(
    "no guidance",
    _paint("answer = without + guidance * (told - without)", "answer = told"),
    "ignores guidance",
    slip="without guidance",
)
ANSWERS.wrong(
    "texts exchanged",
    _paint("without, told =", "told, without ="),
    "the empty text comes first",
    slip="texts are exchanged",
)
ANSWERS.wrong(
    "unpadded",
    _paint('padding="max_length", max_length=n', "padding=True"),
    "pads to the longest text only",
    slip="padded to",
)
ANSWERS.wrong(
    "never rescaled",
    _paint("pipe.scheduler.scale_model_input(torch.cat([latents] * 2), t)", "torch.cat([latents] * 2)"),
    "forgets scale_model_input",
    slip="scheduler.scale_model_input",
)
ANSWERS.wrong(
    "a quiet start",
    _paint(" * pipe.scheduler.init_noise_sigma", ""),
    "forgets init_noise_sigma",
    slip="scheduler.init_noise_sigma",
)
ANSWERS.wrong(
    "the latents' scale",
    _paint(" / pipe.vae.config.scaling_factor", ""),
    "forgets the scaling factor",
    slip="must be divided by vae",
)
ANSWERS.wrong(
    "noise of its own",
    _paint("latents = latents * pipe", "latents = torch.randn_like(latents) * pipe"),
    "does not start from the noise it is given",
    slip="random is drawn",
)

ANSWERS.wrong(
    "the latents' scale the wrong way round",
    _paint("latents / pipe.vae.config.scaling_factor", "latents * pipe.vae.config.scaling_factor"),
    "multiplies by the scaling factor",
    slip="and were multiplied",
)
ANSWERS.wrong(
    "one guidance too many",
    _paint("answer = without + guidance", "answer = told + guidance"),
    "starts from the told answer",
    slip="guidance g + 1",
)
ANSWERS.wrong(
    "long wishes",
    _paint(", truncation=True", ""),
    "does not cut off what the tokenizer cannot hold",
    visible_passes=True,
    slip="",
)
