"""Text to film: the course's latent diffusion model with a motion module, and words for it to be told motions by.

    from tinyworld import motion
    pipe, words = motion.load()                                   # an AnimateDiffPipeline, and MotionWords
    shown = motion.filmed(pipe, words, ["a small red star falls to the floor on a white background"], seed=0)
    shown.shape                                                   # uint8 (1, 8, 64, 64, 3)

The painter of week 2 and its text encoder stay as they are, and they never read "moves left". So a caption is taken
apart (`films.parse_caption`): what is seen goes to the encoder, what moves becomes four learnt tokens behind it.

Nothing of it is shipped yet: `python -m tinyworld.train motion` makes what `load` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import AnimateDiffPipeline, MotionAdapter, StableDiffusionPipeline
from safetensors.torch import load_file
from torch import nn

from tinyworld import films
from tinyworld.checkpoints import checkpoint
from tinyworld.films import MOTIONS, FilmFacts

FRAMES = 8
TOKENS = 4
STEPS, GUIDANCE = 25, 2.0
FILE = "words.safetensors"
WAYS = (None, "left", "right")
HOWS = (None, "slowly", "quickly")


class MotionWords(nn.Module):
    """Motions to tokens that stand behind a caption's: of the motion, of its way and of its pace, added together.

    forward: indices int64 (n, 3), of `told`, to float (n, 4, width). The last motion is none, for guidance.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (len(MOTIONS) + 1, len(WAYS), len(HOWS))
        self.tables = nn.ModuleList(nn.Embedding(n, TOKENS * width) for n in sizes)
        self.width = width

    def forward(self, told: torch.Tensor) -> torch.Tensor:
        found = torch.stack([table(told[:, i]) for i, table in enumerate(self.tables)]).sum(0)
        return found.view(-1, TOKENS, self.width)


def told(facts: FilmFacts | None) -> list[int]:
    """What `MotionWords` is told of a film: motion, way and pace as indices; of None that there is no motion."""
    if facts is None:
        return [len(MOTIONS), 0, 0]
    return [MOTIONS.index(facts.motion), WAYS.index(facts.way), HOWS.index(facts.pace)]


def states(pipe: AnimateDiffPipeline | StableDiffusionPipeline, texts: Sequence[str]) -> torch.Tensor:
    """The text encoder's states of texts, float (n, 32, width)."""
    inputs = pipe.tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")
    return pipe.text_encoder(inputs["input_ids"].to(pipe.text_encoder.device)).last_hidden_state


@torch.no_grad()
def prompts(pipe: AnimateDiffPipeline, words: MotionWords, facts: Sequence[FilmFacts | None]) -> torch.Tensor:
    """`prompt_embeds` of films, float (n, 36, width); of None those of no prompt."""
    seen = states(pipe, [films.still_caption(f) if f else "" for f in facts])
    moving = words(torch.tensor([told(f) for f in facts], device=seen.device))
    return torch.cat([seen, moving], dim=1)


def filmed(
    pipe: AnimateDiffPipeline,
    words: MotionWords,
    captions: Sequence[str],
    seed: int = 0,
    guidance: float = GUIDANCE,
    steps: int = STEPS,
) -> np.ndarray:
    """Films of captions, uint8 (n, 8, 64, 64, 3). Raises ValueError for what is no caption of a film."""
    facts = [films.parse_caption(caption) for caption in captions]
    made = pipe(
        prompt_embeds=prompts(pipe, words, facts),
        negative_prompt_embeds=prompts(pipe, words, [None] * len(facts)),
        num_frames=FRAMES,
        height=64,
        width=64,
        guidance_scale=guidance,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
    ).frames
    return np.round(255 * np.asarray(made)).astype(np.uint8)


def pipeline_of(painter: StableDiffusionPipeline, adapter: MotionAdapter) -> AnimateDiffPipeline:
    """The painter of week 2 with a motion module, as one pipeline without a progress bar."""
    pipe = AnimateDiffPipeline(
        vae=painter.vae,
        text_encoder=painter.text_encoder,
        tokenizer=painter.tokenizer,
        unet=painter.unet,
        motion_adapter=adapter,
        scheduler=painter.scheduler,
    )
    pipe.set_progress_bar_config(disable=True)
    pipe.unet.eval().requires_grad_(False)
    return pipe


def load(folder: Path | None = None) -> tuple[AnimateDiffPipeline, MotionWords]:
    """The motion module on the shipped painter, and its words, in float32 and eval mode. folder: of a checkpoint."""
    folder = folder or checkpoint("motion")
    painter = StableDiffusionPipeline.from_pretrained(checkpoint("diffusion"))
    adapter = MotionAdapter.from_pretrained(folder)
    weights = load_file(folder / FILE)
    words = MotionWords(weights["tables.0.weight"].shape[1] // TOKENS)
    words.load_state_dict({key: weight.float() for key, weight in weights.items()})
    return pipeline_of(painter, adapter), words.eval().requires_grad_(False)
