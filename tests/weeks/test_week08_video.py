"""Week 8: what its helper package gives the notebook. Its checks and answers are tested with all weeks'."""

from __future__ import annotations

import numpy as np

from video_lab import data
from video_lab.checks.reference import library_mean, some_picture


def test_the_same_seed_gives_the_same_pictures():
    first, again, other = data.pictures(2), data.pictures(2), data.pictures(2, seed=2)
    assert [picture.tobytes() for picture in first] == [picture.tobytes() for picture in again]
    assert first[0].tobytes() != other[0].tobytes()


def test_the_reference_is_the_mean_over_all_pixels():
    picture = some_picture(np.random.default_rng(0))
    assert np.allclose(library_mean(picture), np.asarray(picture).reshape(-1, 3).mean(axis=0) / 255)
