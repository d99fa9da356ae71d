"""A CLIP small enough to train from scratch while you watch: open_clip's own model class, 0.09 million parameters.

It sees single objects at 16 x 16 pixels and reads their captions word by word. `build`, `pairs` and `train` are all the
notebook needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import tinyworld
from coursekit import one_thread

SIDE = 16  # pixels
BATCH = 32  # pairs; so guessing costs ln 32 = 3.47
_WORDS = sorted({"a", "an", "on", "background", *tinyworld.SIZES, *tinyworld.COLOURS, *tinyworld.SHAPES})
_WORDS += [word for word in tinyworld.BACKGROUNDS if word not in _WORDS]
# 0 pads. The end token has the highest number: that is where open_clip reads the sentence off.
VOCABULARY: dict[str, int] = {word: i for i, word in enumerate(_WORDS, start=1)}
END = len(VOCABULARY) + 1
CONTEXT = 9  # "a small red star on a striped background" and the end token

Step = Callable[[Any, Any, Tensor, Tensor], float]


def build(seed: int = 0) -> Any:
    """A new, untrained `open_clip.model.CLIP`. The same seed gives the same weights.

    Calling it as `model(pictures, tokens)` gives image embeddings (n, 64) and text embeddings (n, 64), both of unit
    length, and the scale 1 / temperature; `model.logit_scale` is the parameter whose exponential that is. It starts at
    7, half of CLIP's: with 32 candidates there is less to be sure of than with 32,768.
    """
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIP(
            embed_dim=64,
            vision_cfg=CLIPVisionCfg(
                layers=1, width=96, head_width=32, mlp_ratio=0.5, patch_size=4, image_size=SIDE, pool_type="avg"
            ),
            text_cfg=CLIPTextCfg(
                context_length=CONTEXT, vocab_size=END + 1, width=64, heads=4, layers=1, mlp_ratio=0.5
            ),
            init_logit_scale=math.log(7),
        )


def tokenize(captions: Sequence[str]) -> Tensor:
    """Captions of single objects to an int64 tensor (n, CONTEXT). Raises KeyError for a word outside VOCABULARY."""
    tokens = torch.zeros(len(captions), CONTEXT, dtype=torch.int64)
    for row, caption in zip(tokens, captions, strict=True):
        numbers = [VOCABULARY[word] for word in caption.split()][: CONTEXT - 1] + [END]
        row[: len(numbers)] = torch.tensor(numbers)
    return tokens


def pixels(scenes: Sequence[tinyworld.Scene]) -> Tensor:
    """Scenes to a float32 tensor (n, 3, SIDE, SIDE) in [-1, 1]."""
    drawn = np.stack([np.asarray(scene.render(SIDE)) for scene in scenes])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1


def pairs(split: str, n: int, seed: int = 0) -> tuple[Tensor, Tensor, list[tinyworld.Scene]]:
    """`n` pictures (n, 3, SIDE, SIDE), their tokens (n, CONTEXT), and the scenes they come from."""
    scenes = tinyworld.scenes(split, n, seed, objects=1)
    return pixels(scenes), tokenize([scene.caption() for scene in scenes]), scenes


def similarity(model: Any, pictures: Tensor, tokens: Tensor) -> Tensor:
    """Cosines (n, m) of every picture with every caption, on the CPU."""
    device = next(model.parameters()).device
    with torch.no_grad():
        u = model.encode_image(pictures.to(device), normalize=True)
        v = model.encode_text(tokens.to(device), normalize=True)
    return (u @ v.T).cpu()


def optimiser(model: Any, learning_rate: float = 2e-3, name: str = "AdamW") -> torch.optim.Optimizer:
    """One of torch's optimisers for all parameters of the model, with the settings that suit this small CLIP."""
    # Adam's usual memory, 10 steps and 1,000, is long for a run of 45. fused: one call for all weights
    kwargs = {"betas": (0.7, 0.9), "weight_decay": 0.01, "fused": True} if name == "AdamW" else {}
    return getattr(torch.optim, name)(model.parameters(), lr=learning_rate, **kwargs)


def train(
    model: Any, step: Step, steps: int = 45, batch: int = BATCH, seed: int = 0, shuffled: bool = False
) -> dict[str, list[float]]:
    """Call `step(model, optimiser, pictures, tokens)` on `steps` random batches and keep watch.

    The learning rate rises for 8 steps and then stays. shuffled: give every picture the caption of another one, drawn
    anew in each batch: the negative control.
    Returns "loss" (one number a step) and, measured every 10 steps on 96 test pictures: "step", "recall" (R@1, where an
    equal caption is as good), and "background", "colour", "size" and "shape", the part of the pictures whose best
    caption names that rightly.
    """
    device = next(model.parameters()).device
    (pictures, tokens, _), test = _train_and_test(seed)
    pictures, tokens = pictures.to(device), tokens.to(device)
    optim = optimiser(model)
    schedule = torch.optim.lr_scheduler.LinearLR(optim, start_factor=1 / 8, total_iters=7)
    generator = torch.Generator().manual_seed(seed)
    history: dict[str, list[float]] = {name: [] for name in ("loss", "step", "recall", *_READERS)}
    with one_thread():
        _watch(model, test, 0, history)
        for i in tqdm(
            range(1, steps + 1), desc="training on shuffled pairs" if shuffled else "training", mininterval=1
        ):
            chosen = torch.randperm(len(pictures), generator=generator)[:batch]
            partners = chosen[torch.randperm(batch, generator=generator)] if shuffled else chosen
            history["loss"].append(float(step(model, optim, pictures[chosen], tokens[partners])))
            schedule.step()
            if i % 10 == 0 or i == steps:
                _watch(model, test, i, history)
    return history


@lru_cache(maxsize=1)
def _train_and_test(seed: int) -> tuple[tuple, tuple]:
    """What `train` uses: the same for a run and its control, and drawing it takes as long as ten steps."""
    return pairs("train", 1000, seed), pairs("test", 96, seed)


_READERS: dict[str, Callable[[tinyworld.Scene], str]] = {
    "background": lambda scene: scene.background,
    "colour": lambda scene: scene.objects[0].colour,
    "size": lambda scene: scene.objects[0].size,
    "shape": lambda scene: scene.objects[0].shape,
}


def _watch(model: Any, test: tuple[Tensor, Tensor, list[tinyworld.Scene]], step: int, history: dict) -> None:
    pictures, tokens, scenes = test
    best = similarity(model, pictures, tokens).argmax(dim=1).tolist()
    history["step"].append(step)
    history["recall"].append(_share(scenes[i].caption() == scenes[j].caption() for i, j in enumerate(best)))
    for name, read in _READERS.items():
        history[name].append(_share(read(scenes[i]) == read(scenes[j]) for i, j in enumerate(best)))


def _share(hits: Any) -> float:
    return float(np.mean(list(hits)))
