"""The grammar of captions in German, parallel to the English one phrase by phrase.

`caption` and `command` write what `tinyworld.captions` writes in English, with German cases and endings. Every German
phrase has one English counterpart in the same place of the sentence, so `translate` is exact, and what a German
sentence says is what its translation says: `parse_caption(translate(text))`.
"""

from __future__ import annotations

import numpy as np

from tinyworld.objects import Object
from tinyworld.scene import Scene
from tinyworld.vocabulary import OPPOSITE
from tinyworld.wording import pick

# An adjective's stem takes an ending; one that has none in German is marked with a full stop.
ADJECTIVES = {
    "small": "klein",
    "large": "groß",
    "red": "rot",
    "orange": "orange.",
    "yellow": "gelb",
    "green": "grün",
    "cyan": "türkis",
    "blue": "blau",
    "purple": "violett",
    "pink": "rosa.",
    "white": "weiß",
    "grey": "grau",
    "black": "schwarz",
    "beige": "beige.",
    "striped": "gestreift",
    "checked": "kariert",
}
# Shape -> its nouns with their gender, the canonical one first, and the English word that each stands for.
NOUNS = {
    "circle": (("Kreis", "m", "circle"), ("Scheibe", "f", "disc")),
    "square": (("Quadrat", "n", "square"),),
    "triangle": (("Dreieck", "n", "triangle"),),
    "star": (("Stern", "m", "star"),),
    "cross": (("Kreuz", "n", "cross"), ("Plus", "n", "plus")),
    "ring": (("Ring", "m", "ring"),),
}
# Relation -> its wordings, which all take the dative, and the English words that each stands for.
RELATIONS = {
    "left of": (("links von", "left of"), ("links neben", "to the left of")),
    "right of": (("rechts von", "right of"), ("rechts neben", "to the right of")),
    "above": (("über", "above"), ("oberhalb von", "over")),
    "below": (("unter", "below"), ("unterhalb von", "under")),
}
VERBS = {"male": "paint", "zeichne": "draw", "zeig mir": "show me"}
NUMBERS = (
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf",
    "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn", "zwanzig",
)  # fmt: skip
ENGLISH_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip

# The endings of "ein" and of an adjective after it, by case and gender.
ENDINGS = {
    "nominative": {"m": ("", "er"), "f": ("e", "e"), "n": ("", "es")},
    "accusative": {"m": ("en", "en"), "f": ("e", "e"), "n": ("", "es")},
    "dative": {"m": ("em", "en"), "f": ("er", "en"), "n": ("em", "en")},
}


def caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """The canonical German caption of a scene, or a paraphrase drawn with `rng`. It states all the scene's facts."""
    ways = ("{things} {on}", "{things} {against}", "es gibt {accusative} {on}", "{on} gibt es {accusative}", "{clause}")
    way = pick(ways, rng)
    if way == "{clause}":
        return f"{_clause(scene, rng)} {_ground(scene, 'auf')}"
    return way.format(
        things=things(scene, "nominative", rng) if "things" in way else "",
        accusative=things(scene, "accusative", rng) if "accusative" in way else "",
        on=_ground(scene, "auf"),
        against=_ground(scene, "vor"),
    )


def command(scene: Scene, verb: str, background: bool, rng: np.random.Generator | None = None) -> str:
    """Tell someone to paint the scene: "male einen kleinen roten Stern über einem großen blauen Kreis".

    verb: one of VERBS. background: whether the command names it.
    """
    if verb not in VERBS:
        raise ValueError(f"verb must be one of {', '.join(VERBS)}; got {verb!r}")
    text = f"{verb} {things(scene, 'accusative', rng)}"
    return f"{text} {_ground(scene, 'auf')}" if background else text


def things(scene: Scene, case: str, rng: np.random.Generator | None = None) -> str:
    """The objects of a scene in words: of two, one in the case and the other with a relation."""
    found = scene.relation()
    if found:
        first, relation, second = found
        if pick((False, True), rng):
            first, relation, second = second, OPPOSITE[relation], first
        wording, _ = pick(RELATIONS[relation], rng)
        return f"{_describe(first, case, rng)} {wording} {_describe(second, 'dative', rng)}"
    described = [_describe(o, case, rng) for o in scene.objects]
    return described[0] if len(described) == 1 else f"{', '.join(described[:-1])} und {described[-1]}"


def colour(name: str) -> str:
    """A colour's name alone, such as "rot"."""
    return ADJECTIVES[name].rstrip(".")


def words() -> set[str]:
    """Every German word of the world's sentences, spelt as they spell it."""
    nouns = {noun for wordings in NOUNS.values() for noun, _, _ in wordings} | {"Hintergrund"}
    capital = {noun.lower(): noun for noun in nouns}
    return {capital.get(word, word) for phrase in _PHRASES for word in phrase.split()}


def translate(text: str) -> str:
    """A German sentence of the world in English, phrase by phrase. Raises ValueError that names an unknown word."""
    return " ".join(english for english, _ in phrases(text))


def phrases(text: str) -> list[tuple[str, int]]:
    """The English of each phrase of a German sentence, and how many German words it translates.

    Raises ValueError that names a word that the world does not know.
    """
    words, found = text.replace(",", "").split(), []
    at = 0
    while at < len(words):
        for length in (2, 1):
            english = _PHRASES.get(" ".join(words[at : at + length]).lower())
            if english and at + length <= len(words):
                found.append((english, length))
                at += length
                break
        else:
            raise ValueError(f"cannot translate {words[at]!r} in {text!r}: it is no German word of this world")
    following = [english for english, _ in found[1:]] + [""]
    return [
        ("an" if english == "a" and after[0:1] in tuple("aeio") else english, length)
        for (english, length), after in zip(found, following, strict=True)
    ]


def _clause(scene: Scene, rng: np.random.Generator | None) -> str:
    """Two objects as a clause: "... ist links von ..."; anything else as `things`."""
    found = scene.relation()
    if not found:
        return things(scene, "nominative", rng)
    first, relation, second = found
    if pick((False, True), rng):
        first, relation, second = second, OPPOSITE[relation], first
    wording, _ = pick(RELATIONS[relation], rng)
    a, b = _describe(first, "nominative", rng), _describe(second, "dative", rng)
    order = pick(("{a} ist {r} {b}", "{a} liegt {r} {b}", "{r} {b} ist {a}"), rng)
    return order.format(a=a, b=b, r=wording)


def _describe(thing: Object, case: str, rng: np.random.Generator | None) -> str:
    noun, gender, _ = pick(NOUNS[thing.shape], rng)
    return _phrase((thing.size, thing.colour), noun, gender, case)


def _ground(scene: Scene, preposition: str) -> str:
    return f"{preposition} {_phrase((scene.background,), 'Hintergrund', 'm', 'dative')}"


def _phrase(adjectives: tuple[str, ...], noun: str, gender: str, case: str) -> str:
    article, ending = ENDINGS[case][gender]
    return " ".join([f"ein{article}", *(_inflect(ADJECTIVES[a], ending) for a in adjectives), noun])


def _inflect(stem: str, ending: str) -> str:
    return stem.rstrip(".") if stem.endswith(".") else stem + ending


def _dictionary() -> dict[str, str]:
    """Every German phrase, in small letters, with its English."""
    found = {"ist": "is", "liegt": "sits", "und": "and", "auf": "on", "vor": "against", "hintergrund": "background"}
    found |= {"es gibt": "there is", "gibt es": "there is"} | VERBS
    found |= {f"ein{ending}": "a" for ending in ("", "e", "en", "em", "er")}
    for english, stem in ADJECTIVES.items():
        found |= {_inflect(stem, ending): english for ending in ("", "e", "er", "es", "en")}
    found |= {noun.lower(): english for nouns in NOUNS.values() for noun, _, english in nouns}
    found |= {german: english for wordings in RELATIONS.values() for german, english in wordings}
    return found | dict(zip(NUMBERS, ENGLISH_NUMBERS, strict=True))


_PHRASES = _dictionary()
