"""What the notebooks of a plain course import, so that its warm server loads that and nothing else.

Only installed packages count: the standard library takes no time, and a module that lies in somebody's folder is not
for a process outside the sandbox.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from grader.course.syllabus import Course, Week

# They start threads, or run-times of their own, when they are imported: a fork of a process that has them may hang.
NOT_TO_FORK = {"cupy", "jax", "jaxlib", "keras", "polars", "pycuda", "pyspark", "ray", "tensorflow"}


def libraries(course: Course, week: Week) -> list[str]:
    """The modules of installed packages that the week's notebooks import, in the instructor's or the released version,
    sorted: "sklearn", "sklearn.linear_model"."""
    names: set[str] = set()
    for one in week.notebooks:
        for path in (course.solution(one), course.release(one)):
            names |= _imported(path)
    installed = {name: _is_installed(name) for name in {name.partition(".")[0] for name in names}}
    return sorted(name for name in names if installed[name.partition(".")[0]])


def _imported(path: Path) -> set[str]:
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception:  # it is said elsewhere that it cannot be read
        return set()
    return {name for cell in cells if cell.cell_type == "code" for name in imported(cell.source)}


def imported(source: str) -> Iterator[str]:
    """The modules that a cell imports, and what may be one: "scipy.stats" of `from scipy import stats`."""
    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _is_installed(name: str) -> bool:
    """Whether a top-level module is of a package installed for this Python."""
    if name in NOT_TO_FORK:
        return False
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    places = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")]
    found = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(Path(place).resolve().is_relative_to(lib) for place in found if place for lib in places)
