"""The models of week 6 as the library runs them, and what the notebook's own functions are put into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from coursekit import models
from coursekit.models import Loaded
from tinyworld import tokens

GUIDANCE = 2.0
PASSES = 8  # of masked decoding
HEAT = 2.0  # of its noise at the first pass; it falls to 0
PROMPT = "a large red star on a white background"
CUTS = 6  # cutouts of a step
SIDE = 64


# --- tokens ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def latents(vq: Any, pixels: torch.Tensor) -> torch.Tensor:
    """What the tokeniser's encoder says of pictures (n, 3, 64, 64) in [0, 1]: float (n, 8, 8, 8), features first."""
    return vq.encode(pixels.to(vq.device)).latents


@torch.no_grad()
def tokens_of(vq: Any, pixels: torch.Tensor) -> torch.Tensor:
    """The library's tokens of pictures, int64 (n, 8, 8)."""
    found = latents(vq, pixels)
    return vq.quantize(found)[2][2].view(len(found), *found.shape[2:]).cpu()


def decode(vq: Any, quantised: torch.Tensor) -> torch.Tensor:
    """Quantised latents (n, 8, h, w) to pictures, float (n, 3, 8h, 8w), about in [0, 1]. Gradients go through."""
    return vq.decoder(vq.post_quant_conv(quantised))


@torch.no_grad()
def pictures_of(vq: Any, ids: torch.Tensor) -> torch.Tensor:
    """Tokens, int64 (n, h, w), to pictures, float32 (n, 3, 8h, 8w) in [0, 1] on the CPU."""
    n, h, w = ids.shape
    found = vq.quantize.get_codebook_entry(ids.to(vq.device).flatten(), (n, h, w, vq.config.vq_embed_dim))
    return decode(vq, found).clamp(0, 1).float().cpu()


# --- from words to tokens -------------------------------------------------------------------------------------------


def allowed() -> torch.Tensor:
    """Which ids may stand in a picture: bool (vocabulary,)."""
    return torch.arange(tokens.VOCABULARY) >= tokens.IMAGE_OFFSET


def chooser(
    pick: Callable[..., torch.Tensor], temperature: float = 1.0, top_k: int | None = None, seed: int = 0
) -> Callable[[torch.Tensor], torch.Tensor]:
    """choose(scores): the next codes of pictures. pick: as the notebook's."""
    generator = torch.Generator().manual_seed(seed)
    return lambda scores: pick(scores, allowed(), temperature, top_k, generator)


def nulls(n: int) -> torch.Tensor:
    """The prompts that say nothing, int64 (n, 26)."""
    return tokens.painting([""] * n)


@torch.no_grad()
def generate(
    painter: Any, captions: Sequence[str], guidance: float = GUIDANCE, seed: int = 0, begun: torch.Tensor | None = None
) -> torch.Tensor:
    """Tokens that the library's generate() writes behind captions, int64 (n, 64).

    begun: int64 (n, b), tokens with which each picture begins, which stay.
    """
    prompts, empty = tokens.painting(captions), nulls(len(captions))
    if begun is not None:
        prompts, empty = (torch.cat([ids, tokens.codes_to_ids(begun)], dim=1) for ids in (prompts, empty))
    left = tokens.PICTURE - (0 if begun is None else begun.shape[1])
    how: dict[str, Any] = {"guidance_scale": guidance, "negative_prompt_ids": empty} if guidance != 1 else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ids = painter.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=left,
            min_new_tokens=left,
            do_sample=True,
            top_k=0,
            suppress_tokens=list(range(tokens.IMAGE_OFFSET)),
            **how,
        )
    return tokens.ids_to_codes(ids[:, -tokens.PICTURE :])


def masked_scores(masker: Loaded, captions: Sequence[str], guidance: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """scores(ids): what the masked painter says of tokens (n, 64) under captions, float (n, 64, 256), guided."""
    told, untold = masker.processor(list(captions)), masker.processor([""] * len(captions))

    @torch.no_grad()
    def scores(ids: torch.Tensor) -> torch.Tensor:
        ids = ids.view(-1, tokens.SIDE, tokens.SIDE)
        found = masker.model(ids, **told)
        if guidance != 1:
            without = masker.model(ids, **untold)
            found = without + guidance * (found - without)
        return found.flatten(2).transpose(1, 2)[..., : tokens.CODES]

    return scores


def mask_of(masker: Loaded) -> int:
    """The id that stands for a token that is not known yet."""
    return int(masker.model.config.vocab_size - 1)


def decode_masked(
    masker: Loaded,
    captions: Sequence[str],
    unmask: Callable[..., torch.Tensor],
    guidance: float = GUIDANCE,
    seed: int = 0,
    begun: torch.Tensor | None = None,
) -> list[torch.Tensor]:
    """Tokens (n, 64) before the first and after every pass of masked decoding.

    unmask: as the notebook's.   begun: int64 (n, 64), tokens that stay, and the mask's id where they do not.
    """
    mask, scores = mask_of(masker), masked_scores(masker, captions, guidance)
    ids = torch.full((len(captions), tokens.PICTURE), mask) if begun is None else begun
    generator, seen = torch.Generator().manual_seed(seed), [ids]
    for step in range(PASSES):
        heat = HEAT * (1 - step / (PASSES - 1))
        ids = unmask(scores(ids), ids, mask, step, PASSES, heat, generator)
        seen.append(ids)
    return seen


@torch.no_grad()
def amused(
    vq: Any, masker: Loaded, caption: str, passes: int = 12, guidance: float = 10.0, seed: int = 0
) -> torch.Tensor:
    """A picture of a caption by the full profile's aMUSEd, float32 (1, 3, 256, 256) in [0, 1], by its own scheduler."""
    from diffusers import AmusedScheduler

    model, side = masker.model, 16
    scheduler = AmusedScheduler(mask_token_id=mask_of(masker))
    scheduler.set_timesteps(passes, device=model.device)
    told, untold = masker.processor([caption]), masker.processor([""])
    ids = torch.full((1, side, side), mask_of(masker), device=model.device)
    generator = torch.Generator().manual_seed(seed)
    for step in scheduler.timesteps:
        without, with_words = model(ids, **untold), model(ids, **told)
        scores = without + guidance * (with_words - without)
        ids = scheduler.step(scores.float(), step, ids, generator=generator).prev_sample
    return pictures_of(vq, ids)


# --- climbing towards words -----------------------------------------------------------------------------------------


def starting_latent(vq: Any, seed: int = 0) -> torch.Tensor:
    """Where `prompt_to_paint` begins: the latent of a white page with a little noise, (1, 8, 8, 8)."""
    noise = torch.randn((1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))
    return latents(vq, (0.95 + 0.03 * noise).clamp(0, 1))


def straight_to_codes(vq: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """project(latent): the library's nearest codes, with a gradient that goes straight through."""
    return lambda latent: vq.quantize(latent)[0]


def words_score(clip: Loaded, words: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """score(pictures (m, 3, s, s) in [0, 1]): CLIP's cosine of each with the words, (m,)."""
    mean, spread = (
        torch.tensor(getattr(clip.processor.image_processor, name)).view(3, 1, 1)
        for name in ("image_mean", "image_std")
    )
    side = clip.model.config.vision_config.image_size
    wanted = torch.nn.functional.normalize(models.embed_texts(clip, [words]), dim=-1)[0]

    def score(pictures: torch.Tensor) -> torch.Tensor:
        if pictures.shape[-1] != side:
            pictures = torch.nn.functional.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
        seen = clip.model.get_image_features(pixel_values=(pictures - mean) / spread)
        seen = getattr(seen, "pooler_output", seen)  # transformers 5 gives the tower's whole output
        return torch.nn.functional.normalize(seen, dim=-1) @ wanted

    return score


def places_of(step: int, n: int = CUTS, least: float = 0.8) -> list[tuple[int, int, int]]:
    """Where the cutouts of a step lie: (top, left, size) in pixels, the same for the same step."""
    rng, places = np.random.default_rng(step), []
    for _ in range(n):
        size = int(rng.integers(round(least * SIDE), SIDE + 1))
        places.append((int(rng.integers(SIDE - size + 1)), int(rng.integers(SIDE - size + 1)), size))
    return places
