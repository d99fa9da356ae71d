"""No honest answer falls to a busy machine."""

import time
from dataclasses import asdict
from pathlib import Path

import pytest
from support.load import busy
from support.toy import RIGHT

from grader.course.syllabus import Budget
from grader.execution import kernel
from grader.grading import jobs
from grader.grading.options import Options, cores
from grader.grading.pipeline import grade_notebook
from grader.grading.pool import grade_many

WORK = "import time\nuntil = time.process_time() + {seconds}\nwhile time.process_time() < until: sum(range(1000))\n"
HONEST = {
    "double": "def double(n):\n    " + WORK.format(seconds=0.2).strip().replace("\n", "\n    ") + "\n    return 2 * n",
    "table": WORK.format(seconds=0.4) + RIGHT["table"],
    "mean": RIGHT["mean"] + "\n" + WORK.format(seconds=0.8),
}
LOAD = 8  # times the cores: 16 on two


def test_a_busy_machine_changes_no_score(toy, week, fill):
    """Each of these takes about ten times as long there, which is longer than its budget by the clock."""
    options = Options(workers=2, budget=Budget(cell=1.5, notebook=5, check=1))
    notebooks = [("one", fill(**HONEST)), ("two", fill(**{**HONEST, "table": RIGHT["table"]}))]
    quiet = [result.grade for result in grade_many(toy, week, notebooks, options)]
    with busy(LOAD * cores()):
        began = time.monotonic()
        loaded = [result.grade for result in grade_many(toy, week, notebooks, options)]
        took = time.monotonic() - began
    for before, after in zip(quiet, loaded, strict=True):
        assert [(q.question, q.status, q.points) for q in after.questions] == [
            (q.question, q.status, q.points) for q in before.questions
        ]
        assert before.points == after.points == 7.5 and not after.log
    assert took > 2 * sum(grade.timings["cells_cpu"] for grade in loaded), "it was busy"


def test_what_a_busy_machine_cut_off_does_not_count(toy, week, fill, monkeypatch, tmp_path):
    """It is given back to whoever hands out the work, who tries it again alone."""
    waits = "import time\ntime.sleep(3)"
    monkeypatch.setattr(kernel, "PATIENCE", 0.2)  # times the budget, by the clock: as if it had stood in a queue
    options = Options(workers=1, budget=Budget(cell=10, notebook=40, check=10))
    notebook = fill(**{**RIGHT, "table": waits})
    result = grade_notebook(toy, week, notebook, "ada", options)
    assert "after 2 s this busy machine had not got through it" in result.busy
    slow = fill(
        **{
            **RIGHT,
            "table": "table = [2, 4, 6]",
            "double": "import time\ndef double(n):\n    time.sleep(3)\n    return 2 * n",
        }
    )
    assert "while it was judged" in grade_notebook(toy, week, slow, "ada", options).busy
    told = jobs.answer(
        {
            "root": str(toy.root),
            "work": str(toy.work),
            "week": week.name,
            "student": "ada",
            "path": None,
            "notebook": notebook,
            "options": asdict(options),
            "kept": [],
            "as_is": False,
            "scratch": str(tmp_path),
        }
    )
    assert told["busy"] and "busy machine" in told["error"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_sleeping_is_no_excuse(toy, week, fill):
    idle = "import time\nfor _ in range(1000): time.sleep(0.01)"
    result = grade_notebook(
        toy, week, fill(**{**RIGHT, "table": idle}), "ada", Options(workers=1, budget=Budget(2, 20, 2))
    )
    assert any("took longer than 2 s, and was interrupted" in line for line in result.grade.log) and not result.busy
