"""Exact answers, too, are told of the one mistake that explains them, and of no other."""

from __future__ import annotations

import pytest

from coursekit.checks import Slip, assert_no_slip, assert_same
from coursekit.plots import Sheet

SLIPS = {"backwards": [3, 2, 1], "one too few": [1, 2]}


def test_one_mistake_that_explains_the_answer_is_named():
    with pytest.raises(Slip, match="backwards"):
        assert_same((3, 2, 1), [1, 2, 3], slips=SLIPS)
    with pytest.raises(AssertionError, match="where") as told:
        assert_same([9], [1, 2, 3], slips=SLIPS)
    assert not isinstance(told.value, Slip)
    assert_same([1, 2, 3], [1, 2, 3], slips=SLIPS)


def test_two_mistakes_that_explain_it_are_not_named_and_what_is_right_is_no_mistake():
    assert_no_slip([3, 2, 1], [1, 2, 3], SLIPS | {"sorted downwards": [3, 2, 1]})
    assert_no_slip([1, 2], [1, 2], SLIPS)
    with pytest.raises(Slip, match="sorted downwards"):  # over several cases they part
        many = {"backwards": [[3, 2, 1], [1, 3]], "sorted downwards": [[3, 2, 1], [3, 1]]}
        assert_no_slip([[3, 2, 1], [3, 1]], [[1, 2, 3], [3, 1, 0]], many)


def test_a_sheet_knows_how_wide_words_are():
    sheet = Sheet(10, 10)
    assert 0 < sheet.width("a") < sheet.width("a star") < sheet.width("a star", 20)
