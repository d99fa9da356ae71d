"""What other systems get: the scores nbgrader itself would export, and files that those systems' own readers take."""

import base64
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from nbgrader.api import Gradebook
from nbgrader.plugins.export import CsvExportPlugin
from support.gradebooks import ZERO, enter, run
from support.light import grade_as, refuse
from support.toy import MARKER, RIGHT, SECRET

import grader
from grader.course.syllabus import Budget, CourseError
from grader.grading.options import Options
from grader.records import database, projection
from grader.records.scores import scores
from grader.records.store import read
from grader.reporting import csv_export, github_classroom, gradescope

PATIENT = Budget(cell=90, notebook=200, check=30)  # of a cold kernel on a busy machine
ROSTER = '''\
Student,ID,SIS User ID,SIS Login ID,Section,Doubling (4242),Doubling extra (4243),Current Score
    Points Possible,,,,,9,1,(read only)
"Lovelace, Ada",101,S1,ada,Section 1,,,
"Babbage, ""Bob""",102,S2,bob@school.edu,"Section 1, 2",,,
"Noether, Emmy",103,S3,emmy,Section 1,,,
"Student, Test",999,,,Section 1,,,
'''


@pytest.fixture
def graded(toy, week, right, fill, empty_gradebook):
    """ada: graded by hand too, and late. bob: part. emmy: nothing yet. eve: a broken file. zed: nothing handed in."""
    toy.work.mkdir(parents=True)
    shutil.copy(empty_gradebook, toy.gradebook)
    (toy.work / "nbgrader_config.py").write_text(ZERO.replace("'zero'", "'none'"))
    grades = [
        grade_as(toy, week, "ada", right),
        grade_as(toy, week, "bob@school.edu", right, double=1, mean=1 / 3),
        grade_as(toy, week, "emmy", fill(), double=0, table=0, mean=0),
        refuse(toy, week, "eve", "The file is empty,\nsorry."),
        refuse(toy, week, "zed", "Nothing was handed in.", handed_in=False),
    ]
    projection.project(toy, week, grades)
    enter(toy.gradebook, "ada")
    late = "SELECT n.id FROM submitted_notebook n JOIN submitted_assignment s ON s.id = n.assignment_id"
    late = f"UPDATE submitted_notebook SET late_submission_penalty = 2 WHERE id IN ({late} WHERE s.student_id = 'ada')"
    run(toy.gradebook, late)
    run(toy.gradebook, "UPDATE student SET first_name = 'Ada', last_name = '=Lovelace' WHERE id = 'ada'")
    return grades


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
    result = call("export", "csv", "1")
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


def test_what_cannot_be_exported_is_said(call, toy, week, right):
    result = call("export", "csv", "1")
    assert result.exit_code == 2 and "run `grader grade week01_toy` first" in result.stderr
    grade_as(toy, week, "ada", right)
    toy.record(week, "bob").write_text("{}")
    result = call("export", "canvas", "1")
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
    result = call("export", "canvas", "1", "--roster", str(tmp_path / "gradebook.csv"))
    assert result.exit_code == 1 and "do not know" not in result.stdout
    assert "does not know them: eve, zed" in result.stderr
    text = (toy.work / "exports" / "week01_toy" / "canvas.csv").read_text(encoding="utf-8")
    assert as_canvas_reads(text) == ("Doubling (4242)", 9.0, {"101": "7.25", "102": "3.3333", "103": "0"})
    assert rows(text)[2]["Section"] == "Section 1, 2", "as Canvas wrote it"
    mine, roster = tmp_path / "mine.csv", str(tmp_path / "gradebook.csv")
    call("export", "canvas", "1", "--roster", roster, "--assignment", "X (7)", "-o", str(mine))
    assert as_canvas_reads(mine.read_text())[0] == "X (7)"


@pytest.mark.parametrize(
    ("there", "said"), [("9", ""), ("9.0", ""), ("10", "10"), ("7.5", "7.5"), ("?", "?"), ("", "")]
)
def test_canvas_points_that_differ_are_said(call, toy, graded, tmp_path, there, said):
    path = tmp_path / "gradebook.csv"
    path.write_text(ROSTER.replace(",9,1,", f",{there},1,"), encoding="utf-8")
    result = call("export", "canvas", "1", "--roster", str(path))
    told = f"Doubling (4242) has {said} points possible in {path}, and week01_toy has 9: Canvas would show"
    assert (told in result.stderr.replace("\n", " ")) == bool(said)
    other = call("export", "canvas", "1", "--roster", str(path), "--assignment", "Doubling extra (4243)")
    assert "Doubling extra (4243) has 1 points possible" in other.stderr


def test_canvas_without_a_roster(toy, week, right, graded):
    grades = [*graded, grade_as(toy, week, "lovelaceada_101", right)]
    text, unknown = csv_export.canvas_csv(week, scores(toy, week, grades))
    assignment, _, found = as_canvas_reads(text)
    assert (assignment, unknown) == ("Doubling", [])
    assert found["101"] == "7.5", "Canvas' own number, from the name of the file it gave"
    assert found["ada"] == "7.25" and found["zed"] == "", "an empty cell changes nothing"


def test_a_roster_that_is_not_canvas_own(call, graded, tmp_path):
    (tmp_path / "r.csv").write_text("id,name\nada,Ada\n")
    result = call("export", "canvas", "1", "--roster", str(tmp_path / "r.csv"))
    assert result.exit_code == 2 and "no export of Canvas' gradebook: it has no column Student" in result.stderr


# --- Gradescope -------------------------------------------------------------------------------------------------------


def as_gradescope_reads(made):
    """The score by Gradescope's rules (autograder specifications), which must be all that it can read."""
    assert set(made) <= {"score", "execution_time", "output", "visibility", "stdout_visibility", "extra_data", "tests"}
    assert made["visibility"] in gradescope.VISIBILITIES and made["stdout_visibility"] in gradescope.VISIBILITIES
    known = {"score", "max_score", "status", "name", "number", "output", "tags", "visibility", "extra_data"}
    for test in made["tests"]:
        assert set(test) <= known and test["status"] in ("passed", "failed")
        assert 0 <= test["score"] <= test["max_score"] and isinstance(test["output"], str)
    return made["score"] if "score" in made else sum(test["score"] for test in made["tests"])


def test_results_json(call, toy, graded):
    assert call("export", "gradescope", "1").exit_code == 0
    folder = toy.work / "exports" / "week01_toy" / "gradescope"
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/results.json")}
    assert {name: round(as_gradescope_reads(made), 3) for name, made in found.items()} == {
        grade.student: round(grade.points, 3) for grade in graded
    }
    bob = found["bob@school.edu"]
    assert [test["name"] for test in bob["tests"]] == ["Double", "Table", "Mean"], "what a person grades is not there"
    assert "double_holds: it is 3" in bob["tests"][0]["output"] and "1.5 more points" in bob["output"]
    assert found["eve"]["output"].startswith("The file is empty,")


@pytest.fixture
def unpacked(toy, week, tmp_path):
    """/autograder as Gradescope builds it from the bundle, elsewhere."""
    root = tmp_path / "autograder"
    gradescope.bundle(toy, week, tmp_path / "autograder.zip", "after_due_date")
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", tmp_path / "autograder.zip", root / "source"], check=True)
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "run_autograder").chmod(0o755)
    return root


def autograde(root):
    env = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    env["AUTOGRADER_KERNEL"] = "python3"  # a toy week needs no models, and the others take long to import
    done = subprocess.run([root / "run_autograder"], env=env, cwd="/", capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads((root / "results" / "results.json").read_text()), done


def test_the_bundle_grades_as_the_class_is_graded(toy, week, unpacked, fill):
    notebook = fill(double="def double(n):\n    return 2", mean="import numpy as np\nmean = np.median")
    syllabus = unpacked / "source" / "course" / "weeks" / "course.toml"
    limits = f"cell = {PATIENT.cell}\nnotebook = {PATIENT.notebook}\ncheck = {PATIENT.check}\n"
    syllabus.write_text(syllabus.read_text().replace("cell = 4\nnotebook = 40\ncheck = 2\n", limits))
    assert limits in syllabus.read_text()
    mark = "print('graded by the code in the bundle')\n"
    module = unpacked / "source" / "course" / "grader" / "gradescope.py"
    module.write_text(module.read_text(encoding="utf-8") + mark, encoding="utf-8")
    nbformat.write(notebook, unpacked / "submission" / "my answers.ipynb")
    made, done = autograde(unpacked)
    patient = Options(kernel="python3", budget=PATIENT)
    here = grader.grade(unpacked / "submission" / "my answers.ipynb", "1", course=toy.root, options=patient)
    assert as_gradescope_reads(made) == here.points == 1.5
    expected = gradescope.results(toy, week, here, "after_due_date")
    assert made["tests"] == expected["tests"] and made["visibility"] == "after_due_date"
    assert "called my answers.ipynb" in made["output"] and "graded by the code in the bundle" in done.stdout
    assert made["extra_data"]["sandbox"] == here.inputs["sandbox"]


def test_the_bundle_always_leaves_a_result(unpacked):
    made, _ = autograde(unpacked)
    assert as_gradescope_reads(made) == 0 and "Nothing was handed in" in made["output"]
    (unpacked / "source" / "autograder.json").write_text("{}")
    made, done = autograde(unpacked)
    assert as_gradescope_reads(made) == 0 and "not your fault" in made["output"] and "KeyError" in done.stderr


def test_without_a_sandbox_nothing_is_graded_unless_the_instructor_said_so(toy, week, unpacked, right, monkeypatch):
    nbformat.write(right, unpacked / "submission" / "week01_toy.ipynb")
    monkeypatch.setattr(gradescope, "unavailable", lambda: "user namespaces are forbidden.")
    asked = []
    monkeypatch.setattr(gradescope, "grade_many", lambda c, w, jobs, options: asked.append(options) or [None])
    made = gradescope.run(unpacked)
    assert as_gradescope_reads(made) == 0 and "not your fault" in made["output"] and not asked
    settings = unpacked / "source" / "autograder.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "unsandboxed": True}))
    gradescope.run(unpacked)
    assert [options.sandboxed for options in asked] == [False]


def test_what_is_in_the_bundle(call, toy, week, tmp_path):
    path = tmp_path / "a.zip"
    result = call("export", "autograder", "1", "-o", str(path))
    assert result.exit_code == 0
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        modes = {name: archive.getinfo(name).external_attr >> 16 & 0o111 for name in gradescope.AT_THE_ROOT}
        texts = {name: archive.read(name) for name in names}
    assert {"setup.sh", "run_autograder"} <= set(names) and all(modes.values()), "at the root, to be executed"
    tops = {name.split("/")[1] for name in names if "/" in name}
    assert tops == {"weeks", "datasets", "grader", *gradescope.INSTALLED}
    rubrics = {name for name in names if "/rubrics/" in name}
    checks = {f"course/grader/rubrics/week01_toy/checks/{name}.py" for name in RIGHT if name != "why"}
    assert rubrics == {"course/grader/rubrics/__init__.py", *checks}, "and no answers"
    assert not any("week02" in name or "__pycache__" in name or "solutions/" in name for name in names)
    assert not any(SECRET.encode() in text for text in texts.values())
    assert {name for name in names if MARKER.encode() in texts[name]} == checks
    first = path.read_bytes()
    gradescope.bundle(toy, week, path)
    assert path.read_bytes() == first, "the same course makes the same bytes"
    for name in gradescope.AT_THE_ROOT:
        assert subprocess.run(["bash", "-n"], input=texts[name], check=False).returncode == 0
    assert call("export", "autograder", "1", "--visibility", "never").exit_code == 2


# --- GitHub Classroom -------------------------------------------------------------------------------------------------


def as_the_reporter_reads(text):
    """(points, of, fails) by autograding-grading-reporter's main.js and notify-classroom.js."""
    result = json.loads(base64.b64decode(text))
    total = sum(test["score"] for test in result["tests"]) if result["max_score"] else 0
    return total, result["max_score"], result["status"] in ("fail", "error")


def test_classroom_results(toy, week, graded):
    found = [
        as_the_reporter_reads(github_classroom.encoded(github_classroom.result(toy, week, grade))) for grade in graded
    ]
    assert [(round(points, 3), most) for points, most, _ in found] == [(round(g.points, 3), 7.5) for g in graded]
    assert [fails for *_, fails in found] == [False, True, True, True, True]
    assert github_classroom.result(toy, week, graded[3])["status"] == "error"
    assert len(github_classroom.encoded(github_classroom.result(toy, week, graded[1]))) < 128 * 1024, (
        "one environment variable"
    )


def test_classroom_grades_a_repository(toy, week, tmp_path, monkeypatch, fill, capsys):
    repository = tmp_path / "ada"
    (repository / "weeks" / week.slug).mkdir(parents=True)
    nbformat.write(fill(double="def double(n):\n    return 2"), repository / "weeks" / week.slug / week.file)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    assert github_classroom.main(["1", str(repository), "--course", str(toy.root)]) == 0
    name, _, value = (tmp_path / "output").read_text().strip().partition("=")
    assert name == "result" and as_the_reporter_reads(value) == (1.0, 7.5, True)
    assert "A constant was returned." in capsys.readouterr().out
    assert github_classroom.main(["9", str(repository), "--course", str(toy.root)]) == 2


def test_classroom_workflow(call, toy, week):
    assert call("export", "classroom", "1", "--grader-repository", "my-school/course").exit_code == 0
    path = toy.work / "exports" / week.slug / ".github" / "workflows" / "classroom.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    assert subprocess.run(check, capture_output=True).returncode == 0
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (made["name"], list(made["jobs"])) == ("Autograding Tests", ["run-autograding-tests"]), (
        "so the reporter asks"
    )
    steps = made["jobs"]["run-autograding-tests"]["steps"]
    grades, reports = steps[-2:]
    assert f"{reports['with']['runners'].upper()}_RESULTS" in reports["env"]
    assert reports["env"]["GRADE_RESULTS"] == f"${{{{ steps.{grades['id']}.outputs.result }}}}"
    assert steps[1]["with"]["repository"] == "my-school/course" and week.slug in grades["run"]
    for bad in ("course", "a/b/c", "/x"):
        with pytest.raises(CourseError, match="OWNER/NAME"):
            github_classroom.workflow(week, bad)


def test_a_record_is_not_needed_twice(call, toy, week, graded):
    """Exports read records and change none."""
    before = {g.student: toy.record(week, g.student).read_bytes() for g in graded}
    for what in ("csv", "canvas", "gradescope"):
        assert call("export", what, "1").exit_code == 0
    assert {g.student: toy.record(week, g.student).read_bytes() for g in graded} == before
    assert read(toy.record(week, "ada")) == graded[0]
