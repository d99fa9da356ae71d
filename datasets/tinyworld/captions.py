"""The grammar of captions, both ways: from objects on a background to words, and from words back to the facts.

A caption names every fact of its scene: the background, each object's size, colour and shape, and for two objects how
they lie to each other. `parse_caption` undoes any paraphrase, so two captions mean the same when their facts are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from tinyworld.objects import Object, relation
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, OPPOSITE, SHAPES, SIZES
from tinyworld.wording import pick, with_article

# A few synonyms, the canonical word first.
SIZE_WORDS = {"small": ("small", "little"), "large": ("large", "big")}
SHAPE_WORDS = {
    "circle": ("circle", "disc"),
    "square": ("square",),
    "triangle": ("triangle",),
    "star": ("star",),
    "cross": ("cross", "plus"),
    "ring": ("ring",),
}
RELATION_WORDS = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}


class Facts(NamedTuple):
    """What a caption says.

    background: one of BACKGROUNDS.
    objects: (size, colour, shape) of each. Of two, the left or upper one first; of three, in alphabetical order.
    relation: how the first of two lies to the second ("left of" or "above"), else None.
    """

    background: str
    objects: tuple[tuple[str, str, str], ...]
    relation: str | None


def facts(objects: Sequence[Object], background: str) -> Facts:
    """The facts that every caption of these objects on this background states."""
    found = relation(objects)
    described = [(o.size, o.colour, o.shape) for o in objects]
    return _normal(background, described, found[1] if found else None)


def caption(objects: Sequence[Object], background: str, rng: np.random.Generator | None = None) -> str:
    """The canonical caption of objects on a background, or a paraphrase drawn with `rng`."""
    return _place(_things(objects, rng), _ground(background), rng)


def prompts(attribute: str, value: str) -> list[str]:
    """Short texts that state one attribute only, for zero-shot classification with an ensemble of templates.

    attribute: "colour", "shape", "size" or "background". Raises ValueError for a word the world does not know.
    """
    known = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "background": BACKGROUNDS}
    if attribute not in known:
        raise ValueError(f"attribute must be one of {', '.join(known)}; got {attribute!r}")
    if value not in known[attribute]:
        raise ValueError(f"{attribute} must be one of {', '.join(known[attribute])}; got {value!r}")
    if attribute == "background":
        return [
            f"a shape on a {value} background",
            f"there is a shape on a {value} background",
            f"a {value} background",
        ]
    if attribute == "shape":
        nouns = list(SHAPE_WORDS[value])
    else:
        nouns = [f"{word} shape" for word in (SIZE_WORDS[value] if attribute == "size" else (value,))]
    return [t.format(with_article(noun)) for noun in nouns for t in ("{}", "there is {}", "a picture of {}")]


def short_caption(objects: Sequence[Object], background: str, rng: np.random.Generator) -> str:
    """A text that is true of objects on a background but leaves facts out, such as "a red shape".

    CLIP learns to read zero-shot prompts from these. It speaks of one of the objects, drawn with `rng`.
    """
    thing = objects[int(rng.integers(len(objects)))]
    names_colour, names_shape = pick((True, True, False), rng), pick((True, True, False), rng)
    names_size = pick((True, False, False), rng)
    words = [
        pick(SIZE_WORDS[thing.size], rng) if names_size else "",
        thing.colour if names_colour else "",
        pick(SHAPE_WORDS[thing.shape], rng) if names_shape else "shape",
    ]
    text = with_article(" ".join(w for w in words if w))
    if not (names_colour or names_shape or names_size) or pick((True, False, False), rng):
        text = f"{text} on {_ground(background)}"
    return pick(("{}", "there is {}", "a picture of {}"), rng).format(text)


def parse_caption(text: str) -> Facts:
    """The facts a caption states, in the normal form of `Facts`.

    Raises ValueError that says what is missing or not understood; a caption must state all its facts and no others.
    """
    words = " ".join(re.findall(r"[a-z]+", text.lower()))
    background = _parse_background(text, words)
    objects = [(_SIZE[s], c, _SHAPE[n]) for s, c, n in _OBJECT.findall(words)]
    if not 1 <= len(objects) <= 3:
        raise ValueError(f"found {len(objects)} objects of size, colour and shape in {text!r}; a caption names 1 to 3")
    # Take away all that was understood: what stays must be the relation and filler words.
    rest = _BACKGROUND.sub(" ", _OBJECT.sub(" O ", words))
    relations = _RELATION.findall(rest)
    unknown = set(_RELATION.sub(" ", rest).split()) - _FILLERS
    if unknown:
        raise ValueError(f"cannot read {', '.join(sorted(unknown))!r} in {text!r}")
    if len(relations) != (len(objects) == 2):
        raise ValueError(f"found {len(relations)} relations between {len(objects)} objects in {text!r}")
    if len(objects) != 2:
        return _normal(background, objects, None)
    # "A left of B", or "left of B is A": the relation word belongs to the object that it stands before.
    first, second = objects
    if rest.index(relations[0]) < rest.index("O"):
        first, second = second, first
    return _normal(background, [first, second], _RELATION_NAME[relations[0]])


def facts_of(text: str) -> Facts | None:
    """What a caption says, or None where it says nothing that `parse_caption` understands."""
    try:
        return parse_caption(text)
    except ValueError:
        return None


def _things(objects: Sequence[Object], rng: np.random.Generator | None) -> str:
    """Objects in words, without the background."""
    found = relation(objects)
    if found:
        first, name, second = found
        if pick((False, True), rng):
            first, name, second = second, OPPOSITE[name], first
        a, b = _describe(first, rng), _describe(second, rng)
        order = pick(("{a} {r} {b}", "{a} is {r} {b}", "{r} {b} is {a}", "{a} sits {r} {b}"), rng)
        return order.format(a=a, b=b, r=pick(RELATION_WORDS[name], rng))
    described = [_describe(o, rng) for o in objects]
    if len(described) == 1:
        return described[0]
    if rng is not None:
        described = [described[i] for i in rng.permutation(len(described))]
    return f"{', '.join(described[:-1])} and {described[-1]}"


def _place(things: str, ground: str, rng: np.random.Generator | None) -> str:
    """Join what is seen and what it is seen on."""
    opening = "" if " is " in things or " sits " in things else "there is "
    ways = (
        f"{things} on {ground}",
        f"{things} against {ground}",
        f"{opening}{things} on {ground}",
        f"on {ground}, {opening}{things}",
    )
    return pick(ways, rng)


def _describe(thing: Object, rng: np.random.Generator | None) -> str:
    return f"a {pick(SIZE_WORDS[thing.size], rng)} {thing.colour} {pick(SHAPE_WORDS[thing.shape], rng)}"


def _ground(background: str) -> str:
    return f"{with_article(background)} background"


def _normal(background: str, objects: list[tuple[str, str, str]], relation: str | None) -> Facts:
    if relation in ("right of", "below"):
        objects, relation = objects[::-1], OPPOSITE[relation]
    elif relation is None:
        objects = sorted(objects)
    return Facts(background, tuple(objects), relation)


def _parse_background(text: str, words: str) -> str:
    found = _BACKGROUND.findall(words)
    if len(found) != 1:
        raise ValueError(f"a caption names one background, found {len(found)} in {text!r}")
    return found[0]


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_SIZE = {word: size for size, words in SIZE_WORDS.items() for word in words}
_SHAPE = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
_RELATION_NAME = {word: relation for relation, words in RELATION_WORDS.items() for word in words}
_OBJECT = re.compile(rf"\b({_any(_SIZE)}) ({_any(COLOURS)}) ({_any(_SHAPE)})\b")
_RELATION = re.compile(rf"\b({_any(_RELATION_NAME)})\b")
_BACKGROUND = re.compile(rf"\b(?:on|against) an? ({_any(BACKGROUNDS)}) background\b")
_FILLERS = {"O", "a", "an", "and", "there", "is", "sits", "picture", "of"}
