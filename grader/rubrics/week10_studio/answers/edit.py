# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `edit`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("edit")

EDIT = """
def vary(pipe, picture, prompt, seed, strength=0.6, steps=20, guidance=3.0):
    picture = picture.convert("RGB")
    if int(steps * strength) < 1:
        return picture
    parts = {**pipe.components, "scheduler": copy.deepcopy(pipe.scheduler)}
    mine = diffusers.StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
    mine.set_progress_bar_config(disable=True)
    return mine(
        prompt,
        picture,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]


def repaint(pipe, picture, region, prompt, seed, steps=20, guidance=3.0):
    picture = picture.convert("RGB")
    w, h = picture.size
    left, top, right, bottom = region
    columns = [left <= (i + 0.5) / w < right for i in range(w)]
    rows = [top <= (i + 0.5) / h < bottom for i in range(h)]
    inside = torch.tensor(rows)[:, None] & torch.tensor(columns)[None]
    if inside.sum() == 0:
        raise ValueError("There is no pixel in this region.")
    parts = {**pipe.components, "scheduler": copy.deepcopy(pipe.scheduler)}
    mine = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)
    mine.set_progress_bar_config(disable=True)
    pixels = torch.tensor(np.asarray(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        z = pipe.vae.encode(pixels).latent_dist.mean * pipe.vae.config.scaling_factor
    m = F.adaptive_max_pool2d(inside.float()[None, None], z.shape[-2:])
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))

    def keep(_, i, t, values):
        times = mine.scheduler.timesteps
        level = mine.scheduler.alphas_cumprod[times[i + 1]] if i + 1 < len(times) else torch.tensor(1.0)
        known = level.sqrt() * z + (1 - level).sqrt() * noise
        return {"latents": m * values["latents"] + (1 - m) * known}

    new = mine(
        prompt, num_inference_steps=steps, guidance_scale=guidance, latents=noise.clone(), callback_on_step_end=keep
    ).images[0]
    result = np.where(inside.numpy()[..., None], np.asarray(new), np.asarray(picture))
    return Image.fromarray(result)
"""
ANSWERS.right("the formula written out", EDIT)
ANSWERS.right(
    "a mask by hand",
    swap(
        EDIT,
        (
            "    m = F.adaptive_max_pool2d(inside.float()[None, None], z.shape[-2:])\n",
            "    m = torch.zeros(z.shape[-2:])\n"
            "    for y, x in torch.nonzero(inside).tolist():\n"
            "        m[y * m.shape[0] // h, x * m.shape[1] // w] = 1\n",
        ),
        (
            "        level = mine.scheduler.alphas_cumprod[times[i + 1]] if i + 1 < len(times) else torch.tensor(1.0)\n"
            "        known = level.sqrt() * z + (1 - level).sqrt() * noise\n",
            "        last = i + 1 == len(times)\n"
            "        known = z if last else mine.scheduler.add_noise(z, noise, times[i + 1].reshape(1))\n",
        ),
    ),
)
ANSWERS.wrong(
    "not laid over the original",
    swap(EDIT, ("np.where(inside.numpy()[..., None], np.asarray(new), np.asarray(picture))", "np.asarray(new)")),
    "the decoder changes everything a little",
    slip="laid over the original",
)
ANSWERS.wrong(
    "inside out",
    swap(EDIT, ("np.asarray(new), np.asarray(picture))", "np.asarray(picture), np.asarray(new))")),
    "the mask turned round",
    slip="inside out",
)
ANSWERS.wrong(
    "nothing is painted",
    swap(EDIT, ("np.asarray(new), np.asarray(picture))", "np.asarray(picture), np.asarray(picture))")),
    "returns the original",
    slip="nothing changed inside",
)
ANSWERS.wrong(
    "another strength",
    swap(EDIT, ("        strength=strength,\n", "")),
    "the pipeline's own 0.8",
    slip="own 0.8",
)
ANSWERS.wrong(
    "no seed",
    swap(EDIT, ("        generator=torch.Generator().manual_seed(seed),\n", "")),
    "another picture each time",
    slip="another picture each time",
)
ANSWERS.wrong(
    "painted apart",
    swap(EDIT, (", callback_on_step_end=keep\n", "\n")),
    "what is new knows nothing of what is there",
    slip="never put back",
)
ANSWERS.wrong(
    "noised to the time before",
    swap(EDIT, ("alphas_cumprod[times[i + 1]] if i + 1 < len(times) else torch.tensor(1.0)", "alphas_cumprod[t]")),
    "the known part is a step behind, and never clean",
    slip="of the time before",
)
ANSWERS.wrong(
    "without noise",
    swap(EDIT, ("level.sqrt() * z + (1 - level).sqrt() * noise", "z")),
    "clean latents beside noisy ones",
    slip="without its noise",
)
ANSWERS.wrong(
    "an empty region let through",
    swap(EDIT, ("if inside.sum() == 0:", "if left == right:")),
    "turned round, or between two pixels",
    slip="which holds no pixel",
)
ANSWERS.wrong(
    "no strength, no picture",
    swap(EDIT, ("    if int(steps * strength) < 1:\n        return picture\n", "")),
    "the pipeline fails where there is no step to make",
    visible_passes=True,
    slip="",
)
