"""Week 8: its helper package, against the libraries and against itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import sqrtm

from coursekit import models
from coursekit import plots as shared_plots
from tinyworld import films
from video_lab import binding, data, feeling, measuring, plots, probes, showing, watching
from video_lab.checks import library, mistakes, reference


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def shown(monkeypatch):
    """The pictures that figures show, with their words."""
    found: list[tuple[Image.Image, str]] = []

    def keep(png):
        found.append((Image.open(io.BytesIO(png.getvalue())), png.alt))

    monkeypatch.setattr(shared_plots, "_display", keep)
    return found


# --- what checks compare with ---


def test_the_loss_is_the_librarys(rng):
    given, wanted = reference.library_masked(rng)
    assert float(reference.reference_loss(**given)) == pytest.approx(float(wanted), rel=1e-4)


def test_our_layers_are_the_librarys():
    one = probes.Layer(3, 2, 3, 4)
    with torch.no_grad():
        found = library.divided(one.states, 4, one.over_time, one.over_space)
    assert torch.allclose(found, reference.library_divided(3, 2, 3, 4), atol=1e-4)
    two = probes.Module(3, 4, 2, 3)
    found = library.motion_module(two.states, 4, two.norm, two.inside, two.weight, two.bias)
    assert torch.allclose(found, reference.library_moved(3, 4, 2, 3), atol=1e-3)


def test_our_block_is_the_librarys():
    one = probes.Block(3, 2, 2, 3, 4)
    with torch.no_grad():
        found = library.spacetime_block(one.film, one.text, one.time, one.parts)
    assert all(
        torch.allclose(*pair, atol=1e-4) for pair in zip(found, reference.library_met(3, 2, 2, 3, 4), strict=True)
    )


def test_a_zero_layer_changes_nothing():
    one = probes.Module(3, 4, 2, 3, zero=True)
    assert torch.equal(reference.library_moved(3, 4, 2, 3, True), one.states)


def test_turns_are_the_librarys_and_mistakes_are_none(rng):
    x = torch.from_numpy(rng.normal(size=(1, 2, 24, 16))).float()
    right = reference.library_rotary(x, 2, 3, 4)
    assert torch.allclose(mistakes.turned(x, (2, 3, 4), (4, 6, 6)), right, atol=1e-4)


def test_the_distance_is_scipys(rng):
    one, other = reference.some_features(rng)
    a, b = one.double().numpy(), other.double().numpy()
    first, second, gap = np.cov(a.T), np.cov(b.T), a.mean(0) - b.mean(0)
    wanted = gap @ gap + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert reference.library_frechet(one, other) == pytest.approx(wanted, rel=1e-6)


def test_centres_are_never_twice_as_bad_as_the_best(rng):
    from itertools import combinations

    features = torch.from_numpy(rng.normal(size=(11, 4))).float()
    unit = torch.nn.functional.normalize(features.double(), dim=1)
    far = torch.arccos((unit @ unit.T).clamp(-1, 1))  # the angle obeys the triangle's inequality, the cosine does not

    def radius(chosen):
        return float(far[:, list(chosen)].amin(1).max())

    best = min(radius(chosen) for chosen in combinations(range(11), 3))
    assert radius(reference.reference_key_frames(features, 3)) <= 2 * best


# --- what the notebook looks at ---


def test_films_are_the_same_on_every_machine():
    film = data.film_of("bounces")
    assert film == data.film_of("bounces") and films.split_of(film) == "test"
    frames = data.frames_of([film])
    assert np.array_equal((data.tensor(frames)[0].permute(0, 2, 3, 1) * 255).round().byte().numpy(), frames[0])


def test_blocks_come_back():
    film = data.tensor(data.frames_of([data.film_of("swings")]))[0]
    assert torch.equal(measuring.film_from(measuring.blocks_of(film)), film)


def test_nothing_is_copied_where_nothing_is_hidden():
    film = data.tensor(data.frames_of([data.film_of("swings")]))[0]
    none = torch.zeros(4, 64, dtype=torch.bool)
    assert torch.equal(measuring.copied(film, none), film)


def test_shuffled_frames_are_the_same_frames():
    film = torch.arange(16.0).view(2, 8, 1)
    found = measuring.shuffle(film)
    assert torch.equal(found.sort(dim=1).values, film) and not torch.equal(found, film)


def test_places_are_found_to_a_fifth_of_a_pixel():
    for film in watching.lawful():
        found = watching.places_of(film.frames(8), film.background)
        assert [len(places) for places in found] == [1] * 8
        off = np.concatenate(found) - 64 * film.trajectory(8).position[:, 0]
        assert np.abs(off - off.mean(0)).max() < 0.35, "the middle of what is seen keeps its distance from the centre"


def test_a_long_film_has_six_scenes_of_unequal_lengths():
    film = watching.long_film(1)
    assert sorted(np.bincount(film.scene)) == sorted(watching.LENGTHS) and len(film.frames) == sum(watching.LENGTHS)


def test_moods_are_asked_of_voices_that_were_not_learnt_from():
    learnt, asked = feeling.pairs("train"), feeling.pairs("test")
    assert len(learnt.heard) == 4 * 48 and len(asked.heard) == 4 * 24
    assert not {tuple(row) for row in learnt.heard.tolist()} & {tuple(row) for row in asked.heard.tolist()}
    assert (asked.mood[:, 0] == asked.mood[:, 1]).all()
    assert (feeling.pairs("test", conflict=True).mood.diff(dim=1) != 0).all()


def test_figures_have_pictures_and_words(shown):
    plots.show_opening()
    plots.show_slices()
    plots.show_reach(library.divided)
    plots.show_inflated(library.inflate)
    plots.show_turns(library.rotary3d)
    plots.show_meeting(library.spacetime_block)
    binding.show_felt(library.specific_force)
    showing.show_physics(library.follow, library.residual_acceleration)
    assert len(shown) == 9 and all(min(picture.size) > 40 and len(alt) > 40 for picture, alt in shown)
    assert shown[0][0].n_frames == 16


def test_the_cell_of_the_real_models_does_with_the_shipped_ones(shown):
    found = showing.show_summary(library.key_frames, models.load("clip"))
    assert found == watching.scenes_shown(library.key_frames) and len(shown) == 2
