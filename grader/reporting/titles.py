"""Titles of questions and checks, as people read them."""

from __future__ import annotations

import re
from functools import lru_cache

import nbformat

from grader.course.questions import grade_id, is_answer
from grader.course.syllabus import Course, Week


def question_titles(course: Course, week: Week) -> dict[str, str]:
    """{question: the heading it stands under} of the released notebook; where there is none, the name as words."""
    titles = {}
    for one in week.notebooks:
        path = course.release(one)
        for name, title in (_titles(path.read_text(encoding="utf-8")) if path.is_file() else {}).items():
            titles[one.prefix + name] = f"{one.notebook}: {title}" if one.prefix else title
    return titles


@lru_cache(maxsize=4)
def _titles(release: str) -> dict[str, str]:
    notebook = nbformat.reads(release, as_version=4)
    titles: dict[str, str] = {}
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^#{1,3}\s+(.+)$", cell.source, re.MULTILINE)):
            heading = re.sub(r"[*_`]", "", found[1]).strip()
        if is_answer(cell):
            name = grade_id(cell) or ""
            taken = heading and heading in titles.values()  # two exercises in one section
            titles[name] = f"{heading}: {words(name)}" if taken else heading
    return {question: title or words(question) for question, title in titles.items()}


def words(name: str) -> str:
    """A question's name as words: "zero_shot" as "Zero shot", "ps1/zero_shot" as "ps1: Zero shot"."""
    notebook, slash, question = name.rpartition("/")
    return f"{notebook}{': ' if slash else ''}{question.replace('_', ' ').capitalize()}"
