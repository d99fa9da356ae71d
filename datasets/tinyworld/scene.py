"""A scene as a value: what is where. Drawing, captions and questions live in modules of their own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from tinyworld import captions, drawing, questions
from tinyworld.captions import Facts
from tinyworld.objects import Object, one_of, relation
from tinyworld.questions import Question
from tinyworld.vocabulary import BACKGROUNDS


@dataclass(frozen=True, slots=True)
class Scene:
    """One to three objects on a background. Equal scenes are equal pictures, with equal canonical captions.

    Raises ValueError for an unknown background or another number of objects.
    """

    objects: tuple[Object, ...]
    background: str

    def __post_init__(self) -> None:
        one_of("background", self.background, BACKGROUNDS)
        if not isinstance(self.objects, tuple) or not all(isinstance(o, Object) for o in self.objects):
            raise ValueError("objects must be a tuple of Object")
        if not 1 <= len(self.objects) <= 3:
            raise ValueError(f"a scene holds 1 to 3 objects, got {len(self.objects)}")

    def render(self, size: int = 64) -> Image.Image:
        """The anti-aliased RGB picture, `size` x `size` pixels. The same scene always gives the same pixels."""
        return drawing.render(self.objects, self.background, size)

    def masks(self, size: int = 64) -> np.ndarray:
        """Where each object is: float32 (objects, size, size), the part of every pixel it covers, in [0, 1]."""
        return drawing.masks(self.objects, size)

    def label_map(self, size: int = 64) -> np.ndarray:
        """Which object each pixel shows: uint8 (size, size), 0 for the background, i for the i-th object from 1."""
        return drawing.label_map(self.objects, size)

    def caption(self, rng: np.random.Generator | None = None) -> str:
        """The canonical caption, or with `rng` one of its many paraphrases. Every one names all the facts."""
        return captions.caption(self.objects, self.background, rng)

    def captions(self, n: int, seed: int = 0) -> list[str]:
        """`n` paraphrases drawn from `seed`; some may repeat."""
        rng = np.random.default_rng(seed)
        return [captions.caption(self.objects, self.background, rng) for _ in range(n)]

    def short_caption(self, rng: np.random.Generator) -> str:
        """A text that is true of the scene but leaves facts out, such as "a red shape"."""
        return captions.short_caption(self.objects, self.background, rng)

    def facts(self) -> Facts:
        """What a caption of this scene says, in a normal form: equal for all its paraphrases."""
        return captions.facts(self.objects, self.background)

    def questions(self, rng: np.random.Generator | None = None) -> list[Question]:
        """Questions about the scene with their answers: a fixed list, or with `rng` other wordings and choices."""
        return questions.questions(self.objects, self.background, rng)

    def relation(self) -> tuple[Object, str, Object] | None:
        """How the first of two objects lies to the second, as `tinyworld.objects.relation` says; else None."""
        return relation(self.objects)

    def swapped(self) -> Scene:
        """The same two objects with their places exchanged: same words, opposite relation. A hard negative for CLIP.

        Of three objects the first two are exchanged. Raises ValueError for a single object.
        """
        if len(self.objects) < 2:
            raise ValueError("a scene of one object has nothing to swap")
        first, second, *rest = self.objects
        moved_first = Object(first.shape, first.colour, first.size, second.x, second.y)
        moved_second = Object(second.shape, second.colour, second.size, first.x, first.y)
        return Scene((moved_first, moved_second, *rest), self.background)

    def to_json(self) -> str:
        """One line of JSON; `Scene.from_json` gives back an equal scene."""
        return json.dumps({"background": self.background, "objects": [asdict(o) for o in self.objects]})

    @staticmethod
    def from_json(text: str) -> Scene:
        """The scene that `to_json` wrote. Raises ValueError that names the field that is wrong."""
        try:
            data = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"a scene is written as JSON, and this is not JSON: {error}") from None
        _exact_keys("the scene", data, {"background", "objects"})
        if not isinstance(data["objects"], list):
            raise ValueError(f"objects must be a list, got {type(data['objects']).__name__}")
        objects = []
        for i, fields in enumerate(data["objects"]):
            _exact_keys(f"objects[{i}]", fields, {"shape", "colour", "size", "x", "y"})
            try:
                objects.append(Object(**fields))
            except ValueError as error:
                raise ValueError(f"objects[{i}]: {error}") from None
        return Scene(tuple(objects), data["background"])


def _exact_keys(where: str, data: object, keys: set[str]) -> None:
    if not isinstance(data, dict):
        raise ValueError(f"{where} must be a JSON object, got {type(data).__name__}")
    if missing := sorted(keys - data.keys()):
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if extra := sorted(data.keys() - keys):
        raise ValueError(f"{where} has unknown fields: {', '.join(extra)}")
