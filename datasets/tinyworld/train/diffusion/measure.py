"""Does the diffusion model paint what it is told? The judge (`tinyworld.judge`) reads its pictures.

Captions are unseen: their facts were kept out of training in every wording (`train/latents.py`), and those of the
compositional split pair a colour with a shape that was never trained on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from tinyworld import judge as judges
from tinyworld.checkpoints import checkpoint
from tinyworld.judge import Judge, Seen, Verdict
from tinyworld.objects import direction
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.diffusion.latents import held_out, pictures

GUIDANCE, STEPS = 3.0, 25  # the defaults that the model is measured at
GUIDANCES, STEP_COUNTS = (1.0, 3.0, 5.0, 7.0), (10, 25, 50)
CHUNK = 64
SINGLE = ("colour", "shape", "size", "background", "one object", "all")
DOUBLE = ("both present", "relation", "background", "two objects")


def load(folder: Path) -> StableDiffusionPipeline:
    """The pipeline in a folder, computing in float32, without a progress bar."""
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def measure(folder: Path, n: int = 256) -> dict[str, float]:
    """Every figure of the card, from `n` pictures each. Shares are in [0, 1]; PSNR in dB; seconds an image."""
    pipe, judge = load(folder), judges.load()
    figures = {f"judge/{k}": v for k, v in json.loads((checkpoint("judge") / "figures.json").read_text()).items()}
    figures |= {f"autoencoder/{name}": value for name, value in reconstructions(pipe, judge, 2 * n).items()}
    one, two, new = unseen(n, 1), unseen(n, 2), scenes("compositional", n, objects=1)
    for guidance in GUIDANCES:
        figures |= _named(f"guidance {guidance:g}", obedience(pipe, judge, one, guidance, STEPS))
        figures |= _named(f"guidance {guidance:g}, pairs", obedience(pipe, judge, two, guidance, STEPS))
    for steps in STEP_COUNTS:
        figures |= _named(f"steps {steps}", obedience(pipe, judge, one, GUIDANCE, steps))
        figures |= _named(f"steps {steps}, pairs", obedience(pipe, judge, two, GUIDANCE, steps))
        figures[f"steps {steps}/seconds"] = seconds(pipe, steps)
    return figures | _named("new pairs of colour and shape", obedience(pipe, judge, new, GUIDANCE, STEPS))


def unseen(n: int, objects: int) -> list[Scene]:
    """Scenes of the test split whose captions the model was never trained on."""
    found: list[Scene] = []
    for seed in range(1000):
        found += [s for s in scenes("test", 8 * n, seed, objects) if held_out(s)]
        if len(found) >= n:
            break
    return found[:n]


def obedience(
    pipe: StableDiffusionPipeline, judge: Judge, asked: list[Scene], guidance: float = GUIDANCE, steps: int = STEPS
) -> dict[str, float]:
    """How often the pictures of these scenes' captions show what was asked for; see `score`."""
    return score(asked, judge.read(paintings(pipe, captions(asked), guidance, steps)))


def captions(asked: list[Scene]) -> list[str]:
    """One caption a scene: for every other one a paraphrase."""
    return [s.caption(np.random.default_rng(i) if i % 2 else None) for i, s in enumerate(asked)]


def paintings(
    pipe: StableDiffusionPipeline, texts: list[str], guidance: float = GUIDANCE, steps: int = STEPS, seed: int = 0
) -> np.ndarray:
    """Pictures of captions, uint8 (n, 64, 64, 3)."""
    painted = []
    for i in range(0, len(texts), CHUNK):
        part = texts[i : i + CHUNK]
        generator = torch.Generator().manual_seed(seed * 10**6 + i)
        images = pipe(part, num_inference_steps=steps, guidance_scale=guidance, generator=generator).images
        painted += [np.asarray(image) for image in images]
    return np.stack(painted)


def score(asked: list[Scene], verdicts: list[Verdict]) -> dict[str, float]:
    """How often verdicts agree with what was asked for, scenes all of one object or all of two.

    One: colour, shape, size of the object the judge is surest of; background; "one object", and no other; "all" of it.
    Two: "both present" in colour and shape; the relation, of the pictures where both are; background; "two objects".
    """
    one = all(len(s.objects) == 1 for s in asked)
    judged = [_single(s, v) if one else _double(s, v) for s, v in zip(asked, verdicts, strict=True)]
    return {name: _share(j[name] for j in judged) for name in (SINGLE if one else DOUBLE)}


def _single(scene: Scene, verdict: Verdict) -> dict[str, bool]:
    (wanted,) = scene.objects
    right = {
        name: bool(verdict.objects) and getattr(verdict.objects[0], name) == getattr(wanted, name)
        for name in ("colour", "shape", "size")
    }
    right |= {"background": verdict.background == scene.background, "one object": len(verdict.objects) == 1}
    return right | {"all": all(right.values())}


def _double(scene: Scene, verdict: Verdict) -> dict[str, bool | None]:
    first, second = (_find(thing, verdict) for thing in scene.objects)
    relation = direction(first, second) == direction(*scene.objects) if first and second else None
    return {
        "both present": relation is not None,
        "relation": relation,
        "background": verdict.background == scene.background,
        "two objects": len(verdict.objects) == 2,
    }


def _find(thing, verdict: Verdict) -> Seen | None:
    same = (s for s in verdict.objects if (s.colour, s.shape) == (thing.colour, thing.shape))
    return next(same, None)


def _share(answers: Iterable[bool | None]) -> float:
    asked = [a for a in answers if a is not None]
    return float(np.mean(asked)) if asked else 0.0


def reconstructions(pipe: StableDiffusionPipeline, judge: Judge, n: int) -> dict[str, float]:
    """PSNR in dB of encoding and decoding, and what the judge still reads from the result."""
    drawn = scenes("test", n, objects=1)
    pixels, out = pictures(drawn), []
    with torch.no_grad():
        for part in pixels.split(CHUNK):
            latents = pipe.vae.encode(part).latent_dist.mean
            out.append(pipe.vae.decode(latents).sample.clamp(-1, 1))
    seen = torch.cat(out)
    figures = {"PSNR": 10 * np.log10(4 / (seen - pixels).square().mean().item())}
    return figures | score(drawn, judge.read(seen))


def seconds(pipe: StableDiffusionPipeline, steps: int = STEPS, guidance: float = GUIDANCE) -> float:
    """The time of one picture by itself: the least of three."""
    times = []
    for seed in range(3):
        start = time.perf_counter()
        paintings(pipe, ["a small red star on a white background"], guidance, steps, seed)
        times.append(time.perf_counter() - start)
    return min(times)


def look(pipe: StableDiffusionPipeline, n: int = 48, sheet: Path | None = None) -> dict[str, float]:
    """A few figures of validation captions, while training, and with `sheet` a picture of the pictures."""
    pipe.set_progress_bar_config(disable=True)
    figures: dict[str, float] = {}
    painted = []
    judge = judges.load()
    for objects, kinds in ((1, SINGLE), (2, DOUBLE[:2])):
        asked = [s for s in scenes("validation", 16 * n, objects=objects) if held_out(s)][:n]
        painted.append(paintings(pipe, captions(asked)))
        figures |= {name: value for name, value in score(asked, judge.read(painted[-1])).items() if name in kinds}
    if sheet:
        rows = np.concatenate(painted)
        rows = rows[: len(rows) // 12 * 12].reshape(-1, 12, 64, 64, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 12 * 64, 3)
        page = Image.fromarray(rows)
        page.resize((2 * page.width, 2 * page.height), Image.Resampling.NEAREST).save(sheet)
    return figures


def _named(group: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{group}/{name}": value for name, value in figures.items()}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    groups = [f"guidance {g:g}" for g in GUIDANCES] + [f"steps {s}" for s in STEP_COUNTS]

    def row(group: str, names: tuple[str, ...]) -> str:
        return " | ".join(f"{100 * figures[f'{group}/{name}']:.1f} %" for name in names)

    lines = [f"| one object | {' | '.join(SINGLE)} |", f"|---|{'---|' * len(SINGLE)}"]
    lines += [f"| {group} | {row(group, SINGLE)} |" for group in (*groups, "new pairs of colour and shape")]
    lines += ["", f"| two objects | {' | '.join(DOUBLE)} |", f"|---|{'---|' * len(DOUBLE)}"]
    lines += [f"| {group} | {row(f'{group}, pairs', DOUBLE)} |" for group in groups]
    times = ", ".join(f"{figures[f'steps {s}/seconds']:.2f} s with {s} steps" for s in STEP_COUNTS)
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| one picture | {times} |",
        f"| autoencoder | {figures['autoencoder/PSNR']:.1f} dB; shape still read from "
        f"{100 * figures['autoencoder/shape']:.1f} % of its pictures |",
        f"| the judge on drawings | shape {100 * figures['judge/test/shape']:.1f} %, colour "
        f"{100 * figures['judge/test/colour']:.1f} %, background {100 * figures['judge/test/background']:.1f} % |",
    ]
    return "\n".join(lines)
