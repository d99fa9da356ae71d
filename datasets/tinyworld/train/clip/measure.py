"""What a CLIP knows of the world: zero-shot classes, retrieval, relations, and what its patches carry."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import CLIPModel, CLIPProcessor

from tinyworld.captions import prompts
from tinyworld.objects import direction
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.batches import tensors
from tinyworld.train.dense import PatchLabels
from tinyworld.train.towers import normalise
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, OPPOSITE, RELATIONS, SHAPES, SIZES

VALUES = {"colour": tuple(COLOURS), "shape": SHAPES, "size": SIZES, "background": BACKGROUNDS}
GALLERY = 256  # retrieval: one right caption among so many
CHUNK = 128


class Clip:
    """A `CLIPModel` and its processor behind two methods that return unit vectors, float32 (n, d)."""

    def __init__(self, model: CLIPModel, processor: CLIPProcessor) -> None:
        self.model, self.processor = model.float().eval(), processor

    @torch.inference_mode()
    def images(self, drawn: list[Scene]) -> torch.Tensor:
        return torch.cat([self._images(drawn[i : i + CHUNK]) for i in range(0, len(drawn), CHUNK)])

    def _images(self, drawn: list[Scene]) -> torch.Tensor:
        pixels = self.processor(images=[s.render(64) for s in drawn], return_tensors="pt")["pixel_values"]
        pooled = self.model.vision_model(pixel_values=pixels).pooler_output
        return torch.nn.functional.normalize(self.model.visual_projection(pooled), dim=-1)

    @torch.inference_mode()
    def texts(self, texts: list[str]) -> torch.Tensor:
        return torch.cat([self._texts(texts[i : i + CHUNK]) for i in range(0, len(texts), CHUNK)])

    def _texts(self, texts: list[str]) -> torch.Tensor:
        tokens = self.processor(text=texts, padding=True, truncation=True, return_tensors="pt")
        pooled = self.model.text_model(**tokens).pooler_output
        return torch.nn.functional.normalize(self.model.text_projection(pooled), dim=-1)


def load(folder: Path) -> Clip:
    """The checkpoint in a folder, computing in float32."""
    return Clip(CLIPModel.from_pretrained(folder), CLIPProcessor.from_pretrained(folder))


def measure(folder: Path, n: int = 2048) -> dict[str, float]:
    """Every figure of the card, from `n` scenes each. Shares are in [0, 1]; "place, pixels" is in pixels of 64."""
    clip = load(folder)
    figures: dict[str, float] = {}
    for split in ("test", "compositional"):
        single = scenes(split, n, objects=1)
        seen = clip.images(single)
        for attribute in VALUES:
            figures[f"{split}/zero-shot {attribute}"] = zero_shot_share(clip, single, attribute, seen)
        to_text, to_image = retrieval(clip, scenes(split, 2 * n))
        figures[f"{split}/image to text R@1"], figures[f"{split}/text to image R@1"] = to_text, to_image
        pairs = scenes(split, n, objects=2)
        seen = clip.images(pairs)
        for name, wrong in (("relation", reversed_relation), ("binding", exchanged_colours), ("shape", other_shape)):
            figures[f"{split}/choice of two: {name}"] = choice(clip, pairs, wrong, seen)
        figures[f"{split}/choice of four relations"] = relation_of_four(clip, pairs, seen)
    figures |= {f"test/patch {name}": value for name, value in probe(clip.model, n // 2, n // 2).items()}
    return figures


def zero_shot_share(clip: Clip, single: list[Scene], attribute: str, seen: torch.Tensor | None = None) -> float:
    """Accuracy on one-object scenes: each class is the mean of its prompts' embeddings (Radford et al. 2021, 3.1.4)."""
    classes = [clip.texts(prompts(attribute, value)).mean(0) for value in VALUES[attribute]]
    weights = torch.nn.functional.normalize(torch.stack(classes), dim=-1)
    found = ((clip.images(single) if seen is None else seen) @ weights.T).argmax(-1)
    wanted = [
        VALUES[attribute].index(s.background if attribute == "background" else getattr(s.objects[0], attribute))
        for s in single
    ]
    return (found == torch.tensor(wanted)).float().mean().item()


def retrieval(clip: Clip, drawn: list[Scene]) -> tuple[float, float]:
    """R@1 of image to text and text to image, in galleries of 256 scenes whose canonical captions all differ."""
    distinct = list({s.facts(): s for s in drawn}.values())
    galleries = [distinct[i : i + GALLERY] for i in range(0, len(distinct) - GALLERY + 1, GALLERY)]
    if not galleries:
        raise ValueError(f"retrieval needs at least {GALLERY} different scenes, got {len(distinct)}")
    hits = []
    for gallery in galleries:
        scores = clip.images(gallery) @ clip.texts([s.caption() for s in gallery]).T
        own = torch.arange(GALLERY)
        hits.append([(scores.argmax(1) == own).float().mean(), (scores.argmax(0) == own).float().mean()])
    to_text, to_image = torch.tensor(hits).mean(0).tolist()
    return to_text, to_image


def choice(clip: Clip, pairs: list[Scene], wrong, seen: torch.Tensor | None = None) -> float:
    """How often a picture prefers its canonical caption to `wrong(scene)`. Chance is 0.5."""
    seen = clip.images(pairs) if seen is None else seen
    right = (seen * clip.texts([s.caption() for s in pairs])).sum(-1)
    other = (seen * clip.texts([wrong(s) for s in pairs])).sum(-1)
    return (right > other).float().mean().item()


def reversed_relation(scene: Scene) -> str:
    """The same caption with the opposite relation: the same bag of words but one."""
    relation = direction(*scene.objects)
    return scene.caption().replace(f" {relation} ", f" {OPPOSITE[relation]} ")


def exchanged_colours(scene: Scene) -> str:
    """The caption with the two colours exchanged: the very same bag of words. Of equal colours, the shapes."""
    first, second = scene.objects
    relation = direction(first, second)
    a, b = (first.colour, first.shape), (second.colour, second.shape)
    a, b = ((b[0], a[1]), (a[0], b[1])) if a[0] != b[0] else (b, a)
    described = f"a {first.size} {' '.join(a)} {relation} a {second.size} {' '.join(b)}"
    return f"{described} on a {scene.background} background"


def other_shape(scene: Scene) -> str:
    """The caption with the first object's shape replaced by the next in the list."""
    shape = scene.objects[0].shape
    return scene.caption().replace(f" {shape} ", f" {SHAPES[(SHAPES.index(shape) + 1) % len(SHAPES)]} ", 1)


def relation_of_four(clip: Clip, pairs: list[Scene], seen: torch.Tensor | None = None) -> float:
    """How often the true one of four relations fits best. Chance is 0.25."""
    seen = clip.images(pairs) if seen is None else seen
    scores = []
    for relation in RELATIONS:
        texts = [s.caption().replace(f" {direction(*s.objects)} ", f" {relation} ") for s in pairs]
        scores.append((seen * clip.texts(texts)).sum(-1))
    found = torch.stack(scores, dim=-1).argmax(-1)
    return (found == torch.tensor([RELATIONS.index(direction(*s.objects)) for s in pairs])).float().mean().item()


@torch.no_grad()
def probe(model: CLIPModel, n_train: int, n_test: int, layer: int = -1) -> dict[str, float]:
    """What one linear map reads from a single patch of the vision tower's hidden states.

    Fitted on training scenes, scored on test scenes, on the patches of which an object covers at least 8 %. shape,
    colour, size: accuracy. "place, pixels": mean distance from the predicted to the true centre of the patch's object.
    "object or not": accuracy over all patches.
    """
    train = _patches(model, tensors(scenes("train", n_train, seed=10**6)), layer)
    test = _patches(model, tensors(scenes("test", n_test)), layer)
    mean, spread = train["features"].mean(0), train["features"].std(0)
    x, y = ((part["features"] - mean) / spread for part in (train, test))
    inside, there = train["shape"] > 0, test["shape"] > 0
    figures = {}
    for name in ("shape", "colour", "size"):
        found = linear_classes(x[inside], train[name][inside], y[there])
        figures[name] = (found == test[name][there]).float().mean().item()
    found = linear_classes(x, inside.long(), y)
    figures["object or not"] = (found == there).float().mean().item()
    ones = torch.ones(len(x), 1), torch.ones(len(y), 1)
    x, y = torch.cat([x, ones[0]], dim=1)[inside], torch.cat([y, ones[1]], dim=1)[there]
    missed = y @ torch.linalg.lstsq(x, train["offset"][inside]).solution - test["offset"][there]
    figures["place, pixels"] = missed.norm(dim=-1).mean().item() * 16  # offsets are in quarters of 64 pixels
    return figures


def linear_classes(x: torch.Tensor, classes: torch.Tensor, y: torch.Tensor, steps: int = 200) -> torch.Tensor:
    """Multinomial logistic regression fitted on (x, classes); the classes it gives to y."""
    with torch.enable_grad():
        weight = torch.zeros(x.shape[1], int(classes.max()) + 1, requires_grad=True)
        bias = torch.zeros(weight.shape[1], requires_grad=True)
        optimizer = torch.optim.Adam([weight, bias], lr=0.03)
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(x @ weight + bias, classes) + 1e-4 * weight.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return (y @ weight + bias).argmax(-1)


def _patches(model: CLIPModel, batch: dict[str, torch.Tensor], layer: int) -> dict[str, torch.Tensor]:
    """Features and labels, one row a patch."""
    truth, rows = PatchLabels(batch, model.config.vision_config.patch_size), []
    for pixels in batch["pixels"].split(CHUNK):
        out = model.vision_model(pixel_values=normalise(pixels), output_hidden_states=True)
        rows.append(out.hidden_states[layer][:, 1:].flatten(0, 1))
    labels = {name: getattr(truth, name).flatten(0, 1) for name in ("shape", "colour", "size", "offset")}
    return {"features": torch.cat(rows), **labels}


NAMES = {
    "zero-shot colour": "zero-shot colour, 8 classes",
    "zero-shot shape": "zero-shot shape, 6 classes",
    "zero-shot size": "zero-shot size, 2 classes",
    "zero-shot background": "zero-shot background, 6 classes",
    "image to text R@1": "image to text, R@1 of 256",
    "text to image R@1": "text to image, R@1 of 256",
    "choice of two: shape": "caption against one with a wrong shape (chance 50 %)",
    "choice of two: binding": "caption against one with the colours exchanged (chance 50 %)",
    "choice of two: relation": "caption against the opposite relation (chance 50 %)",
    "choice of four relations": "relation, one of four (chance 25 %)",
}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | test | compositional |", "|---|---|---|"]
    for key, name in NAMES.items():
        cells = (f"{100 * figures[f'{split}/{key}']:.1f} %" for split in ("test", "compositional"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| linear probe on one patch | test |", "|---|---|"]
    for key, value in figures.items():
        if key.startswith("test/patch "):
            shown = f"{value:.1f} px of 64" if key.endswith("pixels") else f"{100 * value:.1f} %"
            lines.append(f"| {key.removeprefix('test/patch ').removesuffix(', pixels')} | {shown} |")
    return "\n".join(lines)
