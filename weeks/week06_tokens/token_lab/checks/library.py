"""What figures draw with where an exercise is open: the library's own way to do it, with the exercise's arguments.

    token_lab.yours("name")

It is not there while a notebook is graded: see `coursekit.notebook.oracle`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from PIL import Image

from tinyworld import Scene
from token_lab.checks import reference


def quantise(z: torch.Tensor, codebook: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest codes by diffusers' VectorQuantizer, with their indices."""
    quantised, _, (_, _, ids) = reference.quantiser(codebook.detach())(z)
    return quantised, ids


def ema_codes(
    counts: torch.Tensor, sums: torch.Tensor, z: torch.Tensor, ids: torch.Tensor, decay: float = 0.99, eps: float = 1e-5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Running counts, sums and codes."""
    return reference.reference_ema(counts, sums, z, ids, decay, eps)


def restart_dead(
    codebook: torch.Tensor, counts: torch.Tensor, sums: torch.Tensor, z: torch.Tensor, least: float, seed: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Dead codes at rows of z."""
    dead, generator = counts < least, torch.Generator().manual_seed(seed)
    new = codebook.clone()
    if dead.any():
        many = int(dead.sum()) > len(z)
        new[dead] = z[torch.multinomial(torch.ones(len(z)), int(dead.sum()), many, generator=generator)]
    return new, torch.where(dead, 1.0, counts), torch.where(dead[:, None], new, sums)


def usage(batches: Sequence[torch.Tensor], k: int) -> tuple[float, int]:
    """Perplexity by SciPy's entropy, and the number of codes that occur."""
    return reference.library_usage(batches, k)


def adaptive_weight(
    reconstruction: torch.Tensor,
    adversarial: torch.Tensor,
    last: torch.Tensor,
    step: int,
    start: int,
    delta: float = 1e-6,
) -> torch.Tensor:
    """VQGAN's adaptive weight."""
    slopes = [torch.autograd.grad(loss, last, retain_graph=True)[0] for loss in (reconstruction, adversarial)]
    ratio = torch.linalg.vector_norm(slopes[0]) / (torch.linalg.vector_norm(slopes[1]) + delta)
    return ratio.clamp(max=1e4) if step >= start else torch.zeros(())


def next_token(
    scores: torch.Tensor,
    allowed: torch.Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The next tokens by transformers' processors."""
    return reference.choice_by(scores, allowed, temperature, top_k, generator)


def write(model: Any, prompt: torch.Tensor, length: int, choose: Callable[..., torch.Tensor]) -> torch.Tensor:
    """generate(), made to take what `choose` takes."""
    return _generate(model, prompt, length, choose)


def write_guided(
    model: Any,
    prompts: torch.Tensor,
    nulls: torch.Tensor,
    length: int,
    choose: Callable[..., torch.Tensor],
    scale: float,
) -> torch.Tensor:
    """generate() for captions and null captions together, made to take what `choose` takes of the guided scores."""
    n = len(prompts)

    def both(scores: torch.Tensor) -> torch.Tensor:
        return choose(torch.lerp(scores[n:], scores[:n], scale)).repeat(2)

    return _generate(model, torch.cat([prompts, nulls]), length, both)[:n]


def _generate(model: Any, prompt: torch.Tensor, length: int, choose: Callable[..., torch.Tensor]) -> torch.Tensor:
    from transformers import LogitsProcessorList

    def forced(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        taken = choose(scores)
        return torch.full_like(scores, -torch.inf).scatter(1, taken[:, None], 0.0)

    with torch.no_grad():
        written = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=length,
            min_new_tokens=length,
            do_sample=False,
            logits_processor=LogitsProcessorList([forced]),
        )
    return written[:, prompt.shape[1] :]


def unmask(
    scores: torch.Tensor,
    tokens: torch.Tensor,
    mask: int,
    step: int,
    steps: int,
    temperature: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """A step of diffusers' AmusedScheduler."""
    from diffusers import AmusedScheduler

    scheduler = AmusedScheduler(mask_token_id=mask)
    scheduler.set_timesteps(steps, temperature=(temperature, temperature))
    return scheduler.step(scores, steps - 1 - step, tokens, generator=generator).prev_sample


def cutouts(picture: torch.Tensor, places: Sequence[Sequence[int]], side: int) -> torch.Tensor:
    """Squares of a picture by torchvision's resized_crop."""
    return reference.torch_cutouts(picture, places, side)


def prompt_to_paint(
    latent: torch.Tensor,
    project: Callable[[torch.Tensor], torch.Tensor],
    decode: Callable[[torch.Tensor], torch.Tensor],
    score: Callable[[torch.Tensor], torch.Tensor],
    cut: Callable[[torch.Tensor, int], torch.Tensor],
    steps: int,
    rate: float,
) -> tuple[torch.Tensor, list[float]]:
    """Adam on a latent, towards a higher score."""
    latent = latent.detach().clone().requires_grad_(True)
    optimiser, scores = torch.optim.Adam([latent], lr=rate, maximize=True), []
    for step in range(steps):
        mean = score(cut(decode(project(latent)), step)).mean()
        optimiser.zero_grad()
        mean.backward()
        optimiser.step()
        scores.append(float(mean.detach()))
    return project(latent).detach(), scores


def picture_bits(scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Bits of each picture by torch.distributions."""
    return reference.library_bits(scores, codes)


def bit_report(bits: torch.Tensor, m: int, k: int, side: int) -> dict[str, float]:
    """Mean bits in several units."""
    mean, pixels = float(bits.mean()), side * side
    uniform = m * float(torch.tensor(float(k)).log2())
    return {"picture": mean, "token": mean / m, "pixel": mean / pixels, "uniform": uniform, "ratio": 24 * pixels / mean}


def run_program(text: str) -> Scene:
    """The scene of a program, by tinyworld's own parser."""
    return reference.library_scene(text)


def redraw(tries: Iterable[str], picture: Image.Image, close: float) -> tuple[Scene | None, float, int]:
    """The scene that differs least from a picture, up to the first that is close."""
    best, least, count = None, 1.0, 0
    for text in tries:
        count += 1
        try:
            scene = reference.library_scene(text)
        except ValueError:
            continue
        off = reference.difference(scene, picture)
        if best is None or off < least:
            best, least = scene, off
        if least <= close:
            break
    return best, least, count
