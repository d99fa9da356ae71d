"""What figures draw with where an exercise is open: the library's own way to do it, with the exercise's arguments.

    caption_lab.yours("name")

It is not there while a notebook is graded: see `coursekit.notebook.oracle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image

from caption_lab import blip
from caption_lab.checks import reference
from caption_lab.data import Example
from coursekit.models import Loaded


def patches(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Pictures cut into square patches, (n, patches, 3 * side * side)."""
    return reference.library_patches(pixels, side)


def causal(length: int) -> torch.Tensor:
    """Which token may look at which, bool (length, length): at itself and at all before it."""
    return torch.ones(length, length, dtype=torch.bool).tril()


def attend(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, heads: int, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Multi-head attention by torch's own: (n, q, heads * d), and the weights (n, heads, q, k)."""
    return reference.library_attention(queries, keys, values, heads, allowed)


def caption_loss(scores: torch.Tensor, ids: torch.Tensor, pad: int) -> torch.Tensor:
    """The cross-entropy of captions under teacher forcing, by torch's cross_entropy."""
    return reference.library_caption_loss(scores, ids, pad)


def filtered(
    scores: torch.Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> torch.Tensor:
    """The next token's probabilities (n, vocabulary) after transformers' own filters."""
    return reference.library_filtered(scores, temperature, top_k, top_p)


def hard_negatives(similarity: torch.Tensor, same: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A wrong caption for every picture and a wrong picture for every caption, (n,) each, the likelier the nearer."""
    rows = torch.distributions.Categorical(logits=similarity.masked_fill(same, -torch.inf))
    columns = torch.distributions.Categorical(logits=similarity.T.masked_fill(same.T, -torch.inf))
    return rows.sample(), columns.sample()


def bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], n: int = 4) -> float:
    """sacrebleu's corpus BLEU in [0, 100], without smoothing."""
    return reference.library_bleu(candidates, references, n)


def rouge_l(candidate: str, references: Sequence[str]) -> float:
    """ROUGE-L's F1 in [0, 1] against the best of the references."""
    return reference.reference_rouge_l(candidate, references)


def cider(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr of every caption in [0, 10], from scikit-learn's counts and cosines."""
    scores: list[float] = reference.library_cider(candidates, references).tolist()
    return scores


def match(model: Any, processor: Any, pictures: Sequence[Image.Image], captions: Sequence[str]) -> torch.Tensor:
    """How probable it is that each caption is true of its picture, by BLIP's ITM head, (n,)."""
    return blip.itm(Loaded(model, processor), pictures, captions)


def prefix_loss(gpt: Any, prefix: torch.Tensor, ids: torch.Tensor, pad: int) -> torch.Tensor:
    """The loss that the GPT computes itself for captions after a prefix, which is charged nothing."""
    given = torch.cat([prefix, gpt.get_input_embeddings()(ids)], dim=1)
    labels = torch.cat([ids.new_full(prefix.shape[:2], -100), ids.masked_fill(ids == pad, -100)], dim=1)
    return gpt(inputs_embeds=given, labels=labels).loss


def fine_tune(
    model: Any, loss_of: Callable[..., torch.Tensor], new: Sequence[Example], old: Sequence[Example], **how: Any
) -> list[float]:
    """Teach a model new examples while it rehearses old ones; how: as the exercise has it."""
    return reference.library_fine_tune(model, loss_of, new, old, **how)
