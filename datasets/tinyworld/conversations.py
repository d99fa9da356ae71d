"""Talk about one picture: questions and answers turn by turn, and what the words in them mean.

Beside `tinyworld.questions` there are three kinds of turns: "describe" asks for a caption, "where" for a box in
location tokens (`tinyworld.grounding`), and a "follow-up" says "it" for the object of the turn before.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from tinyworld import grounding
from tinyworld.captions import SHAPE_WORDS, SIZE_WORDS
from tinyworld.questions import KINDS
from tinyworld.scene import Scene
from tinyworld.vocabulary import COLOURS
from tinyworld.wording import pick, plural

# How often each kind is drawn, where the scene allows it.
ASKED = {"colour": 3, "shape": 3, "size": 1, "count": 3, "yes/no": 4, "relation": 4, "background": 1}
ASKED |= {"where": 4, "describe": 2}
FOLLOW = 0.4  # how often a question about one object is followed up
ALL_KINDS: tuple[str, ...] = (*KINDS, "where", "follow-up")

DESCRIBE = ("describe the picture", "what do you see?", "what is in the picture?")
WHERE = ("where is the {}?", "point to the {}", "find the {}")
FOLLOW_UPS = {
    "colour": ("what colour is it?", "which colour does it have?"),
    "shape": ("what shape is it?",),
    "size": ("how big is it?", "what size is it?"),
    "where": ("where is it?", "point to it"),
}


class Turn(NamedTuple):
    """A question, its answer, and what kind of question it is: one of ALL_KINDS, or "describe"."""

    question: str
    answer: str
    kind: str


class Mention(NamedTuple):
    """A phrase that speaks of objects. None for what it does not say; `end` is where it ends in the text."""

    end: int
    size: str | None
    colour: str | None
    shape: str | None

    def of(self, scene: Scene) -> list[int]:
        """The indices of the scene's objects that fit the phrase."""
        return [
            i
            for i, thing in enumerate(scene.objects)
            if self.size in (None, thing.size)
            and self.colour in (None, thing.colour)
            and self.shape in (None, thing.shape)
        ]


def mentions(text: str) -> list[Mention]:
    """The phrases that speak of objects: "the red star", "a small blue disc", "crosses", "the green thing"."""
    found = []
    for match in _PHRASE.finditer(text):
        size, colour, noun = match.groups()
        if noun in ("object", "thing") and colour is None:
            continue
        found.append(Mention(match.end(), _SIZE.get(size), colour, _SHAPE.get(noun)))
    return found


def where(scene: Scene, i: int, rng: np.random.Generator) -> Turn:
    """Where is the i-th object? It is called by its shape, its colour or both, whichever names it alone."""
    thing, names = scene.objects[i], []
    if sum(o.shape == thing.shape for o in scene.objects) == 1:
        names.append(thing.shape)
    if sum(o.colour == thing.colour for o in scene.objects) == 1:
        names.append(f"{thing.colour} {pick(('thing', 'object'), rng)}")
    names += [f"{thing.colour} {thing.shape}"] * 2
    box = grounding.boxes_of(scene)[i]
    return Turn(pick(WHERE, rng).format(pick(names, rng)), grounding.to_text(box), "where")


def follow_up(scene: Scene, before: Turn, rng: np.random.Generator) -> Turn | None:
    """Another question about the object that the turn before asked for; None where that was not just one."""
    if before.kind not in FOLLOW_UPS:
        return None
    (about,) = (mention.of(scene) for mention in mentions(before.question))
    (i,) = about
    thing = scene.objects[i]
    kind = pick([k for k in FOLLOW_UPS if k != before.kind], rng)
    answer = grounding.to_text(grounding.boxes_of(scene)[i]) if kind == "where" else getattr(thing, kind)
    return Turn(pick(FOLLOW_UPS[kind], rng), answer, "follow-up")


def conversation(scene: Scene, rng: np.random.Generator, n: int) -> list[Turn]:
    """Up to `n` turns about a scene, kinds as often as ASKED and FOLLOW say; no question comes twice."""
    by_kind: dict[str, list[Turn]] = {}
    for question in scene.questions(rng):
        by_kind.setdefault(question.kind, []).append(Turn(*question))
    kinds = [*sorted(by_kind), "where", "describe"]
    weights = np.array([ASKED[kind] for kind in kinds], dtype=float)
    turns: list[Turn] = []
    for kind in rng.choice(kinds, size=2 * n, p=weights / weights.sum()):
        if kind == "where":
            turn = where(scene, int(rng.integers(len(scene.objects))), rng)
        elif kind == "describe":
            turn = Turn(pick(DESCRIBE, rng), scene.caption(rng), "describe")
        else:
            turn = pick(by_kind[str(kind)], rng)
        if turn.question in {other.question for other in turns}:
            continue
        turns.append(turn)
        if rng.random() < FOLLOW and (more := follow_up(scene, turns[-1], rng)):
            turns.append(more)
    return turns[:n]


_SIZE = {word: size for size, words in SIZE_WORDS.items() for word in words}
_SHAPE = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
_SHAPE |= {plural(shape): shape for shape in SHAPE_WORDS}
_NOUN = "|".join([*_SHAPE, "shapes", "objects", "object", "thing"])
_PHRASE = re.compile(rf"\b(?:({'|'.join(_SIZE)}) )?(?:({'|'.join(COLOURS)}) )?({_NOUN})\b")
