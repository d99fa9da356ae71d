"""What an LMS gives becomes submitted/, whose it is is never guessed, and no archive writes where it likes."""

import io
import os
import re
import stat
import zipfile

import pytest
from typer.testing import CliRunner

from grader.cli.collect import command
from grader.course.students import fault, tidy
from grader.course.syllabus import CourseError
from grader.submissions import archives
from grader.submissions.attribution import Roster
from grader.submissions.collect import collect

SLUG = "week01_toy"
CANVAS_ROSTER = (
    "Student,ID,SIS Login ID,Section\n    Points Possible,,,\n"
    '"Bell, Ada",101,abell,A\n"O\'Neil, Bob",102,boneil,A\n"Ünal, Çem",103,cunal,A\n'
)


def zipped(files: dict[str, bytes], path, **info) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            for key, value in info.items():
                setattr(entry, key, value)
            archive.writestr(entry, content)


def unfolded(files: dict[str, bytes], folder) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def gather(toy, week, tmp_path):
    """gather({name: bytes}) collects them, from a zip or a folder, as {name: (student, status)}."""

    def gathered(files, source="zip", roster="", **options):
        place = tmp_path / ("class.zip" if source == "zip" else "inbox")
        (zipped if source == "zip" else unfolded)(files, place)
        listed = tmp_path / "roster.csv"
        listed.write_text(roster, encoding="utf-8")
        rows = collect(toy, week, place, listed if roster else None, **options)
        gathered.notes = {row.file: row.note for row in rows}
        return {row.file: (row.student, row.status) for row in rows}

    return gathered


@pytest.fixture
def there(toy, week):
    """there() is {student: content} of what submitted/ holds for the week."""

    def found():
        paths = (toy.work / "submitted").rglob("*.ipynb")
        assert all(path.name == f"{SLUG}.ipynb" and path.parent.name == SLUG for path in paths)
        return {student: toy.submission(week, student).read_bytes() for student in toy.students(week)}

    return found


@pytest.mark.parametrize("source", ["zip", "folder"])
@pytest.mark.parametrize(
    ("files", "students"),
    [
        ({"bellada_101_9001_week01_toy.ipynb": b"a", "oneilbob_LATE_102_9002_my work.ipynb": b"b"},
         {"bellada_101", "oneilbob_102"}),
        ({"anon_x7Yz_9001_week01_toy.ipynb": b"a", "LATE_anon_Q_9002_week01_toy.ipynb": b"b"}, {"anon_x7Yz", "anon_Q"}),
        ({"Ada Bell_3001_assignsubmission_file/week01_toy.ipynb": b"a",
          "Bob O'Neil_3002_assignsubmission_file_/sub/any.ipynb": b"b",
          "Bob O'Neil_3002_assignsubmission_onlinetext_/onlinetext.html": b"<p>"}, {"Ada_Bell", "Bob_O'Neil"}),
        ({"Ada Bell_3001_assignsubmission_file_week01_toy.ipynb": b"a"}, {"Ada_Bell"}),
        ({"Week 1_abell_attempt_2026-11-01-09-30-00_week01_toy.ipynb": b"a",
          "Week 1_abell_attempt_2026-11-01-09-30-00.txt": b"Name: Ada Bell (abell)"}, {"abell"}),
        ({"Ada Bell - week01_toy.ipynb": b"a", "week01_toy - Bob O'Neil.ipynb": b"b"}, {"Ada_Bell", "Bob_O'Neil"}),
        ({"ada_week01_toy.ipynb": b"a", "Week1-bob.ipynb": b"b", "cem.ipynb": b"c"}, {"ada", "bob", "cem"}),
        ({"ada/week01_toy.ipynb": b"a", "bob/Untitled3.ipynb": b"b"}, {"ada", "bob"}),
        ({"submitted/ada/week01_toy/week01_toy.ipynb": b"a", "submitted/bob/week01_toy/other.ipynb": b"b"},
         {"ada", "bob"}),
        ({"ada+week01_toy+2026-11-01 09:30:00 UTC+x1/week01_toy.ipynb": b"a"}, {"ada"}),
    ],
    ids=["canvas", "canvas anonymous", "moodle folders", "moodle flat", "blackboard", "classroom", "loose", "folders",
         "nbgrader", "nbgrader exchange"],
)  # fmt: skip
def test_whose_a_file_is(gather, there, files, students, source):
    found = gather(files, source)
    assert {name: status for name, (_, status) in found.items()} == {
        name: "collected" if name.endswith(".ipynb") else "left out" for name in files
    }
    assert set(there()) == students == {student for student, _ in found.values()}
    assert sorted(there().values()) == sorted(content for name, content in files.items() if name.endswith(".ipynb"))


@pytest.mark.parametrize(
    "name",
    [
        "week01_toy.ipynb", "Untitled.ipynb", "homework (2).ipynb", "Copy of week01_toy.ipynb", "week01_toy-1.ipynb",
        "final.ipynb", "Week 1/week01_toy.ipynb", "ada/bob_week01_toy.ipynb", "week 1 - copy.ipynb",
        "my answers - Ada Bell.ipynb", "Ada Bell - my answers.ipynb",
    ],
)  # fmt: skip
def test_what_is_not_clear_is_left_alone(gather, there, name):
    assert gather({name: b"x"}) == {name: ("", "unclear")}
    assert there() == {} and gather.notes[name]


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("mallory_105_9005_W_ada_attempt_2026-11-01-09-30-00_x.ipynb", ""),
        ("W_mallory_attempt_2026-11-01-09-30-00_W_ada_attempt_2027-11-01-09-30-00_x.ipynb", "mallory"),
        ("W_mallory_attempt_2026-11-01-09-30-00_ada_101_9009_x.ipynb", "mallory"),
        ("Mallory_3_assignsubmission_file_W_ada_attempt_2026-11-01-09-30-00_x.ipynb", "Mallory"),
        ("Mallory_3_assignsubmission_file/Ada_5_assignsubmission_file/ada_101_9009_x.ipynb", "Mallory"),
        ("Mallory_3_assignsubmission_file/ada/week01_toy/week01_toy.ipynb", "Mallory"),
        ("mallory/ada/week01_toy/week01_toy.ipynb", ""),
        ("mallory/ada/x.ipynb", ""),
        ("mallory/ada_101_9009_x.ipynb", ""),
        ("mallory/ada+week01_toy+2026-11-01 09:30:00 UTC/x.ipynb", ""),
        ("mallory/week01_toy/ada.ipynb", "mallory"),
    ],
)
def test_a_student_cannot_hand_in_as_another(gather, there, name, student):
    found = gather({name: b"mallory's", "bob_week01_toy.ipynb": b"b"})
    assert found[name] == (student, "collected" if student else "unclear")
    assert set(there()) - {"bob"} == ({student} if student else set())


@pytest.mark.parametrize(
    "files",
    [
        {"CS 101/ada/x.ipynb": b"a", "CS 101/bob/y.ipynb": b"b"},
        {"Download/CS 101/ada_1_1_x.ipynb": b"a", "Download/CS 101/bob_2_2_x.ipynb": b"b"},
        {f"CS 101/W_{who}_attempt_2026-11-01-09-30-00_x.ipynb": b"a" for who in ("ada", "bob")},
        {"T 1/inbox/ada/week01_toy/week01_toy.ipynb": b"a", "T 1/inbox/bob/week01_toy/week01_toy.ipynb": b"b"},
    ],
)  # fmt: skip
def test_folders_around_all_name_nobody(gather, there, files):
    assert {status for _, status in gather(files).values()} == {"collected"}
    assert {name.split("_")[0] for name in there()} == {"ada", "bob"}


def test_a_roster_tells(gather, there):
    files = {
        "bellada_101_9001_week01_toy.ipynb": b"canvas",
        "Bob O'Neil_77_assignsubmission_file/week01_toy.ipynb": b"moodle",
        "Ünal Çem - week01_toy.ipynb": b"classroom",
        "stranger_week01_toy.ipynb": b"?",
    }
    found = gather(files, roster=CANVAS_ROSTER)
    assert list(found.values()).count(("", "unclear")) == 1
    assert there() == {"abell": b"canvas", "boneil": b"moodle", "cunal": b"classroom"}
    assert "stranger" in gather.notes["stranger_week01_toy.ipynb"]


def test_a_roster_names_who_is_missing(gather):
    assert gather({"abell.ipynb": b"x"}, roster=CANVAS_ROSTER)[""] == ("cunal", "missing")


def test_a_name_of_two_students_is_unclear(gather, there):
    roster = "id,first_name,last_name\nada1,Ada,Bell\nada2,Ada,Bell\nbob,Bob,Neil\n"
    found = gather(
        {"Ada Bell - week01_toy.ipynb": b"?", "neilbob_1_2_x.ipynb": b"b", "ada2.ipynb": b"2"}, roster=roster
    )
    assert found["Ada Bell - week01_toy.ipynb"] == ("", "unclear")
    assert "ada1 or ada2" in gather.notes["Ada Bell - week01_toy.ipynb"]
    assert there() == {"bob": b"b", "ada2": b"2"}


@pytest.mark.parametrize(
    ("roster", "says"),
    [
        ("name\nAda\n", "needs a column"),
        ("", "needs a column"),
        ("id\nada\nADA\n", "more than once"),
        ("id\n../ada\n", "line 2"),
        ("id\nCON\n", "device"),
    ],
)
def test_a_roster_that_cannot_be_used(tmp_path, roster, says):
    path = tmp_path / "roster.csv"
    path.write_text(roster)
    with pytest.raises(CourseError, match=says):
        Roster.read(path)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("bellada_101_9001_week01_toy.ipynb", "bellada_LATE_101_9010_week01_toy-1.ipynb"),
        ("W_abell_attempt_2026-11-01-09-30-00_my.ipynb", "W_abell_attempt_2026-11-02-08-00-00_my.ipynb"),
        ("a+week01_toy+2026-11-01 09:30:00 UTC/x.ipynb", "a+week01_toy+2026-11-02 09:30:00 UTC/x.ipynb"),
        ("bellada_101_9010_scratch.ipynb", "bellada_101_9001_week01_toy.ipynb"),
    ],
)  # fmt: skip
def test_of_two_files_the_one_that_the_lms_says_counts(gather, there, older, newer):
    found = gather({newer: b"new", older: b"old"})
    assert (found[newer][1], found[older][1]) == ("collected", "older")
    assert list(there().values()) == [b"new"]


@pytest.mark.parametrize(
    "files",
    [
        ("Ada - week01_toy.ipynb", "Ada - week01_toy (1).ipynb"),
        ("Ada_3_assignsubmission_file/a.ipynb", "Ada_3_assignsubmission_file/b.ipynb"),
        ("bellada_101_9001_a.ipynb", "bellada_101_9002_b.ipynb"),
        ("ada/one.ipynb", "ada/two.ipynb"),
    ],
)
def test_two_files_of_which_none_is_the_newer_are_both_named(gather, there, files):
    found = gather({files[0]: b"one", files[1]: b"two"})
    assert {status for _, status in found.values()} == {"unclear"} and there() == {}
    assert all(name in note for name in files for note in gather.notes.values())


def test_the_same_file_twice_is_one(gather, there):
    found = gather({"Ada - week01_toy.ipynb": b"one", "Ada - week01_toy (1).ipynb": b"one"})
    assert sorted(status for _, status in found.values()) == ["collected", "older"] and there() == {"Ada": b"one"}
    found = gather({"bob_1_8_week01_toy.ipynb": b"x", "bob_1_9_week01_toy-1.ipynb": b"x"})
    assert found["bob_1_9_week01_toy-1.ipynb"] == ("bob_1", "collected")


def test_the_time_is_kept_where_it_is_known(gather, toy, week):
    gather({"W_ada_attempt_2026-11-01-09-30-05_x.ipynb": b"1"})
    stamp = toy.submission(week, "ada").parent / "timestamp.txt"
    assert stamp.read_text() == "2026-11-01 09:30:05"
    gather({"ada.ipynb": b"2"}, replacing=True)
    assert not stamp.exists(), "it was the other file's"


def test_nothing_is_overwritten_unasked(gather, there, toy):
    assert gather({"ada.ipynb": b"one"})["ada.ipynb"] == ("ada", "collected")
    assert gather({"ada.ipynb": b"one"})["ada.ipynb"] == ("ada", "already there")
    assert gather({"ada.ipynb": b"two"})["ada.ipynb"] == ("ada", "not replaced") and there() == {"ada": b"one"}
    assert gather({"ada.ipynb": b"two"}, replacing=True, dry_run=True)["ada.ipynb"][1] == "replaced"
    assert there() == {"ada": b"one"}
    assert gather({"ada.ipynb": b"two"}, replacing=True)["ada.ipynb"] == ("ada", "replaced")
    assert there() == {"ada": b"two"}
    (kept,) = (toy.work / "replaced" / "ada").rglob("*.ipynb")
    assert kept.read_bytes() == b"one" and gather.notes["ada.ipynb"].endswith(str(kept.relative_to(toy.work)))


# --- hostile sources --------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_else_is_written(tmp_path):
    yield
    outside = [path for path in tmp_path.rglob("*") if path.name in ("evil.ipynb", "passwd", "pwned")]
    assert not outside


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.ipynb", "/tmp/evil.ipynb", "C:/evil.ipynb", "C:\\evil.ipynb", "..\\..\\evil.ipynb",
        "ada/../../evil.ipynb", "\\\\server\\share\\evil.ipynb",
    ],
)  # fmt: skip
def test_paths_that_lead_out_of_the_zip(gather, there, name):
    found = gather({name: b"evil", "ada.ipynb": b"good"})
    assert sorted(found.values()) == [("", "refused"), ("ada", "collected")]
    assert there() == {"ada": b"good"}


@pytest.mark.parametrize(
    "student",
    [
        "..", ".", "...", ".hidden", "-rf", "CON", "nul.txt", "lpt1", "a" * 200, "ada\x1b[31m", "ad\u202ea", "ada.",
        "a:b", "a*b", 'a"b', "\u200b",
    ],
)  # fmt: skip
def test_names_that_are_none(gather, there, student):
    found = gather({f"W_{student}_attempt_2026-11-01-09-30-05_x.ipynb": b"evil", "ada.ipynb": b"good"})
    assert sorted(status for _, status in found.values()) in (["collected", "refused"], ["collected", "unclear"])
    assert there() == {"ada": b"good"}


@pytest.mark.parametrize(
    ("one", "two"), [("ada", "ADA"), ("caf\u00e9", "cafe\u0301"), ("straße", "STRASSE"), ("ﬁn", "fin")]
)
def test_names_that_fall_together(gather, there, one, two):
    found = gather({f"{one}_week01_toy.ipynb": b"1", f"x/{two}_week01_toy.ipynb": b"2", "zoe.ipynb": b"z"}, "zip")
    unclear = [name for name, (_, status) in found.items() if status == "unclear"]
    assert len(unclear) >= 1 and set(there().values()) <= {b"1", b"z"}


def test_a_name_that_falls_together_with_one_that_is_there(gather, there, hand_in):
    hand_in("Ada", b"hers")
    assert gather({"ada.ipynb": b"whose?"})["ada.ipynb"] == ("ada", "unclear") and there() == {"Ada": b"hers"}


def test_links_and_devices_in_a_zip(toy, week, tmp_path, there):
    path = tmp_path / "links.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, kind in {"ada.ipynb": stat.S_IFLNK, "bob.ipynb": stat.S_IFIFO, "cem.ipynb": stat.S_IFCHR}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
        archive.writestr("dan.ipynb", "good")
    rows = {row.file: row.status for row in collect(toy, week, path)}
    assert rows == {"ada.ipynb": "refused", "bob.ipynb": "refused", "cem.ipynb": "refused", "dan.ipynb": "collected"}
    assert there() == {"dan": b"good"}


def test_links_and_pipes_in_a_folder(toy, week, tmp_path, there):
    folder, secret = tmp_path / "inbox", tmp_path / "secret.ipynb"
    folder.mkdir()
    secret.write_text("secret")
    (folder / "ada.ipynb").symlink_to(secret)
    (folder / "more").symlink_to(tmp_path)
    os.mkfifo(folder / "bob.ipynb")
    (folder / os.fsdecode(b"c\xe9m.ipynb")).write_text("bytes that are no text")
    (folder / "dan.ipynb").write_text("good")
    rows = {row.file: row.status for row in collect(toy, week, folder)}
    assert sorted(rows.values()) == ["collected", "refused", "refused", "refused", "unclear"]
    assert there() == {"dan": b"good"}


def test_zip_bombs(gather, there, monkeypatch):
    monkeypatch.setattr(archives, "MAX_TOTAL", 3 * 2**20)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("eve.ipynb", "x")
    rows = gather({
        "huge.ipynb": bytes(65 * 2**20), "thin.ipynb": bytes(2 * 2**20), "nested.zip": inner.getvalue(),
        "abe.ipynb": os.urandom(2 * 2**20), "bea.ipynb": os.urandom(2 * 2**20), "cy.ipynb": b"good",
    })  # fmt: skip
    assert {name for name, (_, status) in rows.items() if status == "refused"} == {
        "huge.ipynb", "thin.ipynb", "nested.zip", "bea.ipynb", "cy.ipynb"
    }  # fmt: skip
    assert "larger than 64 MB" in gather.notes["huge.ipynb"] and "zip bomb" in gather.notes["thin.ipynb"]
    assert "zip inside" in gather.notes["nested.zip"] and "more than" in gather.notes["bea.ipynb"]
    assert set(there()) == {"abe"}


def test_more_files_than_any_class_has(gather, monkeypatch, there):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 3)
    found = gather({f"student{n}.ipynb": b"x" for n in "abcde"})
    assert found["…"] == ("", "refused") and len(there()) == 3


def test_encrypted_damaged_and_oddly_packed_files_leave_the_rest(toy, week, tmp_path, there):
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("ada", "bob", "cem", "dan"):
            archive.writestr(f"{name}.ipynb", f"notebook of {name}")
    raw = bytearray(path.read_bytes())
    central = [match.start() for match in re.finditer(b"PK\x01\x02", bytes(raw))]
    raw[central[0] + 8] |= 1  # encrypted
    raw[raw.index(b"notebook of bob")] ^= 1  # damaged
    raw[central[2] + 10] = 14  # LZMA, whose dictionary may take gigabytes
    path.write_bytes(raw)
    rows = {row.file: (row.status, row.note) for row in collect(toy, week, path)}
    assert [rows[f"{name}.ipynb"][0] for name in ("ada", "bob", "cem", "dan")] == ["refused"] * 3 + ["collected"]
    assert "encrypted" in rows["ada.ipynb"][1] and "damaged" in rows["bob.ipynb"][1]
    assert there() == {"dan": b"notebook of dan"}


@pytest.mark.parametrize("end", [10, 200, -5])
def test_a_zip_that_is_cut_off_is_one_clear_line(toy, week, tmp_path, end):
    whole, path = tmp_path / "whole.zip", tmp_path / "cut.zip"
    zipped({f"student{n}.ipynb": os.urandom(100) for n in "abc"}, whole)
    path.write_bytes(whole.read_bytes()[:end])
    with pytest.raises(CourseError, match="cannot be read as a zip"):
        collect(toy, week, path)


def test_names_in_old_zips_are_read_as_meant(gather, there, tmp_path, toy, week):
    path = tmp_path / "class.zip"
    zipped({"Çem Ünal - week01_toy.ipynb": b"x"}, path)
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = raw.index(mark) + offset
        raw[at : at + 2] = b"\x00\x00"  # without the flag for UTF-8
    path.write_bytes(raw)
    assert [row.student for row in collect(toy, week, path)] == ["Çem_Ünal"]


def test_litter_is_passed_over(gather, there):
    litter = [
        "__MACOSX/._ada.ipynb",
        "._ada.ipynb",
        ".DS_Store",
        "ada/.ipynb_checkpoints/x-checkpoint.ipynb",
        "index.html",
    ]
    found = gather({**dict.fromkeys(litter, b"x"), "bob.ipynb": b"b", "cem/essay.pdf": b"%PDF"})
    assert {name: found.pop(name) for name in litter} == dict.fromkeys(litter, ("", "left out"))
    assert all(gather.notes[name] for name in litter)
    assert found == {"bob.ipynb": ("bob", "collected"), "cem/essay.pdf": ("cem", "refused")}


def test_submitted_itself_needs_nothing(toy, week, hand_in):
    hand_in("ada", b"x")
    with pytest.raises(CourseError, match="nothing to collect"):
        collect(toy, week, toy.work / "submitted")
    with pytest.raises(CourseError, match="neither a folder nor a zip"):
        collect(toy, week, toy.work / "absent.zip")


def test_every_good_name_stays_as_it_is():
    for name in ("ada", "Ada_Bell", "O'Neil", "ada@uni.edu", "李雷", "a.b-c", "Çem", "console"):
        assert fault(name) == "" and tidy(name) == name


def test_the_command(toy, tmp_path):
    import typer

    app = typer.Typer()
    app.command()(command)
    source = tmp_path / "class.zip"
    zipped({"ada.ipynb": b"x", "[red]bob\x1b[2J.ipynb": b"y"}, source)
    run = [ "1", str(source), "--course", str(toy.root), "--work", str(toy.work)]  # fmt: skip
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 1 and "1 unclear, 1 collected." in result.output
    assert "[red]bob.ipynb" in result.output and "\x1b[2J" not in result.output
