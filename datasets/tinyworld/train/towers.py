"""The tiny CLIP's shape and how its weights start."""

from __future__ import annotations

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from tinyworld.train.tokenizer import MAX_LENGTH

SIDE = 64  # pixels
MEAN, STD = (0.5, 0.5, 0.5), (0.3, 0.3, 0.3)  # about those of the world's pictures


def build_model(tokenizer: CLIPTokenizer, patch: int, width: int, layers: int, text_layers: int) -> CLIPModel:
    """A `CLIPModel` for 64x64 pictures, both towers `width` wide, started as `initialise` says."""
    shared: dict[str, int | str] = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": width // 32,
    }
    shared |= {"hidden_act": "gelu", "projection_dim": width}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": MAX_LENGTH, "num_hidden_layers": text_layers}
    text |= {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    vision = {"image_size": SIDE, "patch_size": patch, "num_hidden_layers": layers}
    model = CLIPModel(CLIPConfig(text_config=shared | text, vision_config=shared | vision, projection_dim=width))
    initialise(model)
    return model


@torch.no_grad()
def initialise(model: CLIPModel) -> None:
    """Larger queries and keys, and positions that say where they are from the start.

    CLIP's own initialisation is made for widths of 512 and more. In a narrow model it leaves every attention map
    uniform, and a uniform map gives queries and keys hardly any gradient to learn from.
    """
    for name, weight in model.named_parameters():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight.normal_(0, 0.1)
        elif name.endswith(("v_proj.weight", "out_proj.weight")):
            weight.normal_(0, 0.06)

    seen = model.vision_model.embeddings
    seen.patch_embedding.weight.normal_(0, (3 * seen.patch_size**2) ** -0.5)
    seen.class_embedding.normal_(0, 1)
    side, half = SIDE // seen.patch_size, seen.embed_dim // 2
    steps = torch.arange(side, dtype=torch.float32)
    columns, rows = sine_cosine(steps.repeat(side), half), sine_cosine(steps.repeat_interleave(side), half)
    seen.position_embedding.weight[0] = 0
    seen.position_embedding.weight[1:] = torch.cat([columns, rows], dim=-1)

    read = model.text_model.embeddings
    read.token_embedding.weight.normal_(0, 0.5)
    positions = torch.arange(MAX_LENGTH, dtype=torch.float32)
    read.position_embedding.weight.copy_(0.5 * sine_cosine(positions, read.token_embedding.embedding_dim))


def sine_cosine(positions: torch.Tensor, width: int) -> torch.Tensor:
    """(n,) -> (n, width): waves of lengths from 3 to 300 positions (after Vaswani et al. 2017, 3.5)."""
    frequencies = 2 * 10 ** -torch.linspace(0, 2, width // 2)
    angles = positions[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def build_processor(tokenizer: CLIPTokenizer) -> CLIPProcessor:
    """Pictures of any size to 64x64, normalised; texts to tokens."""
    size = {"shortest_edge": SIDE}
    crop = {"height": SIDE, "width": SIDE}
    images = CLIPImageProcessor(size=size, crop_size=crop, image_mean=list(MEAN), image_std=list(STD))
    return CLIPProcessor(image_processor=images, tokenizer=tokenizer)


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """What the processor does to a picture of the right size: uint8 (n, 3, 64, 64) -> float32, about -1.7 to 1.7."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1)
    return (pixels.float() / 255 - mean) / std
