"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import nn

from caption_lab import blip, clipcap
from coursekit.probes import arguments_after as arguments_after  # for the checks
from coursekit.probes import weights_of as weights_of

START, END, PAD = 1, 2, 0  # of the small decoders


def decoder(seed: int, vocabulary: int = 14, width: int = 16, longest: int = 32) -> Any:
    """BLIP's text decoder with random weights, large enough that it has opinions: a BlipTextLMHeadModel."""
    from transformers import BlipTextConfig
    from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel

    marks: dict[str, Any] = {"bos_token_id": START, "eos_token_id": END, "sep_token_id": END, "pad_token_id": PAD}
    sizes: dict[str, Any] = {
        "hidden_size": width,
        "encoder_hidden_size": width,
        "intermediate_size": 2 * width,
        "projection_dim": width,
    }
    config = BlipTextConfig(
        vocab_size=vocabulary,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=longest,
        initializer_range=0.6,
        **sizes,
        **marks,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BlipTextLMHeadModel(config)
        with torch.no_grad():
            model.bert.embeddings.position_embeddings.weight.normal_(std=2.0)  # so that it does not run in circles
            model.cls.predictions.bias.normal_()
            model.cls.predictions.bias[END] = 2.0
    return model.eval().requires_grad_(False)


def random_states(seed: int, n: int, places: int = 5, width: int = 16) -> torch.Tensor:
    """States of made-up pictures for a small decoder, float32 (n, places, width)."""
    return torch.randn((n, places, width), generator=torch.Generator().manual_seed(seed))


def decoder_step(seed: int, n: int = 1) -> blip.Step:
    """step(ids) of the small decoder of this seed beside n made-up pictures (or one, for any number of beginnings)."""
    model, states = decoder(seed), random_states(seed, n)

    @torch.no_grad()
    def step(ids: torch.Tensor) -> torch.Tensor:
        ids = torch.as_tensor(ids)
        seen = states.expand(len(ids), -1, -1) if n == 1 else states
        return model(input_ids=ids, encoder_hidden_states=seen).logits[:, -1]

    return step


def counting_step(table: torch.Tensor, apart: int = 0) -> Callable[[torch.Tensor], torch.Tensor]:
    """step(ids) that knows the last token and the length alone, and with `apart` the row.

    table: (times, vocabulary, vocabulary), begun again when it is used up; row i is `apart` * i times ahead.
    """

    def step(ids: torch.Tensor) -> torch.Tensor:
        ids = torch.as_tensor(ids)
        times = (ids.shape[1] - 1 + apart * torch.arange(len(ids))) % len(table)
        return table[times, ids[:, -1]]

    return step


def attention_layer(seed: int, width: int = 24, heads: int = 3, cross: bool = True) -> Any:
    """One attention of BLIP's decoder with random weights: it has `query`, `key` and `value`, which are linear."""
    from transformers import BlipTextConfig
    from transformers.models.blip.modeling_blip_text import BlipTextSelfAttention

    config = BlipTextConfig(hidden_size=width, encoder_hidden_size=width, num_attention_heads=heads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BlipTextSelfAttention(config, is_cross_attention=cross, layer_idx=0).eval().requires_grad_(False)


def prefix_loss_and_slope(
    loss_function: Any, seed: int, prefix: torch.Tensor, ids: torch.Tensor, pad: int
) -> tuple[Any, Any]:
    """A loss called as (gpt, prefix, ids, pad) with a small random GPT: its value, and its slope by the prefix."""
    gpt = clipcap.build_gpt(seed).requires_grad_(False)
    prefix = prefix.clone().requires_grad_(True)
    loss = loss_function(gpt, prefix, ids, pad)
    (slope,) = torch.autograd.grad(loss, prefix)
    return loss.detach(), slope


def matcher_scores(function: Any, pictures: list[Image.Image], captions: list[str]) -> Any:
    """A function called as (model, processor, pictures, captions) on the shipped matcher."""
    from coursekit import models

    model, processor = models.load("retrieval", profile="tiny", device="cpu")
    return function(model, processor, pictures, captions)


class Dot(nn.Module):
    """One number that learns: its examples are numbers, and its best value is their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(()))


def watched_fine_tune(
    function: Any, new: Sequence[float], old: Sequence[float], steps: int, batch: int, replay: float, rate: float
) -> dict[str, Any]:
    """Run a `fine_tune` of the notebook on a `Dot`, and keep what each batch held.

    Returns: batches, a list of lists of numbers, one for each call of the loss; losses, what it returned; place, where
    the dot ended; training, whether the model was in training mode at every call; again and other, the batches of runs
    with the same seed and with another.
    """
    runs = []
    for seed in (3, 3, 4):
        model = Dot().eval()
        seen: list[tuple[list[float], bool]] = []

        def loss_of(dot: Any, examples: Sequence[float], seen: list[Any] = seen) -> torch.Tensor:
            seen.append(([float(x) for x in examples], bool(dot.training)))
            return (dot.place - torch.tensor([float(x) for x in examples])).square().mean()

        losses = function(model, loss_of, list(new), list(old), steps, batch, replay, rate, seed)
        runs.append((seen, losses, float(model.place.detach())))
    seen, losses, place = runs[0]
    return {
        "batches": [examples for examples, _ in seen],
        "losses": [float(loss) for loss in losses],
        "place": place,
        "training": all(training for _, training in seen),
        "again": [examples for examples, _ in runs[1][0]],
        "other": [examples for examples, _ in runs[2][0]],
    }


def other_matcher_scores(function: Any, seed: int, pictures: list[Image.Image], captions: list[str]) -> Any:
    """A function called as (model, processor, pictures, captions) on a matcher whose ITM head is random."""
    from coursekit import models

    model, processor = models.load("retrieval", profile="tiny", device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        model.itm_head.weight.normal_(std=0.1, generator=generator)
        model.itm_head.bias.normal_(std=0.1, generator=generator)
    return function(model, processor, pictures, captions)


def needs_gradients(function: Any, pictures: list[Image.Image], captions: list[str]) -> bool:
    """Whether what such a function returns still carries gradients."""
    return bool(getattr(matcher_scores(function, pictures, captions), "requires_grad", False))
