"""Any nbgrader course: points, gradebook and configuration are nbgrader's own, or a message says what is not."""

import json
import shutil
import sqlite3
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp
from support.plain import PYTHON, cell, command, nbgrader

from grader.cli.grade import alone
from grader.course import plain_nbgrader, settings
from grader.course.discovery import find_course
from grader.course.syllabus import Course, CourseError
from grader.execution.kernelspecs import WARM, KernelStartError, own_kernel
from grader.grading import notebook_tests
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.records import database, projection
from grader.records.store import records_of
from grader.submissions import beside

ROOT = Path(__file__).parents[3]

# --- the kinds of cells that nbgrader's own tests have, beside stock nbgrader -----------------------------------------

AUTOTESTS = '''
python3:
  setup: "from hashlib import sha256"
  hash: 'sha256(({{snippet}} + "{{salt}}").encode()).hexdigest()'
  dispatch: "type({{snippet}}).__name__"
  normalize: "str({{snippet}})"
  check: 'assert {{snippet}} == """{{value}}""", "{{message}}"'
  success: "print('well done')"
  templates:
    default:
      - test: "type({{snippet}}).__name__"
        fail: "the type of {{snippet}} is another"
      - test: "{{snippet}}"
        fail: "the value of {{snippet}} is another"
'''
CONFIG = """
c = get_config()
c.Execute.timeout = 4
c.IncludeHeaderFooter.header = "header.ipynb"
c.ClearSolutions.begin_solution_delimeter = "HIDE FROM HERE"
c.ClearSolutions.end_solution_delimeter = "HIDE UP TO HERE"
c.ClearSolutions.code_stub = {"python": "..."}
c.InstantiateTests.autotest_filename = "tests-of-the-course.yml"
"""


def answer(name: str, source: str) -> nbformat.NotebookNode:
    return cell(f"### HIDE FROM HERE\n{source}\n### HIDE UP TO HERE", name, kind="answer")


KINDS = [
    answer("half", "def half(x):\n    return x / 2"),
    cell("# what it makes of numbers\n### AUTOTEST half(6); half(1)", "auto-half", 2, "test"),
    cell("### HASHED AUTOTEST half(10)\nassert half(2) == 1", "hashed-half", 3, "test"),
    cell(
        "### AUTOTEST half(4)\n### BEGIN HIDDEN TESTS\n### AUTOTEST half(-3)\n### END HIDDEN TESTS",
        "hidden-half", 4, "test",
    ),
    answer("words", "words = open('data.txt').read().split()"),
    cell("0.5 * (len(words) == 2) + 0.5 * ('b' in words)", "part-words", 1, "test"),
    cell("made = open('made.txt', 'w').write('x')", "makes", kind="read only"),
    cell("assert open('made.txt').read() == 'x'", "nothing-words", 0, "test"),
    cell("import os\n0.5 * (os.environ.get('NBGRADER_EXECUTION') == 'autograde')"
         " + 0.5 * ('NBGRADER_VALIDATING' not in os.environ)", "how", 1, "test"),
    cell("check('mine')", "calls-check", 2, "test"),
    cell("### HIDE FROM HERE\nx = 3\n### HIDE UP TO HERE", "by-hand", 5, "manual"),
    cell("### HIDE FROM HERE\nBecause.\n### HIDE UP TO HERE", "text-by-hand", 2, "manual", markdown=True),
    cell("Draw it.", "draw", 1, "task", markdown=True),
]  # fmt: skip
GOOD = {
    "half": "def half(x):\n    return 0.5 * x",
    "words": "words = 'a b'.split()",
    "by-hand": "x = 4",
    "text-by-hand": "As it is.",
}
ANSWERS = {
    "good": GOOD,
    "wrong": {"half": "def half(x):\n    return x // 2"},
    "lucky": {**GOOD, "half": "def half(x):\n    return abs(x) / 2"},
    "slow": {"words": "while True:\n    pass"},
    "deep": {**GOOD, "words": "def words():\n    return words()\nwords()"},
    "empty": {},
    "cheat": {"auto-half": "pass", "hashed-half": "", "hidden-half": "pass", "part-words": "1", "how": "0"},
    "retyped": GOOD,
    "twice": GOOD,
}


STOPPED = {"twice"}  # by stock nbgrader: a cell is there twice


def write_course(root: Path, config: str = CONFIG, kinds=KINDS, metadata=PYTHON, name: str = "kinds") -> Path:
    folder = root / "source" / name
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=kinds, metadata=metadata), folder / f"{name}.ipynb")
    (root / "nbgrader_config.py").write_text(config)
    return root


def hand_in(root: Path, student: str, answers: dict[str, str], name: str = "kinds") -> Path:
    notebook = nbformat.read(root / "release" / name / f"{name}.ipynb", 4)
    for one in notebook.cells:
        one.source = answers.get(one.metadata.get("nbgrader", {}).get("grade_id"), one.source)
    if student == "cheat":
        for one in notebook.cells:
            if "points" in one.metadata.get("nbgrader", {}):
                one.metadata.nbgrader.points = 100
    if student == "retyped":
        notebook.cells = [
            nbformat.v4.new_markdown_cell(one.source, metadata=one.metadata, id=one.id)
            if one.metadata.get("nbgrader", {}).get("grade_id") in ("half", "auto-half") else one
            for one in notebook.cells
        ]  # fmt: skip
    if student == "twice":
        notebook.cells.append(nbformat.from_dict({**notebook.cells[1], "id": "again"}))
    path = root / "submitted" / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> Path:
    root = write_course(tmp_path_factory.mktemp("kinds"))
    (root / "tests-of-the-course.yml").write_text(AUTOTESTS)
    (root / "source" / "kinds" / "data.txt").write_text("a b")
    header = [cell("def check(name):\n    assert half(8) == 4", "helper", kind="read only")]
    nbformat.write(new_notebook(cells=header, metadata=PYTHON), root / "header.ipynb")
    nbgrader(root, "generate_assignment", "kinds")
    for student, answers in ANSWERS.items():
        hand_in(root, student, answers)
    return root


@pytest.fixture(scope="module")
def stock(kinds, tmp_path_factory) -> Path:
    """The class, graded by stock nbgrader."""
    copy = shutil.copytree(kinds, tmp_path_factory.mktemp("stock") / "course")
    for student in STOPPED:
        shutil.rmtree(copy / "submitted" / student)
    nbgrader(copy, "autograde", "kinds")
    return copy


@pytest.fixture(scope="module")
def ours(kinds, stock) -> Path:
    """The class, graded here; after nbgrader has had its copy."""
    course = find_course(kinds)
    grade_class(course, course.week("kinds"), options=Options(workers=2))
    return kinds


NOT_GRADED = shutil.ignore_patterns("autograded", "records", ".grader*")


def entries(root: Path) -> dict[str, dict[str, tuple]]:
    """{student: {cell: (points, whether a person must look, comment)}}, as nbgrader's gradebook has them."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        return {
            s.student.id: {
                **{g.name: (g.auto_score, g.needs_manual_grade) for n in s.notebooks for g in n.grades},
                **{f"comment on {c.name}": c.auto_comment for n in s.notebooks for c in n.comments},
            }
            for s in book.assignment_submissions("kinds")
        }


@pytest.mark.parametrize("student", [name for name in ANSWERS if name not in STOPPED])
def test_points_and_comments_are_those_of_stock_nbgrader(student, ours, stock):
    assert entries(ours)[student] == entries(stock)[student]


@pytest.mark.parametrize("student", sorted(STOPPED))
def test_work_at_which_nbgrader_stops_is_graded_here(student, ours):
    assert entries(ours)[student] == entries(ours)["good"]


def test_the_cases_tell_right_from_wrong(stock):
    """Else the test above would prove nothing."""
    found = entries(stock)
    points = {name: sum(one[0] or 0 for one in found[name].values() if isinstance(one, tuple)) for name in found}
    assert points["good"] == 13 and points["empty"] == points["cheat"] == 1
    assert points["lucky"] == 9 and points["wrong"] < 5


def source_cells(root: Path) -> list[tuple]:
    with sqlite3.connect(root / "gradebook.db") as book:
        rows = book.execute("SELECT b.name, s.source, s.checksum FROM source_cell s JOIN base_cell b USING (id)")
        return sorted(rows.fetchall())


def test_what_is_written_changes_nothing_of_what_nbgrader_gives_later(ours, stock, tmp_path):
    assert source_cells(ours) == source_cells(stock)
    copy = shutil.copytree(ours, tmp_path / "course")
    nbgrader(copy, "autograde", "kinds", "--force", "--student", "wrong")
    assert entries(copy)["wrong"] == entries(stock)["wrong"]


def test_a_gradebook_made_here_holds_what_nbgrader_would_have_written(kinds, stock, tmp_path):
    course = find_course(kinds, tmp_path)
    week = course.week("kinds")
    path = kinds / "submitted" / "good" / "kinds" / "kinds.ipynb"
    projection.project(course, week, [grade_notebook(course, week, path, "good").grade])

    def cells(path):
        with Gradebook(f"sqlite:///{path}") as book:
            found = book.find_notebook("kinds", "kinds")
            return {c.name: (c.source, c.checksum, c.locked, c.cell_type) for c in found.source_cells}, found.kernelspec

    assert cells(course.gradebook) == cells(stock / "gradebook.db")


def test_tests_that_an_earlier_grader_left_as_comments_are_mended(ours, stock, tmp_path):
    root = shutil.copytree(ours, tmp_path / "course")
    with sqlite3.connect(root / "gradebook.db") as book:
        book.execute("UPDATE source_cell SET source = '### AUTOTEST half(6)' WHERE source LIKE '%half(6)%'")
        book.execute("UPDATE crossmodal_projected SET digest = substr(digest, 6) WHERE digest LIKE 'made %'")
    course = find_course(root)
    projection.project(course, course.week("kinds"), records_of(course, course.week("kinds"), ["good"])[0])
    assert source_cells(root) == source_cells(stock)


def test_tests_are_made_once_and_anew_when_the_course_changes(kinds, tmp_path):
    root = shutil.copytree(kinds, tmp_path / "course", ignore=NOT_GRADED)
    course = find_course(root)
    week = course.week("kinds")
    first = notebook_tests.digests(plain_nbgrader.instructor(course, week))
    kept = [path.name for path in (root / plain_nbgrader.TESTS).iterdir()]
    (root / "tests-of-the-course.yml").write_text(AUTOTESTS.replace("well done", "done"))
    second = notebook_tests.digests(plain_nbgrader.instructor(course, week))
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"auto-half", "hashed-half", "hidden-half"} and len(kept) == 1


def test_tests_that_cannot_be_made_stop_grading_before_anyone_gets_a_0(kinds, tmp_path):
    root = shutil.copytree(kinds, tmp_path / "course", ignore=NOT_GRADED)
    (root / "tests-of-the-course.yml").unlink()
    said = command(root, "grade", "kinds", code=2)
    assert "No autotests.yml file found" in said and "generate_assignment" in said
    assert not (root / "records").exists()


# --- what people graded -----------------------------------------------------------------------------------------------


def give(root: Path, student: str, cell_name: str, points: float) -> None:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        grade = book.find_grade(cell_name, "kinds", "kinds", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def waits(root: Path, student: str) -> set[str]:
    return {name for name, found in entries(root)[student].items() if isinstance(found, tuple) and found[1]}


@pytest.mark.parametrize("by", ["ours", "stock"])
def test_work_graded_by_hand_stays_graded_until_its_answer_changes(by, ours, stock, request, tmp_path):
    root = shutil.copytree(request.getfixturevalue(by), tmp_path / "course")
    course = find_course(root)
    for name in ("by-hand", "text-by-hand", "hidden-half"):
        give(root, "good", name, 1.5)
    before = waits(root, "good")
    path = hand_in(root, "good", GOOD)
    path.write_text(path.read_text() + "\n\n")  # another file, the same answers
    grade_class(course, course.week("kinds"), ["good"], Options(workers=1))
    assert waits(root, "good") == before
    hand_in(root, "good", {**GOOD, "text-by-hand": "For another reason."})
    grade_class(course, course.week("kinds"), ["good"], Options(workers=1))
    assert waits(root, "good") - before == {"text-by-hand", "hidden-half"}, "a test does not say what it is about"


# --- the notebook's own kernel ----------------------------------------------------------------------------------------


def of(name: str, language: str = "", told: str = ""):
    spec = {"name": name, "display_name": name} | ({"language": language} if language else {})
    return new_notebook(metadata={"kernelspec": spec} | ({"language_info": {"name": told}} if told else {}))


@pytest.fixture
def bash(tmp_path, monkeypatch):
    """The kernelspec `bash`, installed."""
    folder = tmp_path / "jupyter" / "kernels" / "bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Bash", "language": "bash", "env": {"PS1": "$"}}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))


@pytest.mark.parametrize(
    ("notebook", "chosen", "expected"),
    [
        (of("python3", "python"), WARM, WARM),
        (of("conda-env-ml-py", "python"), WARM, WARM),
        (of("python38"), "python3", "python3"),
        (of("xyz", told="python"), WARM, WARM),
        (new_notebook(), WARM, WARM),
        (of("bash", "bash"), WARM, "bash"),
        (of("ir", "R"), "bash", "bash"),  # somebody chose it
    ],
)
def test_a_notebook_runs_in_the_kernel_it_names(notebook, chosen, expected, bash):
    assert own_kernel(notebook, chosen) == expected


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (of("ir", "R"), ["'ir'", "IRkernel"]),
        (of("ir", told="R"), ["'ir'", "IRkernel"]),
        (of("julia-1.9", "julia"), ["'julia-1.9'", "IJulia"]),
        (of("octave", "octave"), ["octave_kernel"]),
        (of("coq", "coq"), ["'coq'", "Jupyter-kernels"]),
        (of("nobody-says"), ["'nobody-says'"]),
    ],
)
def test_a_kernel_that_is_not_here_is_refused_by_name_with_how_to_install_it(notebook, words):
    with pytest.raises(KernelStartError) as error:
        own_kernel(notebook, WARM)
    assert all(word in str(error.value) for word in words)


SHELL = [
    cell("### BEGIN SOLUTION\ndouble() { echo $((2 * $1)); }\n### END SOLUTION", "double", kind="answer"),
    cell(
        '[ "$(double 2)" = 4 ]\n### BEGIN HIDDEN TESTS\n[ "$(double 5)" = 10 ]\n### END HIDDEN TESTS',
        "test-double", 3, "test",
    ),
    cell('[ "$NBGRADER_EXECUTION" = autograde ]', "test-how", 1, "test"),
]  # fmt: skip
IN_BASH = {"kernelspec": {"name": "bash", "display_name": "Bash", "language": "bash"}}
IN_R = {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
STUBS = "c = get_config()\nc.ClearSolutions.code_stub = {'bash': 'false'}\n"


@pytest.fixture
def shell(tmp_path) -> Path:
    """A course in bash with a stub of its own: one student is right, one only where it is seen."""
    root = write_course(tmp_path / "course", STUBS, SHELL, IN_BASH, "sh")
    nbgrader(root, "generate_assignment", "sh")
    assert nbformat.read(root / "release" / "sh" / "sh.ipynb", 4).cells[0].source == "false"
    hand_in(root, "right", {"double": "double() { echo $(($1 + $1)); }"}, "sh")
    hand_in(root, "seen", {"double": "double() { echo 4; }"}, "sh")
    return root


def test_a_course_in_another_language_is_graded(shell, bash):
    course = find_course(shell)
    grades = grade_class(course, course.week("sh"), options=Options(workers=2))
    assert {grade.student: grade.points for grade in grades} == {"right": 4, "seen": 1}
    failed = next(q for grade in grades if grade.student == "seen" for q in grade.questions if q.points == 0)
    assert failed.checks[0].message, "the kernel's reply, which no output repeats"


def test_where_its_kernel_is_not_installed_nobody_is_graded(shell):
    said = command(shell, "grade", "sh", code=2)
    assert "'bash'" in said and "pip install bash_kernel" in said
    assert not (shell / "records").exists() and not (shell / "autograded").exists()


def test_a_second_notebook_that_cannot_run_stops_before_the_first_is_graded(tmp_path):
    root = write_course(tmp_path, "c = get_config()", [cell("1", "a", 1, "test")], name="ps1")
    shutil.copy(root / "source" / "ps1" / "ps1.ipynb", root / "source" / "ps1" / "a.ipynb")
    other = nbformat.read(root / "source" / "ps1" / "ps1.ipynb", 4)
    other.metadata = IN_R
    nbformat.write(other, root / "source" / "ps1" / "ps1.ipynb")
    shutil.copytree(root / "source", root / "release")
    shutil.copytree(root / "source", root / "submitted" / "ada")
    assert "'ir'" in command(root, "grade", "ps1", code=2)
    assert not (root / "records").exists()


# --- the configuration ------------------------------------------------------------------------------------------------


def configured(root: Path, *lines: str) -> Course:
    """A course with these settings."""
    if not (root / "source").exists():
        write_course(root, kinds=[cell("1", "a", 1, "test")], name="ps1")
    (root / "nbgrader_config.py").write_text("\n".join(["c = get_config()", *lines]))
    return find_course(root)


@pytest.mark.parametrize(
    ("line", "cell_seconds", "seconds"),
    [
        ("", 60, 300),
        ("c.Execute.timeout = 200", 200, 4000),
        ("c.ExecutePreprocessor.timeout = 7", 7, 300),
        ("c.NotebookClient.timeout = 90", 90, 1800),
        ("c.Execute.timeout = None", settings.UNLIMITED, settings.UNLIMITED * settings.CELLS),
        ("c.ExecutePreprocessor.timeout = -1", settings.UNLIMITED, settings.UNLIMITED * settings.CELLS),
    ],
)
def test_the_time_of_a_cell_is_what_nbgrader_would_allow(line, cell_seconds, seconds, tmp_path):
    budget = configured(tmp_path, line).week("ps1").budget
    assert (budget.cell, budget.notebook) == (cell_seconds, seconds)


def test_folders_and_gradebook_are_where_nbgrader_has_them(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    write_course(there, kinds=[cell("1", "a", 1, "test")], name="ps1")
    (there / "source").rename(there / "src")
    (there / "nbgrader_config.py").unlink()
    here.mkdir()
    (here / "nbgrader_config.json").write_text(
        json.dumps({"CourseDirectory": {"root": "../there", "source_directory": "src", "submitted_directory": "in"}})
    )
    (there / "nbgrader_config.py").write_text("get_config().CourseDirectory.db_url = 'sqlite:///books/b.db'")
    course = find_course(here)
    week = course.week("ps1")
    assert course.solution(week) == there / "src" / "ps1" / "ps1.ipynb" and course.solution(week).is_file()
    assert course.submission(week, "ada") == there / "in" / "ada" / "ps1" / "ps1.ipynb"
    assert course.gradebook == there / "books" / "b.db"
    assert find_course(here, tmp_path / "class").gradebook == tmp_path / "class" / "gradebook.db"
    assert find_course(course.root, course.work) == course, "as a worker finds it"


@pytest.mark.parametrize("name", settings.REFUSED)
def test_what_would_be_honoured_only_in_part_is_refused_by_name(name, tmp_path):
    value = {
        "CourseDirectory.directory_structure": "'{student_id}/{nbgrader_step}/{assignment_id}'",
        "CourseDirectory.student_id": "'a*'",
        "CourseDirectory.notebook_id": "'p*'",
        "Autograde.exporter_class": "'nbconvert.exporters.HTMLExporter'",
        "Autograde.pre_convert_hook": "print",
        "Autograde.post_convert_hook": "print",
        "Execute.extra_arguments": "['--debug']",
        "Execute.kernel_name": "'python3'",
        "Execute.timeout_func": "lambda cell: 5",
    }.get(name, "['nbgrader.preprocessors.ClearOutput']")
    with pytest.raises(CourseError, match=name):
        configured(tmp_path, f"c.{name} = {value}")


def test_a_gradebook_that_is_no_file_is_refused_without_its_password(tmp_path):
    with pytest.raises(CourseError, match="db_url") as error:
        configured(tmp_path, "c.CourseDirectory.db_url = 'postgresql://me:secret@host/grades'")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("line", ["c.CourseDirectory.root = 5", "1 / 0", "import nothing_of_this_name"])
def test_a_configuration_that_cannot_be_read_says_why(line, tmp_path):
    with pytest.raises(CourseError, match="nbgrader_config.py cannot be read"):
        configured(tmp_path, line)


def test_a_module_beside_the_configuration_is_found(tmp_path):
    (tmp_path / "stubs_of_ours.py").write_text("SECONDS = 11")
    course = configured(tmp_path, "import stubs_of_ours", "c.Execute.timeout = stubs_of_ours.SECONDS")
    assert course.week("ps1").budget.cell == 11


def test_the_excluded_are_no_part_of_the_class(tmp_path):
    course = configured(tmp_path, "c.CourseDirectory.student_id_exclude = 'bob,eve'")
    for student in ("ada", "bob", "eve"):
        (tmp_path / "submitted" / student / "ps1").mkdir(parents=True)
    with Gradebook(database.url(course)) as book:
        book.add_student("bob")
        book.add_student("cleo")
    assert course.students(course.week("ps1")) == ["ada"] and database.enrolled(course) == ["cleo"]


def test_without_create_student_nobody_new_is_graded(tmp_path):
    course = configured(tmp_path, "c.Autograde.create_student = False")
    shutil.copytree(tmp_path / "source", tmp_path / "release")
    for student in ("ada", "bob"):
        shutil.copytree(tmp_path / "source", tmp_path / "submitted" / student)
    with Gradebook(database.url(course)) as book:
        book.add_student("ada")
    with pytest.raises(CourseError, match="create_student allows no new ones: bob"):
        grade_class(course, course.week("ps1"))
    assert not (tmp_path / "records").exists()


def test_the_group_can_change_what_is_written_where_that_is_set(tmp_path):
    course = configured(tmp_path, "c.CourseDirectory.groupshared = True")
    folder = tmp_path / "records" / "ps1"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "ada.json").write_text("{}")
    (folder / "ada.json").chmod(0o644)
    with alone(course, wait=False):
        pass
    assert (folder / "ada.json").stat().st_mode & 0o777 == 0o664
    assert folder.stat().st_mode & 0o7777 == 0o2775


def test_files_are_ignored_and_overwritten_as_nbgrader_does(tmp_path):
    course = configured(
        tmp_path,
        "c.CourseDirectory.ignore = ['*.log', 'old']",
        "c.Autograde.exclude_overwriting = {'ps1': ['mine.py', 'other.py']}",
    )
    for place, names in {
        "source/ps1": ["data.csv", "mine.py", "other.py", "x.log", "old/y.txt"],
        "submitted/ada/ps1": ["data.csv", "mine.py", "z.log"],
    }.items():
        for name in names:
            path = tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(place)
    week = course.week("ps1")
    found, left_out = beside.files(course, week, course.submission(week, "ada"))
    assert left_out == [] and {file.name: file.path.read_text() for file in found} == {
        "data.csv": "source/ps1", "mine.py": "submitted/ada/ps1", "other.py": "source/ps1"
    }  # fmt: skip


def test_every_setting_of_nbgrader_is_in_the_table():
    text = (ROOT / "docs" / "grading.md").read_text()
    table = text[text.index("## nbgrader's configuration") :]
    for kind in NbGraderApp().all_configurable_classes():
        own = kind.class_own_traits(config=True)
        whole = f"`{kind.__name__}.*`" in table
        lacking = [name for name in own if not whole and f"`{kind.__name__}.{name}`" not in table]
        assert not lacking, f"{kind.__name__}: {lacking}"
    assert all(f"`{name}`" in table for name in settings.REFUSED)


# --- which course, which assignment, which command --------------------------------------------------------------------


def test_assignments_may_be_called_by_numbers(tmp_path):
    for name in ("1", "2", "10"):
        write_course(tmp_path / "x" / name, kinds=[cell("1", "a", 1, "test")], name=name)
        shutil.copytree(tmp_path / "x" / name / "source", tmp_path / "source", dirs_exist_ok=True)
    course = find_course(tmp_path)
    assert [course.week(name).slug for name in ("1", "2", "10")] == ["1", "2", "10"]
    with pytest.raises(CourseError, match="names no one week"):
        course.week("3")


def test_the_nearest_course_wins(toy_tree, tmp_path):
    tree = shutil.copytree(toy_tree.root, tmp_path / "ours")
    inner = write_course(tree / "others" / "nb", kinds=[cell("1", "a", 1, "test")], name="ps1")
    assert find_course(inner / "source").root == inner
    (tree / "docs" / "source" / "pictures").mkdir(parents=True)
    assert find_course(tree / "docs" / "source").root == tree, "no course, whatever it is called"
    mine = shutil.copytree(toy_tree.root, inner / "sub" / "ours")
    assert not find_course(mine / "weeks").classic


@pytest.mark.parametrize(
    "arguments",
    [["release"], ["run"], ["audit", "ps1"], ["publish", "out"], ["export", "autograder", "ps1"],
     ["export", "classroom", "ps1", "--grader-repository", "a/b"]],
)  # fmt: skip
def test_commands_that_are_not_for_a_plain_course_say_so(arguments, tmp_path):
    configured(tmp_path)
    assert "plain nbgrader" in command(tmp_path, *arguments, code=2)


def test_a_gradebook_of_an_older_nbgrader_names_the_command_that_upgrades_it(tmp_path):
    course = configured(tmp_path)
    with sqlite3.connect(course.gradebook) as book:
        for table in ("student", "assignment", "notebook", "grade", "comment", "grade_cell", "submitted_assignment"):
            book.execute(f"CREATE TABLE {table} (id VARCHAR(32) PRIMARY KEY, name VARCHAR(128))")
    hand = course.submission(course.week("ps1"), "ada")
    hand.parent.mkdir(parents=True)
    shutil.copy(course.solution(course.week("ps1")), hand)
    shutil.copytree(tmp_path / "source", tmp_path / "release")
    assert "nbgrader db upgrade" in command(tmp_path, "grade", "ps1", code=2)
