"""The benchmarks' own parts: classes, measuring, tables and plots. What they measure is for their own runs to say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week
from grader.records.grade import CheckResult, Grade, QuestionResult

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import compare_records  # noqa: E402
import grading  # noqa: E402
import light_course  # noqa: E402
import measure  # noqa: E402
import rivals  # noqa: E402
import scale  # noqa: E402
import stock_scores  # noqa: E402
import submission  # noqa: E402
from measure import Run, Sample  # noqa: E402

MB = 1 << 20


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, Week]:
    return light_course.build(tmp_path_factory.mktemp("light"))


def ran(wall: float, cpu: float, samples: list[Sample] | None = None, left: list[str] | None = None) -> Run:
    return Run(wall, cpu, 0.0, 0, "", samples or [Sample(0.5, 100 * MB, 1, 3)], left or [])


def test_the_light_course_is_released_and_its_class_takes_turns(course: tuple[Course, Week], tmp_path: Path) -> None:
    here, week = course
    released = here.release(week).read_text(encoding="utf-8")
    assert "import open_clip" in released and "return 2 * n" not in released
    names = light_course.hand_in(find_course(here.root, tmp_path), week, 5)
    assert names == ["0001-right", "0002-wrong", "0003-crashing", "0004-right", "0005-wrong"]
    texts = [find_course(here.root, tmp_path).submission(week, name).read_text(encoding="utf-8") for name in names]
    assert texts[0] == texts[3] and "return n + 2" in texts[1] and "resluts" in texts[2]
    assert all("return 2 * n" in texts[i] for i in (0, 2, 3))


def test_slices_keep_everyone_in_order_and_are_even() -> None:
    names = [str(i) for i in range(23)]
    parts = grading.split(names, 10)
    assert [name for part in parts for name in part] == names
    assert [len(part) for part in parts] == [8, 7, 8]
    assert grading.split(names[:4], 10) == [names[:4]]


def test_names_begin_with_their_slice(course: tuple[Course, Week]) -> None:
    group = grading.a_class("light", *course, light_course.submissions(*course), 16)
    assert [len(part) for part in group.slices] == [8, 8]
    assert group.slices[1][0] == "s2-009-crashing" and group.kinds["s2-009-crashing"] == "crashing"


def test_otter_gets_the_visible_checks_with_their_points(course: tuple[Course, Week]) -> None:
    group = grading.a_class("light", *course, light_course.submissions(*course), 3)
    tests = rivals.otter_tests(group)
    assert list(tests) == ["double.py"]
    compile(tests["double.py"], "double.py", "exec")
    assert "@test_case(name='doubles_two', points=1.0)" in tests["double.py"]
    assert "@test_case(name='doubles_any', points=2.0)" in tests["double.py"]
    cells = rivals.for_otter(group.notebooks["right"]).cells
    assert cells[0].source.startswith("import otter") and cells[-1].source == 'grader.check("double")'


def test_a_run_counts_cpu_memory_and_what_is_left(tmp_path: Path) -> None:
    # nobody waits for the grandchildren: one's CPU time counts all the same; one that sleeps is found and ended
    busy = "import time\nwhile time.process_time() < 0.4: pass\nopen('ready', 'w')"
    code = f"""
import os, subprocess, sys, time
start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
for source in ({busy!r}, "import time; time.sleep(60)"):
    subprocess.run([sys.executable, "-c", start, source])
while not os.path.exists("ready"):
    time.sleep(0.1)
print("done")
"""
    found = measure.run([sys.executable, "-c", code], tmp_path, every=0.1)
    assert found.code == 0 and found.output == "done\n"
    assert found.cpu > 0.4 and found.peak > MB
    assert len(found.left) == 1 and "time.sleep(60)" in found.left[0]
    with pytest.raises(SystemExit, match="exit code 3"):
        measure.must(measure.run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path), "it")


def test_start_up_is_counted_once_for_a_class() -> None:
    tally = grading.Tally("x", graded=[ran(20, 15), ran(20, 15)], fixed=[ran(8, 5), ran(9, 5), ran(8, 5)])
    assert (tally.wall, tally.cpu) == (24, 20)
    assert grading.rates(tally, 8) == (60 * 8 / 32, 60 * 8 / 24)
    noisy = grading.Tally("x", graded=[ran(7, 6)], fixed=[ran(8, 5)])
    assert np.isnan(grading.rates(noisy, 1)[1])


def test_the_page_and_the_plot_of_a_class(course: tuple[Course, Week], tmp_path: Path) -> None:
    group = grading.a_class("light", *course, light_course.submissions(*course), 3)
    timings = {"cells_cpu": 0.5, "start_cpu": 0.125, "judge_cpu": 0.25, "judge_grader_cpu": 0.25}
    grades = [Grade(group.week.slug, name, "graded", "", 3, 3, timings=timings) for name in group.names]
    points = dict.fromkeys(group.names, 3.0)
    stock = grading.Tally("nbgrader autograde", [ran(26, 26)], [ran(2, 2)], dict(list(points.items())[:2]))
    ours = grading.Tally("grader grade --workers 1", [ran(11, 13)], [ran(8, 10)], points, grades)
    assert grading.shares(ours) == {
        "own cells": 0.5, "kernel start": 0.125, "checks": 0.5,
        "everything else": pytest.approx(1 - 1.125), "start-up": pytest.approx(10 / 3),
    }  # fmt: skip
    results = {"light": (group, {tally.label: tally for tally in (stock, ours)})}
    text = grading.page(results, ["otter was left out."], "python benchmarks/grading.py", "plot.png")
    assert "| `nbgrader autograde` | 2 | 1 | 2.0 | 6.9 | 1.0 | 7.5 | 1.0 | 8.67 | 8.17 | 100 | 3 |" in text
    assert "| `grader grade --workers 1` | 3 | 0 | 8.0 | 16.4 | 2.4 | 60.0 | 8.0 | 4.33 | 3.83 | 100 | 3 |" in text
    grading.plot(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def grown(factor: float, slower: float = 1.0) -> tuple[Run, np.ndarray]:
    """A run of 300 submissions, one a second, whose memory and pace change at the end."""
    paces = np.where(np.arange(300) < 200, 1.0, slower)
    times = 5 + np.cumsum(paces)
    moments = np.arange(0, times[-1], 0.5)
    samples = [Sample(t, int(MB * (500 if t < times[200] else 500 * factor)), 4, 50) for t in moments]
    return ran(float(times[-1]), 100, samples), times


def test_claims_hold_for_a_steady_run_and_fail_for_one_that_grows() -> None:
    good = scale.claims_of(*grown(1.02), 300, [])
    assert all(claim.holds for claim in good), [claim for claim in good if not claim.holds]
    fat = scale.claims_of(*grown(1.1), 300, [])
    assert [claim.claim.split()[0] for claim in fat if not claim.holds] == ["memory"]
    slow = scale.claims_of(*grown(1.0, slower=1.5), 300, [])
    assert [claim.claim.split()[0] for claim in slow if not claim.holds] == ["time", "the"]
    done, times = grown(1.0)
    messy = scale.claims_of(ran(done.wall, 1, done.samples, ["bwrap --args 3"]), times[:-1], 300, ["/tmp/xm-1-a"])
    assert [claim.found for claim in messy if not claim.holds] == ["299", "bwrap --args 3", "/tmp/xm-1-a"]


def test_a_verdict_that_differs_between_runs_is_found() -> None:
    def graded(message: str, seconds: float) -> dict[str, dict]:
        check = CheckResult("doubles", "It doubles", 1.0, False, message, hidden=False, seconds=seconds)
        question = QuestionResult("double", "check_double", 3, 0, "judged", True, checks=[check])
        grade = Grade("w", "ann", "graded", "", 0, 3, [question], timings={"total": seconds})
        return {"ann": scale.essence(grade), "ben": scale.essence(grade)}

    assert scale.differences([graded("it is 3", 1), graded("it is 3", 2)]) == []
    other = graded("it is 3", 1) | {"ann": graded("it is 5", 1)["ann"]}
    assert scale.differences([graded("it is 3", 1), other]) == ["ann"]
    assert scale.differences([graded("it is 3", 1), {}]) == ["ann", "ben"]


def test_the_plot_of_a_large_class(tmp_path: Path) -> None:
    done, times = grown(1.0)
    scale.plot(done, times, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
    text = scale.page(done, times, 300, 2, scale.claims_of(done, times, 300, []), "python benchmarks/scale.py")
    assert "| no process is left | none | yes |" in text


def test_times_of_records_are_read_in_order(course: tuple[Course, Week], tmp_path: Path) -> None:
    import os

    here, week = find_course(course[0].root, tmp_path), course[1]
    for name, moment in (("b", 103.0), ("a", 101.5)):
        path = here.record(week, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (moment, moment))
    assert scale.finished(here, week, 100.0).tolist() == [1.5, 3.0]


def test_a_difference_between_two_gradings_is_told() -> None:
    def graded(points: float, passed: bool, message: str) -> Grade:
        check = CheckResult("twice", "It doubles", 1.0, passed, message, True, 0.1)
        question = QuestionResult("double", "check_double", 4.0, points, "judged", True, "", [check])
        return Grade("week01_toy", "ada", "graded", "", points, 4.0, [question])

    right, wrong = graded(4.0, True, ""), graded(0.0, False, "it is 3")
    assert compare_records.differences(right, right) == []
    assert compare_records.differences(right, wrong) == [
        "double: 4 (judged) -> 0 (judged)",
        "double: twice fails now: it is 3",
    ]
    other = graded(0.0, False, "it is 5")
    assert compare_records.differences(wrong, other) == []
    assert compare_records.differences(wrong, other, messages=True) == [
        "double: twice said 'it is 3' and says 'it is 5'"
    ]


def test_scores_that_differ_from_stock_nbgrader_need_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = {"source": {"foo": (1.0, 2.0), "bar": (None, 3.0)}, "untouched": {"foo": (0.0, 2.0)}}
    ours = {"source": {"foo": (2.0, 2.0), "bar": (None, 3.0)}, "untouched": {"foo": (0.0, 2.0)}, "broken": {}}
    one = stock_scores.Compared("apps/made", stock, ours, {"broken": "it stops"})
    assert stock_scores.differences(one) == ["source, foo: 1 of 2 there, 2 of 2 here (UNEXPECTED)"]
    assert "| apps/made | 3 | 3 | 2 |" in stock_scores.page([one], 1)
    assert "- **apps/made**, broken. nbgrader: it stops." in stock_scores.page([one], 1)
    monkeypatch.setitem(stock_scores.REASONS, ("apps/made", "source", "foo"), "on purpose")
    assert stock_scores.UNEXPECTED not in stock_scores.page([one], 1)


def test_weeks_stand_side_by_side_with_what_they_cost_at_least() -> None:
    here = Path(submission.RESULTS)
    told = submission.summary(path.read_text(encoding="utf-8") for path in here.glob("profile-week*.md"))
    assert (here / "profile.md").read_text(encoding="utf-8") == told
    rows = [line.split("|")[1:-1] for line in told.splitlines() if line.startswith("| week")]
    assert [row[0].strip() for row in rows] == [f"week {w.number}" for w in weeks_of_the_course()]
    for _, own, checks, between, least, found in ([cell.strip() for cell in row] for row in rows):
        if least != "-":
            assert float(least) == pytest.approx((float(own) + float(checks)) / float(own), abs=0.01)
            assert float(found) == pytest.approx(float(least) + float(between) / float(own), abs=0.02)
    with pytest.raises(ValueError, match="not a page"):
        submission.summary(["# Another page"])


def weeks_of_the_course() -> list[Week]:
    those = find_course(Path(__file__).parent).weeks.values()
    return sorted((week for week in those if not week.draft), key=lambda week: week.number)


def test_what_the_machine_can_give_is_asked_of_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "BESIDE", {"nothing": "import time\ntime.sleep(0.3)"})
    assert measure.beside()["nothing"] == pytest.approx(2, rel=0.3), "two that sleep take no longer than one"
