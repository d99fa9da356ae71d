"""What every week's figures share: words for those who cannot see them, and rates with their intervals."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import binomtest

from coursekit import plots


def test_a_figure_carries_its_words(monkeypatch):
    """In the metadata for nbconvert, and for front ends that take the plain text for a picture's words."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata, raw)))
    plots.show(Figure(), alt="a curve")
    plots.grid([Image.new("RGB", (8, 8))], alt="a square,\n seen")
    film = plots.Drawn("a film", "gif")
    Image.new("RGB", (30, 20)).save(film, "GIF")
    film.show()
    for (data, metadata, raw), words, kind in zip(
        shown, ("a curve", "a square, seen", "a film"), ("image/png", "image/png", "image/gif"), strict=True
    ):
        assert raw and set(data) == {kind, "text/plain"}
        assert data["text/plain"] == words and metadata == {kind: {"alt": words}}
        assert Image.open(io.BytesIO(base64.b64decode(data[kind]))).get_format_mimetype() == kind


def test_no_figure_goes_without_words():
    with pytest.raises(ValueError, match="a figure needs words"):
        plots.show(Figure(), alt=" ")
    with pytest.raises(ValueError, match="a figure needs words"):
        plots.Sheet(10, 10).show("")
    with pytest.raises(TypeError, match="alt"):
        plots.grid([Image.new("RGB", (8, 8))])


def test_where_a_map_is_brightest():
    maps = np.zeros((2, 9, 9))
    maps[0, 0, 8], maps[1, 4, 4] = 1, 1
    told = plots.brightest(zip(("red", "star"), maps, strict=True))
    assert told == "red in the upper right; star in the middle"


@pytest.mark.parametrize(("right", "n"), [(0, 8), (8, 8), (3, 40), (250, 1000)])
def test_a_rate_has_wilsons_interval(right, n):
    theirs = binomtest(right, n).proportion_ci(0.95, "wilson")
    assert plots.wilson(right, n) == pytest.approx((theirs.low, theirs.high), abs=1e-4)


def test_a_rate_in_words():
    assert plots.rate(6, 8) == "6 of 8, 75 % (41 to 93 %)"
    with pytest.raises(ValueError, match="nothing"):
        plots.rate(0, 0)
