"""What coursekit gives every lab: scenes, photographs, made-up numbers, tests of chance, and handles on a kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.chance import as_counts, fits
from coursekit.checks import pair_of
from coursekit.inputs import gaussian, seed_from
from coursekit.photographs import photographs
from coursekit.probes import arguments_after
from coursekit.scenes import sample_scenes


def test_sampled_scenes_are_repeatable_and_no_two_have_the_same_caption():
    scenes = sample_scenes(60, 1, seed=3)
    assert len({scene.caption() for scene in scenes}) == len(scenes) == 60
    assert all(len(scene.objects) == 1 for scene in scenes)
    assert sample_scenes(10, 1, seed=3) == scenes[:10] and sample_scenes(60, 1, seed=4) != scenes
    assert not {s.caption() for s in sample_scenes(20, 2, seed=3, split="train")} & {s.caption() for s in scenes}


def test_photographs_are_scaled_down_and_keep_their_shape():
    wide, grey = photographs(("coffee", "camera"), longest=120)
    assert max(wide.size) == max(grey.size) == 120 and wide.mode == grey.mode == "RGB"
    assert wide.width > wide.height


def test_numbers_are_of_the_generator_alone():
    one, same, other = (np.random.default_rng(seed) for seed in (1, 1, 2))
    first = gaussian(one, 3, 4)
    assert first.dtype == torch.float32 and first.shape == (3, 4)
    assert torch.equal(first, gaussian(same, 3, 4)) and not torch.equal(first, gaussian(other, 3, 4))
    assert seed_from(one) == seed_from(same) != seed_from(other)


def test_fair_draws_fit_and_others_do_not():
    rng, chances = np.random.default_rng(0), np.array([0.5, 0.3, 0.2, 0.0])
    assert all(fits(rng.multinomial(600, chances), chances) for _ in range(100))
    assert not fits(np.array([300, 180, 119, 1]), chances), "what cannot happen"
    assert not fits(np.array([200, 200, 200, 0]), chances)
    assert as_counts(600 * chances) == [300, 180, 120, 0]


def test_a_function_that_writes_into_its_arguments_is_found_out():
    given = torch.zeros(3)
    (after,) = arguments_after(lambda x: x.add_(1), given)
    assert torch.equal(after, torch.ones(3))


@pytest.mark.parametrize("wrong", [None, 3.0, (1,), [1, 2, 3], "ab"])
def test_what_is_no_pair_is_said_to_be_none(wrong):
    assert pair_of((1, 2), "two numbers") == (1, 2) and pair_of([1, 2], "two numbers") == [1, 2]
    with pytest.raises(AssertionError, match="expected two values: two numbers"):
        pair_of(wrong, "two numbers")
