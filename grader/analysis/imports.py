"""What a week's notebooks need, so that its warm server imports that and nothing else.

Only installed packages count, and the two that all weeks share: the standard library takes no time, and a module that
lies in somebody's folder is not for a process outside the sandbox.
"""

from __future__ import annotations

import ast
import contextlib
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nbformat

from grader.analysis.cells import tree
from grader.course.syllabus import Course, Week

# They start threads or run-times of their own when they are imported, or set up other libraries for these: a fork of a
# process that has them may hang, or draw no figures.
NOT_TO_FORK = {"cupy", "jax", "jaxlib", "keras", "polars", "pycuda", "pyspark", "ray", "streamlit", "tensorflow"}

# What all weeks share. Nothing else of the course's own: its recipes and the helpers' checks know answers, and what the
# server has imported is in the memory of every kernel.
SHARED = ("coursekit.models", "coursekit.photographs", "coursekit.plots", "tinyworld")
JUDGED = "coursekit.student"  # what a kernel answers the judge with
OURS = {"coursekit", "tinyworld", "grader"}

# What these import themselves, but only when they are used.
DRAWING = ("matplotlib.pyplot", "matplotlib.backends.backend_agg")
PICTURES = tuple(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm"))
LATER = {
    "matplotlib": DRAWING,
    "coursekit.photographs": ("skimage", "skimage.data", "skimage.io", "imageio.plugins.pillow"),
    "coursekit.plots": DRAWING,
    "PIL": PICTURES,
    "skimage": ("skimage.io", "imageio.plugins.pillow"),
    "tqdm": ("tqdm.auto",),
}


def libraries(course: Course, week: Week) -> list[str]:
    """The modules to import for a week, sorted: "sklearn", "sklearn.linear_model".

    Those that the instructor's and the released notebooks import. In a course with checks also those that the week's
    helper package imports, and those of the models that are asked for by role; and "coursekit.models:clip" for each of
    these models, which the server is to hold too.
    """
    sources = [source for one in week.notebooks for source in _code(course, one)]
    if not course.classic:
        sources += _modules(course, week)
    names = {name for source in sources for name in imported(source)}
    own = OURS | {one.helper for one in course.weeks.values()}
    found = set() if course.classic else {JUDGED, *(name for name in SHARED if name in names)}
    held: set[str] = set()
    if "coursekit.models" in found:
        roles = roles_in(sources)
        names |= of_models(roles)
        held = {f"coursekit.models:{role}" for role in roles}
    installed = {top for top in {_top(name) for name in names} - own if _is_installed(top)}
    found |= {name for name in names if _top(name) in installed}
    return sorted(found | held | {later for name in found | installed for later in LATER.get(name, ())})


def every_library(course: Course) -> list[str]:
    """The modules to import where it is not known for which week."""
    return sorted({name for week in course.weeks.values() for name in libraries(course, week)})


def roles_in(sources: Iterable[str]) -> set[str]:
    """The roles of models that code names, as "clip" in `models.load("clip")`."""
    from coursekit.models import ROLES

    return {text for source in sources for text in _looked_through(source)[1]} & set(ROLES)


def of_models(roles: Iterable[str]) -> set[str]:
    """The modules that loading these models imports."""
    from coursekit.models import ROLES

    return {module for role in roles for module in ROLES[role].modules}


def _code(course: Course, week: Week) -> Iterator[str]:
    """The code cells of the instructor's and the released notebook, as far as they can be read."""
    for path in (course.solution(week), course.release(week)):
        with contextlib.suppress(OSError, ValueError):  # it is said elsewhere that it cannot be read
            yield from _cells(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def _cells(text: str) -> tuple[str, ...]:
    """The code cells of a notebook; none where it cannot be read."""
    try:
        cells = nbformat.reads(text, as_version=4).cells
    except Exception:
        return ()
    return tuple(cell.source for cell in cells if cell.cell_type == "code")


def _modules(course: Course, week: Week) -> list[str]:
    """The texts of the modules of the week's helper package."""
    folder = course.root / "weeks" / week.slug / week.helper
    return [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.py"))]


def imported(source: str) -> frozenset[str]:
    """The modules that a cell imports, and what may be one: "scipy.stats" of `from scipy import stats`."""
    return _looked_through(source)[0]


@lru_cache(maxsize=4096)
def _looked_through(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """What a module or a cell imports, and the texts in it."""
    names: set[str] = set()
    texts: set[str] = set()
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return frozenset(names), frozenset(texts)


def _tree(source: str) -> ast.AST:
    """The syntax tree of a module, or of a cell with its magics; an empty one where there is a mistake in it."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        return ast.parse(source)
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        return tree(source)
    return ast.Module(body=[], type_ignores=[])


def _top(name: str) -> str:
    return name.partition(".")[0]


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
