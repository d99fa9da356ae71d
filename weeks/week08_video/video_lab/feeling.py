"""The experiment of week 8 on acted moods: a gait, a voice, both, and both at odds.

The gait is a thing's way across the picture, as a shaky camera sees it; the voice one of nine synthesised ones. Both
are acted: what is learnt here says nothing of how anybody feels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from coursekit.plots import PALETTE, panels, show
from tinyworld import films, senses, voices
from tinyworld.films import MOODS
from video_lab import plots

SHAKE = 2.0  # pixels, the standard deviation of a place: the camera shakes
PAIRS = 4  # gaits beside each recording


def gait(film: films.Film, rng: np.random.Generator) -> np.ndarray:
    """How something goes, (8,): mean and spread of its velocity, mean and largest change of it, x and y of each."""
    places = 64 * film.trajectory(16).position[:, 0] + SHAKE * rng.normal(size=(16, 2))
    velocity = np.diff(places, axis=0)
    velocity[:, 0] = abs(velocity[:, 0])  # to the left as to the right
    change = abs(np.diff(velocity, axis=0))
    return np.concatenate([velocity.mean(0), velocity.std(0), change.mean(0), change.max(0)])


@cache
def gaits(split: str, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Gaits of n films of each mood, float (4 n, 8), and their moods (4 n,)."""
    rng = np.random.default_rng(0)
    found = [gait(film, rng) for mood in MOODS for film in films.films(split, n, 4, mood=mood, objects=1)]
    return torch.from_numpy(np.array(found)).float(), torch.arange(len(MOODS)).repeat_interleave(n)


@cache
def speech() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The nine voices in four styles: numbers of each recording (72, 145), its mood (72,), and whose it is (72,)."""
    said = voices.load("styles")
    names = sorted({one.voice for one in said})
    found = []
    for one in said:
        level = senses.heard(torch.from_numpy(np.array(one.audio))[None])[0]
        steps = level.diff(dim=0).abs().mean(0)
        found.append(torch.cat([level.mean(0), level.std(0), steps, torch.tensor([len(level) / 100])]))
    moods = torch.tensor([MOODS.index(one.style) for one in said])
    return torch.stack(found), moods, torch.tensor([names.index(one.voice) for one in said])


class Pairs(NamedTuple):
    """seen: gaits (n, 8).   heard: voices (n, 145).   mood: int64 (n, 2), the gait's and the voice's."""

    seen: torch.Tensor
    heard: torch.Tensor
    mood: torch.Tensor


def pairs(split: str, conflict: bool = False, seed: int = 0) -> Pairs:
    """Recordings, each beside a few gaits of the same mood, or of another; "train" and "test" share no voice.

    Six voices are learnt from and three asked about; gaits are of films of the split.
    """
    rng = np.random.default_rng(seed)
    heard, moods, who = speech()
    own = (who % 3 != 0) if split == "train" else (who % 3 == 0)
    seen, acted = gaits(split, 60 if split == "train" else 30)
    rows = []
    for i in own.nonzero().flatten().tolist():
        for k in range(PAIRS):
            mood = (int(moods[i]) + (1 + k % 3 if conflict else 0)) % len(MOODS)
            rows.append((i, int(rng.choice((acted == mood).nonzero().flatten().numpy())), mood))
    which = torch.tensor(rows)
    return Pairs(seen[which[:, 1]], heard[which[:, 0]], torch.stack([which[:, 2], moods[which[:, 0]]], dim=1))


class Judges(NamedTuple):
    """Classifiers of moods that give logits (n, 4). seen: of gaits.  heard: of voices.  both: of both side by side."""

    seen: Callable[[torch.Tensor], torch.Tensor]
    heard: Callable[[torch.Tensor], torch.Tensor]
    both: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def learnt(early: Callable[..., Any]) -> Judges:
    """Logistic regressions of six voices and of the training films. early: as the exercise.

    Those of both learn from pairs of which a third lacks the voice and a third the gait.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    given = pairs("train")
    mood = given.mood[:, 0].numpy()

    def fitted(rows: torch.Tensor, weight: float) -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(C=weight, max_iter=400)).fit(rows.numpy(), mood)

    def logits(judge: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda rows: torch.from_numpy(judge.decision_function(rows.numpy())).float()

    there = torch.ones(len(mood), 2, dtype=torch.bool)
    there[0::3, 1], there[1::3, 0] = False, False
    both = fitted(torch.as_tensor(early(given.seen, given.heard, there)), 0.02)
    return Judges(
        logits(fitted(given.seen, 1.0)),
        logits(fitted(given.heard, 0.02)),
        lambda seen, heard, here: logits(both)(torch.as_tensor(early(seen, heard, here))),
    )


def fused(late: Callable[..., Any], early: Callable[..., Any]) -> dict[str, float]:
    """How often the mood that both senses were acted in is told."""
    judges, asked = learnt(early), pairs("test")
    seen, heard = judges.seen(asked.seen), judges.heard(asked.heard)
    here = torch.ones(len(seen), 2, dtype=torch.bool)
    deaf = here.clone()
    deaf[:, 1] = False
    # in one call: what is missing everywhere has no mean
    seen_twice, heard_twice = (torch.cat([rows, rows]) for rows in (asked.seen, asked.heard))
    early_fusion = judges.both(seen_twice, heard_twice, torch.cat([here, deaf]))
    answers = {
        "gait alone": seen,
        "voice alone": heard,
        "late fusion": torch.as_tensor(late(seen, heard)),
        "early fusion": early_fusion[: len(seen)],
        "early, no sound": early_fusion[len(seen) :],
    }
    return {name: float((answer.argmax(1) == asked.mood[:, 0]).float().mean()) for name, answer in answers.items()}


class Conflict(NamedTuple):
    """Whose mood is answered where the two differ, by how much the gait is trusted.   sure: its mean chance."""

    trust: list[float]
    gait: list[float]
    voice: list[float]
    sure: list[float]


def conflict(late: Callable[..., Any], early: Callable[..., Any]) -> Conflict:
    """Gaits beside voices of another mood, through late fusion at eleven degrees of trust."""
    judges, asked = learnt(early), pairs("test", conflict=True)
    seen, heard = judges.seen(asked.seen), judges.heard(asked.heard)
    found = Conflict([i / 10 for i in range(11)], [], [], [])
    for trust in found.trust:
        chance = torch.as_tensor(late(seen, heard, trust))
        said = chance.argmax(1)
        found.gait.append(float((said == asked.mood[:, 0]).float().mean()))
        found.voice.append(float((said == asked.mood[:, 1]).float().mean()))
        found.sure.append(float(chance.amax(1).mean()))
    return found


def show_fusion(late: Callable[..., Any], early: Callable[..., Any]) -> dict[str, float]:
    """How often the acted mood is told by each sense, and by both."""
    found = fused(late, early)
    told = ", ".join(f"{name} {value:.0%}" for name, value in found.items())
    plots.bars(found, "of acted moods, told rightly", f"Acted moods told rightly, luck 25 %: {told}", chance=0.25)
    return found


def show_conflict(late: Callable[..., Any], early: Callable[..., Any]) -> Conflict:
    """Whose mood is answered where gait and voice differ, over the trust in the gait."""
    found = conflict(late, early)
    figure, (axis,) = panels(4.4, height=2.0)
    for values, name, colour in (
        (found.gait, "the gait's mood", PALETTE[0]),
        (found.voice, "the voice's mood", PALETTE[1]),
        (found.sure, "how sure it is", "0.6"),
    ):
        axis.plot(found.trust, [100 * value for value in values], "o-", ms=3, color=colour, label=name)
    axis.set(xlabel="trust in the gait", ylabel="%", ylim=(0, 100))
    axis.legend(frameon=False, fontsize=8)
    at = {t: i for i, t in enumerate(found.trust)}
    told = "; ".join(
        f"trust {t}: gait {found.gait[at[t]]:.0%}, voice {found.voice[at[t]]:.0%}, sure {found.sure[at[t]]:.0%}"
        for t in (0.0, 0.5, 1.0)
    )
    show(figure, alt=f"Whose mood is answered where gait and voice differ. {told}")
    return found
