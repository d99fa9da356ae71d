"""Every file has a row, and every person is one person: what each LMS downloads, as it really is."""

import json
import zipfile

import nbformat
import pytest
from typer.testing import CliRunner

from grader.course.syllabus import CourseError
from grader.course.times import LATE
from grader.reporting import csv_export
from grader.submissions.collect import collect
from grader.submissions.roster import Roster

SLUG = "week01_toy"
NOTEBOOK = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="a")])).encode()
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Week 1 (4242)\n    Points Possible,,,,,27\n"
    '"Bell, Ada",101,9101,abell,101,102\n"Bell, Ada",103,9103,abell2,101,27\n"O\'Neil, Bob",104,102,boneil,101,7.5\n'
)
GRADESCOPE = """\
submission_1:
  :submitters:
  - :name: Ada Bell
    :sid: '0101'
    :email: ada@uni.edu
  :created_at: 2026-11-01 17:34:00.861687000 Z
  :score: 2.0
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    output: "- :name: Bob"
submission_2:
  :submitters:
  - :name: Bob O'Neil
    :email: bob@uni.edu
  - :name: Cem Ünal
    :sid: null
    :email:
  :created_at: 2026-02-30 99:00:00 Z
submission_3:
  :submitters: []
"""


@pytest.fixture
def gather(toy, week, tmp_path):
    """gather({name: bytes}) collects a zip of them, as {(file, student): status}; gather.notes likewise."""

    def gathered(files, roster=b"", **options):
        path, listed = tmp_path / "class.zip", tmp_path / "roster.csv"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        listed.write_bytes(roster.encode() if isinstance(roster, str) else roster)
        rows = collect(toy, week, path, listed if roster else None, **options)
        assert {row.file for row in rows} - {""} == set(files), "every file has a row"
        gathered.notes = {row.file: row.note for row in rows}
        return {(row.file, row.student): row.status for row in rows if row.file}

    return gathered


@pytest.fixture
def there(toy, week):
    def found():
        return {student: toy.submission(week, student).read_bytes() for student in toy.students(week)}

    return found


# --- Canvas -----------------------------------------------------------------------------------------------------------


def canvas(*who, file=f"{SLUG}.ipynb"):
    return {f"{one}_{900 + n}_{file}": b"of %d" % n for n, one in enumerate(who)}


@pytest.mark.parametrize("number", ["102", "105", "9101", "27", "101101"])
def test_a_number_that_the_roster_does_not_have_is_nobodys(gather, there, number):
    """102 is another's SIS number and a score here, 9101 is Ada's SIS number: neither is Canvas' own."""
    (name,) = files = canvas(f"bellada_{number}")
    assert gather(files, CANVAS) == {(name, ""): "unclear"} and there() == {}
    assert f"does not have the number {number}, and a name alone does not do" in gather.notes[name]


def test_namesakes_are_told_apart_by_their_numbers(gather, there):
    files = dict.fromkeys(canvas("bellada_101", "bellada_LATE_103"), NOTEBOOK)
    gather(files, CANVAS)
    assert set(there()) == {"abell", "abell2"}


def test_namesakes_of_whom_the_roster_has_one_are_left_alone(gather, there):
    files = canvas("bellada_101", "bellada_102", "oneilbob_104")
    roster = "id,first_name,last_name\nada,Ada,Bell\nbob,Bob,O'Neil\n"  # knows no number
    for content in (None, NOTEBOOK):
        found = gather({name: content or old for name, old in files.items()}, roster, replacing=True)
        assert sorted(found.values()) == ["collected" if content is None else "replaced", "unclear", "unclear"]
        assert list(there()) == ["bob"]


def test_a_number_and_a_name_of_two_people_are_nobodys(gather, there):
    (name,) = files = canvas("oneilbob_101")
    assert gather(files, CANVAS) == {(name, ""): "unclear"} and there() == {}


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("de_la_cruz_101_9001_x.ipynb", "de_la_cruz_101"), ("o_neil_bob_LATE_101_9001_x.ipynb", "o_neil_bob_101"),
        ("_x__101_9001_x.ipynb", "_x__101"), ("çem_ünal_101_9001_x.ipynb", "çem_ünal_101"),
        ("李_101_9001_x.ipynb", "李_101"),
        ("smith_2_101_9001_x.ipynb", ""), ("bellada_101_9001_2_x.ipynb", ""),
        ("bellada_101_9001_01_x.ipynb", "bellada_101"),
        ("bellada_LATE_101_9001_2_x.ipynb", "bellada_101"), (f"smith2_101_9001_102_9002_{SLUG}.ipynb", ""),
    ],
)  # fmt: skip
def test_names_keep_their_underscores(gather, there, file, student):
    found = gather({file: b"1", "zoe_9_8_x.ipynb": b"2"})
    assert found[file, student] == ("collected" if student else "unclear")
    assert set(there()) == {"zoe_9", student} - {""}


def test_a_roster_tells_a_number_in_a_name_from_one_in_a_files_name(gather, there):
    roster = 'Student,ID,SIS Login ID,Section\n"Smith 2, ",102,smith2,A\n"Bell, Ada",101,abell,A\n"X_101, ",666,x,A\n'
    gather(
        {"smith_2_102_9002_x.ipynb": b"s", "bellada_101_9001_7_x.ipynb": b"a", "x_101_666_9003_x.ipynb": b"x"}, roster
    )
    assert there() == {"smith2": b"s", "abell": b"a", "x": b"x"}


@pytest.mark.parametrize("ending", ["-1", "-2", " (1)", " (1)-2", "(3)-1"])
def test_a_resubmission_is_the_newer(gather, there, ending):
    found = gather({f"b_101_9001_{SLUG}.ipynb": b"old", f"b_LATE_101_9010_{SLUG}{ending}.ipynb": b"new"})
    assert sorted(found.values()) == ["collected", "older"] and there() == {"b_101": b"new"}


def test_late_is_kept_until_a_file_in_time_takes_its_place(gather, toy, week):
    gather({f"b_LATE_101_9001_{SLUG}.ipynb": b"1", f"c_102_9002_{SLUG}.ipynb": b"2", "LATE_anon_x_9003_x.ipynb": b"3"})
    assert [toy.submission(week, s).with_name(LATE).is_file() for s in ("b_101", "c_102", "anon_x")] == [
        True,
        False,
        True,
    ]
    gather({f"b_101_9009_{SLUG}.ipynb": b"4"}, replacing=True)
    assert not toy.submission(week, "b_101").with_name(LATE).exists()


def test_a_group_of_canvas(gather, there):
    roster = "name,canvas_user_id,login_id,sections,group_name\nAda Bell,101,ada,A,Group 1\nBob,102,bob,A,Group 1\n"
    roster += "Cem,103,cem,A,\n"
    files = {"group1_101_901_x.ipynb": b"1", "group1_103_902_x.ipynb": b"not theirs", "cem_103_903_x.ipynb": b"own"}
    assert gather(files, roster) == {
        ("group1_101_901_x.ipynb", "ada"): "collected", ("group1_101_901_x.ipynb", "bob"): "collected",
        ("group1_103_902_x.ipynb", ""): "unclear", ("cem_103_903_x.ipynb", "cem"): "collected",
    }  # fmt: skip
    assert there() == {"ada": b"1", "bob": b"1", "cem": b"own"}
    assert "a group's, of ada, bob" in gather.notes["group1_101_901_x.ipynb"]


# --- Blackboard -------------------------------------------------------------------------------------------------------


def blackboard(title, *users):
    return {f"{title}_{user}_attempt_2026-11-01-09-30-00_x.ipynb": user.encode() for user in users}


@pytest.mark.parametrize("title", ["Week 1", "W", "Week_01_toy", "HW_3", "Some Title"])
@pytest.mark.parametrize("content", [None, NOTEBOOK])
def test_user_names_with_underscores_stay_whole(gather, there, title, content):
    files = blackboard(title, "ada_bell", "tom_bell", "x_y_z")
    gather(dict.fromkeys(files, content) if content else files)
    assert set(there()) == {"ada_bell", "tom_bell", "x_y_z"}


@pytest.mark.parametrize("users", [["ada_bell"], ["stu_001", "stu_002"]])
def test_where_a_title_may_end_in_two_places_nobody_is_guessed(gather, there, users):
    files = blackboard("My_Title", *users)
    assert set(gather(files).values()) == {"unclear"} and there() == {}
    assert "ada_bell" in "".join(gather.notes.values()) or "stu_001" in "".join(gather.notes.values())
    receipts = {
        f"My_Title_{u}_attempt_2026-11-01-09-30-00.txt": f"\ufeffName: A ({u})\r\nAssignment: My_Title\r\n"
        for u in users
    }
    gather({**files, **receipts})
    assert there() == {user: user.encode() for user in users}


def test_a_receipt_that_a_student_made_up_is_not_believed(gather, there):
    fake = "My_Title_tom_bell_attempt_2026-11-01-09-30-00_a_attempt_2026-11-01-09-30-00.txt"
    gather({**blackboard("My_Title", "tom_bell"), fake: b"Name: A (bell)\n"})
    assert there() == {}


def test_a_roster_knows_user_names_and_no_last_names(gather, there):
    roster = "Last Name,First Name,Username\nBell,Ada,ada_bell\nBell,Tom,tom_bell\nSpare,Al,adabell\n"
    gather(blackboard("My_Title", "ada_bell", "tom_bell", "cem_bell", "adabell"), roster)
    assert set(there()) == {"ada_bell", "tom_bell", "adabell"}


def test_a_receipt_without_a_notebook_is_seen(gather):
    name = "W_ada_attempt_2026-11-01-09-30-00.txt"
    assert gather({name: b"Name: Ada (ada)", **blackboard("W", "bob")})[name, "ada"] == "refused"


def test_an_impossible_time_is_said_and_not_guessed(gather, toy, week):
    name = "W_ada_attempt_2026-13-45-99-00-00_x.ipynb"
    assert gather({name: b"1"}) == {(name, "ada"): "collected"}
    assert "cannot be read" in gather.notes[name]
    assert not toy.submission(week, "ada").with_name("timestamp.txt").exists()


# --- Brightspace, Moodle ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "time"),
    [
        ("Sep 24, 2024 926 PM", "2024-09-24 21:26:00"), ("24 September, 2024 9:26 PM", "2024-09-24 21:26:00"),
        ("05 March 2026 1053 AM", "2026-03-05 10:53:00"), ("5 March 2026 2126", "2026-03-05 21:26:00"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("top", ["", "Week 1 Download/"])
def test_brightspace(gather, there, toy, week, when, time, top):
    found = gather({
        f"{top}397064-2557369 - Mary-Ann Bell - {when}/my work.ipynb": b"1", f"{top}index.html": b"<html>",
        f"{top}397065-2557369 - Bob O'Neil - {when}/{SLUG}.ipynb": b"2",
    })  # fmt: skip
    assert there() == {"Mary-Ann_Bell": b"1", "Bob_O'Neil": b"2"} and found[f"{top}index.html", ""] == "left out"
    assert toy.submission(week, "Mary-Ann_Bell").with_name("timestamp.txt").read_text() == time


def test_brightspace_takes_the_last_and_keeps_namesakes_apart(gather, there):
    name = "{}-77 - Ada Bell - Nov {}, 2026 {} PM/x.ipynb"
    files = {name.format(1, 2, 100): b"old", name.format(1, 10, 900): b"new", name.format(2, 3, 100): b"new"}
    found = gather(files)
    assert there() == {"Ada_Bell_1-77": b"new", "Ada_Bell_2-77": b"new"} and "older" in found.values()


def test_brightspace_with_a_roster(gather, there):
    roster = "OrgDefinedId,Username,Last Name,First Name\n#11,#abell,Bell,Ada\n#12,#bob,O'Neil,Bob\n"
    base = "{}-7 - {} - Nov 2, 2026 100 PM/x.ipynb"
    gather(
        {base.format(1, "abell Ada Bell"): b"a", base.format(2, "12 O'Neil"): b"b", base.format(3, "Ada Smith"): b"?"},
        roster,
    )
    assert there() == {"abell": b"a", "bob": b"b"}


@pytest.mark.parametrize("hidden", ["Participant {}_{}", "Participant_{}"])
def test_moodle_with_hidden_names(gather, there, hidden):
    files = {f"{hidden.format(*(n,) * hidden.count('{'))}_assignsubmission_file/x.ipynb": NOTEBOOK for n in (31, 32)}
    gather(files)
    assert set(there()) == {"Participant_31", "Participant_32"}
    sheet = "Identifier,Full name,Email address\nParticipant 31,Ada Bell,ada@uni.edu\nParticipant 33,Bob,bob@uni.edu\n"
    found = gather(files, sheet)
    assert sorted(found.values()) == ["collected", "unclear"] and "ada@uni.edu" in there()


def test_moodles_namesakes(gather, there, toy, week):
    files = {f"Ada Bell_{n}_assignsubmission_file/x.ipynb": NOTEBOOK for n in (3001, 3002)}
    assert set(gather(files).values()) == {"collected"} and set(there()) == {"Ada_Bell_3001", "Ada_Bell_3002"}
    assert set(gather(files, "id,name\nada,Ada Bell\n").values()) == {"unclear"}
    sheet = "Identifier,Full name,Email address\nParticipant 3001,Ada Bell,a@u\nParticipant 3002,Ada Bell,b@u\n"
    gather(files, sheet)
    assert {"a@u", "b@u"} < set(there())
    assert set(gather({"Ada Bell_3003_assignsubmission_file/x.ipynb": b"?"}, sheet).values()) == {"unclear"}


def test_moodles_groups(gather, there):
    files = {"Default group_assignsubmission_file/x.ipynb": b"rest", "Team 7_55_assignsubmission_file/x.ipynb": b"7"}
    found = gather({"Default group_assignsubmission_file/x.ipynb": b"rest"})
    assert set(found.values()) == {"unclear"} and there() == {}
    roster = 'First name,Last name,Email address,Groups\nA,B,a@u,"Team 7, Lab"\nC,D,c@u,Team 7\nE,F,e@u,\nG,H,g@u,\n'
    assert set(gather(files, roster).values()) == {"collected"}
    assert there() == {"a@u": b"7", "c@u": b"7", "e@u": b"rest", "g@u": b"rest"}


def test_brightspaces_groups(gather, there):
    roster = "id,name,group\nada,Ada Bell,Group 1\nbob,Bob Neil,Group 1\ncem,Cem Ünal,Group 2\n"
    gather(
        {f"1-7 - {name} - Nov 2, 2026 100 PM/x.ipynb": name.encode() for name in ("Group 1 - Ada Bell", "Group 2")},
        roster,
    )
    assert there() == {"ada": b"Group 1 - Ada Bell", "bob": b"Group 1 - Ada Bell", "cem": b"Group 2"}


def test_one_students_folders_are_not_students(gather, there):
    name = "Ada Bell_3_assignsubmission_file/{}/x.ipynb"
    found = gather({name.format("one"): b"1", name.format("two"): b"2"})
    assert (
        found == dict.fromkeys(found, "unclear") and {student for _, student in found} == {"Ada_Bell"} and there() == {}
    )


# --- Gradescope -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["assignment_1_export/", ""])
def test_gradescope(gather, there, toy, week, top):
    files = {f"{top}submission_metadata.yml": GRADESCOPE.encode()}
    files |= {f"{top}submission_{n}/any.ipynb": b"%d" % n for n in (1, 2, 3, 4)}
    found = gather(files)
    assert there() == {"0101": b"1", "bob@uni.edu": b"2", "Cem_Ünal": b"2"}
    assert [found[f"{top}submission_{n}/any.ipynb", ""] for n in (3, 4)] == ["unclear"] * 2
    assert toy.submission(week, "0101").with_name("timestamp.txt").read_text() == "2026-11-01 17:34:00 UTC"
    assert "cannot be read" in gather.notes[f"{top}submission_2/any.ipynb"]


def test_gradescope_with_a_roster(gather, there):
    files = {"e/submission_metadata.yml": GRADESCOPE, "e/submission_1/x.ipynb": b"1", "e/submission_2/x.ipynb": b"2"}
    found = gather(files, "id,name,sid,email\nada,Ada Bell,0101,\nbob,Bob O'Neil,7,bob@uni.edu\n")
    assert there() == {"ada": b"1", "bob": b"2"} and found["e/submission_2/x.ipynb", ""] == "unclear", "Cem is missing"
    found = gather(files, "id,name\nada2,Ada Bell\n")
    assert found["e/submission_1/x.ipynb", ""] == "unclear", "her number is not known, and a name does not do"


@pytest.mark.parametrize(
    "text", [b"- a", b"submission_1: [", b"\xff\xfe\x00", b"submission_1: x", b"a: {:submitters: [x]}"]
)
def test_a_list_of_gradescopes_that_cannot_be_read(gather, there, text):
    found = gather({"submission_metadata.yml": text, "submission_1/x.ipynb": b"1"})
    assert found == {("submission_metadata.yml", ""): "refused", ("submission_1/x.ipynb", ""): "unclear"}
    assert there() == {}


def test_a_students_own_list_is_not_believed(gather, there):
    mine = "Mallory_3_assignsubmission_file"
    gather({f"{mine}/submission_metadata.yml": GRADESCOPE, f"{mine}/submission_1/x.ipynb": b"m"})
    assert set(there()) == {"Mallory"}


# --- any file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [f"{SLUG}.txt", f"{SLUG}.ipynb.txt", f"{SLUG}.json", "homework", f"{SLUG}.ipynb.json", "a.py"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_notebook_under_any_name(gather, there, name, encoding):
    content = NOTEBOOK.decode().encode(encoding)
    assert gather({f"ada/{name}": content, "bob/x.ipynb": b"b"})[f"ada/{name}", "ada"] == "collected"
    assert there()["ada"] == content and gather.notes[f"ada/{name}"] == "a notebook under another name"


def test_grading_finds_a_notebook_under_another_name(toy, week):
    from grader.submissions import loading

    folder = toy.submission(week, "ada").parent
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("1,2")
    (folder / "settings.json").write_text('{"a": 1}')
    (folder / ".hidden").write_bytes(NOTEBOOK)
    (folder / "link").symlink_to(folder / ".hidden")
    with pytest.raises(loading.NotGradable, match="Nothing was handed in"):
        loading.find(toy, week, "ada")
    (folder / f"{SLUG}.ipynb.txt").write_bytes(NOTEBOOK.decode().encode("utf-16"))
    assert loading.find(toy, week, "ada").name == f"{SLUG}.ipynb.txt"
    assert loading.load(loading.find(toy, week, "ada")).notebook.cells
    (folder / "other").write_bytes(NOTEBOOK)
    with pytest.raises(loading.NotGradable, match="several notebooks"):
        loading.find(toy, week, "ada")


def test_what_is_no_notebook_says_so(gather, there):
    files = {
        "ada/x.ipynb": NOTEBOOK, "ada/data.csv": b"1,2", "ada/notes.txt": b"{", "ada/settings.json": b'{"a": 1}',
        "bob/essay.docx": b"PK\x03\x04", "cem/report.txt": b"my work", "dan/empty": b"", "eve/x.ipynb": b"",
        "fay/list.json": json.dumps([1]).encode(), "class.csv": b"id\nada\n",
        "gus/x.zip": b"PK", "gus/x.ipynb": NOTEBOOK,
        "readme.txt": b"hello",
    }  # fmt: skip
    found = gather(files)
    assert {found[f"ada/{n}", "ada"] for n in ("data.csv", "notes.txt", "settings.json")} == {"left out"}
    assert found["class.csv", ""] == found["readme.txt", ""] == "left out"
    for name, student in {"bob/essay.docx": "bob", "cem/report.txt": "cem", "dan/empty": "dan", "fay/list.json": "fay",
                          "gus/x.zip": "gus"}.items():  # fmt: skip
        assert found[name, student] == "refused" and gather.notes[name]
    assert "does not read as a notebook" in gather.notes["eve/x.ipynb"]
    assert set(there()) == {"ada", "eve", "gus"}


def test_two_of_a_students_files_of_which_one_has_another_ending(gather, there):
    found = gather({f"ada/{SLUG}.txt": NOTEBOOK, "ada/scratch.ipynb": b"s"})
    assert found[f"ada/{SLUG}.txt", "ada"] == "collected" and there() == {"ada": NOTEBOOK}


def test_what_is_ambiguous_ends_with_1(toy, tmp_path):
    from grader.cli.main import app

    def run(files):
        path = tmp_path / "class.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in files:
                archive.writestr(name, NOTEBOOK if name.endswith("ipynb") else b"x")
        place = ["--course", str(toy.root), "--work", str(toy.work)]
        return CliRunner().invoke(app, ["collect", "1", str(path), *place])

    good = ["ada/x.ipynb", "index.html", *(f"__MACOSX/{n}" for n in range(9))]
    result = run(good)
    assert result.exit_code == 0 and "and 8 more" in result.output and "10 left out" in result.output, result.output
    assert run(["smith_2_102_9002_x.ipynb", "bob_1_2_x.ipynb"]).exit_code == 1
    result = run(["index.html", "__MACOSX/x"])
    assert result.exit_code == 1 and "no notebook" in result.output


def test_a_notebook_whose_own_name_ends_like_a_copy(toy, week, tmp_path):
    from grader.submissions.attribution import is_called

    assert is_called("hw-1.ipynb", "hw-1") and is_called("HW-1 (2)-3.ipynb", "hw-1")
    assert not is_called("hw-2.ipynb", "hw-1") and not is_called("hw.ipynb", "hw-1")


# --- rosters ----------------------------------------------------------------------------------------------------------

LIST = 'student_id,Last name,First name\nabell,Bell,Ada\ncunal,Ünal,Çem\nzoe,"O, Neil",Zoë\n'


def as_excel(separator: str, encoding: str, first: str = "") -> bytes:
    text = first + LIST.replace('"O, Neil"', "O Neil").replace(",", separator).replace("\n", "\r\n")
    return text.encode(encoding)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_rosters_from_excel(gather, there, separator, encoding):
    for first in ("", f"sep={separator}\r\n"):
        gather(
            {"Çem Ünal - week01_toy.ipynb": b"c", "Zoë O Neil - week01_toy.ipynb": b"z"},
            as_excel(separator, encoding, first),
        )
        assert there() == {"cunal": b"c", "zoe": b"z"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (as_excel(":", "utf-8"), "separated by ':'"), (as_excel("/", "utf-8"), "separated by '/'"),
        (b"PK\x03\x04rest", "workbook"), (as_excel(";", "utf-16-le"), "UTF-8"), (b"id\n\x81\x8d\n", "UTF-8"),
        (b"id,name,mail\nada,Bell, Ada,a@u\n", "line 2, has more columns"), (b"id\n", "nobody|lists"),
        (b"id\n1.01E+10\n", "format Text"), (b"id,name\n,Ada\n", "nobody"),
    ],
)  # fmt: skip
def test_rosters_that_are_refused_with_what_to_do(tmp_path, content, says):
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=says) as error:
        Roster.read(path)
    assert "Excel" in str(error.value) or "quotes" in str(error.value) or "nobody" in str(error.value)


def test_canvas_export_reads_such_rosters_too(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_bytes("Student;ID;SIS User ID;SIS Login ID;Section\r\nBell, Çem;101;7;cbell;A\r\n".encode("utf-16"))
    known = csv_export._Canvas(path)
    assert known.who("cbell")[:2] == known.who("bellçem_101")[:2] == ["Bell, Çem", "101"]
    assert known.who("bellçem_102") is None


def test_the_export_never_takes_a_number_for_a_part_of_a_name(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text('Student,ID,SIS User ID,SIS Login ID,Section\n"B, A",101,,bell102,A\n"B, C",102,,b_7,A\n')
    known = csv_export._Canvas(path)
    assert known.who("bell_102")[1] == "102" and known.who("b_7")[1] == "102" and known.who("bell_103") is None


@pytest.mark.parametrize("column", ["canvas", "canvas_id", "Canvas user ID", "lms_user_id", "Number"])
def test_numbers_of_canvas_in_a_list_of_ones_own(gather, there, column):
    roster = f"login,name,{column}\nabell,Ada Bell,101\nbob,Bob,104\n"
    assert sorted(gather(canvas("bellada_101", "bellada_102"), roster).values()) == ["collected", "unclear"]
    assert there() == {"abell": b"of 0"}


def test_a_roster_of_earlier_names(gather, there):
    gather(
        canvas("bellada_101", "bellada_102"), "id,first_name,last_name\nbellada_101,Ada,Bell\nbellada_102,Ada,Bell\n"
    )
    assert there() == {"bellada_101": b"of 0", "bellada_102": b"of 1"}


def test_points_and_sections_name_nobody(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(CANVAS)
    roster = Roster.read(path)
    assert roster.of(("101",)) == {"abell"} and roster.of(("27",)) == roster.of(("75",)) == set()
    assert roster.numbers["canvas"] == {"101": {"abell"}, "103": {"abell2"}, "104": {"boneil"}}
