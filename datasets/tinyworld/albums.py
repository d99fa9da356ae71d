"""Several pictures at once: what differs, what is where, how many in all, and tasks that only examples explain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES
from tinyworld.wording import pick, plural, with_article

KINDS: tuple[str, ...] = ("differs", "shows", "in all", "one of them", "examples")
PLACES: tuple[str, ...] = ("first", "second", "third")
NUMBERS: tuple[str, ...] = ("zero", "one", "two", "three", "four", "five", "six")
ATTRIBUTES = {"colour": tuple(COLOURS), "shape": SHAPES, "size": SIZES, "background": BACKGROUNDS}


class Album(NamedTuple):
    """Pictures, a question about them, its answer, and what kind it is: one of KINDS.

    examples: the answers for all pictures but the last, where these are examples of the task and `question` is empty.
    alone: what each picture by itself has to say to the question: whether it shows what is asked for, how many it adds,
    the value that is compared; "" where that is nothing, or nobody could know yet.
    """

    scenes: tuple[Scene, ...]
    question: str
    answer: str
    kind: str
    examples: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()


def album(split: str, kind: str, rng: np.random.Generator) -> Album:
    """Draw an album of a kind; all of its scenes belong to the split."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    return {"differs": _differs, "shows": _shows, "in all": _in_all, "one of them": _one, "examples": _examples}[kind](
        split, rng
    )


def _differs(split: str, rng: np.random.Generator) -> Album:
    """Of three pictures with one object each, two agree in an attribute and the third does not."""
    attribute = pick(list(ATTRIBUTES), rng)
    while True:
        drawn = _draw(split, 30, rng, 1)
        same = [s for s in drawn if _value(s, attribute) == _value(drawn[0], attribute)]
        other = [s for s in drawn if s not in same]
        if len(same) >= 2 and other:
            break
    odd = int(rng.integers(3))
    shown = same[:2]
    shown.insert(odd, other[0])
    values = tuple(_value(s, attribute) for s in shown)
    return Album(tuple(shown), f"which picture has another {attribute}?", PLACES[odd], "differs", alone=values)


def _shows(split: str, rng: np.random.Generator) -> Album:
    """One object of one picture, named by colour and shape, which no other picture holds."""
    while True:
        drawn = _draw(split, 3, rng)
        i = int(rng.integers(3))
        thing = pick(drawn[i].objects, rng)
        others = {(o.colour, o.shape) for s in drawn[:i] + drawn[i + 1 :] for o in s.objects}
        if (thing.colour, thing.shape) not in others:
            shows = tuple("yes" if j == i else "no" for j in range(3))
            name = with_article(f"{thing.colour} {thing.shape}")
            return Album(tuple(drawn), f"which picture shows {name}?", PLACES[i], "shows", alone=shows)


def _in_all(split: str, rng: np.random.Generator) -> Album:
    """Objects of a colour, a shape or any, counted over two or three pictures; at most six."""
    while True:
        drawn = _draw(split, int(rng.integers(2, 4)), rng)
        things = [o for s in drawn for o in s.objects]
        kind = pick(("colour", "colour", "shape", "all"), rng)
        if kind == "all":
            noun, each = "shapes", [len(s.objects) for s in drawn]
        elif kind == "colour":
            value = pick(things, rng).colour if rng.random() < 0.8 else pick(tuple(COLOURS), rng)
            noun, each = f"{value} shapes", [sum(o.colour == value for o in s.objects) for s in drawn]
        else:
            value = pick(things, rng).shape if rng.random() < 0.8 else pick(SHAPES, rng)
            noun, each = plural(value), [sum(o.shape == value for o in s.objects) for s in drawn]
        if sum(each) < len(NUMBERS):
            counts = tuple(NUMBERS[n] for n in each)
            question = f"how many {noun} are there in all?"
            return Album(tuple(drawn), question, NUMBERS[sum(each)], "in all", alone=counts)


def _one(split: str, rng: np.random.Generator) -> Album:
    """A question of `tinyworld.questions` about one picture of three."""
    drawn, i = _draw(split, 3, rng), int(rng.integers(3))
    wanted = ("colour", "shape", "size", "background", "yes/no")
    asked = pick([q for q in drawn[i].questions(rng) if q.kind in wanted and " lie" not in q.text], rng)
    said = tuple(asked.answer if j == i else "" for j in range(3))
    return Album(tuple(drawn), f"in the {PLACES[i]} picture {asked.text}", asked.answer, "one of them", alone=said)


def _examples(split: str, rng: np.random.Generator, shots: int = 3) -> Album:
    """Pictures of one object, each with a value of the same attribute for an answer: which attribute, nobody says."""
    attribute = pick(list(ATTRIBUTES), rng)
    drawn = _draw(split, shots + 1, rng, 1)
    values = tuple(_value(s, attribute) for s in drawn)
    return Album(tuple(drawn), "", values[-1], "examples", values[:-1], ("", *values[1:]))


def with_shots(shown: Album, shots: int) -> Album:
    """The same last picture and answer, after fewer examples."""
    dropped = len(shown.examples) - shots
    alone = ("", *shown.alone[dropped + 1 :])
    return shown._replace(scenes=shown.scenes[dropped:], examples=shown.examples[dropped:], alone=alone)


def _draw(split: str, n: int, rng: np.random.Generator, objects: int | None = None) -> list[Scene]:
    found = scenes(split, n, int(rng.integers(2**31)), objects)
    if objects is None:  # of three objects no more than two: few can be counted over three pictures otherwise
        found = [s if len(s.objects) < 3 else scenes(split, 1, int(rng.integers(2**31)), 2)[0] for s in found]
    return found


def _value(scene: Scene, attribute: str) -> str:
    return scene.background if attribute == "background" else getattr(scene.objects[0], attribute)
