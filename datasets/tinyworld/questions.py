"""Questions about objects on a background, with answers of a word or two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyworld.objects import Object, relation
from tinyworld.vocabulary import COLOURS, NUMBERS, OPPOSITE, SHAPES
from tinyworld.wording import pick, plural, with_article

KINDS: tuple[str, ...] = ("colour", "shape", "size", "count", "yes/no", "relation", "background")


class Question(NamedTuple):
    """A question in lower case with its answer; `kind` is one of KINDS.

    Answers: a word of the vocabulary, a number from "zero" to "three", "yes" or "no", or one of RELATIONS.
    """

    text: str
    answer: str
    kind: str


def questions(objects: Sequence[Object], background: str, rng: np.random.Generator | None = None) -> list[Question]:
    """Every question worth asking: a fixed list, or with `rng` other wordings, other things asked for, shuffled.

    An object is called by its shape or its colour where that names it alone, else by colour and shape, which always
    does in sampled scenes. About half of the yes/no questions have the answer "yes".
    """
    asked = [Question(pick(("what is the background?", "what background is it?"), rng), background, "background")]
    asked += _counting(objects, rng)
    for thing in objects:
        asked += _attributes(objects, thing, rng)
        asked += _presence(objects, thing, rng)
    asked += _relations(objects, rng)
    if rng is not None:
        rng.shuffle(asked)
    return asked


def _counting(objects: Sequence[Object], rng: np.random.Generator | None) -> list[Question]:
    total = NUMBERS[len(objects)]
    other_colour, other_shape = pick(tuple(COLOURS), rng), pick(SHAPES, rng)
    present = pick(objects, rng)
    asked = [Question(pick(("how many shapes are there?", "how many objects do you see?"), rng), total, "count")]
    for colour in dict.fromkeys((present.colour, other_colour)):
        n = sum(o.colour == colour for o in objects)
        asked.append(Question(f"how many {colour} shapes are there?", NUMBERS[n], "count"))
    for shape in dict.fromkeys((present.shape, other_shape)):
        n = sum(o.shape == shape for o in objects)
        asked.append(Question(f"how many {plural(shape)} are there?", NUMBERS[n], "count"))
    return asked


def _attributes(objects: Sequence[Object], thing: Object, rng: np.random.Generator | None) -> list[Question]:
    asked = []
    if sum(o.shape == thing.shape for o in objects) == 1:
        text = pick(("what colour is the {}?", "which colour does the {} have?"), rng).format(thing.shape)
        asked.append(Question(text, thing.colour, "colour"))
    if sum(o.colour == thing.colour for o in objects) == 1:
        text = pick(("what shape is the {} object?", "what is the {} thing?"), rng).format(thing.colour)
        asked.append(Question(text, thing.shape, "shape"))
    if sum((o.colour, o.shape) == (thing.colour, thing.shape) for o in objects) == 1:
        text = pick(("how big is the {} {}?", "what size is the {} {}?"), rng).format(thing.colour, thing.shape)
        asked.append(Question(text, thing.size, "size"))
    return asked


def _presence(objects: Sequence[Object], thing: Object, rng: np.random.Generator | None) -> list[Question]:
    """One "yes" and one "no" that differs from it in the colour or the shape alone."""
    there = {(o.colour, o.shape) for o in objects}
    absent = [(c, thing.shape) for c in COLOURS if (c, thing.shape) not in there]
    absent += [(thing.colour, s) for s in SHAPES if (thing.colour, s) not in there]
    wording = pick(("is there {}?", "do you see {}?", "can you find {}?"), rng)
    return [
        Question(wording.format(with_article(f"{colour} {shape}")), answer, "yes/no")
        for (colour, shape), answer in (((thing.colour, thing.shape), "yes"), (pick(absent, rng), "no"))
    ]


def _relations(objects: Sequence[Object], rng: np.random.Generator | None) -> list[Question]:
    """How two objects lie to each other; nothing of other numbers, or of two that have the same name."""
    found = relation(objects)
    if found is None:
        return []
    first, name, second = found
    if (first.colour, first.shape) == (second.colour, second.shape):
        return []
    if pick((False, True), rng):
        first, name, second = second, OPPOSITE[name], first
    a, b = f"the {first.colour} {first.shape}", f"the {second.colour} {second.shape}"
    return [
        Question(pick((f"where is {a} seen from {b}?", f"how does {a} lie to {b}?"), rng), name, "relation"),
        Question(f"is {a} {name} {b}?", "yes", "yes/no"),
        Question(f"is {a} {OPPOSITE[name]} {b}?", "no", "yes/no"),
    ]
