"""week.json: what students are told of a week, read from its notebook, its helper package and the syllabus."""

import json
from dataclasses import replace

import nbformat
import pytest
from support.toy import build_course, toy_notebook

from coursekit import progress
from grader.authoring.week_file import packages_in, week_file
from grader.course.discovery import find_course
from grader.course.questions import questions_in

COURSE = find_course()


def test_it_says_what_the_notebook_and_the_syllabus_say(toy, week):
    source = toy_notebook()
    header = "> **Exercise `double`** · difficulty ●○○ · about 5 minutes · 4 points"
    source.cells.append(nbformat.v4.new_markdown_cell(f"# Doubling\n\nIt takes about 90 minutes.\n\n{header}"))
    told = json.loads(week_file(replace(toy, hand_in="Upload it."), week, source))
    assert (told["number"], told["title"], told["notebook"]) == (1, "Doubling", "week01_toy.ipynb")
    assert told["hand_in"] == "Upload it." and told["minutes"] == {"double": 5} and told["by_hand"] == ["why"]


def test_the_course_s_sentence_on_handing_in_comes_from_the_syllabus(tmp_path):
    course = build_course(tmp_path)
    assert course.hand_in == ""
    path = course.root / "weeks" / "course.toml"
    path.write_text(path.read_text().replace('branch = "main"', 'branch = "main"\nhand_in = "Upload it."'))
    assert find_course(course.root).hand_in == "Upload it."


def test_packages_are_those_of_students_that_the_code_imports():
    code = ["import numpy as np\nfrom open_clip.loss import ClipLoss", "    import PIL.Image", "import nbgrader, json"]
    assert packages_in(code) == ["numpy", "open-clip-torch", "pillow"]
    assert packages_in([]) == []


@pytest.mark.parametrize("slug", COURSE.weeks)
def test_every_week_has_its_questions_and_their_minutes(slug):
    """Each exercise of the course says how long it takes."""
    week = COURSE.week(slug)
    points = COURSE.root / "weeks" / slug / week.helper / "points.json"
    told = progress.Week.read(points)
    questions = questions_in(nbformat.read(COURSE.solution(week), as_version=4))
    assert list(told.points) == [q.name for q in questions]
    assert set(told.by_hand) == {q.name for q in questions if q.manual}
    assert set(told.minutes) == set(told.points) and all(3 <= n <= 60 for n in told.minutes.values())
    assert {"numpy", "torch"} <= set(told.packages) or week.draft
