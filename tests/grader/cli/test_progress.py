"""What a terminal shows while a class is graded: how far it is, how long it takes, and no codes of others."""

from support.light import grade_of

from grader.cli import base, progress
from grader.records.grade import Grade


def test_terminal_codes_in_names_do_not_reach_the_terminal(capsys):
    grade = Grade("w", "eve\x1b[2J\x1b]0;owned\x07", "not gradable", "bad\x1b[31m\nfile", 0, 1)
    out = base.console()
    out.print(*progress.class_table([grade]))
    with progress.Watch(out, "Grading", 1) as watch:
        watch.on_start(grade.student)
        watch.on_done(grade.student, grade)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown


def test_the_pace_is_that_of_those_that_ran(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    watch = progress.Watch(base.console(), "Grading", 1000)
    for number in range(900):  # records that stand: at once, and they say nothing of the pace
        watch.on_done(f"old{number}", grade_of("old", 2.0))
    assert watch.seconds_left is None and watch.status() == "[900/1000]  100% passed"
    for number in range(10):  # two at a time, 6 s each
        watch.on_start(f"a{number}"), watch.on_start(f"b{number}")
        now[0] += 6
        watch.on_done(f"a{number}", grade_of("a", 0)), watch.on_done(f"b{number}", grade_of("b", 2.0))
    assert watch.seconds_left == 80 * 3
    watch.on_start("zoë"), watch.on_start("eve\x1b[2J")
    assert watch.status() == "[920/1000]  99% passed  about 0:04:00 left  now: zoë, eve"


def test_a_large_batch_says_a_line_now_and_then(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Watch(base.console(), "Grading", 200) as watch:
        for number in range(100):
            watch.on_done(f"old{number}", grade_of("old"))
        for number in range(100):
            watch.on_start(f"s{number}")
            now[0] += 1
            watch.on_done(f"s{number}", grade_of("s"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and lines[0] == "[100/200]  100% passed  now: s0"
    assert lines[5] == "[150/200]  100% passed  about 0:00:50 left  now: s50"
    assert lines[-1] == "[200/200]  100% passed"
