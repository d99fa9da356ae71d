"""A sample class: what teachers really find in their inbox, made from the week's known right and wrong answers.

Everything is built the same way each time, so a changed score means a changed grader.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grader.authoring.audit import automatic_questions, load_answers, solved, substitute
from grader.authoring.known_answers import Answer
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.questions import answers_in, grade_id, questions_in
from grader.course.syllabus import Course, CourseError, Week
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.records.grade import Grade

MARK = ".crossmodal-demo"  # in the folder that a demo made, and may therefore clear away
LOOP_SECONDS = 45  # for a cell: enough for the slowest honest one, and the endless loop is not waited for longer
ESSAY = "A model that pairs pictures with words repeats what its captions said of people. I would measure that first."

LOOP = "step = 0\nwhile step < 10:\n    loss = 1 / (step + 1)  # step never grows"
TYPO = '\n\nprint(f"done: {len(images)")\n'
DEADLY = "\n\nimport os\n\nos._exit(0)  # done\n"

CONFIG = '''"""So that formgrader and the nbgrader commands find the sample class: start them in this folder."""

c = get_config()  # noqa: F821 - nbgrader defines it
load_subconfig("nbgrader_config.py", path={root!r})  # noqa: F821
c.CourseDirectory.root = {work!r}
c.CourseDirectory.source_directory = {source!r}
'''


def course(root: Path | None = None, work: Path | None = None) -> Course:
    """The course around `root`, working in its folder demo/ unless `work` says where."""
    return find_course(root, work or find_course(root).root / "demo")


def build(course: Course, week: Week) -> dict[str, str]:
    """Write the class to submitted/, in place of the one an earlier demo wrote. Returns {student: what it is}.

    Raises CourseError where the folder holds anything that no demo made.
    """
    _clear(course.work)
    notes = {}
    for student, note, content in submissions(course, week):
        path = course.submission(week, student)
        path.parent.mkdir(parents=True)
        if content is not None:
            path.write_text(to_text(content), encoding="utf-8")
        notes[student] = note
    config = CONFIG.format(root=str(course.root), work=str(course.work), source=str(course.root / "solutions"))
    (course.work / "nbgrader_config.py").write_text(config, encoding="utf-8")
    return notes


def submissions(course: Course, week: Week) -> list[tuple[str, str, NotebookNode | str | None]]:
    """(student, what it is, the file's content) of everyone in the class. None: no file was handed in."""
    base = solved(course, week)
    released = released_notebook(course, week)
    base = substitute(base, {q.name: ESSAY for q in questions_in(base) if q.manual})
    questions = automatic_questions(base)
    answers = load_answers(course, week)

    def take(question: str, fits: Callable[[Answer], bool]) -> dict[str, str]:
        return next(({question: a.source} for a in answers if a.question == question and fits(a)), {})

    def mixed(fits: Callable[[Answer], bool], chosen: list[str] = questions) -> NotebookNode:
        return substitute(base, {k: v for q in chosen for k, v in take(q, fits).items()})

    sources = answers_in(base)
    first_half = {q: sources[q] for q in questions[: len(questions) // 2]}
    before, middle = questions[len(questions) // 2 - 1], questions[len(questions) // 2]
    other_style = mixed(lambda a: a.right)
    damaged = nbformat.writes(base)
    return [
        ("amina", "all of it, in her own style", other_style),
        ("ben", "an endless loop", _with_cell(base, middle, LOOP)),
        ("chiara", "passes every visible check", mixed(lambda a: not a.right and a.visible_passes)),
        ("daniel", "the usual slips", mixed(lambda a: not a.right and not a.visible_passes, questions[::2])),
        ("emeka", "nothing yet", released),
        ("fatima", "a cell half-way raises", substitute(base, {before: sources[before] + TYPO})),
        ("goran", "an answer half-way ends Python", substitute(base, {middle: sources[middle] + DEADLY})),
        ("hana", "saved by Colab", saved_by_colab(base)),
        ("ivan", "all its metadata lost", without_metadata(base)),
        ("jun", "the first half", substitute(released, first_half)),
        ("keiko", "a damaged file", damaged[: len(damaged) // 3]),
        ("luis", "a folder without a notebook", None),
    ]


def grade(
    course: Course,
    week: Week,
    options: Options,
    on_start: Callable[[str], None] = lambda name: None,
    on_done: Callable[[str, Any], None] = lambda name, result: None,
) -> list[Grade]:
    """Grade the class, with less patience for a single cell than a real one gets."""
    options = replace(options, budget=replace(week.budget, cell=min(LOOP_SECONDS, week.budget.cell)))
    return grade_class(course, week, None, options, on_start=on_start, on_done=on_done)


def next_steps(course: Course, week: Week) -> list[tuple[str, str]]:
    """(what to see, what to type or open)."""
    here = Path(sys.executable).parent / "jupyter"
    jupyter = "jupyter" if shutil.which("jupyter") == str(here) else str(here)
    lab = f"cd {shlex.quote(str(course.work))} && {shlex.quote(jupyter)} lab"
    return [
        ("the class report", course.report(week).as_uri()),
        ("a student's feedback", course.feedback(week, "chiara").as_uri()),
        ("grading by hand", f"{lab}   (menu Nbgrader, Formgrader)"),
        ("every number, as JSON", str(course.record(week, "chiara"))),
    ]


def to_text(content: NotebookNode | str) -> str:
    """A notebook as its file, as it is: nbformat would put its oddities right."""
    return content if isinstance(content, str) else json.dumps(content, indent=1)


# --- what happens to notebooks on their way ---------------------------------------------------------------------------


def saved_by_colab(notebook: NotebookNode) -> NotebookNode:
    """As Colab writes it: format 4.0, ids in the metadata, outputs, a badge cell on top, its own notebook metadata."""
    copy: NotebookNode = nbformat.from_dict(json.loads(nbformat.writes(notebook)))
    copy.nbformat_minor = 0
    copy.metadata = nbformat.from_dict(
        {
            "colab": {"provenance": [], "include_colab_link": True},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
            "accelerator": "GPU",
        }
    )
    for i, cell in enumerate(copy.cells):
        cell.metadata["id"] = cell.pop("id", f"cell{i}")
        if cell.cell_type == "code":
            cell.metadata["outputId"] = f"7d4c{i:04d}-21aa-4f9e-8f5b-3a1f0c9d{i:04d}"
            cell.metadata["colab"] = {"base_uri": "https://localhost:8080/"}
            cell.execution_count = i + 1
            cell.outputs = [nbformat.from_dict({"output_type": "stream", "name": "stdout", "text": ["ran on Colab\n"]})]
    badge = {
        "cell_type": "markdown",
        "metadata": {"id": "view-in-github", "colab_type": "text"},
        "source": '<a href="https://colab.research.google.com/" target="_parent">Open In Colab</a>',
    }
    copy.cells.insert(0, nbformat.from_dict(badge))
    return copy


def without_metadata(notebook: NotebookNode) -> NotebookNode:
    """Through a tool that keeps the text only: no nbgrader metadata, no tags, no ids."""
    copy: NotebookNode = nbformat.from_dict(json.loads(nbformat.writes(notebook)))
    copy.nbformat_minor = 4
    copy.metadata = nbformat.from_dict({})
    for cell in copy.cells:
        cell.pop("id", None)
        cell.metadata = nbformat.from_dict({})
    return copy


def _with_cell(notebook: NotebookNode, before: str, source: str) -> NotebookNode:
    """A copy with a cell of the student's own above the answer to `before`."""
    copy = substitute(notebook, {})
    place = next(i for i, cell in enumerate(copy.cells) if grade_id(cell) == before)
    copy.cells.insert(place, new_code_cell(source, id="a-students-own-cell"))
    return copy


def _clear(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise CourseError(f"{folder} holds files that no demo made; choose another folder with --work")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("made by: grader demo. The next demo replaces this folder.\n", encoding="utf-8")
