# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `physics`."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_close, assert_shape, check, film_evidence
from coursekit.student import Student
from tinyworld import films
from video_lab import watching
from video_lab.checks.mistakes_watched import assert_tracks
from video_lab.checks.reference import reference_residual, reference_tracks


@check("physics")
def crowds(student: Student, rng: Generator) -> None:
    """Four things, some of which come and go, and a film in which nothing is seen at first."""
    ways = rng.uniform(5, 60, size=(4, 1, 2)) + np.arange(9)[:, None] * rng.uniform(-3, 3, size=(4, 1, 2))
    seen = [ways[rng.permutation(4)[: 4 - (i % 3 == 1)], i] for i in range(9)]
    for some in (seen, [np.zeros((0, 2)), *seen]):
        assert_tracks(student.follow(some, 18.0), reference_tracks(some, 18.0), {}, "the tracks")


@check("physics")
def nothing_at_all(student: Student, rng: Generator) -> None:
    """Of frames without anything there are no tracks, and of what is seen too seldom no residual."""
    assert_shape(student.follow([np.zeros((0, 2))] * 4, 10.0), (4, 0, 2), "the tracks of nothing")
    path = rng.normal(size=(7, 2))
    path[[2, 4, 6]] = np.nan
    assert_close(student.residual_acceleration(path, (0.0, 1.0)), np.inf, what="the residual of seldom seen things")


@check("physics", weight=2)
def a_real_film(student: Student, rng: Generator) -> None:
    """A film of something that flies in an arc is followed, and gravity taken off."""
    some = [film for film in films.films("validation", 40, 3, "flies", objects=1) if watching.told_apart(film)]
    film = some[int(rng.integers(len(some)))]
    frames = film.frames(8)
    film_evidence("The film that was followed", frames)
    seen = watching.places_of(frames, film.background)
    tracks = student.follow(seen, 26.0)
    assert_tracks(tracks, reference_tracks(seen, 26.0), {}, "the track")
    law, path = watching.law_of(film), np.asarray(tracks, dtype=float)[:, 0]
    assert_close(student.residual_acceleration(path, law), reference_residual(path, law), atol=1e-4, what="the rest")
