"""The grammar of films, both ways: from a film to a caption, and from a caption back to the facts; and questions.

A caption names every fact: the background, each object's size, colour and shape, the motion with its way, how fast a
uniform one is, the acted mood, and what the other object does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tinyworld.captions import SHAPE_WORDS, SIZE_WORDS
from tinyworld.films.film import Film
from tinyworld.films.laws import GRAVITY, SECONDS
from tinyworld.films.motions import MOODS, MOTIONS, PACES, PAIRS, SIDEWAYS, TURNS, UNIFORM, pace
from tinyworld.objects import Object
from tinyworld.questions import Question
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, NUMBERS
from tinyworld.wording import pick, with_article

KINDS: tuple[str, ...] = ("motion", "way", "floor", "count", "hidden", "first", "faster", "colour")

# Several wordings of one motion, the canonical one first. {o}: the other object, {way}: left or right.
VERBS: dict[str, tuple[str, ...]] = {
    "left": ("moves left", "goes to the left", "glides left"),
    "right": ("moves right", "goes to the right", "glides right"),
    "up": ("moves up", "rises", "climbs"),
    "down": ("moves down", "sinks", "descends"),
    "falls": ("falls to the floor", "drops to the floor and stays there"),
    "bounces": ("bounces on the floor", "falls and bounces"),
    "flies": ("flies {way} in an arc", "is thrown to the {way}"),
    "clockwise": ("circles clockwise", "goes round clockwise"),
    "anticlockwise": ("circles anticlockwise", "goes round anticlockwise"),
    "swings": ("swings to and fro", "swings from side to side"),
    "behind": ("passes {way} behind {o}", "disappears behind {o} on its way {way}"),
    "bumps": ("moves {way} and bumps into {o}", "runs {way} into {o}"),
}
ROUND: dict[str, tuple[str, ...]] = {
    "clockwise": ("circles {o} clockwise", "goes round {o} clockwise"),
    "anticlockwise": ("circles {o} anticlockwise", "goes round {o} anticlockwise"),
}
PACE_WORDS: dict[str, tuple[str, ...]] = {"slowly": ("slowly",), "quickly": ("quickly", "fast")}
MOOD_WORDS: dict[str, tuple[str, ...]] = {
    "joyful": ("joyfully", "happily"),
    "sad": ("sadly",),
    "angry": ("angrily",),
}
# What the other object does, where the verb does not say it.
ROLES: dict[str, tuple[str, ...]] = {
    "stays": ("while {o} stays", "and {o} stays where it is"),
    "faster": ("while {o} does the same, faster", "and {o} does so too, faster"),
    "slower": ("while {o} does the same, slower", "and {o} does so too, slower"),
}


class FilmFacts(NamedTuple):
    """What a caption of a film says.

    subject, other: (size, colour, shape), or None where there is no other.   motion: one of MOTIONS.   way: "left" or
    "right" of motions that go either way.   pace: "slowly" or "quickly", of uniform motions in no acted mood.   role:
    of the other, one of ROLES where the verb does not say it.
    """

    background: str
    subject: tuple[str, str, str]
    motion: str
    way: str | None
    pace: str | None
    mood: str
    other: tuple[str, str, str] | None
    role: str | None


def facts(film: Film) -> FilmFacts:
    """The facts that every caption of a film states."""
    other, role = film.other, None
    if other is not None and film.motion not in PAIRS and not around(film):
        fast, faster = np.hypot(*film.velocity), np.hypot(*film.other_velocity)
        role = "stays" if not faster else "faster" if faster > fast else "slower"
    return FilmFacts(
        film.background,
        _three(film.subject),
        film.motion,
        film.way,
        pace(float(np.hypot(*film.velocity))) if film.motion in UNIFORM and film.mood == "neutral" else None,
        film.mood,
        None if other is None else _three(other),
        role,
    )


def around(film: Film) -> bool:
    """Whether the subject circles the other object."""
    return film.motion in TURNS and film.other is not None and film.centre == (film.other.x, film.other.y)


def caption(film: Film, rng: np.random.Generator | None = None) -> str:
    """The canonical caption of a film, or with `rng` a paraphrase."""
    said = facts(film)
    text = pick(_sentences(said), rng)
    subject, other = _described(said.subject, rng), _described(said.other, rng) if said.other else ""
    ground = f"on {with_article(said.background)} background"
    text = text.replace("{s}", subject).replace("{o}", other)
    return pick((f"{text} {ground}", f"{ground}, {text}", f"{text}, {ground}"), rng)


def still_caption(said: FilmFacts) -> str:
    """What the week-2 painter could be told of the subject: "a small red star on a white background"."""
    return f"{_described(said.subject, None)} on {with_article(said.background)} background"


def parse_caption(text: str) -> FilmFacts:
    """The facts that a caption of a film states, in any wording.

    Raises ValueError for what is no caption of a film.
    """
    words = " ".join(re.findall(r"[a-z]+", text.lower()))
    grounds = _GROUND.findall(words)
    things = [(_SIZE[size], colour, _SHAPE[shape]) for size, colour, shape in _THING.findall(words)]
    rest = " ".join(_THING.sub("O", _GROUND.sub(" ", words)).split())
    if len(grounds) != 1 or rest not in _MEANT:
        raise ValueError(f"this is no caption of a film: {text!r}")
    motion, way, how, mood, role = _MEANT[rest]
    other = things[1] if len(things) > 1 else None
    return FilmFacts(grounds[0], things[0], motion, way, how, mood, other, role)


def motion_phrase(motion: str, way: str | None = None) -> str:
    """A motion in words without an object, such as "moves left" or "flies right in an arc"."""
    return VERBS[motion][0].format(o="something", way=way or "")


def story(film: Film) -> tuple[str, ...]:
    """What happens in order, in words of one subject: ("falls", "hits the floor", "rises").

    Phases: moves left, right, up or down, rises, falls, circles, stays; events: hits the floor, hits the other,
    vanishes, appears, turns.
    """
    if film.motion in TURNS:
        return ("circles",)
    if film.motion in ("falls", "bounces", "flies"):
        return _vertical(film)
    way = "left" if film.velocity[0] < 0 else "right"
    if film.motion == "swings":
        return tuple(_turns(film))
    if film.motion == "behind":
        return (f"moves {way}", "vanishes", "appears")
    if film.motion == "bumps":
        after = film.at([0.99])[1][0, 0, 0]
        back = {"left": "right", "right": "left"}[way]
        then = "stays" if abs(after) < 0.02 else f"moves {way if after * film.velocity[0] > 0 else back}"
        return (f"moves {way}", "hits the other", then)
    return (f"moves {film.motion}",)


def _vertical(film: Film) -> tuple[str, ...]:
    told = ["rises", "falls"] if film.velocity[1] < 0 else ["falls"]
    for event in film.events():
        told.append("hits the floor")
        after = film.at([event.time + 1e-6])[1][0, 0, 1]
        told.append("rises" if after < 0 else "stays")
        if after < 0 and event.time - after / GRAVITY < SECONDS:  # its highest point is in the film
            told.append("falls")
    return tuple(told)


def _turns(film: Film) -> Iterator[str]:
    times = np.linspace(0, 1, 129)[:-1]
    ahead = film.at(times)[1][:, 0, 0] > 0
    yield "moves right" if ahead[0] else "moves left"
    for i in np.flatnonzero(np.diff(ahead)) + 1:
        yield "turns"
        yield "moves right" if ahead[i] else "moves left"


# --- questions ---


def questions(film: Film, rng: np.random.Generator | None = None) -> list[Question]:
    """Questions about a film with answers of a few words; kinds: KINDS. With `rng` other wordings, shuffled."""
    name = f"the {film.subject.colour} {film.subject.shape}"
    ask = [
        Question(pick(("what does {} do?", "how does {} move?"), rng).format(name), _answer(film), "motion"),
        Question(f"does {name} hit the floor?", _yes(any(e.kind == "floor" for e in film.events())), "floor"),
        Question(f"does {name} bounce?", _yes(film.motion == "bounces"), "floor"),
        Question(f"is {name} ever hidden?", _yes(film.motion == "behind"), "hidden"),
    ]
    if not any(film.other_velocity):
        ask.append(Question("what colour is the thing that moves first?", film.subject.colour, "colour"))
    hits = sum(e.kind == "floor" for e in film.events())
    ask.append(Question(f"how often does {name} hit the floor?", NUMBERS[min(hits, 3)], "count"))
    if film.way or film.motion in ("left", "right"):
        text = pick(("which way does {} go?", "where does {} go?"), rng).format(name)
        ask.append(Question(text, film.way or film.motion, "way"))
    told = story(film)
    pairs = [(a, b) for i, a in enumerate(told) for b in told[i + 1 :] if told.count(a) == told.count(b) == 1]
    if pairs:
        first, second = pick(pairs, rng)
        one, two = (first, second) if pick((True, False), rng) else (second, first)
        ask.append(Question(f"what happens first, it {one} or it {two}?", first, "first"))
    if film.other is not None:
        ask += _comparing(film, name, rng)
    if rng is not None:
        rng.shuffle(ask)
    return ask


def _comparing(film: Film, name: str, rng: np.random.Generator | None) -> list[Question]:
    assert film.other is not None
    other = f"the {film.other.colour} {film.other.shape}"
    late = np.hypot(*film.at([0.99])[1][0].T)
    if abs(late[0] - late[1]) < 0.05:
        return []
    words = "which is faster at the end, {} or {}?" if film.motion == "bumps" else "which is faster, {} or {}?"
    pair = (name, other) if pick((True, False), rng) else (other, name)
    answer = film.subject.colour if late[0] > late[1] else film.other.colour
    found = [Question(words.format(*pair), answer, "faster")]
    if film.motion == "bumps":
        found.append(Question(f"what happens first, {name} moves or {other} moves?", f"{name} moves", "first"))
    return found


def _answer(film: Film) -> str:
    if film.motion in PAIRS:
        return {"behind": "passes behind something", "bumps": "bumps into something"}[film.motion]
    return motion_phrase(film.motion, film.way)


def _yes(true: bool) -> str:
    return "yes" if true else "no"


# --- the grammar ---


def _sentences(said: FilmFacts) -> tuple[str, ...]:
    """Every wording of the facts but those of the objects, {s} and {o}, and of the background."""
    turning = said.motion in TURNS and said.other is not None and said.role is None
    verbs = ROUND[said.motion] if turning else VERBS[said.motion]
    hows: tuple[str, ...] = ("",)
    if said.pace:
        hows = PACE_WORDS[said.pace]
    if said.mood != "neutral":
        hows = MOOD_WORDS[said.mood]
    roles = ROLES[said.role] if said.role else ("",)
    return tuple(
        " ".join(f"{{s}} {verb.replace('{way}', said.way or '')} {how} {role}".split())
        for verb in verbs
        for how in hows
        for role in roles
    )


def _every() -> Iterator[tuple[str, tuple[str, str | None, str | None, str, str | None]]]:
    """Every sentence with its meaning."""
    nothing = ("small", "red", "star")
    for motion in MOTIONS:
        paces = list(PACES) if motion in UNIFORM else [None]
        tempers = [(p, "neutral") for p in paces]
        if motion in ("left", "right"):
            tempers += [(None, mood) for mood in MOODS if mood != "neutral"]
        for way in ("left", "right") if motion in SIDEWAYS else (None,):
            for how, mood in tempers:
                for role in (None, *(ROLES if motion in UNIFORM else ("stays",))):
                    if role and motion in PAIRS:
                        continue
                    for other in (None, nothing):
                        if (other is None) != (motion not in PAIRS and role is None) and motion not in TURNS:
                            continue
                        if motion in TURNS and role and other is None:
                            continue
                        said = FilmFacts("white", nothing, motion, way, how, mood, other, role)
                        for sentence in _sentences(said):
                            key = " ".join(re.findall(r"[a-zO]+", sentence.replace("{s}", "O").replace("{o}", "O")))
                            yield key, (motion, way, how, mood, role)


def _three(thing: Object) -> tuple[str, str, str]:
    return thing.size, thing.colour, thing.shape


def _described(three: tuple[str, str, str], rng: np.random.Generator | None) -> str:
    size, colour, shape = three
    return f"a {pick(SIZE_WORDS[size], rng)} {colour} {pick(SHAPE_WORDS[shape], rng)}"


_SIZE = {word: size for size, words in SIZE_WORDS.items() for word in words}
_SHAPE = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
_THING = re.compile(rf"\ba ({'|'.join(_SIZE)}) ({'|'.join(COLOURS)}) ({'|'.join(_SHAPE)})\b")
_GROUND = re.compile(rf"\bon an? ({'|'.join(BACKGROUNDS)}) background\b")
_MEANT = dict(_every())
