# CROSSMODAL-RUBRIC: must never reach students
"""What the hidden checks of several questions need."""

from __future__ import annotations

from functools import lru_cache

from coursekit import models
from coursekit.checks import evidence
from coursekit.plots import Sheet, wrap
from fusion_lab import data, plots

llava = lru_cache(maxsize=1)(lambda: models.load("llava", profile="tiny", device="cpu"))


def show_answers(title: str, asked: list[data.Asked], said: list[str], side: int = 84) -> None:
    """Evidence: pictures with the question, the expected answer, and the one that was got."""
    sheet = Sheet(560, (side + 10) * len(asked))
    for i, (q, answer) in enumerate(zip(asked, said, strict=True)):
        y = i * (side + 10) + 5
        sheet.picture(q.scene.render(64), 6, y, side)
        sheet.text(wrap(q.text, 56), side + 20, y + 16)
        sheet.text(f"expected: {q.answer}", side + 20, y + 40, colour=plots.PLAIN)
        colour = plots.RIGHT if answer == q.answer else plots.WRONG
        sheet.text(wrap(f"got: {answer}", 56), side + 20, y + 62, colour=colour)
    evidence(title, sheet.image)
