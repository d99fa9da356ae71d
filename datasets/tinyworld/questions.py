"""Questions about a scene, with answers of a word or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinyworld.vocabulary import COLOURS, NUMBERS, OPPOSITE, SHAPES

if TYPE_CHECKING:
    from tinyworld.scene import Object, Scene

KINDS: tuple[str, ...] = ("colour", "shape", "size", "count", "yes/no", "relation", "background")


class Question(NamedTuple):
    """A question in lower case with its answer; `kind` is one of KINDS.

    Answers: a word of the vocabulary, a number from "zero" to "three", "yes" or "no", or one of RELATIONS.
    """

    text: str
    answer: str
    kind: str


def questions(scene: Scene, rng: np.random.Generator | None = None) -> list[Question]:
    """Every question worth asking: a fixed list, or with `rng` other wordings, other things asked for, shuffled.

    An object is called by its shape or its colour where that names it alone, else by colour and shape, which always
    does in sampled scenes. About half of the yes/no questions have the answer "yes".
    """

    def pick(choices):
        return choices[0] if rng is None else choices[int(rng.random() * len(choices))]

    asked = [Question(pick(("what is the background?", "what background is it?")), scene.background, "background")]
    asked += _counting(scene, pick)
    for thing in scene.objects:
        asked += _attributes(scene, thing, pick)
        asked += _presence(scene, thing, pick)
    if scene.relation():
        asked += _relations(scene, pick)
    if rng is not None:
        rng.shuffle(asked)
    return asked


def _counting(scene: Scene, pick) -> list[Question]:
    total = NUMBERS[len(scene.objects)]
    other_colour, other_shape = pick(tuple(COLOURS)), pick(SHAPES)
    present = pick(scene.objects)
    asked = [Question(pick(("how many shapes are there?", "how many objects do you see?")), total, "count")]
    for colour in dict.fromkeys((present.colour, other_colour)):
        n = sum(o.colour == colour for o in scene.objects)
        asked.append(Question(f"how many {colour} shapes are there?", NUMBERS[n], "count"))
    for shape in dict.fromkeys((present.shape, other_shape)):
        n = sum(o.shape == shape for o in scene.objects)
        plural = "crosses" if shape == "cross" else f"{shape}s"
        asked.append(Question(f"how many {plural} are there?", NUMBERS[n], "count"))
    return asked


def _attributes(scene: Scene, thing: Object, pick) -> list[Question]:
    asked = []
    if sum(o.shape == thing.shape for o in scene.objects) == 1:
        text = pick(("what colour is the {}?", "which colour does the {} have?")).format(thing.shape)
        asked.append(Question(text, thing.colour, "colour"))
    if sum(o.colour == thing.colour for o in scene.objects) == 1:
        text = pick(("what shape is the {} object?", "what is the {} thing?")).format(thing.colour)
        asked.append(Question(text, thing.shape, "shape"))
    if sum((o.colour, o.shape) == (thing.colour, thing.shape) for o in scene.objects) == 1:
        text = pick(("how big is the {} {}?", "what size is the {} {}?")).format(thing.colour, thing.shape)
        asked.append(Question(text, thing.size, "size"))
    return asked


def _presence(scene: Scene, thing: Object, pick) -> list[Question]:
    """One "yes" and one "no" that differs from it in the colour or the shape alone."""
    there = {(o.colour, o.shape) for o in scene.objects}
    absent = [(c, thing.shape) for c in COLOURS if (c, thing.shape) not in there]
    absent += [(thing.colour, s) for s in SHAPES if (thing.colour, s) not in there]
    wording = pick(("is there {}?", "do you see {}?", "can you find {}?"))
    return [
        Question(wording.format(f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"), answer, "yes/no")
        for (colour, shape), answer in (((thing.colour, thing.shape), "yes"), (pick(absent), "no"))
    ]


def _relations(scene: Scene, pick) -> list[Question]:
    first, relation, second = scene.relation()
    if (first.colour, first.shape) == (second.colour, second.shape):
        return []
    if pick((False, True)):
        first, relation, second = second, OPPOSITE[relation], first
    a, b = f"the {first.colour} {first.shape}", f"the {second.colour} {second.shape}"
    return [
        Question(pick((f"where is {a} seen from {b}?", f"how does {a} lie to {b}?")), relation, "relation"),
        Question(f"is {a} {relation} {b}?", "yes", "yes/no"),
        Question(f"is {a} {OPPOSITE[relation]} {b}?", "no", "yes/no"),
    ]
