"""The tables of the weeks in README.md and colab_links.md come from weeks/course.toml; `--check` sees stale ones."""

from pathlib import Path

import pytest
from support.toy import build_course

from grader.authoring.release import release
from grader.authoring.tables import BEGIN, END, colab_links, readme_table
from grader.course.discovery import find_course
from grader.course.syllabus import CourseError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def course(tmp_path):
    """The toy course, released, with a README that has a place for the weeks."""
    made = build_course(tmp_path)
    (made.root / "README.md").write_text(f"# Toy\n\n{BEGIN}\n{END}\n\nMore.\n")
    release(made)
    return made


def syllabus(course, old, new):
    """The course with another text in its syllabus."""
    path = course.root / "weeks" / "course.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return find_course(course.root)


def test_readme_has_a_row_for_each_week_and_keeps_the_rest(course):
    course = syllabus(course, 'title = "Doubling"', 'title = "Doubling"\nbuilds = "twice"\nlibrary = "numpy"')
    assert release(course, check=True) == ["README.md"]
    release(course)
    text = (course.root / "README.md").read_text()
    assert text.startswith(f"# Toy\n\n{BEGIN}\n| week |") and text.endswith(f"|\n{END}\n\nMore.\n")
    assert "| [01 Doubling](weeks/week01_toy/README.md) | twice | numpy |\n" in text
    assert "| [02 Tripling](weeks/week02_other/README.md) |" in text


def test_a_changed_title_makes_both_pages_stale_and_what_the_week_says_of_itself(course):
    changed = syllabus(course, "Tripling", "Thrice")
    stale = ["weeks/week02_other/other_lab/week.json", "colab_links.md", "README.md"]
    assert release(changed, check=True) == stale


def test_a_draft_is_in_no_table_and_the_others_stand_by_number(course):
    shown = syllabus(course, "number = 2", "number = 0")
    assert readme_table(shown).index("Tripling") < readme_table(shown).index("Doubling")
    draft = syllabus(shown, "number = 0", "number = 0\ndraft = true")
    for table in (readme_table(draft), colab_links(draft)):
        assert "Doubling" in table and "Tripling" not in table


def test_a_page_without_a_place_is_left_alone_and_half_a_place_is_refused(course):
    readme = course.root / "README.md"
    readme.write_text("# Toy\n")
    assert release(course, check=True) == []
    readme.write_text(f"# Toy\n{BEGIN}\n")
    with pytest.raises(CourseError, match="README.md has .* without .* below it"):
        release(course)


def test_the_courses_own_readme_has_the_place():
    assert f"{BEGIN}\n{readme_table(find_course(ROOT))}\n{END}" in (ROOT / "README.md").read_text(encoding="utf-8")
