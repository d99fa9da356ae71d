"""What the checks of week 5 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.checks import assert_close, assert_that
from coursekit.inputs import gaussian
from fusion_lab import probes


def some(rng: np.random.Generator, *shape: int, chance: float = 0.5) -> torch.Tensor:
    """True at random."""
    return torch.from_numpy(rng.random(shape) < chance)


# --- 1 sequence -----------------------------------------------------------------------------------------------------


def three_parts(rng: np.random.Generator, lengths: tuple[int, ...] = (4, 3, 2), width: int = 6):
    """Parts, modality vectors and positions."""
    parts = [gaussian(rng, 2, n, width) for n in lengths]
    return parts, gaussian(rng, len(parts), width), gaussian(rng, max(lengths) + 2, width)


def reference_join(parts, modality, positions) -> torch.Tensor:
    """The tokens, one by one."""
    rows = [part[:, j] + modality[i] + positions[j] for i, part in enumerate(parts) for j in range(part.shape[1])]
    return torch.stack(rows, dim=1)


# --- 4 splice, answer_labels ----------------------------------------------------------------------------------------


def projector_of(rng: np.random.Generator, width: int = 5, d: int = 6) -> list[torch.Tensor]:
    """The four tensors of a projector."""
    return [gaussian(rng, d, width), gaussian(rng, d), gaussian(rng, d, d), gaussian(rng, d)]


def library_projector(features: torch.Tensor, parts: list[torch.Tensor]) -> torch.Tensor:
    """transformers' own projector with these weights."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig
    from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

    vision = CLIPVisionConfig(hidden_size=features.shape[-1], num_attention_heads=1)
    text = LlamaConfig(hidden_size=len(parts[0]), num_attention_heads=1)
    module = LlavaMultiModalProjector(LlavaConfig(vision_config=vision, text_config=text))
    with torch.no_grad():
        for weight, part in zip(module.parameters(), parts, strict=True):
            weight.copy_(part)
        return module(features)


def conversation_ids(rng: np.random.Generator, n: int = 3, length: int = 9, patches: int = 3, image: int = 7):
    """Token ids with placeholders in a row somewhere, word embeddings, and patches."""
    ids = torch.from_numpy(rng.integers(8, 30, size=(n, length)))
    for row in ids:
        start = int(rng.integers(length - patches + 1))
        row[start : start + patches] = image
    return ids, gaussian(rng, n, length, 4), gaussian(rng, n, patches, 4)


ASSISTANT, END = 3, 4


def turns_of(rng: np.random.Generator, turns: int, closed: bool = True) -> list[int]:
    """A conversation's tokens."""
    row: list[int] = []
    for i in range(turns):
        row += [2, *rng.integers(10, 40, size=int(rng.integers(1, 5))).tolist(), ASSISTANT]
        row += rng.integers(10, 40, size=int(rng.integers(1, 4))).tolist()
        row += [END] if closed or i < turns - 1 else []
    return row


def reference_labels(ids: torch.Tensor, assistant: int = ASSISTANT, end: int = END) -> torch.Tensor:
    """Labels by counting how many turns were opened and closed before each token."""
    opened = (ids == assistant).cumsum(1) - (ids == assistant).long()
    closed = (ids == end).cumsum(1) - (ids == end).long()
    return torch.where(opened > closed, ids, torch.full_like(ids, -100))


# --- 5 stage_one ----------------------------------------------------------------------------------------------------


def trained(seed: int, steps: int, rate: float, clear: bool = True, decay: float = 0.0) -> tuple[list[float], Any]:
    """The losses of `Towers` and its connector's weight when that alone is taught. clear: the gradients, each step."""
    model, losses = probes.Towers(seed), []
    weights = model.connector.parameters()
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
    for batch in probes.tower_batches(seed, steps):
        loss = model(**batch).loss
        if clear:
            optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, model.connector.weight.detach()


# --- 6 resample, gated ----------------------------------------------------------------------------------------------


def perceiver(seed: int, d: int = 16, heads: int = 4) -> tuple[Any, dict[str, torch.Tensor]]:
    """transformers' Perceiver attention with random weights, and these as `resample` takes them."""
    from transformers.models.idefics.perceiver import IdeficsPerceiverAttention

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = IdeficsPerceiverAttention(d, heads, d // heads, qk_layer_norms=False)
        for weight in module.parameters():
            weight.requires_grad_(False).normal_(0, 0.5)
    weights = {
        "latents_norm": torch.stack([module.latents_layer_norm.weight, module.latents_layer_norm.bias]),
        "patches_norm": torch.stack([module.context_layer_norm.weight, module.context_layer_norm.bias]),
    }
    names = {"q": module.q_proj, "k": module.k_proj, "v": module.v_proj, "o": module.output_proj}
    return module, weights | {name: part.weight.detach().clone() for name, part in names.items()}


def only_patches(latents, patches, weights, heads) -> torch.Tensor:
    """The slip of latents that ask the patches alone."""
    d = latents.shape[-1]
    asking = F.layer_norm(latents, (d,), *weights["latents_norm"])
    asked = F.layer_norm(patches, (d,), *weights["patches_norm"])
    q, k, v = (x @ weights[name].T for x, name in ((asking, "q"), (asked, "k"), (asked, "v")))
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2) @ weights["o"].T


def otherwise(module: nn.Module, **parts: Any) -> nn.Module:
    """A copy of the library's module with other parts, to see what a slip would give."""
    changed = copy.deepcopy(module)
    for name, part in parts.items():
        setattr(changed, name, part)
    return changed


def transposed(module: nn.Module) -> nn.Module:
    """A copy of the library's module whose square matrices are transposed."""
    changed = copy.deepcopy(module)
    for weight in changed.parameters():
        if weight.dim() == 2 and weight.shape[0] == weight.shape[1]:
            weight.copy_(weight.T.clone())
    return changed


def crossing(seed: int, d: int = 16, heads: int = 4) -> tuple[Any, dict[str, torch.Tensor]]:
    """transformers' gated cross-attention with random weights, its feed-forward half shut, and these as `gated` takes
    them."""
    from transformers import IdeficsConfig
    from transformers.models.idefics.modeling_idefics import IdeficsGatedCrossAttentionLayer

    config = IdeficsConfig(
        hidden_size=d, num_attention_heads=heads, intermediate_size=2 * d, vision_config={"embed_dim": d}
    )
    config._attn_implementation = "eager"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = IdeficsGatedCrossAttentionLayer(config, layer_idx=0).eval()
        for name, weight in layer.named_parameters():
            weight.requires_grad_(False)
            if not name.startswith("alpha"):
                weight.normal_(0, 0.5)
    attention = layer.cross_attn
    weights = {"norm": layer.input_layernorm.weight.detach().clone()}
    names = {"q": attention.q_proj, "k": attention.k_proj, "v": attention.v_proj, "o": attention.o_proj}
    return layer, weights | {name: part.weight.detach().clone() for name, part in names.items()}


def library_gated(layer, words, seen, allowed, alpha: float) -> torch.Tensor:
    """What the library's layer makes of it."""
    with torch.no_grad():
        layer.alpha_cross_attn.fill_(alpha)
        open_to = allowed.repeat_interleave(seen.shape[2], dim=2)[:, None]
        mask = torch.zeros(open_to.shape).masked_fill(~open_to, torch.finfo(torch.float32).min)
        return layer(
            words,
            image_hidden_states=seen.flatten(1, 2),
            image_attention_mask=mask,
            cross_attention_gate=allowed.any(-1).float(),
        )


def reference_last(ids: torch.Tensor, image: int, pictures: int) -> torch.Tensor:
    """Which picture each word may ask, word by word."""
    allowed = torch.zeros(*ids.shape, pictures, dtype=torch.bool)
    for i, row in enumerate(ids.tolist()):
        seen = 0
        for j, token in enumerate(row):
            seen += token == image
            if 0 < seen <= pictures:
                allowed[i, j, seen - 1] = True
    return allowed


# --- 8 boxes --------------------------------------------------------------------------------------------------------


def any_boxes(rng: np.random.Generator, n: int) -> torch.Tensor:
    """Boxes with an area."""
    corners = rng.random((n, 2, 2))
    corners.sort(axis=1)
    return torch.from_numpy(np.concatenate([corners[:, 0], corners[:, 1] + 0.01], axis=1)).float().clamp(max=1)


def grid_iou(first: torch.Tensor, second: torch.Tensor, n: int = 400) -> torch.Tensor:
    """Intersection over union by counting points."""
    at = (torch.arange(n) + 0.5) / n

    def inside(box: torch.Tensor) -> torch.Tensor:
        return ((at >= box[1]) & (at < box[3]))[:, None] & ((at >= box[0]) & (at < box[2]))[None]

    return torch.tensor(
        [[((inside(a) & inside(b)).sum() / (inside(a) | inside(b)).sum()).item() for b in second] for a in first]
    )


# --- 11 presence ----------------------------------------------------------------------------------------------------


def reference_presence(said: list[str], wanted: list[str]) -> dict[str, float]:
    """scikit-learn's figures."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    yes = [text.strip().lower().startswith("yes") for text in said]
    true = [word == "yes" for word in wanted]
    precision, recall, f1, _ = precision_recall_fscore_support(true, yes, average="binary", zero_division=0)
    found = {"accuracy": accuracy_score(true, yes), "precision": precision, "recall": recall, "f1": f1}
    return {name: float(value) for name, value in found.items()} | {"yes": float(np.mean(yes))}


def assert_presence(found: Any, wanted: dict[str, float]) -> None:
    """The five figures."""
    assert_that(isinstance(found, dict), "a dict was asked for")
    missing = sorted(set(wanted) - set(found))
    assert_that(not missing, f"the dict lacks {', '.join(missing)}")
    for name, value in wanted.items():
        swapped = {"precision": "recall", "recall": "precision"}.get(name)
        slips = {f"{name} and {swapped} are exchanged": torch.tensor(wanted[swapped])} if swapped else {}
        if name == "f1":
            mean = (wanted["precision"] + wanted["recall"]) / 2
            slips = {"that is the arithmetic mean of precision and recall; F1 is the harmonic one": torch.tensor(mean)}
        if name == "yes" and wanted["recall"]:
            truth = torch.tensor(wanted["precision"] * wanted["yes"] / wanted["recall"])
            slips = {"that is the share of yes among what is right; it is that among the answers": truth}
        assert_close(torch.tensor(float(found[name])), torch.tensor(value), atol=1e-6, slips=slips, what=name)
