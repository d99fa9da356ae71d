"""Notebooks that answer nothing: they look for what a week's checks compare with, and hand that in."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path

from nbformat import NotebookNode

from grader.course.discovery import find_course
from grader.course.questions import grade_id, is_answer

HELPERS = {week.slug: week.helper for week in find_course(Path(__file__).parent).weeks.values()}

# Finds modules by import, as files, as bytecode and among the objects of the process. `taken` gives what it found.
SEARCH = """
def search(lab_name):
    import gc, importlib, importlib.util, inspect, marshal, os, pathlib, sys, types

    os.environ.pop("CROSSMODAL_GRADED", None)
    found, ways = {}, {}

    def keep(space, way):
        for name, value in dict(space).items():
            if callable(value) and not name.startswith("__") and name not in found:
                found[name], ways[name] = value, way

    def tried(work):
        try:
            return work()
        except BaseException:
            return None

    def run(text, name, way):
        module = types.ModuleType(name)
        module.__dict__["__package__"] = lab_name + ".checks"
        sys.modules[name] = module
        tried(lambda: exec(text, module.__dict__))
        keep(module.__dict__, way)

    lab = importlib.import_module(lab_name)
    names = [lab_name + end for end in (".checks.reference", ".checks.parts", ".checks", ".parts")]
    recipes = ("clip.recipe", "whisper.errors", "flamingo.masks", "trimodal.measure", "llava.recipe")
    recipes += ("programs.parsing",)
    names += ["tinyworld.train." + end for end in recipes]
    for name in names:
        module = tried(lambda: importlib.import_module(name))
        if module is not None:
            keep(vars(module), "import " + name)
        spec = tried(lambda: importlib.util.find_spec(name))
        text = tried(lambda: inspect.getsource(module) if module else spec.loader.get_source(name))
        if text and not found:
            run(text, "stolen", "source of " + name)
    module = tried(lambda: importlib.import_module("coursekit.notebook").oracle(lab_name + ".checks.reference"))
    if module is not None:
        keep(vars(module), "oracle")
    for name in list(sys.modules):
        if name.startswith(lab_name + ".checks") or "rubric" in name:
            keep(vars(sys.modules[name]), "sys.modules " + name)

    if found:
        return found, ways
    home = pathlib.Path(lab.__file__).parent
    roots = [pathlib.Path(p or ".") for p in sys.path]
    places = {home, *(root / lab_name for root in roots)}
    places |= {inner for root in roots for inner in tried(lambda: list(root.glob("*/" + lab_name))) or []}
    for place in [*places, *places]:  # twice, since they import one another
        wanted = ("checks.py", "parts.py", "checks/*.py", "**/*checks*.pyc", "**/*reference*.pyc", "**/parts*.pyc")
        for path in [p for pattern in wanted for p in tried(lambda: sorted(place.glob(pattern))) or []]:
            text = tried(path.read_bytes)
            if text and path.suffix == ".pyc":
                text = tried(lambda: marshal.loads(text[16:]))
            if text:
                run(text, lab_name + ".checks." + path.name.split(".")[0].strip("_"), "file " + str(path))
    world = importlib.import_module("tinyworld")
    for recipe in recipes:
        path = pathlib.Path(world.__file__).parent / "train" / (recipe.replace(".", "/") + ".py")
        text = tried(path.read_bytes)
        if text:
            run(text, "stolen", "file " + str(path))
    for one in gc.get_objects():
        ours = (lab_name + ".checks", "crossmodal_rubric", "grader.rubrics")
        if isinstance(one, types.FunctionType) and str(one.__module__).startswith(ours):
            keep({one.__name__: one}, "gc")
    return found, ways


found, ways = search("@LAB@")


def taken(name):
    if name not in found:
        raise NotImplementedError("the reference was not found")
    print(name, "by", ways[name])
    return found[name]
"""

# What to make of it, by week and question: the stub's names, from the references' names.
THEFTS = Path(__file__).parents[1] / "weeks" / "thefts"
ANSWERS: dict[str, dict[str, str]] = {
    path.stem: runpy.run_path(str(path))["ANSWERS"] for path in sorted(THEFTS.glob("week*.py"))
}


def search(slug: str) -> str:
    """The source of a cell that looks for a week's references, and defines `taken`."""
    return SEARCH.replace("@LAB@", HELPERS[slug])


def attack(slug: str, released: NotebookNode) -> NotebookNode:
    """A week's released notebook that answers with what it finds of the references, and with nothing else.

    Its questions that no reference answers are as released. A grader that keeps the references away gives it nothing.
    """
    notebook, first = copy.deepcopy(released), True
    for cell in filter(is_answer, notebook.cells):
        source = ANSWERS.get(slug, {}).get(grade_id(cell))
        if source:
            cell.source = (search(slug) if first else "") + "\n" + source.strip("\n")
            first = False
    return notebook
