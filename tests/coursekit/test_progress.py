"""What a student is told of a week's progress: true of what was tried, of nothing else, and without trying anything."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from coursekit import notebook, progress, versions
from coursekit.progress import Progress, Tried, Week, line, table

TOLD = {"number": 3, "title": "Norms", "notebook": "week03_norms.ipynb", "hand_in": "", "packages": []}
WEEK = Week(
    number=3,
    title="Norms",
    notebook="week03_norms.ipynb",
    hand_in="upload it to the course's page.",
    points={"norm": 3, "angle": 2, "essay": 4},
    minutes={"norm": 10, "angle": 15, "essay": 20},
    by_hand=("essay",),
)


def norm(x):
    return 0.0


def test_nothing_tried_is_nothing_done():
    assert line(Progress(WEEK, {}, {})) == "░" * 20 + "  week 3: 0 of 2 done, 0 of 5 points, about 25 minutes left"


def test_part_of_the_points_is_not_done_and_its_minutes_stay():
    tried = {"norm": Tried(points=2, right=1, checks=2)}
    assert line(Progress(WEEK, tried, {})) == (
        "█" * 8 + "░" * 12 + "  week 3: 0 of 2 done, 2 of 5 points, about 25 minutes left"
    )


def test_what_is_done_takes_no_more_minutes_and_a_person_has_the_rest():
    tried = {"norm": Tried(3, 2, 2), "angle": Tried(2, 1, 1)}
    assert "1 of 2 done, 3 of 5 points, about 15 minutes left" in line(
        Progress(WEEK, tried | {"angle": Tried(0, 0, 1)}, {})
    )
    assert line(Progress(WEEK, tried, {})) == "█" * 20 + "  week 3: 2 of 2 done, 5 of 5 points; a person grades essay"


def test_an_answer_that_was_changed_since_is_not_done():
    tried = {"norm": Tried(3, 2, 2, answers={"norm": norm})}
    assert Progress(WEEK, tried, {"norm": norm}).is_done("norm")
    for names in ({"norm": lambda x: 0.0}, {}):
        later = Progress(WEEK, tried, names)
        assert not later.is_done("norm") and later.points("norm") == 0
        assert later.state("norm") == "changed since its check: run that again"


def test_the_table_says_where_each_exercise_stands_and_how_to_hand_in():
    tried = {"norm": Tried(2, 1, 2, answers={"norm": norm})}
    assert table(Progress(WEEK, tried, {"norm": norm})).splitlines()[1:] == [
        "",
        "  exercise             points  minutes",
        "  norm                 2 of 3       10   open: 1 of 2 checks pass",
        "  angle                0 of 2       15   open: its check was not run",
        "  essay                     4       20   a person grades it",
        "",
        "Points are what the checks here give. Grading tries more, on other inputs.",
        "To hand in: run all cells once more, save week03_norms.ipynb, and upload it to the",
        "course's page.",
    ]
    done = table(Progress(WEEK, {"norm": Tried(3, 2, 2), "angle": Tried(0, 0, 1, answered=False)}, {}), in_colab=True)
    assert (
        "  norm                 3 of 3            done" in done
        and "  angle                0 of 2       15   open\n" in done
    )
    assert "download week03_norms.ipynb (File > Download > Download .ipynb), and upload it" in " ".join(done.split())
    assert max(map(len, done.splitlines())) <= 90, "it fits a notebook's width"


def test_a_week_that_was_not_released_has_none(tmp_path):
    (tmp_path / "points.json").write_text('{"norm": 3}')
    assert Week.read(tmp_path / "points.json") is None
    (tmp_path / "week.json").write_text(json.dumps(TOLD | {"minutes": {"norm": 10}, "by_hand": []}))
    assert Week.read(tmp_path / "points.json") == Week(3, "Norms", "week03_norms.ipynb", "", {"norm": 3}, {"norm": 10})


# --- in a notebook ----------------------------------------------------------------------------------------------------

CHECKS = '''
from coursekit.checks import assert_close, check


@check("norm")
def of_a_row(student, rng):
    """The length of (3, 4) is 5."""
    assert_close(student.norm([3, 4]), 5)


@check("norm")
def scales(student, rng):
    """Twice as long is twice the length."""
    assert_close(student.norm([6, 8]), 10)
'''


@pytest.fixture
def week(tmp_path, monkeypatch):
    """The name of a week's module of checks, made known and not yet imported."""
    empty = {"_modules": [], "_checks": {}, "_points": {}, "_passed": set(), "_right": {}, "_failed": {}}
    for name, value in (empty | {"_weeks": {}, "_tried": {}}).items():
        monkeypatch.setattr(notebook, name, value)
    monkeypatch.delenv("CROSSMODAL_GRADED", raising=False)
    (tmp_path / "points.json").write_text(json.dumps({"norm": 3, "essay": 2}))
    (tmp_path / "week.json").write_text(json.dumps(TOLD | {"minutes": {"norm": 10}, "by_hand": ["essay"]}))
    (tmp_path / "progress_checks.py").write_text(CHECKS)
    monkeypatch.syspath_prepend(tmp_path)
    notebook.use_checks("progress_checks", tmp_path / "points.json")
    yield "progress_checks"
    sys.modules.pop("progress_checks", None)


def test_a_check_that_passes_has_the_line_below_and_one_that_fails_has_not(week, capsys):
    notebook.check("norm", {"norm": lambda x: 5.0})
    assert "week 3" not in capsys.readouterr().out
    notebook.check("norm", {"norm": np.linalg.norm})
    assert "█" * 20 + "  week 3: 1 of 1 done, 3 of 3 points; a person grades essay\n" in capsys.readouterr().out


def test_the_summary_uses_what_was_tried_and_tries_nothing(week, capsys, monkeypatch):
    shell = SimpleNamespace(user_ns={})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    notebook.summary()
    assert "open: its check was not run" in capsys.readouterr().out
    assert week not in sys.modules, "no checks are imported"

    def norm(x):
        return float(np.linalg.norm(x))

    shell.user_ns = {"norm": norm}
    notebook.check("norm")
    capsys.readouterr()
    notebook.summary()
    assert "  norm                 3 of 3            done\n" in capsys.readouterr().out
    shell.user_ns = {"norm": lambda x: 1 / 0}  # would raise, were it tried
    notebook.summary()
    assert "changed since its check: run that again" in capsys.readouterr().out


def test_an_answer_that_is_still_the_stub_is_open(week, capsys):
    def norm(x):
        raise NotImplementedError

    names = {"norm": norm}
    notebook.check("norm", names)
    assert not notebook._tried["norm"].answered
    assert Progress(next(iter(notebook._weeks.values())), notebook._tried, names).state("norm") == "open"


def test_values_that_are_no_answers_may_change(week):
    """A check may look at what the notebook holds, which later cells bind anew; only answers count as changed."""
    score = notebook.check("norm", {"norm": np.linalg.norm, "rows": [1]})
    notebook._remember(score, {"norm": norm, "rows": [1], "Model": type})
    assert notebook._tried["norm"].answers == {"norm": norm, "Model": type}


def test_while_graded_it_says_one_line_and_imports_no_checks(week, capsys, monkeypatch):
    monkeypatch.setenv("CROSSMODAL_GRADED", "1")
    notebook.check("norm", {"norm": np.linalg.norm})
    capsys.readouterr()
    notebook.summary()
    assert capsys.readouterr().out == "The summary is for you: while a notebook is graded its checks run outside.\n"
    assert week not in sys.modules and not notebook._tried


def test_before_the_first_cells_it_says_what_to_do(week, capsys, monkeypatch):
    monkeypatch.setattr(notebook, "_weeks", {})
    notebook.summary()
    assert "run the notebook's first cells" in capsys.readouterr().out


def test_a_notebook_is_told_of_missing_packages_and_a_grader_is_not(week, tmp_path, capsys, monkeypatch):
    told = TOLD | {"minutes": {}, "by_hand": [], "packages": ["numpy"]}
    (tmp_path / "week.json").write_text(json.dumps(told))
    monkeypatch.setattr(versions, "advice", lambda needed: f"This course needs {needed}")
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(user_ns={}))
    for inside, graded, says in ((None, "", ""), (shell, "1", ""), (shell, "", "This course needs ('numpy',)\n")):
        monkeypatch.setitem(sys.modules, "IPython", inside)
        monkeypatch.setenv("CROSSMODAL_GRADED", graded)
        notebook.use_checks(week, tmp_path / "points.json")
        assert capsys.readouterr().out == says


def test_it_is_cheap_to_import():
    """Every kernel imports it: no library of those that a week needs comes with it."""
    code = "import sys; import coursekit.progress, coursekit.versions; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
    assert progress.FILE == "week.json"
