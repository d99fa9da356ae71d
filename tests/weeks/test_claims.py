"""Every "What you should see" has a claim that the numbers of its figure are held to; see support/claims.py."""

from __future__ import annotations

import importlib

import pytest
from support.claims import claim, unclaimed

from grader.course.discovery import find_course

WEEKS = find_course().weeks


@pytest.mark.parametrize("slug", WEEKS)
def test_what_should_be_seen_is_claimed(slug):
    if WEEKS[slug].draft:
        pytest.skip("a draft has no figures yet")
    importlib.import_module(f"weeks.test_{slug.partition('_')[0]}_claims")
    assert unclaimed(slug) == []


def test_a_claim_quotes_the_notebook():
    with pytest.raises(ValueError, match="does not say"):
        claim("week01_clip", "a sentence that nobody wrote")
