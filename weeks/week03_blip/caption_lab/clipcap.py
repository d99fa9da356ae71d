"""ClipCap in the small: a GPT that knows how captions go, CLIP's one vector for a picture, and a map between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

import tinyworld
from caption_lab import data, metrics
from coursekit import models, one_thread
from tinyworld import Scene

WIDTH = 64  # of the GPT
PREFIX = 4  # tokens that a picture is turned into, as many as a headline has words
PAD, END = 0, 1
_SKELETON = ("a", "an", "on", "background", "left", "right", "of", "above", "below", "grey", "white")
WORDS = sorted({*_SKELETON, *tinyworld.SIZES, *tinyworld.COLOURS, *tinyworld.SHAPES, *tinyworld.BACKGROUNDS})
NUMBERS: dict[str, int] = {word: i for i, word in enumerate(WORDS, start=2)}
BATCH, RATE = 32, 4e-3
LONGEST = 16  # "a small red star left of a large blue circle on a striped background" and the end

LossFunction = Callable[..., torch.Tensor]


def encode(captions: Sequence[str]) -> torch.Tensor:
    """Canonical captions of one or two objects to int64 (n, length): a number a word, END, then PAD."""
    rows = [[NUMBERS[word] for word in caption.split()] + [END] for caption in captions]
    length = max(len(row) for row in rows)
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows])


def decode(ids: torch.Tensor) -> list[str]:
    """Numbers back to captions, up to the first END."""
    out = []
    for row in ids.tolist():
        row = row[: row.index(END)] if END in row else row
        out.append(" ".join(WORDS[i - 2] for i in row if i >= 2))
    return out


def build_gpt(seed: int = 0) -> Any:
    """An untrained GPT2LMHeadModel of 0.1 million parameters, the same for the same seed."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes: dict[str, Any] = {"n_layer": 2, "n_head": 4, "n_embd": WIDTH, "n_positions": PREFIX + LONGEST + 4}
    dropout: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    marks: dict[str, Any] = {"bos_token_id": END, "eos_token_id": END, "pad_token_id": PAD}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gpt = GPT2LMHeadModel(GPT2Config(vocab_size=len(WORDS) + 2, **sizes, **dropout, **marks)).eval()
    gpt.loss_type = "ForCausalLM"  # which transformers cannot tell from the class's name, and would warn
    return gpt


def headline(scene: Scene) -> list[str]:
    """What a scene of one object is about, in PREFIX words: background, size, colour, shape."""
    thing = scene.objects[0]
    return [scene.background, thing.size, thing.colour, thing.shape]


def language_model(seed: int = 0, steps: int = 100) -> Any:
    """A small GPT that has read captions of one object, each below its headline, and has never seen a picture."""
    gpt, generator = build_gpt(seed), torch.Generator().manual_seed(seed)
    scenes = tinyworld.scenes("train", 1500, seed, objects=1)
    heads = torch.tensor([[NUMBERS[word] for word in headline(scene)] for scene in scenes])
    ids = torch.cat([heads, encode([scene.caption() for scene in scenes])], dim=1)
    with one_thread():
        optimiser = torch.optim.AdamW(gpt.parameters(), lr=RATE, fused=True)
        for _ in tqdm(range(steps), desc="a GPT reads captions", mininterval=1):
            part = ids[torch.randint(len(ids), (BATCH,), generator=generator)]
            scores = gpt(inputs_embeds=gpt.get_input_embeddings()(part)).logits[:, PREFIX - 1 : -1]
            loss = nn.functional.cross_entropy(scores.transpose(1, 2), part[:, PREFIX:])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return gpt.requires_grad_(False)


def mapper(clip_width: int, seed: int = 0) -> nn.Module:
    """The map: CLIP's embedding (n, clip_width) to a prefix (n, PREFIX, WIDTH). A perceptron, as in Mokady et al."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = 256
        return nn.Sequential(
            nn.Linear(clip_width, hidden),
            nn.Tanh(),
            nn.Linear(hidden, PREFIX * WIDTH),
            nn.Unflatten(1, (PREFIX, WIDTH)),
        )


def embed(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """CLIP's embeddings of pictures, as the map is given them: float32 (n, d), each as long as d is wide."""
    vectors = nn.functional.normalize(models.embed_images(metrics.clip(), pictures), dim=-1)
    return vectors * vectors.shape[1] ** 0.5


@lru_cache(maxsize=2)
def training_set(n: int = 800, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """CLIP's embeddings (n, d) of pictures of one object, and their captions' numbers (n, length)."""
    scenes = tinyworld.scenes("train", n, seed, objects=1)
    return embed(data.pictures(scenes)), encode([scene.caption() for scene in scenes])


def train(
    gpt: Any,
    mapping: nn.Module,
    loss_function: LossFunction | None = None,
    steps: int = 100,
    seed: int = 0,
    shuffled: bool = False,
) -> list[float]:
    """Train the map alone; the GPT and CLIP stay as they are.

    loss_function: as `prefix_loss` of the notebook; by default the loss that the library's GPT computes itself.
    shuffled: every picture with another one's caption, the negative control.   Returns the loss of every step.
    """
    seen, ids = training_set(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    if shuffled:
        ids = ids[torch.randperm(len(ids), generator=generator)]
    optimiser = torch.optim.AdamW(mapping.parameters(), lr=RATE, fused=True)
    losses = []
    with one_thread():
        for _ in tqdm(range(steps), desc="training the map", mininterval=1):
            part = torch.randint(len(seen), (BATCH,), generator=generator)
            prefix, wanted = mapping(seen[part]), ids[part]
            if loss_function:
                loss = loss_function(gpt, prefix, wanted, PAD)
            else:
                embedded = torch.cat([prefix, gpt.get_input_embeddings()(wanted)], dim=1)
                labels = torch.nn.functional.pad(wanted.masked_fill(wanted == PAD, -100), (PREFIX, 0), value=-100)
                loss = gpt(inputs_embeds=embedded, labels=labels).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
    return losses


@torch.no_grad()
def captions(gpt: Any, mapping: nn.Module, vectors: torch.Tensor) -> list[str]:
    """Greedy captions of pictures, from CLIP's embeddings of them."""
    written = gpt.get_input_embeddings()
    embedded, ids = mapping(vectors), []
    for _ in range(LONGEST):
        ids.append(gpt(inputs_embeds=embedded).logits[:, -1].argmax(dim=-1))
        embedded = torch.cat([embedded, written(ids[-1])[:, None]], dim=1)
    return decode(torch.stack(ids, dim=1))
