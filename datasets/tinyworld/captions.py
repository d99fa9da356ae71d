"""The grammar of captions, both ways: from a scene to words, and from words back to the facts.

A caption names every fact of its scene: the background, each object's size, colour and shape, and for two objects how
they lie to each other. `parse_caption` undoes any paraphrase, so two captions mean the same when their facts are equal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinyworld.vocabulary import BACKGROUNDS, COLOURS, OPPOSITE, SHAPES, SIZES

if TYPE_CHECKING:
    from tinyworld.scene import Object, Scene

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


def facts(scene: Scene) -> Facts:
    """The facts that every caption of the scene states."""
    found = scene.relation()
    described = [(o.size, o.colour, o.shape) for o in scene.objects]
    return _normal(scene.background, described, found[1] if found else None)


def caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """The canonical caption of a scene, or a paraphrase drawn with `rng`."""
    pick = _first if rng is None else _Picker(rng)
    return _place(_things(scene, pick), f"{_article(scene.background)} {scene.background} background", pick)


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
    words = {"shape": SHAPE_WORDS, "size": SIZE_WORDS}.get(attribute, {}).get(value, (value,))
    nouns = [w if attribute == "shape" else f"{w} shape" for w in words]
    return [t.format(_with_article(noun)) for noun in nouns for t in ("{}", "there is {}", "a picture of {}")]


def short_caption(scene: Scene, rng: np.random.Generator) -> str:
    """A text that is true of the scene but leaves facts out, such as "a red shape".

    CLIP learns to read zero-shot prompts from these. It speaks of one object of the scene, drawn with `rng`.
    """
    thing = scene.objects[int(rng.integers(len(scene.objects)))]
    pick = _Picker(rng)
    named = pick((True, True, False)), pick((True, True, False)), pick((True, False, False))  # colour, shape, size
    words = [
        pick(SIZE_WORDS[thing.size]) if named[2] else "",
        thing.colour if named[0] else "",
        pick(SHAPE_WORDS[thing.shape]) if named[1] else "shape",
    ]
    text = _with_article(" ".join(w for w in words if w))
    if not any(named) or pick((True, False, False)):
        text = f"{text} on {_article(scene.background)} {scene.background} background"
    return pick(("{}", "there is {}", "a picture of {}")).format(text)


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
    if _RELATION.search(rest).start() < rest.index("O"):
        first, second = second, first
    return _normal(background, [first, second], _RELATION_NAME[relations[0]])


class _Picker:
    """Draws one of several choices."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __call__(self, choices):
        return choices[int(self.rng.random() * len(choices))]


def facts_of(text: str) -> Facts | None:
    """What a caption says, or None where it says nothing that `parse_caption` understands."""
    try:
        return parse_caption(text)
    except ValueError:
        return None


def _first(choices):
    """The canonical choice always comes first."""
    return choices[0]


def _things(scene: Scene, pick) -> str:
    """The objects of a scene in words, without the background."""
    found = scene.relation()
    if found:
        first, relation, second = found
        if pick((False, True)):
            first, relation, second = second, OPPOSITE[relation], first
        a, b = _describe(first, pick), _describe(second, pick)
        order = pick(("{a} {r} {b}", "{a} is {r} {b}", "{r} {b} is {a}", "{a} sits {r} {b}"))
        return order.format(a=a, b=b, r=pick(RELATION_WORDS[relation]))
    described = [_describe(o, pick) for o in scene.objects]
    if len(described) == 1:
        return described[0]
    if pick is not _first:
        described = [described[i] for i in pick.rng.permutation(len(described))]
    return f"{', '.join(described[:-1])} and {described[-1]}"


def _place(things: str, background: str, pick) -> str:
    """Join what is seen and what it is seen on."""
    opening = "" if " is " in things or " sits " in things else "there is "
    return pick(
        (
            f"{things} on {background}",
            f"{things} against {background}",
            f"{opening}{things} on {background}",
            f"on {background}, {opening}{things}",
        )
    )


def _describe(thing: Object, pick) -> str:
    return f"a {pick(SIZE_WORDS[thing.size])} {thing.colour} {pick(SHAPE_WORDS[thing.shape])}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _with_article(phrase: str) -> str:
    return f"{_article(phrase)} {phrase}"


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


def _any(words) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_SIZE = {word: size for size, words in SIZE_WORDS.items() for word in words}
_SHAPE = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
_RELATION_NAME = {word: relation for relation, words in RELATION_WORDS.items() for word in words}
_OBJECT = re.compile(rf"\b({_any(_SIZE)}) ({_any(COLOURS)}) ({_any(_SHAPE)})\b")
_RELATION = re.compile(rf"\b({_any(_RELATION_NAME)})\b")
_BACKGROUND = re.compile(rf"\b(?:on|against) an? ({_any(BACKGROUNDS)}) background\b")
_FILLERS = {"O", "a", "an", "and", "there", "is", "sits", "picture", "of"}
