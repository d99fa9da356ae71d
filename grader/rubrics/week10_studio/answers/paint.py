# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `paint`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("paint")

PAINT = """
def paint(pipe, prompt, seeds, steps=20, guidance=3.0, on_step=None):
    parts = dict(pipe.components)
    parts["scheduler"] = copy.deepcopy(pipe.scheduler)
    mine = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)
    mine.set_progress_bar_config(disable=True)

    def told(_, i, t, values):
        if on_step:
            on_step(i + 1, values["latents"])
        return values

    return mine(
        prompt=[prompt for _ in seeds],
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        callback_on_step_end=told,
    ).images
"""
ANSWERS.right("one pipeline of its own", PAINT)
ANSWERS.right(
    "a loop of its own",
    """
def paint(pipe, prompt, seeds, steps=20, guidance=3.0, on_step=None):
    scheduler = copy.deepcopy(pipe.scheduler)
    scheduler.set_timesteps(steps)
    size = pipe.unet.config.sample_size
    shape = (1, pipe.unet.config.in_channels, size, size)
    x = torch.cat([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    x = x * scheduler.init_noise_sigma
    ids = pipe.tokenizer(
        ["", prompt], padding="max_length", max_length=pipe.tokenizer.model_max_length, truncation=True,
        return_tensors="pt",
    ).input_ids
    with torch.no_grad():
        empty, told = pipe.text_encoder(ids)[0]
        states = torch.stack([empty] * len(seeds) + [told] * len(seeds))
        for i, t in enumerate(scheduler.timesteps):
            without, given = pipe.unet(torch.cat([x, x]), t, encoder_hidden_states=states).sample.chunk(2)
            x = scheduler.step(without + guidance * (given - without), t, x).prev_sample
            if on_step is not None:
                on_step(i + 1, x.clone())
        pixels = pipe.vae.decode(x / pipe.vae.config.scaling_factor).sample
    arrays = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(array) for array in arrays]
""",
)
ANSWERS.wrong(
    "on the shared pipeline",
    swap(
        PAINT,
        (
            '    parts = dict(pipe.components)\n    parts["scheduler"] = copy.deepcopy(pipe.scheduler)\n'
            "    mine = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)\n"
            "    mine.set_progress_bar_config(disable=True)\n",
            "    mine = pipe\n",
        ),
    ),
    "two visitors get each other's steps",
    slip="scheduler is not as it was",
)
ANSWERS.wrong(
    "the scheduler shared",
    swap(PAINT, ('    parts["scheduler"] = copy.deepcopy(pipe.scheduler)\n', "")),
    "a pipeline of its own with everybody's scheduler",
    slip="scheduler is not as it was",
)
ANSWERS.wrong(
    "one generator for all",
    swap(
        PAINT,
        ("[torch.Generator().manual_seed(seed) for seed in seeds]", "torch.Generator().manual_seed(seeds[0])"),
    ),
    "a seed's picture depends on its company",
    slip="one generator for all",
)
ANSWERS.wrong(
    "the global generator",
    swap(
        PAINT,
        ("        generator=[torch.Generator().manual_seed(seed) for seed in seeds],\n", ""),
        ("    return mine(", "    torch.manual_seed(seeds[0])\n    return mine("),
    ),
    "moves everybody's randomness",
    slip="global generator",
)
ANSWERS.wrong(
    "steps from 0",
    swap(PAINT, ("on_step(i + 1", "on_step(i")),
    "the bar is never full",
    slip="count from 1",
)
ANSWERS.wrong(
    "nobody is told",
    swap(PAINT, ("        if on_step:\n", "        if False:\n")),
    "no progress",
    slip="never called",
)
ANSWERS.wrong(
    "guidance ignored",
    swap(PAINT, ("        guidance_scale=guidance,\n", "")),
    "the pipeline's own default",
    slip="guidance is not used",
)
ANSWERS.wrong(
    "errors of on_step swallowed",
    swap(
        PAINT,
        (
            '            on_step(i + 1, values["latents"])\n',
            '            try:\n                on_step(i + 1, values["latents"])\n'
            "            except Exception:\n                pass\n",
        ),
    ),
    "it cannot be stopped",
    visible_passes=True,
    slip="",
)

ANSWERS.wrong(
    "one by one",
    swap(
        PAINT,
        (
            "    return mine(\n        prompt=[prompt for _ in seeds],\n",
            "    return [\n      mine(\n        prompt=prompt,\n",
        ),
        (
            "        generator=[torch.Generator().manual_seed(seed) for seed in seeds],\n",
            "        generator=torch.Generator().manual_seed(seed),\n",
        ),
        ("    ).images\n", "      ).images[0]\n      for seed in seeds\n    ]\n"),
    ),
    "on_step hears of n times as many steps, and it takes longer",
    slip="painted one by one",
)
