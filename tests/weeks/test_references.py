"""What answers are compared with is out of reach of a notebook that is graded, and nothing else in reach answers."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
import pytest
from attacks import references

from coursekit.checks import checks_in
from grader.course.discovery import find_course
from grader.course.questions import grade_id, is_answer, is_check
from grader.grading.rubric import check_sources, question_digests
from grader.grading.rubric import references as references_of

ROOT = Path(__file__).parents[2]
COURSE = find_course(ROOT)
WEEKS = COURSE.weeks
HIDDEN = ("checks", "train")  # folders of labs and of tinyworld that a graded kernel finds empty

# A graded kernel without the sandbox: the variable is set, and what is hidden there cannot be imported or found here.
GRADED = f"""
import os, sys
os.environ["CROSSMODAL_GRADED"] = "1"
class Refuse:
    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if len(parts) > 1 and (parts[0].endswith("_lab") or parts[0] == "tinyworld") and parts[1] in {HIDDEN}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""


def run(code: str, **more: object) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, **more)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(params=WEEKS)
def week(request):
    return WEEKS[request.param]


@cache
def solution(slug: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "solutions" / slug / f"{slug}.ipynb", as_version=4)


def asked(slug: str) -> set[str]:
    """The names of a week's exercises, and of the functions and classes that they ask for."""
    found = set()
    for cell in solution(slug).cells:
        if is_answer(cell) and cell.cell_type == "code":
            found.add(grade_id(cell))
            found |= {n.name for n in ast.parse(cell.source).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return found


def modules(folder: Path) -> Iterator[Path]:
    """The modules in and below a folder that a graded kernel can import."""
    for path in folder.rglob("*.py"):
        if not set(path.relative_to(folder).parts) & {*HIDDEN, "__pycache__"}:
            yield path


def functions(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]


# --- in a graded kernel -----------------------------------------------------------------------------------------------


def test_everything_else_can_be_imported_without_them():
    names = []
    for place in (*(ROOT / "weeks" / w.slug / w.helper for w in WEEKS.values()), ROOT / "weeks" / "coursekit"):
        parts = [path.relative_to(place.parent).with_suffix("").parts for path in modules(place)]
        names += [".".join(p).removesuffix(".__init__") for p in parts]
    said = run(
        GRADED
        + f"""
import importlib
for name in {sorted(names)}:
    importlib.import_module(name)
print([name for name in sys.modules if "_lab.checks" in name or "tinyworld.train" in name])
from coursekit import check
import caption_lab, studio_lab, whisper_lab
print(check("greedy").passed)
for call in (
    lambda: caption_lab.itm(None, [], []),
    lambda: whisper_lab.wer(["a"], ["b"]),
    lambda: studio_lab.parts,
    lambda: studio_lab.parts_of()["paint"](None, "", []),
):
    try:
        print("answered", call())
    except RuntimeError as error:
        print("not there while a notebook is graded" in str(error))
"""
    )
    wanted = ["[]", "`greedy` is checked outside this notebook when it is graded.", "True", *["True"] * 4]
    assert said.splitlines() == wanted


def test_no_function_in_reach_bears_the_name_of_an_answer(week):
    taken = asked(week.slug)
    places = ROOT / "weeks" / week.slug / week.helper, ROOT / "weeks" / "coursekit", ROOT / "datasets" / "tinyworld"
    # the app's page and the stand-ins of an app that is tried say what they do in the same words
    for path in (path for place in places for path in modules(place) if "page" not in path.parts):
        named = {one.name for one in functions(path)}
        assert not named & taken, path
        assert not [name for name in named if name.startswith("reference_")], path


def test_cells_that_grading_runs_need_none_of_them(week):
    """Functions of the lab that ask for the course's own answers are called by cells that only draw."""
    reach, words = {"oracle", "ours"}, {}
    for path in modules(ROOT / "weeks" / week.slug / week.helper):
        for one in functions(path):
            inside = list(ast.walk(one))
            words[one.name] = {n.id for n in inside if isinstance(n, ast.Name)}
            words[one.name] |= {n.attr for n in inside if isinstance(n, ast.Attribute)}
    without = {"Studio", "load_parts", "parts_of"}  # these take the student's own
    while more := {name for name, some in words.items() if some & reach} - reach - without:
        reach |= more
    reach |= {"parts"}
    for cell in solution(week.slug).cells:
        if cell.cell_type == "code" and "figure" not in cell.metadata.get("tags", []) and not is_check(cell):
            dotted = re.findall(rf"\b{week.helper}((?:\.\w+)+)", cell.source)
            called = {name for some in dotted for name in some.split(".")}
            assert not called & reach, cell["id"]


# --- what judges ------------------------------------------------------------------------------------------------------


def test_a_changed_reference_is_another_judge_of_every_question(week):
    sources = check_sources(ROOT, week)
    assert references_of(ROOT, week), "there is a module of what the checks compare with"
    before = question_digests(*sources.values())
    for path in references_of(ROOT, week):
        after = question_digests(*(sources | {path: sources[path] + "\nANOTHER = 1\n"}).values())
        assert all(before[name] != after[name] for name in before)


def test_the_checks_hold_checks_and_the_rest_is_beside_them(week):
    module = __import__(f"{week.helper}.checks", fromlist=["checks"])
    found, own = {one.name for one in checks_in(module)}, set()
    for path in Path(module.__file__).parent.glob("*.py"):
        names = {one.name for one in functions(path)}
        if names & found:  # a long week has them in several modules
            assert names <= found, f"{path.name} holds checks and something else"
            own |= names
    assert own == found


# --- attacks ----------------------------------------------------------------------------------------------------------


def wanted(slug: str) -> set[str]:
    """The references that a week's attack hands in."""
    return set(re.findall(r"taken\(['\"](\w+)['\"]\)", "\n".join(references.ANSWERS[slug].values())))


def searched(places: list[Path], extra: str = "") -> dict[str, set[str]]:
    """{week: what its attack finds}, where these folders come first and the course's own weeks are not to be seen."""
    code = "import sys\n" + f"sys.path = [p for p in sys.path if {str(ROOT / 'weeks')!r} not in p]\n" * bool(places)
    code += f"sys.path[:0] = {[str(place) for place in places]}\n" + extra
    for slug in references.ANSWERS:
        code += f"space = {{}}\nexec({references.search(slug)!r}, space)\nprint({slug!r}, *space['found'])\n"
    lines = [line.split() for line in run(code).splitlines() if line.startswith("week")]
    return {slug: set(names) for slug, *names in lines}


def test_an_attack_finds_every_reference_where_nothing_hides_them():
    found = searched([])
    for slug in references.ANSWERS:
        assert wanted(slug) and wanted(slug) <= found[slug], slug


def test_it_reads_their_files_where_they_cannot_be_imported():
    found = searched([], GRADED)
    for slug in references.ANSWERS:
        assert wanted(slug) <= found[slug], slug


def test_and_none_where_the_folders_are_empty(tmp_path):
    for week in WEEKS.values():
        target = tmp_path / week.slug / week.helper
        shutil.copytree(
            ROOT / "weeks" / week.slug / week.helper, target, ignore=shutil.ignore_patterns("checks", "__pycache__")
        )
        (target / "checks").mkdir()
    left = shutil.ignore_patterns("train", "checkpoints", "recordings", "__pycache__")
    shutil.copytree(ROOT / "datasets" / "tinyworld", tmp_path / "world" / "tinyworld", ignore=left)
    found = searched([tmp_path / "world", *(tmp_path / slug for slug in references.ANSWERS)], GRADED)
    for slug in references.ANSWERS:
        assert not wanted(slug) & found[slug], slug


def test_an_attack_answers_nothing_of_its_own(week):
    released = nbformat.read(COURSE.release(week), as_version=4)
    made = references.attack(week.slug, released)
    changed = [grade_id(a) for a, b in zip(made.cells, released.cells, strict=True) if a.source != b.source]
    assert changed == [q for q in map(grade_id, released.cells) if q in references.ANSWERS.get(week.slug, {})]
