"""Scores as nbgrader itself would export them, as CSV and for Canvas."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins.export import CsvExportPlugin
from support.gradebooks import run
from support.light import grade_as

from grader.records import database
from grader.records.scores import scores
from grader.records.store import read
from grader.reporting import csv_export

ROSTER = '''\
Student,ID,SIS User ID,SIS Login ID,Section,Doubling (4242),Doubling extra (4243),Current Score
    Points Possible,,,,,9,1,(read only)
"Lovelace, Ada",101,S1,ada,Section 1,,,
"Babbage, ""Bob""",102,S2,bob@school.edu,"Section 1, 2",,,
"Noether, Emmy",103,S3,emmy,Section 1,,,
"Student, Test",999,,,Section 1,,,
'''


EXTRA = ("--extra-credit", "0.5")  # of ada


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


# --- final scores, CSV ------------------------------------------------------------------------------------------------


def test_scores_are_those_that_nbgrader_exports(toy, week, graded, tmp_path):
    plugin = CsvExportPlugin()
    plugin.to = str(tmp_path / "nbgrader.csv")
    with Gradebook(database.url(toy)) as book:
        plugin.export(book)
    theirs = {row["student_id"]: row for row in rows(Path(plugin.to).read_text())}
    found = scores(toy, week, graded)
    assert {s.student: s.points for s in found} == pytest.approx(
        {student: float(row["score"]) for student, row in theirs.items()}, abs=1e-4
    )
    ada, bob, *_ = found
    assert (ada.points, ada.extra, ada.penalty, ada.waiting) == (7.5 + 1.25 + 0.5 - 2, 0.5, 2, [])
    assert bob.waiting == ["why"] and ada.questions["why"] == 1.75


def test_a_manual_score_takes_the_place_of_an_automatic_one(toy, week, graded):
    cell = "(SELECT id FROM base_cell WHERE name = 'check_double' AND type = 'GradeCell')"
    run(toy.gradebook, f"UPDATE grade SET manual_score = 3 WHERE cell_id = {cell}")
    found = {s.student: s.questions.get("double") for s in scores(toy, week, graded)}
    assert (found["ada"], found["bob@school.edu"], found["emmy"]) == (3, 3, 3)


def test_without_a_gradebook_the_records_stand_alone(toy, week, right):
    grades = [grade_as(toy, week, "ada", right)]
    (score,) = scores(toy, week, grades)
    assert (score.points, score.waiting, score.penalty) == (7.5, ["why"], 0)


def test_csv(call, toy, graded):
    result = call("export", "csv", "1", *EXTRA)
    assert result.exit_code == 0
    assert "not final, a person has still to grade answers of 1: bob@school.edu" in result.stderr
    assert "could not be graded: eve" in result.stderr
    text = (toy.work / "exports" / "week01_toy" / "grades.csv").read_text(encoding="utf-8")
    ada, bob, emmy, eve, zed = rows(text)
    assert (ada["student"], ada["points"], ada["max_points"], ada["late_penalty"]) == ("ada", "7.25", "9", "2")
    assert (bob["double"], bob["mean"], bob["to_grade_by_hand"]) == ("1", "0.3333", "why")
    assert ada["last_name"] == "'=Lovelace", "a spreadsheet must not run it"
    assert (eve["outcome"], eve["points"], eve["reason"]) == ("not gradable", "0", "The file is empty, sorry.")
    assert emmy["points"] == zed["points"] == "0"


@pytest.mark.parametrize("what", ["csv", "canvas", "gradescope"])
def test_points_that_no_question_offers_are_not_exported(call, toy, graded, what):
    assert call("export", what, "1", *EXTRA).exit_code == 0
    result = call("export", what, "1")
    assert result.exit_code == 2 and "ada: 0.5 points of extra credit (why), of 0 offered" in result.stderr
    cell = "(SELECT id FROM base_cell WHERE name = 'check_double' AND type = 'GradeCell')"
    run(toy.gradebook, f"UPDATE grade SET manual_score = 85 WHERE cell_id = {cell}")
    result = call("export", what, "1", *EXTRA)
    assert result.exit_code == 2 and "ada: double has 85 of 4 points" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        " =1",
        "\u200b=1",
        "\ufeff=1",
        "\uff1d1+1",
        "\uff20x",
        "\uff0bx",
        "\u22121",
    ]
    + ["a,=1", "a;=1", "a|=1", "a\n=1", "a\t=1", "a\r\n=1", 'a"=1', "a;'=1", 'x;"=1"', "a; \u00a0=1", "\x00=1"],
)
def test_no_part_of_a_cell_is_a_formula(text):
    cell = csv_export._text(text)
    parts = re.split(r"[,;|\t\n\r\"]", cell)
    kept = [unicodedata.normalize("NFKC", part).strip(" \u200b\u200c\u200d\u2060\ufeff") for part in parts]
    assert not any(part[:1] in ("=", "+", "-", "@", "\u2212") for part in kept if part), cell
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in cell), "controls are written out"


@pytest.mark.parametrize("text", ["Ada Lovelace", "O'Neill-Smith, Jo", "a@school.edu", "3 - 4 = x", "week01: 2+2"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert csv_export._text(text) == text


def test_what_cannot_be_exported_is_said(call, toy, week, right):
    result = call("export", "csv", "1", *EXTRA)
    assert result.exit_code == 2 and "run `grader grade week01_toy` first" in result.stderr
    grade_as(toy, week, "ada", right)
    toy.record(week, "bob").write_text("{}")
    result = call("export", "canvas", "1", *EXTRA)
    assert result.exit_code == 2 and "bob.json" in result.stderr and not (toy.work / "exports").exists()


# --- Canvas -----------------------------------------------------------------------------------------------------------


def as_canvas_reads(text):
    """{(id, sis id, login or name): score} and the assignment, by the rules of Canvas' gradebook_importer.rb."""
    header, *body = csv.reader(io.StringIO(text))
    assert "Student" in header[0] and "ID" in header[1]
    assert re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3])
    assert "Section" in header[4], "the last column about a student"
    (assignment,) = [name for name in header[5:] if not re.search("Current|Final|Override", name)]
    assert all(len(row) == len(header) for row in body), "else it guesses another separator"
    assert "Points Possible" in body[0][0]
    found = {}
    for name, number, sis, login, _, score in body[1:]:
        found[next(filter(None, (number, sis, login, name)))] = score
    return assignment, float(body[0][5]), found


def test_canvas_with_its_roster(call, toy, graded, tmp_path):
    (tmp_path / "gradebook.csv").write_text(ROSTER, encoding="utf-8-sig")
    result = call("export", "canvas", "1", *EXTRA, "--roster", str(tmp_path / "gradebook.csv"))
    assert result.exit_code == 1 and "do not know" not in result.stdout
    assert "does not know them: eve, zed" in result.stderr
    text = (toy.work / "exports" / "week01_toy" / "canvas.csv").read_text(encoding="utf-8")
    assert as_canvas_reads(text) == ("Doubling (4242)", 9.0, {"101": "7.25", "102": "3.3333", "103": "0"})
    assert rows(text)[2]["Section"] == "Section 1, 2", "as Canvas wrote it"
    mine, roster = tmp_path / "mine.csv", str(tmp_path / "gradebook.csv")
    call("export", "canvas", "1", *EXTRA, "--roster", roster, "--assignment", "X (7)", "-o", str(mine))
    assert as_canvas_reads(mine.read_text())[0] == "X (7)"


@pytest.mark.parametrize(
    ("there", "said"), [("9", ""), ("9.0", ""), ("10", "10"), ("7.5", "7.5"), ("?", "?"), ("", "")]
)
def test_canvas_points_that_differ_are_said(call, toy, graded, tmp_path, there, said):
    path = tmp_path / "gradebook.csv"
    path.write_text(ROSTER.replace(",9,1,", f",{there},1,"), encoding="utf-8")
    result = call("export", "canvas", "1", *EXTRA, "--roster", str(path))
    told = f"Doubling (4242) has {said} points possible in {path}, and week01_toy has 9: Canvas would show"
    assert (told in result.stderr.replace("\n", " ")) == bool(said)
    other = call("export", "canvas", "1", *EXTRA, "--roster", str(path), "--assignment", "Doubling extra (4243)")
    assert "Doubling extra (4243) has 1 points possible" in other.stderr


def test_canvas_finds_everyone_in_a_harmless_file(toy, week, graded, tmp_path):
    """Names and logins of Canvas' own that are formulas: the row is found by its ID all the same."""
    names = ROSTER.replace('"Lovelace, Ada",101,S1,ada,Section 1', '"=Lovelace, -Ada",101,S1,ada,@Section')
    (tmp_path / "gradebook.csv").write_text(names, encoding="utf-8")
    text, unknown = csv_export.canvas_csv(week, scores(toy, week, graded), tmp_path / "gradebook.csv")
    _, _, found = as_canvas_reads(text)
    assert found["101"] == "7.25" and "ada" not in unknown
    assert rows(text)[1]["Student"] == "'=Lovelace, '-Ada" and rows(text)[1]["Section"] == "'@Section"


def test_canvas_leaves_out_who_would_be_found_by_a_formula(toy, week, right, graded):
    text, unknown = csv_export.canvas_csv(week, scores(toy, week, [grade_as(toy, week, "@dan", right)]))
    assert unknown == ["@dan"] and "dan" not in text


def test_canvas_without_a_roster(toy, week, right, graded):
    grades = [*graded, grade_as(toy, week, "lovelaceada_101", right)]
    text, unknown = csv_export.canvas_csv(week, scores(toy, week, grades))
    assignment, _, found = as_canvas_reads(text)
    assert (assignment, unknown) == ("Doubling", [])
    assert found["101"] == "7.5", "Canvas' own number, from the name of the file it gave"
    assert found["ada"] == "7.25" and found["zed"] == "", "an empty cell changes nothing"


def test_a_roster_that_is_not_canvas_own(call, graded, tmp_path):
    (tmp_path / "r.csv").write_text("id,name\nada,Ada\n")
    result = call("export", "canvas", "1", *EXTRA, "--roster", str(tmp_path / "r.csv"))
    assert result.exit_code == 2 and "no export of Canvas' gradebook: it has no column Student" in result.stderr


def test_a_record_is_not_needed_twice(call, toy, week, graded):
    """Exports read records and change none."""
    before = {g.student: toy.record(week, g.student).read_bytes() for g in graded}
    for what in ("csv", "canvas", "gradescope"):
        assert call("export", what, "1", *EXTRA).exit_code == 0
    assert {g.student: toy.record(week, g.student).read_bytes() for g in graded} == before
    assert read(toy.record(week, "ada")) == graded[0]
