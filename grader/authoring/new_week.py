"""A week with one exercise that already passes, to be written on from there.

It is made of the texts in templates/week/. Nothing is left half made: where something fails, all of it goes again.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbformat import NotebookNode

from coursekit import progress
from grader.authoring.publish import SECRET
from grader.authoring.release import KERNELSPEC, release
from grader.authoring.tables import BADGE, in_colab
from grader.course.discovery import find_course
from grader.course.questions import CHECK
from grader.course.syllabus import Course, CourseError

TEMPLATES = Path(__file__).parent / "templates" / "week"
QUESTION = "mean_colour"

# Where each text goes, as seen from the course. The notebook is made from notebook.txt, and row.txt ends course.toml.
WEEK = "weeks/{slug}"
RUBRIC = "grader/rubrics/{slug}"
SOLUTION = "solutions/{slug}/{slug}.ipynb"
PLACES = {
    "week.md": f"{WEEK}/README.md",
    "init.txt": f"{WEEK}/{{helper}}/__init__.py",
    "data.txt": f"{WEEK}/{{helper}}/data.py",
    "plots.txt": f"{WEEK}/{{helper}}/plots.py",
    "visible.txt": f"{WEEK}/{{helper}}/checks/__init__.py",
    "reference.txt": f"{WEEK}/{{helper}}/checks/reference.py",
    "rubric.txt": f"{RUBRIC}/__init__.py",
    "reflection.md": f"{RUBRIC}/reflection.md",
    "hidden_all.txt": f"{RUBRIC}/checks/__init__.py",
    "hidden.txt": f"{RUBRIC}/checks/{QUESTION}.py",
    "answers_all.txt": f"{RUBRIC}/answers/__init__.py",
    "answers.txt": f"{RUBRIC}/answers/{QUESTION}.py",
    "test.txt": "tests/weeks/test_{slug}.py",
}

GENERATED = ("points.json", progress.FILE)  # in the helper package, by `release`
LONGEST = 40  # letters of a name, so that no line of the texts becomes too long
WHOLE = {2: "two", 3: "three", 4: "four", 5: "five"}
HOURS = {60 * n: word for n, word in WHOLE.items()} | {60 * n + 30: f"{word} and a half" for n, word in WHOLE.items()}


def new_week(course: Course, slug: str, title: str = "", helper: str = "", minutes: int = 120) -> list[str]:
    """Make a week of one exercise, and release it. Returns the paths of what was made, relative to the course's root.

    slug: "week12_title", which names its folders and its notebook.   title: else made of the slug.
    helper: its package; else the slug's last part and "_lab".   minutes: what it takes a student, from 120 to 330.
    Raises CourseError, and then the tree is as it was.
    """
    course.must_have_checks("new-week", "make an assignment as nbgrader's documentation says")
    name = _name_of(course, slug)
    helper = helper or f"{name}_lab"
    _must_be_a_new_package(course, helper)
    if minutes not in HOURS:
        raise CourseError(f"--minutes {minutes}: a week takes {min(HOURS)} to {max(HOURS)}, in steps of 30")
    title = title or name.replace("_", " ").capitalize()
    if not title.isprintable() or not title.strip() or len(title) > LONGEST or set(title) & set("|`[]<>"):
        raise CourseError(f"--title {title!r} is not a title: at most {LONGEST} letters on a line, none of | ` [ ] < >")
    values = {
        **{"slug": slug, "number": int(slug[4:6]), "title": title.strip(), "helper": helper, "minutes": minutes},
        **{"hours": HOURS[minutes], "marker": SECRET[-1], "badge": BADGE, "colab": in_colab(course)},
        **{"repository": course.repository, "branch": course.branch},
    }
    texts = {course.root / place.format(**values): _fill(text, values) for text, place in PLACES.items()}
    texts[course.root / SOLUTION.format(**values)] = _written(_notebook(_fill("notebook.txt", values)))
    _make(course, slug, texts, _fill("row.txt", values))
    generated = [_folder(course, slug) / helper / name for name in GENERATED]
    made = [*texts, course.release(find_course(course.root).week(slug)), *generated]
    return sorted(path.relative_to(course.root).as_posix() for path in made)


def _name_of(course: Course, slug: str) -> str:
    """The last part of a slug that is free: "title". Raises CourseError."""
    found = re.fullmatch(r"week(\d\d)_([a-z][a-z0-9]*(_[a-z0-9]+)*)", slug)
    if not found or len(slug) > LONGEST:
        raise CourseError(
            f"{slug!r} is no name for a week: it is like week12_title, of small letters, digits and _, and has at most "
            f"{LONGEST} letters"
        )
    if taken := [week.slug for week in course.weeks.values() if week.slug == slug or week.number == int(found[1])]:
        raise CourseError(f"there is a week {int(found[1])} already: {taken[0]}")
    tops = [place.format(slug=slug) for place in (WEEK, RUBRIC, PLACES["test.txt"])] + [f"solutions/{slug}"]
    if there := [place for place in tops if (course.root / place).exists()]:
        raise CourseError(f"{there[0]} is there already")
    return found[2]


def _must_be_a_new_package(course: Course, helper: str) -> None:
    """Raises CourseError where a helper package cannot be called so."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", helper) or keyword.iskeyword(helper) or len(helper) > LONGEST:
        raise CourseError(
            f"the helper package cannot be called {helper!r}: small letters, digits and _, at most {LONGEST}, and no "
            "word of Python's"
        )
    if owner := [week.slug for week in course.weeks.values() if week.helper == helper]:
        raise CourseError(f"the helper package of {owner[0]} is called {helper}; give another name with --helper")
    if helper in sys.stdlib_module_names:
        raise CourseError(f"Python has a module {helper} of its own; give another name with --helper")
    if find_spec(helper) or (course.root / helper).exists():
        raise CourseError(f"there is a module {helper} already, which would be hidden; give another name with --helper")


# --- the texts --------------------------------------------------------------------------------------------------------


def _fill(name: str, values: Mapping[str, Any]) -> str:
    """A text of templates/week/ with these values."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.filters |= {"sorted_lines": _sorted_lines, "toml": json.dumps}
    return environment.get_template(name).render(**values)


def _sorted_lines(text: str) -> str:
    """Lines that import, as ruff sorts them: `import` before `from`, then by name."""
    return "".join(sorted(text.splitlines(keepends=True), key=lambda line: (line.startswith("from "), line.split()[1])))


def _notebook(text: str) -> NotebookNode:
    """The instructor's notebook from text: before each cell a line `%% KIND ID`, at its end perhaps tags= or points=.

    KIND: markdown, code; answer, an exercise; check, its check; essay, a question that a person grades.
    """
    cells = []
    for kind, name, option, value, source in re.findall(
        r"^%% (\w+) (\w+)(?: (\w+)=(\w+))?\n(.*?)\n(?=^%% |\Z)", text, re.MULTILINE | re.DOTALL
    ):
        metadata: dict[str, Any] = {"tags": [value]} if option == "tags" else {}
        if kind in ("answer", "check", "essay"):
            metadata["nbgrader"] = {
                "grade": kind != "answer",
                "grade_id": f"{CHECK}{name}" if kind == "check" else name,
                "locked": kind == "check",
                "schema_version": 3,
                "solution": kind != "check",
                "task": False,
            } | ({"points": int(value)} if option == "points" else {})
        about = {"id": f"{CHECK}{name}" if kind == "check" else name, "metadata": metadata}
        if kind in ("markdown", "essay"):
            cells.append(nbformat.v4.new_markdown_cell(source, **about))
        else:
            cells.append(nbformat.v4.new_code_cell(source, **about))
    made: NotebookNode = nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}, nbformat_minor=5
    )
    return made


def _written(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


# --- making it ------------------------------------------------------------------------------------------------------


def _folder(course: Course, slug: str) -> Path:
    return course.root / WEEK.format(slug=slug)


def _make(course: Course, slug: str, texts: Mapping[Path, str], row: str) -> None:
    """Write the files and the row, and release the week; take all of it away again where that fails."""
    syllabus = course.root / "weeks" / "course.toml"
    before = syllabus.read_text(encoding="utf-8")
    folders = {folder for path in texts for folder in path.parents if not folder.exists()}
    released = course.root / "weeks" / slug / f"{slug}.ipynb"
    generated = [folder / one for folder in folders if folder.parent == _folder(course, slug) for one in GENERATED]
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        syllabus.write_text(before.rstrip("\n") + "\n" + row, encoding="utf-8")
        tomllib.loads(syllabus.read_text(encoding="utf-8"))
        made = find_course(course.root)
        release(made, [made.week(slug)])
    except BaseException:
        syllabus.write_text(before, encoding="utf-8")
        for path in (*texts, released, *generated):
            path.unlink(missing_ok=True)
        for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
