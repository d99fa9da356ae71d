"""Films from a submission to the page: of bounded size, playing, with a still and words; nothing else gets through."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from coursekit import films
from coursekit.checks import check, film_evidence, run_check
from coursekit.student import local_student
from grader.grading import judge
from grader.reporting import html
from tinyworld.films import films as some_films

FRAMES = some_films("test", 1)[0].frames(8)


@check("show")
def plays(student, rng):
    """It is a film."""
    film_evidence("what it showed", student.shown)


def verdict(shown):
    return run_check(plays, local_student({"shown": shown}), "a seed")


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png), formats=["PNG"])


@pytest.mark.parametrize("shown", [FRAMES, FRAMES / 255, torch.from_numpy(FRAMES), FRAMES.tolist()])
def test_a_film_is_kept_with_all_its_frames(shown):
    found = verdict(shown)
    ((caption, clip),) = found.evidence
    assert found.passed and caption == "what it showed" and isinstance(clip, films.Clip)
    if not isinstance(shown, list):  # whole numbers of a list are taken for parts of 1
        film = opened(clip.png())
        assert film.n_frames == 8 and film.size == (192, 192)
        for i in (0, 5):
            film.seek(i)
            assert np.array_equal(np.asarray(film.convert("RGB"))[1::3, 1::3], FRAMES[i])


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (FRAMES[0], "shape (64, 64, 3); (frames, h, w, 3) can be shown"),
        (FRAMES.transpose(0, 3, 1, 2), "can be shown"),
        (FRAMES[:0], "can be shown"),
        ("a film", "a str where numbers were expected"),
        (None, "is None"),
        (FRAMES + 1j, "can be shown"),
    ],
)
def test_what_is_no_film_fails_its_check_and_says_why(shown, says):
    found = verdict(shown)
    assert not found.passed and not found.evidence and says in found.message


def test_evidence_of_films_is_bounded():
    (_, clip), *others = verdict(np.zeros((40, 1000, 60, 3), np.uint8)).evidence
    assert not others and len(clip.frames) == films.FRAMES and max(clip.frames[0].size) <= films.SIDE


def test_a_page_plays_it_and_writes_it_anew():
    png = judge._evidence("a film", verdict(FRAMES).evidence[0][1]).png
    found = html.picture(png, "a film")
    assert found is not None and found.caption == "a film" and (found.width, found.height) == (192, 192)
    made = base64.b64decode(str(found.src).partition(",")[2])
    assert opened(made).n_frames == 8 and opened(made).info["duration"] == pytest.approx(1500 / 8, abs=1)
    assert judge._evidence("a still", verdict(FRAMES[:1]).evidence[0][1]).png


def test_a_film_that_takes_too_much_is_shown_smaller(monkeypatch):
    monkeypatch.setattr(judge, "PICTURE_BYTES", 40_000)
    clip = films.clip(np.random.default_rng(0).random((16, 64, 64, 3)), side=192)
    assert len(clip.png()) > 40_000
    shown = judge._evidence("noise", clip)
    assert len(base64.b64decode(shown.png)) <= 40_000 and opened(base64.b64decode(shown.png)).n_frames == 16


def test_films_of_too_many_pixels_in_all_are_none(monkeypatch):
    monkeypatch.setattr(html, "MAX_PIXELS", 8 * 192 * 192 - 1)
    assert html.picture(judge._evidence("a film", verdict(FRAMES).evidence[0][1]).png) is None


def test_a_notebook_shows_it_with_words(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata)))
    films.play(films.clip(FRAMES).frames, alt="a star moves")
    ((data, metadata),) = shown
    film = opened(base64.b64decode(data["image/png"]))
    assert film.n_frames == 8 and film.size == (128, 128) and metadata["image/png"]["alt"] == "a star moves"
    with pytest.raises(ValueError, match="a figure needs words"):
        films.play(films.clip(FRAMES).frames, alt="")
