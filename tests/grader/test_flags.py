"""What is flagged reaches people through the record, the report and `grader similar`, and no point depends on it."""

from __future__ import annotations

import json
from dataclasses import replace

from support.light import grade_as
from support.toy import RIGHT

from grader.cli.progress import class_table
from grader.grading.pipeline import grade_notebook
from grader.records.grade import Grade
from grader.reporting import class_report, feedback

SLY = "import sys\ndef double(n):\n    return 2 * n if sys._getframe(1).f_code.co_name else 0"
SAID = "double, line 3, looks at the call stack (_getframe): `return 2 * n if sys._getframe(1).f_code.co_name else 0`"


def test_a_flag_is_in_the_record_and_costs_nothing(toy, week, fill, right):
    grades = [grade_notebook(toy, week, one, "ada").grade for one in (right, fill(**{**RIGHT, "double": SLY}))]
    assert [grade.flags for grade in grades] == [[], [SAID]]
    assert [grade.points for grade in grades] == [7.5, 7.5]
    assert Grade.from_json(grades[1].to_json()) == grades[1]


def test_a_record_from_before_there_were_flags_is_read(toy, week, right):
    raw = json.loads(grade_as(toy, week, "ada", right).to_json())
    del raw["flags"]
    assert Grade.from_json(json.dumps(raw)).flags == []


def test_the_report_lists_flags_and_the_students_page_does_not(toy, week, right):
    honest, other = (grade_as(toy, week, name, right) for name in ("ada", "eve <i>"))
    told = class_report.page(toy, week, [honest, replace(other, flags=[SAID, "cell 3, line 1: `<b>`"])])
    section = told.split('<h2 id="flags">')[1].split("<h2")[0]
    assert "eve &lt;i&gt;</a>" in section and "ada" not in section and "no verdict" in section
    assert toy.feedback(week, "x").suffix in section and "<code>&lt;b&gt;</code>" in section
    assert "<code>return 2 * n if sys._getframe(1)" in section
    assert '<a href="#flags">Code to look at</a>: 1 submission.' in told
    assert "flags" not in class_report.page(toy, week, [honest]), "nothing is said where there is nothing"
    page = feedback.page(toy, week, replace(other, flags=[SAID]))
    assert "looks at the call stack" not in page and "to look at" not in page


def test_the_table_of_the_command_line_counts_them(toy, week, right):
    grades = [grade_as(toy, week, f"s{n}", right) for n in range(9)]
    parts = class_table([replace(grade, flags=[SAID]) for grade in grades])
    assert str(parts[-1]).startswith("9 submissions with code for a person to look at, see the report: s0, s1,")
    assert str(parts[-1]).endswith("and 3 more")
    assert not any("to look at" in str(part) for part in class_table(grades))


def test_similar_lists_them(call, toy, week, fill, right, hand_in):
    hand_in("ada", right)
    hand_in("eve", fill(double=SLY))
    result = call("similar", "1")
    assert result.exit_code == 0 and f"eve: {SAID}" in result.stdout, result.output
    page = (toy.report(week).parent / "similar.html").read_text(encoding="utf-8")
    assert "eve" in page.split('<h2 id="flags">')[1] and "ada" not in page.split('<h2 id="flags">')[1]
