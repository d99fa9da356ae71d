"""What every week's figures share: words for those who cannot see them, and rates with their intervals."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import binomtest

from coursekit import plots


def test_a_figure_carries_its_words(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    plots.show(Figure(), alt="a curve")
    plots.grid([Image.new("RGB", (8, 8))], alt="a square")
    plots.Sheet(10, 10).show()
    found = [image._repr_mimebundle_()[1] for image in shown]
    assert found[:2] == [{"image/png": {"alt": "a curve"}}, {"image/png": {"alt": "a square"}}]
    assert not found[2]


@pytest.mark.parametrize(("right", "n"), [(0, 8), (8, 8), (3, 40), (250, 1000)])
def test_a_rate_has_wilsons_interval(right, n):
    theirs = binomtest(right, n).proportion_ci(0.95, "wilson")
    assert plots.wilson(right, n) == pytest.approx((theirs.low, theirs.high), abs=1e-4)


def test_a_rate_in_words():
    assert plots.rate(6, 8) == "6 of 8, 75 % (41 to 93 %)"
    with pytest.raises(ValueError, match="nothing"):
        plots.rate(0, 0)
