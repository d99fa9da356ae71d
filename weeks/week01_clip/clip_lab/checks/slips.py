"""What known mistakes give, for the visible checks of week 1 to name them: {message: value}."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss
from PIL import Image

import clip_lab.small as small
from coursekit import models

Tensor = torch.Tensor


def lengths_gone_wrong(pictures: Sequence[Image.Image], captions: Sequence[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """The lengths of embeddings that are not on the sphere."""
    loaded = models.load("clip")
    raw = models.embed_images(loaded, pictures), models.embed_texts(loaded, captions)
    along = tuple(F.normalize(x, dim=0).norm(dim=1) for x in raw)
    return {
        "right, but not of length 1: divide each row by its own length": tuple(x.norm(dim=1) for x in raw),
        "normalised along the wrong axis: each row is a vector (dim=-1)": along,
    }


def images_gone_wrong(pictures: Sequence[Image.Image]) -> dict[str, Tensor]:
    """Unit image embeddings that are not the model's."""
    model, processor = models.load("clip")
    with torch.no_grad():
        inputs = processor(images=list(pictures), return_tensors="pt").pixel_values.to(model.device)
        towers = model.vision_model(pixel_values=inputs).pooler_output
        side = model.config.vision_config.image_size
        plain = torch.stack([torch.from_numpy(np.array(p.resize((side, side)))).permute(2, 0, 1) for p in pictures])
        raw = models.features(model.get_image_features(pixel_values=plain.float().to(model.device) / 255))
    return {
        "those are the towers' own features: the projection into the shared space is missing": F.normalize(
            towers, dim=-1
        ).cpu(),
        "the pixels are in [0, 1], not standardised as in training: give the pictures to the processor": F.normalize(
            raw, dim=-1
        ).cpu(),
    }


def ensembles_gone_wrong(images: Tensor, prompts: Tensor, scale: float = 10.0) -> dict[str, Tensor]:
    """Probabilities (n, c)."""
    means = prompts.mean(dim=1)
    each = (scale * torch.einsum("nd,ctd->ntc", images, prompts)).softmax(dim=2)
    return {
        "the averages were not made unit vectors again: a class of differing prompts loses for that": (
            scale * images @ means.T
        ).softmax(dim=1),
        "the probabilities were averaged; average the prompts' vectors": each.mean(dim=1),
        "`scale` is not used: 100 is written into the function": (100 * images @ F.normalize(means, dim=-1).T).softmax(
            dim=1
        ),
        "only the first prompt of each class was used": (scale * images @ prompts[:, 0].T).softmax(dim=1),
        "bare cosines: the scale is missing from the softmax": (images @ F.normalize(means, dim=-1).T).softmax(dim=1),
    }


def first_losses_gone_wrong(seed: int, batch: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Losses of a batch."""
    with torch.no_grad():
        u, v, scale = small.build(seed)(*batch)
        own, logits = torch.arange(len(u)), scale * u @ v.T
        return {
            "only the pictures sit an exam; the captions must choose a picture too": F.cross_entropy(
                logits, own
            ).item(),
            "the scale that the model returns is missing": ClipLoss()(u, v, torch.tensor(1.0)).item(),
        }


def shifted(images: Tensor, texts: Tensor, amount: float) -> tuple[Tensor, Tensor]:
    """Both sides moved along the gap, and back on the sphere."""
    gap = images.mean(dim=0) - texts.mean(dim=0)
    return F.normalize(images - amount * gap, dim=-1), F.normalize(texts + amount * gap, dim=-1)


def shifts_gone_wrong(images: Tensor, texts: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Both sides, moved in another way than by half of the gap."""
    gap = images.mean(dim=0) - texts.mean(dim=0)
    return {
        "moved the wrong way: the two are further apart": shifted(images, texts, -0.5),
        "off the sphere: after the move each row is made a unit vector again": (images - 0.5 * gap, texts + 0.5 * gap),
        "only the images were moved, all the way: each side moves by `amount`": (
            F.normalize(images - gap, dim=-1),
            texts,
        ),
        "each side was centred on 0: that closes the gap, too, but both sides move along it, towards each other": (
            F.normalize(images - images.mean(dim=0), dim=-1),
            F.normalize(texts - texts.mean(dim=0), dim=-1),
        ),
    }


def winoground(similarity: np.ndarray) -> dict[str, float]:
    """Winoground's scores, pair by pair, as the paper words them. similarity: (n, 2, 2)."""
    text = [s[0, 0] > s[0, 1] and s[1, 1] > s[1, 0] for s in similarity]
    image = [s[0, 0] > s[1, 0] and s[1, 1] > s[0, 1] for s in similarity]
    group = [a and b for a, b in zip(text, image, strict=True)]
    return {name: float(np.mean(passed)) for name, passed in (("text", text), ("image", image), ("group", group))}


def scores_gone_wrong(similarity: np.ndarray) -> dict[str, dict[str, float]]:
    """Other scores, by name."""
    wanted, right = winoground(similarity), similarity[:, [0, 1], [0, 1]]
    wrong = {"text": similarity[:, [0, 1], [1, 0]], "image": similarity[:, [1, 0], [0, 1]]}
    single = "that is the part of single choices that are right; a pair passes when both are"
    either = "one right choice of two passes; both have to be right (&, not |)"
    found = {
        name: {single: float(np.mean(right > other)), either: float(np.mean((right > other).any(axis=1)))}
        for name, other in wrong.items()
    }
    passes = "a pair passes when it passes both"
    found["group"] = {
        f"that is the product of the other two; {passes}": wanted["text"] * wanted["image"],
        f"that is the smaller of the other two; {passes}": min(wanted["text"], wanted["image"]),
    }
    return found
