"""week.json, beside a week's points.json: what the student's side says of progress, handing in, and missing packages.

Where a student works there may be no course.toml: on Colab the week's packages are installed and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import packages_distributions

from nbformat import NotebookNode
from packaging.utils import canonicalize_name

from coursekit import versions
from grader.course.questions import questions_in
from grader.course.syllabus import Course, Week

MINUTES = re.compile(r"\*\*Exercise `(\w+)`\*\*.*?about (\d+) minutes")  # in the line above each exercise
IMPORTED = re.compile(r"^\s*(?:import|from) (\w+)", re.MULTILINE)


def week_file(course: Course, week: Week, source: NotebookNode) -> str:
    """The text of week.json; `coursekit.progress.Week` says what is in it. source: the instructor's notebook."""
    questions = questions_in(source)
    text = "\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown")
    minutes = {name: int(number) for name, number in MINUTES.findall(text)}
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    helper = course.root / "weeks" / week.slug
    code += [path.read_text(encoding="utf-8") for path in sorted(helper.rglob("*.py"))]
    told = {
        "number": week.number,
        "title": week.title,
        "notebook": week.file,
        "hand_in": course.hand_in,
        "minutes": {q.name: minutes[q.name] for q in questions if q.name in minutes},
        "by_hand": [q.name for q in questions if q.manual],
        "packages": packages_in(code),
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def packages_in(code: Iterable[str]) -> list[str]:
    """Those of the packages that the course asks of students which this code imports, by their canonical names."""
    brings = packages_distributions()
    modules = set(IMPORTED.findall("\n".join(code)))
    found = {canonicalize_name(one) for module in modules for one in brings.get(module, [])}
    return sorted(found & set(versions.wanted()))
