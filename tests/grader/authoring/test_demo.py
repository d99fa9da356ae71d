"""The sample class is the one it says it is. (`make demo` grades the real one.)"""

import json

import nbformat
import pytest
from support.known import with_answers

from grader.authoring import demo
from grader.course.discovery import find_course
from grader.course.questions import answers_in
from grader.course.syllabus import CourseError
from grader.grading.batch import grade_class
from grader.grading.options import Options


@pytest.fixture
def course(toy, tmp_path):
    return demo.course(with_answers(toy, tmp_path / "course").root)


@pytest.fixture
def week(course):
    return course.week("1")


def files(course):
    return {p.relative_to(course.work): p.read_bytes() for p in course.work.rglob("*") if p.is_file()}


def submitted(course, week, student):
    return nbformat.read(course.submission(week, student), as_version=4)


def test_class_is_built_the_same_each_time_and_only_in_its_folder(course, week):
    before = {p: p.read_bytes() for p in course.root.rglob("*") if p.is_file()}
    notes = demo.build(course, week)
    assert len(notes) == 12 and course.students(week) == sorted(notes)
    assert course.work == course.root / "demo"
    first = files(course)
    (course.work / "left over").write_text("from an earlier run")
    demo.build(course, week)
    assert files(course) == first
    after = {p: p.read_bytes() for p in course.root.rglob("*") if p.is_file() and course.work not in p.parents}
    assert after == before


def test_a_folder_that_no_demo_made_is_left_alone(course, week):
    course.work.mkdir()
    (course.work / "thesis.tex").write_text("years of work")
    with pytest.raises(CourseError, match="holds files that no demo made"):
        demo.build(course, week)
    assert [p.name for p in course.work.iterdir()] == ["thesis.tex"]


def test_who_hands_in_what(course, week):
    demo.build(course, week)
    released = nbformat.read(course.release(week), as_version=4)
    stubs = answers_in(released)
    assert answers_in(submitted(course, week, "amina"))["table"] == "table = [2, 4, 6]"
    jun = answers_in(submitted(course, week, "jun"))
    assert [q for q in jun if jun[q] != stubs[q]] == ["double"], "the first half of three questions"
    assert answers_in(submitted(course, week, "chiara"))["mean"] == "import numpy as np\nmean = np.median"
    assert answers_in(submitted(course, week, "daniel"))["double"] == "def double(n):\n    return n"
    assert answers_in(submitted(course, week, "emeka")) == stubs
    assert "os._exit(0)" in answers_in(submitted(course, week, "goran"))["table"]
    with pytest.raises(ValueError):
        json.loads(course.submission(week, "keiko").read_text(encoding="utf-8"))
    assert not course.submission(week, "luis").exists() and course.submission(week, "luis").parent.is_dir()


def test_what_colab_and_lossy_tools_do_to_a_notebook(course, week):
    demo.build(course, week)
    colab = json.loads(course.submission(week, "hana").read_text(encoding="utf-8"))
    assert colab["nbformat_minor"] == 0 and "colab" in colab["metadata"]
    assert not any("id" in cell for cell in colab["cells"]), "Colab keeps ids in the metadata"
    assert "id" not in colab["cells"][0] and "Open In Colab" in colab["cells"][0]["source"]
    bare = json.loads(course.submission(week, "ivan").read_text(encoding="utf-8"))
    assert bare["metadata"] == {} and all(cell["metadata"] == {} and "id" not in cell for cell in bare["cells"])


def test_verdicts_of_a_few(course, week):
    demo.build(course, week)
    some = ["chiara", "goran", "ivan", "keiko", "luis"]
    grades = {g.student: g for g in grade_class(course, week, some, Options(workers=2))}
    assert grades["ivan"].points == 7.5, "everything that can be graded automatically"
    visible = [c for q in grades["chiara"].questions for c in q.checks if not c.hidden]
    hidden = [c for q in grades["chiara"].questions for c in q.checks if c.hidden]
    assert all(c.passed for c in visible) and not any(c.passed for c in hidden)
    assert 0 < grades["chiara"].points < 7.5
    assert grades["goran"].points == 5.5 and grades["goran"].log, "the rest keeps its points"
    assert [grades[name].outcome for name in ("keiko", "luis")] == ["not gradable"] * 2


def test_next_steps_name_what_is_there(course, week):
    demo.build(course, week)
    assert dict(demo.next_steps(course, week))["the class report"] == course.report(week).as_uri()
    assert find_course(course.root, course.work).students(week)
