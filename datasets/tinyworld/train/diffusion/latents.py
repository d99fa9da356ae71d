"""What the diffusion model learns from: latents of training scenes, the states of a caption and labels, made ahead.

Encoding a scene costs about half of what learning from it once does. So scenes are encoded by the shard, each is used
several times with new noise, and then the next shard's come. A shard is a function of the seed and its number, so a
run that was stopped goes on with the latents it would have had.
"""

from __future__ import annotations

import random
import zlib

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTextModel, CLIPTokenizer

from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.batches import labels

CHUNK = 128
SHORT = 0.1  # how often a caption leaves facts out
HELD_OUT = 8  # one in so many captions is never trained on


def held_out(scene: Scene) -> bool:
    """Whether the facts of a scene were kept out of training, in any wording: what the model is measured on."""
    return zlib.crc32(repr(tuple(scene.facts())).encode()) % HELD_OUT == 0


class TextStates:
    """The course's CLIP text tower, frozen: captions to what the UNet attends to, float32 (n, 32, width)."""

    def __init__(self, encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
        self.encoder, self.tokenizer = encoder, tokenizer

    @torch.no_grad()
    def __call__(self, captions: list[str]) -> torch.Tensor:
        ids = self.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
        ids = ids.to(self.encoder.device)
        return torch.cat([self.encoder(part).last_hidden_state for part in ids.split(CHUNK)])


class Shards:
    """Batches of latents, float32 (n, channels, 8, 8), text states, float32 (n, 32, width), and the scenes' labels, as
    `batches.labels` has them.

    scenes: in a shard.    uses: how often each comes.    simple: the first shards so many hold one object a scene only,
    the others 45 % one, 40 % two and 15 % three.
    """

    def __init__(
        self, vae: AutoencoderKL, text: TextStates, scenes: int, uses: int, batch: int, simple: int, seed: int
    ) -> None:
        self.vae, self.text, self.seed, self.simple = vae, text, seed, simple
        self.scenes, self.batch = scenes, batch
        self.steps = scenes * uses // batch  # to one shard
        self._loaded: tuple[int, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]] | None = None

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """The batch of a step."""
        number, within = divmod(step, self.steps)
        if self._loaded is None or self._loaded[0] != number:
            drawn = self.draw(number)
            known = {name: tensor.to(self.vae.device) for name, tensor in labels(drawn).items()}
            self._loaded = (number, *self.encode(drawn, number), known)
        _, latents, states, known = self._loaded
        a_pass, first = divmod(within * self.batch, self.scenes - self.scenes % self.batch)
        generator = torch.Generator().manual_seed((self.seed * 10**4 + number) * 10**3 + a_pass)
        chosen = torch.randperm(self.scenes, generator=generator)[first : first + self.batch].to(latents.device)
        batch = {name: tensor[chosen] for name, tensor in known.items()}
        return latents[chosen].float(), states[chosen].float(), batch

    def draw(self, number: int) -> list[Scene]:
        """The scenes of a shard."""
        rng = random.Random(f"{self.seed}/{number}")
        parts = (1.0, 0.0, 0.0) if number < self.simple else (0.45, 0.4, 0.15)
        drawn: list[Scene] = []
        for objects, part in zip((1, 2, 3), parts, strict=True):
            # About one in eight is held out: draw a quarter more than is needed.
            several = scenes("train", int(1.25 * part * self.scenes) + 64 * (part > 0), rng.randrange(2**30), objects)
            drawn += [s for s in several if not held_out(s)][: round(part * self.scenes)]
        if len(drawn) < self.scenes:
            drawn += drawn[: self.scenes - len(drawn)]
        return drawn[: self.scenes]

    @torch.no_grad()
    def encode(self, drawn: list[Scene], number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents and text states of scenes, in half precision to keep them small."""
        rng, device = np.random.default_rng((self.seed, number)), self.vae.device
        captions = [
            s.short_caption(rng) if rng.random() < SHORT else s.caption(rng if rng.random() < 0.5 else None)
            for s in drawn
        ]
        latents = []
        for i in range(0, len(drawn), CHUNK):
            latents.append(self.vae.encode(pictures(drawn[i : i + CHUNK]).to(device)).latent_dist.mean.half())
        states = [self.text(captions[i : i + CHUNK]).half() for i in range(0, len(captions), CHUNK)]
        return torch.cat(latents), torch.cat(states)


def pictures(drawn: list[Scene]) -> torch.Tensor:
    """Scenes to what the autoencoder reads: float32 (n, 3, 64, 64) in [-1, 1]."""
    pixels = np.stack([np.asarray(scene.render(64)) for scene in drawn])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
