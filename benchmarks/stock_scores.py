"""The scores of stock `nbgrader autograde` beside those of `grader grade`, on the notebooks of nbgrader's own tests.

    python benchmarks/stock_scores.py
    python benchmarks/stock_scores.py --only submitted-

Every notebook under nbgrader/tests is made the assignment of a plain course without configuration, and released by
`nbgrader generate_assignment`. Handed in are the release, untouched; the source, which holds the solutions; and those
notebooks of nbgrader's tests that are changed or broken submissions of it. One copy of the course is graded by each.
Compared is what both gradebooks say of every graded cell. Each difference must have a reason that is known here, else
this exits with 1; so it does where one of our commands ends in a traceback. Needs Linux and bubblewrap.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

import nbgrader
from measure import machine
from nbgrader.api import Gradebook, SubmittedNotebook
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from grader.cli.base import console

TESTS = Path(nbgrader.__file__).parent / "tests"
BESIDE = ("autotests.yml", "data.txt", "jupyter.png")  # files of nbgrader's tests that its notebooks use
UNTOUCHED, SOURCE = "untouched", "source"  # names of the two submissions that every notebook has
FAMILIES = {  # by the notebook of an assignment, how the names of those begin that are submissions of it
    "submitted-unchanged": "submitted-",
    "autotest-simple": "autotest-simple-",
    "autotest-hashed": "autotest-hashed-",
    "autotest-hidden": "autotest-hidden-",
    "autotest-multi": "autotest-multi-",
    "test": "test-",
    "no-cell-type": "cell-type-changed",
}
SECONDS = 600  # for one command
COMMANDS = multiprocessing.get_context("forkserver")  # forked from one process that has imported nbgrader and ours
COMMANDS.set_forkserver_preload(["__main__", "nbgrader.apps.nbgraderapp", "nbgrader.converters", "grader.cli.main"])
GRADEBOOK = "gradebook.db"
UNEXPECTED = "UNEXPECTED"
LOST = "no cell has its id: stock finds none, and leaves all to be graded by hand; here they are found by their text"
DELETED = "the cell was deleted: stock wants it graded by hand, here what was not answered earns 0"
TESTED = ("correct_squares", "squares_invalid_input", "correct_sum_of_squares", "sum_of_squares_uses_squares")
REASONS: dict[tuple[str, str, str], str] = {  # by notebook, submission and cell, why ours differs on purpose
    **{("apps/test", f"test-no-metadata{kind}", cell): LOST for kind in ("", "-autotest") for cell in TESTED},
    ("apps/test", "test-hidden-tests", "sum_of_squares_equation"): DELETED,
    ("apps/test", "test-hidden-tests", "sum_of_squares_application"): DELETED,
}

Scores = dict[str, tuple[float | None, float]]  # (automatic score, maximum) by graded cell


@dataclass
class Compared:
    """One notebook. said: by submission, or "" for all of them, what was said where grading stopped."""

    name: str
    stock: dict[str, Scores] = field(default_factory=dict)
    ours: dict[str, Scores] = field(default_factory=dict)
    stock_said: dict[str, str] = field(default_factory=dict)
    ours_said: dict[str, str] = field(default_factory=dict)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="notebooks whose name has this in it")
    parser.add_argument("--jobs", type=int, default=1, help="how many notebooks at a time")
    parser.add_argument("--output", type=Path, help="where to write the table, as Markdown")
    parser.add_argument("--kept", type=Path, help="a file of what was compared before: that is not run again")
    asked = parser.parse_args()
    # nbgrader starts alembic by its name, and the commands inherit this
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # those with most to compare come first: of a run that is stopped the table so far is kept
    every = sorted(TESTS.glob("**/*.ipynb"), key=lambda path: (path.stem not in FAMILIES, name_of(path)))
    paths = [path for path in every if asked.only in name_of(path)]
    with tempfile.TemporaryDirectory(prefix="stock-") as folder, ThreadPoolExecutor(asked.jobs) as pool:
        gradebook, found = Path(folder) / GRADEBOOK, []
        kept = read_kept(asked.kept)
        Gradebook(f"sqlite:///{gradebook}").close()

        def compared(path: Path) -> Compared:
            done = kept.get(name_of(path))
            return done or compare(path, Path(folder) / name_of(path).replace("/", "-"), gradebook)

        for one in pool.map(compared, paths):
            found.append(one)
            if asked.kept:
                asked.kept.write_text(json.dumps([asdict(each) for each in found]), encoding="utf-8")
            if asked.output:  # so far: the whole takes its time
                asked.output.write_text(page(found, len(every)), encoding="utf-8")
    text = page(found, len(every))
    console().print(text, markup=False, soft_wrap=True)
    return int(UNEXPECTED in text)


def read_kept(file: Path | None) -> dict[str, Compared]:
    """By notebook. A score is a list of two there, as JSON has no tuples."""
    if not file or not file.is_file():
        return {}
    found = {row["name"]: Compared(**row) for row in json.loads(file.read_text(encoding="utf-8"))}
    for one in found.values():
        for scores in (*one.stock.values(), *one.ours.values()):
            scores.update({cell: (score[0], score[1]) for cell, score in scores.items()})
    return found


def name_of(path: Path) -> str:
    """Such as "apps/test"."""
    return f"{path.relative_to(TESTS).parts[0]}/{path.stem}"


def compare(path: Path, folder: Path, gradebook: Path) -> Compared:
    """Grade one notebook's submissions by both, each in a course with a copy of this empty gradebook."""
    found, name = Compared(name_of(path)), path.stem
    theirs, ours = folder / "stock", folder / "ours"
    source = theirs / "source" / name
    source.mkdir(parents=True)
    shutil.copy(path, source)
    shutil.copy(gradebook, theirs)
    for beside in filter(Path.is_file, (path.parent / one for one in BESIDE)):
        shutil.copy(beside, source)
    code, said = run(theirs, "nbgrader", "generate_assignment", name)
    release = theirs / "release" / name / path.name
    handed_in = {SOURCE: path}
    if code or not release.is_file():
        found.stock_said[""] = f"not released: {last_words(said)}"
    else:
        handed_in[UNTOUCHED] = release
    begins = FAMILIES.get(name)
    handed_in |= {p.stem: p for p in path.parent.glob(f"{begins}*.ipynb") if begins and p != path}
    for student, file in handed_in.items():
        submission = theirs / "submitted" / student / name / path.name
        submission.parent.mkdir(parents=True)
        shutil.copy(file, submission)
        for beside in BESIDE:
            if (source / beside).is_file():
                shutil.copy(source / beside, submission.parent)
    shutil.copytree(theirs, ours)
    if "" not in found.stock_said:
        found.stock, found.stock_said = autograde(theirs, name, sorted(handed_in))
    code, said = run(ours, "grader", "grade", name)
    found.ours = {student: scores for student in handed_in if (scores := scores_of(ours, name, student)) is not None}
    if "Traceback" in said or "" in found.stock_said or not found.ours:
        found.ours_said[""] = f"{UNEXPECTED} traceback: {said[-1500:]}" if "Traceback" in said else sentence(said)
    shutil.rmtree(folder)
    return found


def autograde(course: Path, name: str, students: Sequence[str]) -> tuple[dict[str, Scores], dict[str, str]]:
    """The scores that stock nbgrader gives, and what it says of the submissions at which it stops."""
    run(course, "nbgrader", "autograde", name)
    scores, stopped = {}, {}
    for student in students:
        if not (course / "autograded" / student / name / f"{name}.ipynb").is_file():
            code, said = run(course, "nbgrader", "autograde", name, "--student", student)
            if code:
                stopped[student] = last_words(said)
                continue
        scores[student] = scores_of(course, name, student) or {}
    return scores, stopped


def scores_of(course: Path, name: str, student: str) -> Scores | None:
    """What the gradebook has of one submission; None where it has none."""
    if not (course / GRADEBOOK).is_file():
        return None
    engine = create_engine(f"sqlite:///{course / GRADEBOOK}")  # nbgrader's Gradebook would start alembic each time
    with Session(engine) as session:
        for notebook in session.query(SubmittedNotebook).all():
            if (notebook.student.id, notebook.assignment.name, notebook.name) == (student, name, name):
                return {grade.name: (grade.auto_score, grade.max_score) for grade in notebook.grades}
    return None


def run(folder: Path, *command: str) -> tuple[int, str]:
    """Run a command of this environment in a folder. Returns its exit code, and all it said."""
    log = Path(f"{folder}.log")
    child = COMMANDS.Process(target=call, args=(folder, log, command))
    child.start()
    child.join(SECONDS)
    if child.exitcode is None:
        os.killpg(child.pid or 0, signal.SIGKILL)
        return 1, f"no end after {SECONDS} s"
    return child.exitcode, log.read_text("utf-8", "replace").replace(f"{folder}/", "")


def call(folder: Path, log: Path, command: Sequence[str]) -> None:
    """Become a command: what its script in bin/ does, in a process of a group of its own."""
    os.setsid()
    os.chdir(folder)
    with log.open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ["COLUMNS"] = "200"
    os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [one for one in sys.path if one != str(Path(__file__).parent)]
    sys.argv = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    entry = next(one for one in entry_points(group="console_scripts", name=command[0]))
    sys.exit(entry.load()())


def last_words(said: str) -> str:
    """What nbgrader says went wrong: the first line of its errors that is not about itself."""
    if "nbgrader update" in said:
        return "metadata of an older or newer nbgrader; it asks for `nbgrader update`"
    lines = [line.partition("ERROR | ")[2].strip() for line in said.splitlines() if "ERROR | " in line]
    kept = [line for line in lines if line and not line.startswith(("Traceback", "There was an error", "Please see"))]
    errors = [line.strip() for line in said.splitlines() if "Error: " in line and " | " not in line]
    return (errors or kept or [said.strip().splitlines()[-1] if said.strip() else "nothing"])[-1][:200]


def sentence(said: str) -> str:
    """What `grader grade` says, on one line."""
    return " ".join(said.split())[:400]


# --- what differs, and why --------------------------------------------------------------------------------------------


def differences(one: Compared) -> list[str]:
    """A line for each score that is not the same, with the reason where it is on purpose."""
    lines = []
    for student, theirs in sorted(one.stock.items()):
        ours = one.ours.get(student, {})
        for cell in sorted(theirs.keys() | ours.keys()):
            if theirs.get(cell) != ours.get(cell):
                scores = f"{shown(theirs.get(cell))} there, {shown(ours.get(cell))} here"
                reason = REASONS.get((one.name, student, cell), UNEXPECTED)
                lines.append(f"{student}, {cell}: {scores} ({reason})")
    return lines


def stops(one: Compared) -> list[str]:
    """A line for each submission at which stock nbgrader stops, and for what ours says of a whole notebook."""
    lines = []
    if one.ours_said or "" in one.stock_said:
        said = one.stock_said.get("", "released")
        lines.append(f"- **{one.name}**. nbgrader: {said}. Ours: {one.ours_said.get('', 'graded')}")
    for student, said in sorted(one.stock_said.items()):
        if student:
            scores = {cell: shown(score) for cell, score in one.ours.get(student, {}).items()}
            ours = ", ".join(f"{cell} {score}" for cell, score in scores.items())
            ours = ours or ("graded, no cell has points" if student in one.ours else "nothing in the gradebook")
            lines.append(f"- **{one.name}**, {student}. nbgrader: {said}. Ours: {ours}")
    return lines


def shown(score: tuple[float | None, float] | None) -> str:
    if score is None:
        return "not there"
    return f"{'by hand' if score[0] is None else f'{score[0]:g}'} of {score[1]:g}"


def page(found: Sequence[Compared], of: int) -> str:
    """The table, and the lines on what stops."""
    lines = [
        "# Scores of nbgrader's own test notebooks",
        "",
        f"Made by `python benchmarks/stock_scores.py`. {machine()} nbgrader {nbgrader.__version__}.",
        "",
        "Each notebook is an assignment, with the release untouched, the source with its solutions, and nbgrader's own "
        "changed or broken submissions of it handed in. Graded so: "
        f"{len(found)} of {of} notebooks. A score: points and maximum of a graded cell in a gradebook.",
        "",
        "| notebook | submissions | scores compared | equal | different, and why |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    totals = [0, 0]
    for one in found:
        different = differences(one)
        cells = [theirs.keys() | one.ours.get(student, {}).keys() for student, theirs in one.stock.items()]
        compared = sum(map(len, cells))
        totals = [totals[0] + compared, totals[1] + compared - len(different)]
        handed_in = len(one.stock.keys() | one.ours.keys() | set(filter(None, one.stock_said)))
        lines.append(
            f"| {one.name} | {handed_in} | {compared} | {compared - len(different)} | {'; '.join(different)} |"
        )
    lines += [f"| all | | {totals[0]} | {totals[1]} | |", "", "## What stock nbgrader refuses or stops at", ""]
    return "\n".join([*lines, *(line for one in found for line in stops(one)), ""])


if __name__ == "__main__":
    sys.exit(main())
