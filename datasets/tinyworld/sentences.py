"""Sentences to be spoken, in English and in German: captions, commands, numbers and colours.

A sentence's split is a function of what it says, so all wordings in both languages fall in the same one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from tinyworld import german
from tinyworld.captions import Facts, parse_caption
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.vocabulary import COLOURS

LANGUAGES: tuple[str, ...] = ("en", "de")
KINDS = {"caption": 0.5, "command": 0.3, "numbers": 0.1, "colours": 0.1}  # what part of the sentences they are
UNSAID = "white"  # the background of a command that names none
VERBS = tuple(german.VERBS.values())


@dataclass(frozen=True)
class Sentence:
    """What is said.

    text: lower case but for German nouns, without punctuation.   language: "en" or "de".   kind: one of KINDS.
    translation: the same in English.   content: what it says, in a normal form that all its wordings share.
    """

    text: str
    language: str
    kind: str
    translation: str
    content: str


def sentence(split: str, language: str, rng: np.random.Generator, kinds: dict[str, float] = KINDS) -> Sentence:
    """One sentence of a split ("train", "validation" or "test"), drawn with `rng`. kinds: what part of all each is."""
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split must be train, validation or test; got {split!r}")
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}")
    while True:
        kind = str(rng.choice(list(kinds), p=list(kinds.values())))
        text, content = _WRITERS[kind](language, rng)
        if split_of(content) == split:
            text = text.replace(",", "")
            return Sentence(text, language, kind, german.translate(text) if language == "de" else text, content)


def split_of(content: str) -> str:
    """The split of all sentences with this content: 80 % train, 10 % each validation and test."""
    return {0: "validation", 1: "test"}.get(zlib.crc32(content.encode()) % 10, "train")


def parse_command(text: str) -> Facts:
    """What an English command asks for; where it names no background, a white one.

    Raises ValueError that says what is missing or not understood.
    """
    for verb in VERBS:
        if text.startswith(f"{verb} "):
            what = text.removeprefix(f"{verb} ")
            return parse_caption(what if "background" in what else f"{what} on a {UNSAID} background")
    raise ValueError(f"a command begins with {', '.join(VERBS)}; got {text!r}")


def _scene(rng: np.random.Generator) -> Scene:
    return scenes("train", 1, seed=int(rng.integers(2**31)), objects=int(rng.choice((1, 2), p=(0.4, 0.6))))[0]


def _caption(language: str, rng: np.random.Generator) -> tuple[str, str]:
    scene = _scene(rng)
    text = scene.caption(rng) if language == "en" else german.caption(scene, rng)
    return text, str(scene.facts())


def _command(language: str, rng: np.random.Generator) -> tuple[str, str]:
    scene, background = _scene(rng), bool(rng.random() < 0.4)
    verb = list(german.VERBS)[int(rng.integers(len(VERBS)))]
    said = scene.facts() if background else scene.facts()._replace(background=UNSAID)
    if language == "de":
        return german.command(scene, verb, background, rng), str(said)
    # The English caption without its background, or with it: the grammar puts it last in these.
    text = scene.caption(rng)
    while not text.startswith(("a ", "an ")) or " is " in text or " sits " in text:
        text = scene.caption(rng)
    if not background:
        text = text[: max(text.rfind(" on a"), text.rfind(" against a"))]
    return f"{german.VERBS[verb]} {text}", str(said)


def _numbers(language: str, rng: np.random.Generator) -> tuple[str, str]:
    words = german.NUMBERS if language == "de" else german.ENGLISH_NUMBERS
    drawn = rng.integers(len(words), size=int(rng.integers(1, 7)))
    return " ".join(words[i] for i in drawn), str(drawn.tolist())


def _colours(language: str, rng: np.random.Generator) -> tuple[str, str]:
    names = list(COLOURS)
    drawn = [names[i] for i in rng.permutation(len(names))[: int(rng.integers(1, 6))]]
    said = [german.colour(name) if language == "de" else name for name in drawn]
    joined = f"{' '.join(said[:-1])} {'und' if language == 'de' else 'and'} {said[-1]}" if len(said) > 1 else said[0]
    return joined, str(drawn)


_WRITERS = {"caption": _caption, "command": _command, "numbers": _numbers, "colours": _colours}
