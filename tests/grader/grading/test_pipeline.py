"""One submission becomes one Grade, and no cheat, crash or endless loop changes what the others earned."""

import base64
import io
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from nbgrader.utils import determine_grade
from PIL import Image
from support.toy import MARKER, RIGHT, SECRET

from grader.course.questions import questions_in
from grader.course.syllabus import Budget, CourseError
from grader.execution.kernel import Kernel, environment
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook, run_as_is
from grader.grading.rubric import Rubric
from grader.grading.verdicts import verdict_text
from grader.records import store
from grader.records.grade import CheckResult, Grade, QuestionResult


@pytest.fixture
def grade(toy, week):
    def graded(notebook, **options):
        began = time.monotonic()
        result = grade_notebook(toy, week, notebook, "ada", Options(workers=1, **options))
        assert Grade.from_json(result.grade.to_json()) == result.grade
        assert result.grade.timings.get("total", 0) <= time.monotonic() - began + 0.001  # it is rounded
        return result

    return graded


def points(result) -> dict[str, float]:
    return {q.question: q.points for q in result.grade.questions}


def question(result, name):
    return next(q for q in result.grade.questions if q.question == name)


def test_a_right_notebook(grade, right, toy, week):
    result = grade(right)
    assert points(result) == {"double": 4, "table": 2, "mean": 1.5, "why": 0}
    assert (result.grade.points, result.grade.max_points, result.grade.outcome) == (7.5, 9, "graded")
    assert [q.status for q in result.grade.questions] == ["judged", "judged", "judged", "manual"]
    assert all(q.answered for q in result.grade.questions)
    assert result.grade.log == [] and result.grade.repairs == []
    assert [c.hidden for c in question(result, "double").checks] == [False, True]
    kernel = {f"{phase}{unit}" for phase in ("start", "cells", "judge") for unit in ("", "_cpu")}
    assert set(result.grade.timings) == {*kernel, "total", "grader_cpu", "judge_grader_cpu"}
    assert result.grade.timings["cells_cpu"] > 0 and len(result.grade.inputs["submission"]) == 64
    picture = question(result, "table").checks[1].evidence[0]
    assert picture.caption == "the table"
    assert Image.open(io.BytesIO(base64.b64decode(picture.png))).size == (3, 1)


def test_nbgrader_reads_the_same_points(grade, fill):
    result = grade(fill(double="def double(n):\n    return 2", table="table = [2, 4, 6]"))
    assert points(result) == {"double": 1, "table": 2, "mean": 0, "why": 0}
    by_cell = {q.cell: q for q in result.grade.questions}
    for cell in result.notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade") and not data["solution"]:
            assert determine_grade(cell)[0] == by_cell[data["grade_id"]].points
            assert cell.outputs[0].text == verdict_text(by_cell[data["grade_id"]]) + "\n"
    shown = verdict_text(question(result, "double"))
    assert shown.startswith("double   1 of 2\n  ok    Twice one is two\n  no    doubles_any: ")


def test_a_long_message_fits_formgraders_page():
    message = "your code raised ValueError: shapes do not fit. " * 6 + "\nAnd so on."
    long = CheckResult("rows", "Rows", 1.0, False, message, False, 0.1)
    text = verdict_text(QuestionResult("double", "check_double", 4.0, 0.0, "judged", True, "", [long]))
    assert max(map(len, text.splitlines())) <= 100 and text.endswith("And so on.") and text.count("ValueError:") == 6


def test_an_untouched_notebook_earns_nothing(grade, fill):
    result = grade(fill())
    assert result.grade.points == 0 and not any(q.answered for q in result.grade.questions)
    assert {c.message for c in question(result, "mean").checks} == {"not answered yet."}


def test_neither_a_failing_cell_nor_stderr_costs_the_others(grade, fill):
    noisy = RIGHT["double"] + "\nimport sys, warnings\nprint('noise', file=sys.stderr)\nwarnings.warn('w')"
    result = grade(fill(**{**RIGHT, "double": noisy, "table": "table = [2, 4, 6]\n1 / 0"}))
    assert result.grade.points == 7.5
    assert result.grade.log == ["Cell 8 (table): ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("loop", ["while True: pass", "while True: print('spam' * 1000)"])
def test_an_endless_loop_costs_only_its_own_answer(grade, fill, loop):
    result = grade(fill(**{**RIGHT, "double": f"def double(n):\n    {loop}", "table": loop}), budget=Budget(2, 30, 1))
    assert points(result) == {"double": 0, "table": 0, "mean": 1.5, "why": 0}
    assert "no result after 1 s" in question(result, "double").checks[0].message
    assert result.grade.log[0].endswith(("took longer than 2 s, and was interrupted.", "MB, and was interrupted."))


@pytest.mark.parametrize("end", ["import os; os._exit(1)", "exit()", "import ctypes; ctypes.string_at(0)"])
def test_a_cell_that_kills_the_kernel_is_left_out(grade, fill, end):
    result = grade(fill(**{**RIGHT, "table": end}))
    assert points(result) == {"double": 4, "table": 0, "mean": 1.5, "why": 0}
    assert result.grade.log[0].startswith("Cell 8 (table): ") and len(result.grade.log) == 2
    outputs = next(cell.outputs for cell in result.notebook.cells if cell.id == "id-table")
    assert outputs[-1].ename == "KernelDied"


def test_an_answer_that_ends_its_process_costs_only_itself(grade, fill):
    result = grade(fill(**{**RIGHT, "mean": "import os\ndef mean(v):\n    os._exit(1)"}))
    assert points(result) == {"double": 4, "table": 2, "mean": 0, "why": 0}
    assert "ended with exit status 1" in question(result, "mean").checks[0].message


def test_a_kernel_that_dies_under_the_judge_runs_again_without_that_question(grade, fill, monkeypatch):
    ask = Kernel.ask

    def deadly(self, name, text, seconds, *caller):
        if "mean" in text:
            self.kill()
        return ask(self, name, text, seconds, *caller)

    monkeypatch.setattr(Kernel, "ask", deadly)
    result = grade(fill(**RIGHT))
    assert points(result) == {"double": 4, "table": 2, "mean": 0, "why": 0}
    assert question(result, "mean").status == "not judged" and "not running" in question(result, "mean").note
    cell = next(cell for cell in result.notebook.cells if cell.id == "id-check-mean")
    assert determine_grade(cell)[0] == 0 and "not judged" in cell.outputs[0].text
    assert any("the kernel ended while this question was judged" in line for line in result.grade.log)


def test_the_notebooks_budget_ends_the_cells_but_not_the_judging(grade, fill):
    slow = "import time\ntime.sleep(60)"
    result = grade(fill(**{**RIGHT, "table": slow}), budget=Budget(60, 5, 5))
    assert question(result, "double").points == 4 and question(result, "mean").points == 0
    assert any("time was up" in line for line in result.grade.log)


CHEATS = {
    "always equal": "class E:\n    __eq__ = lambda s, o: True\n    __int__ = lambda s: 1\ndef double(n): return E()",
    "patched asserts": "import coursekit.checks as c\nc.assert_same = lambda *a, **k: None\ndef double(n): return 0",
    "transformer": "ip = get_ipython()\nip.input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
    "forged reply": (
        "import coursekit.student as s\n"
        's.Server.__call__ = lambda self, text: \'{"t":"dict","v":[["value",true]]}\'\ndef double(n): return 0'
    ),
    "own serve": "import coursekit.student as s\ns.serve = lambda text: 4\ndef double(n): return 0",
    "shadowed import": "__import__ = lambda *a, **k: 1/0\ndef double(n): return 0",
    "reads points": "check_double = 4\n4",
    "frozen inputs": "def double(n): return 2 if n == 1 else 0",
    "huge answer": "def double(n): return 'x' * 10**9",
    "deep answer": "def double(n):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_no_cheat_earns_the_question(grade, fill, cheat):
    result = grade(fill(double=CHEATS[cheat]))
    assert question(result, "double").points <= 1, "the visible check alone is worth 1 of 4"
    assert question(result, "double").status == "judged"


def test_what_a_student_prints_is_no_score(grade, fill):
    forged = RIGHT["double"].replace("n + n", "0") + "\nprint('check_double 4')\n4"
    assert grade(fill(double=forged)).grade.points == 0


def test_three_gradings_agree(grade, right):
    grades = [grade(right).grade for _ in range(3)]
    views = [
        [(q.question, q.points, [(c.check, c.passed, c.message) for c in q.checks]) for q in g.questions]
        for g in grades
    ]
    assert views[0] == views[1] == views[2]


def test_the_seed_of_the_inputs_can_be_changed(toy, week, fill):
    wrong = fill(double="def double(n):\n    return n")
    messages = {
        seed: grade_notebook(toy, week, wrong, options=Options(seed=seed)).grade.questions[0].checks[1].message
        for seed in ("", "a")
    }
    assert messages[""] != messages["a"]


def test_parameters_are_injected(grade, right):
    right.cells.append(nbformat.v4.new_code_cell("print(PROFILE, SEED)"))
    result = grade(right, parameters={"SEED": 7})
    assert result.notebook.cells[-1].outputs[0].text == "tiny 7\n"
    assert result.grade.points == 7.5 and result.grade.inputs["parameters"] == '{"SEED": 7}'


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"PK\x03\x04"])
def test_a_file_that_is_no_notebook_is_not_gradable(grade, hand_in, content):
    result = grade(hand_in("ada", content))
    assert result.notebook is None and result.grade.outcome == "not gradable" and result.grade.reason
    assert result.grade.points == 0 and result.grade.max_points == 9
    assert {q.status for q in result.grade.questions} == {"not judged"}


def test_another_weeks_notebook_is_not_gradable(grade, toy):
    result = grade(toy.release(toy.week("2")))
    assert "week 2, Tripling" in result.grade.reason


def test_nothing_of_the_rubric_reaches_the_graded_notebook(grade, right, fill):
    for notebook in (right, fill()):
        text = nbformat.writes(grade(notebook).notebook)
        assert MARKER not in text and SECRET not in text and "rng.integers" not in text


def test_the_students_kernel_never_sees_the_rubric(grade, fill):
    look = "import sys\nprint([m for m in sys.modules if 'rubric' in m or m.startswith('grader')])\n" + RIGHT["double"]
    result = grade(fill(double=look))
    assert next(cell for cell in result.notebook.cells if cell.id == "id-double").outputs[0].text == "[]\n"


def test_a_question_without_checks_is_the_courses_fault(toy_tree, week, right):
    rubric = Rubric.load(toy_tree, week)
    bare = Rubric({name: found for name, found in rubric.checks.items() if name != "mean"}, {})
    with pytest.raises(CourseError, match="no check is defined for mean"):
        bare.must_cover(questions_in(right), week)
    with pytest.raises(CourseError, match="no check is defined for triple"):
        run_as_is(toy_tree, week, nbformat.read(toy_tree.solution(toy_tree.week("2")), as_version=4))


def test_records_are_read_back_from_disk(grade, right, tmp_path: Path):
    result = grade(right)
    store.write(result.grade, tmp_path / "r.json")
    assert store.read(tmp_path / "r.json") == result.grade


def test_papermill_runs_the_engine_by_name(tmp_path: Path, right):
    nbformat.write(right, tmp_path / "in.ipynb")
    right.cells[1].source = "check = print"
    done = papermill.execute_notebook(
        nbformat.from_dict(right), str(tmp_path / "out.ipynb"), engine_name="crossmodal", progress_bar=False
    )
    assert [cell.outputs[0].text for cell in done.cells if cell.source.startswith("check(")] == [
        "double\n",
        "table\n",
        "mean\n",
    ]
    assert (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("first", ["grader.execution.engine", "papermill"])
def test_the_engine_can_be_imported_before_or_after_papermill(first):
    import subprocess
    import sys

    code = f"import {first}, grader.execution.engine, papermill.engines as p\n"
    code += "print(p.papermill_engines.get_engine('crossmodal'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "CrossmodalEngine" in done.stdout


def test_cpu_seconds_count_the_cells_work():
    with Kernel("python3", environment([], threads=1)) as kernel:
        before = kernel.cpu_seconds()
        kernel.run("import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass", 30)
        assert 0.4 < kernel.cpu_seconds() - before < 2


def test_the_next_hand_in_meets_other_inputs_and_the_same_file_the_same(grade, fill):
    tells = "def double(n):\n    if n != 1: raise ValueError(f'asked for {n}')\n    return 2"
    first, again, next_one = (
        [c.message for c in question(grade(fill(double=source)), "double").checks]
        for source in (tells, tells, tells + "  # once more")
    )
    assert first == again and any("asked for" in message for message in first)
    assert first != next_one
