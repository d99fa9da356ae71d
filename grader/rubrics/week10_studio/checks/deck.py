# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `deck`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_that, check
from coursekit.student import Student
from studio_lab.checks.reference import (
    Page,
    assert_deck,
    slides,
)


@check("deck", weight=2)
def text_is_only_text(student: Student, rng: Generator) -> None:
    """Tags, quotes and ampersands in titles, prompts and captions are shown, not obeyed."""
    wanted = slides(rng, 3)
    wanted[0]["prompt"] = "<script>alert(1)</script> & <b>bold</b>"
    wanted[1]["caption"] = '" onerror="alert(1)" x=\'<img src=https://example.org/a.png>'
    wanted[2] |= {"prompt": "</section><section>ünï ☂ &lt;", "caption": "it's <!-- so"}
    page = assert_deck(student.deck("A & B </title><script>", wanted), "A & B </title><script>", wanted)
    _harmless(page)
    assert_that(not any("onerror" in attrs for _, attrs in page.tags), "a caption became an attribute")


def _harmless(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    bad = tags & {"script", "iframe", "object", "embed", "base", "form"}
    assert_that(not bad, f"the page holds <{min(bad)}>" if bad else "")
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            address = name in ("src", "href", "srcset", "poster", "data", "action")
            assert_that(not address or value.startswith(("data:", "#")), f"<{tag} {name}> fetches {value[:60]}")
            assert_that(not name.startswith("on"), f"<{tag}> runs something {name}")


@check("deck")
def none_and_many(student: Student, rng: Generator) -> None:
    """A session without pictures has a title only; many pictures stay in their order, each with its seed."""
    _harmless(assert_deck(student.deck("Empty", []), "Empty", []))
    wanted = slides(rng, 7)
    page = assert_deck(student.deck("Seven", wanted), "Seven", wanted)
    for section, slide in zip(page.sections[1:], wanted, strict=True):
        assert_that(str(slide["seed"]) in section["text"], f"a slide does not show its seed, {slide['seed']}")
