"""Does the masked painter paint what it is told? The judge reads its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import UVit2DModel, VQModel

from tinyworld import judge as judges
from tinyworld import tokens
from tinyworld.checkpoints import checkpoint
from tinyworld.conditions import TextConditions
from tinyworld.judge import Judge
from tinyworld.train import painters
from tinyworld.train.diffusion import measure as diffusion
from tinyworld.train.diffusion.recipe import text_tower
from tinyworld.train.editing import Repaint, edits
from tinyworld.train.masked.sampling import GUIDANCE, STEPS, paint
from tinyworld.train.vq import measure as vq_measure

GUIDANCES = (1.0, 2.0, 3.0)
STEP_COUNTS = (4, 8)  # beside the default


def load(folder: Path) -> UVit2DModel:
    """The model in a folder, computing in float32."""
    model = UVit2DModel.from_pretrained(folder, low_cpu_mem_usage=False)
    return model.float().eval().requires_grad_(False)


def measure(folder: Path, n: int = 256, vq_folder: Path | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` pictures each. Shares are in [0, 1]; seconds a picture."""
    model, vq, judge = load(folder), vq_measure.load(vq_folder or checkpoint("vq")), judges.load()
    conditions = TextConditions(*text_tower())
    figures: dict[str, float] = {}
    ways = [(f"guidance {g:g}", g, STEPS) for g in GUIDANCES] + [(f"steps {s}", GUIDANCE, s) for s in STEP_COUNTS]
    for name, guidance, steps in ways:
        groups = painters.GROUPS if (guidance, steps) == (GUIDANCE, STEPS) else painters.GROUPS[:1]
        found = painters.obedience(painter(model, conditions, vq, guidance, steps), judge, n, groups)
        figures |= {f"{name}/{key}": value for key, value in found.items()}
    now = painter(model, conditions, vq)
    figures |= {"diversity": painters.diversity(now, judge), "seconds": painters.seconds(now)}
    figures |= {f"edit/{key}": value for key, value in edits(repainter(model, conditions, vq), judge, n // 4).items()}
    return figures | {f"diffusion/{key}": value for key, value in of_diffusion(judge, n // 4).items()}


def painter(
    model: UVit2DModel, conditions: TextConditions, vq: VQModel, guidance: float = GUIDANCE, steps: int = STEPS
) -> painters.Paint:
    """What `painters` measures."""
    return lambda texts, seed: tokens.decode(vq, paint(model, conditions, texts, guidance, steps, seed))


def repainter(model: UVit2DModel, conditions: TextConditions, vq: VQModel) -> Repaint:
    """What `editing` measures: the cells of the object are masked, and all others stay."""

    def repaint(pixels: torch.Tensor, texts: list[str], cells: torch.Tensor) -> np.ndarray:
        begun = torch.where(cells, model.config.vocab_size - 1, tokens.encode(vq, pixels))
        return tokens.decode(vq, paint(model, conditions, texts, begun=begun))

    return repaint


def of_diffusion(judge: Judge, n: int) -> dict[str, float]:
    """What the cards of the painters say and that of the course's diffusion model does not: edits and diversity."""
    pipe = diffusion.load(checkpoint("diffusion"))

    def repaint(pixels: torch.Tensor, texts: list[str], cells: torch.Tensor) -> np.ndarray:
        """After each step what is not to be painted is set to the picture's own latents, as noisy as the rest
        (RePaint, Lugmayr et al. 2022, without its resampling; diffusers' inpainting wants latents of four channels)."""
        with torch.no_grad():
            own = pipe.vae.encode(pixels).latent_dist.mean
        noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(0))
        free = cells.view(-1, 1, tokens.SIDE, tokens.SIDE)

        def keep(pipe, i: int, _, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            after = pipe.scheduler.timesteps[i + 1 : i + 2]
            known = pipe.scheduler.add_noise(own, noise, after) if len(after) else own
            return {"latents": torch.where(free, given["latents"], known)}

        ways = {"num_inference_steps": diffusion.STEPS, "guidance_scale": diffusion.GUIDANCE, "output_type": "np"}
        images = pipe(texts, latents=noise, callback_on_step_end=keep, **ways).images
        return (255 * images).round().astype(np.uint8)

    def paint_now(texts: list[str], seed: int) -> np.ndarray:
        return diffusion.paintings(pipe, texts, seed=seed)

    figures = {f"edit/{key}": value for key, value in edits(repaint, judge, n).items()}
    return figures | {"diversity": painters.diversity(paint_now, judge), "seconds": painters.seconds(paint_now)}


def look(model: UVit2DModel, conditions: TextConditions, vq: VQModel, sheet: Path | None = None) -> dict[str, float]:
    """A few figures of validation captions, while training."""
    return painters.look(painter(model, conditions, vq), judges.load(), sheet)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    groups = {f"guidance {g:g}/": f"guidance {g:g}" for g in GUIDANCES}
    groups |= {f"steps {s}/": f"{s} steps" for s in STEP_COUNTS}
    lines = painters.rows(figures, groups)
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| one picture | {figures['seconds']:.2f} s with {STEPS} steps; the diffusion model "
        f"{figures['diffusion/seconds']:.2f} s with {diffusion.STEPS} |",
        f"| one caption, many pictures | the object's centre spreads by {figures['diversity']:.1f} pixels; the "
        f"diffusion model's by {figures['diffusion/diversity']:.1f} |",
        *(
            f"| an edit of one colour{whose} | {100 * figures[f'{group}edit/right']:.1f} % right, "
            f"{100 * figures[f'{group}edit/stays']:.1f} % in their place, the rest kept to "
            f"{figures[f'{group}edit/kept']:.1f} dB |"
            for group, whose in (("", ""), ("diffusion/", ", by the diffusion model"))
        ),
    ]
    return "\n".join(lines)
