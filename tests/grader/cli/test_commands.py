"""Every command, walked: its help, its example, its place in docs/commands.md, and errors that say what to do."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from grader.cli.main import app

ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def walk(command, path=()):
    if hasattr(command, "commands"):
        for name, one in command.commands.items():
            yield from walk(one, (*path, name))
    else:
        yield path, command


COMMANDS = dict(walk(typer.main.get_command(app)))
every = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))


def wanted(path):
    """A value for each argument that a command must have, but for weeks."""
    values = {"source": "inbox.zip", "folder": "out", "repository": "a/b", "slug": "week12_title"}
    found = []
    for one in COMMANDS[path].params:
        if one.required and one.name != "week":
            found += [values[one.name]] if one.param_type_name == "argument" else [one.opts[0], values[one.name]]
    return found


@every
def test_help_says_what_it_does_with_an_example_that_parses(path):
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    (example,) = re.findall(r"\[bold\](grader .*)\[/\]", COMMANDS[path].help)
    assert example in plain(shown.output)
    words = shlex.split(example)[1:]
    assert tuple(words[: len(path)]) == path
    context = COMMANDS[path].make_context(path[-1], words[len(path) :])
    assert context.params
    for option in COMMANDS[path].params:
        assert getattr(option, "help", None) or option.name == "help", f"{option.name} is not explained"


def told():
    """The `grader ...` lines of every page, as (page, line)."""
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("grader/*.md")]):
        text = page.read_text(encoding="utf-8")
        lines = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        lines += re.findall(r"`(grader [^`\n]*)`", text)
        for line in lines:
            if re.match(r"grader [a-z]", line):
                yield page.name, line.partition("#")[0].strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(told())))
def test_what_the_pages_tell_to_type_parses(page, line):
    words = shlex.split(line)[1:]
    path = next((p for p in COMMANDS if tuple(words[: len(p)]) == p), None)
    if path is None:
        assert words == ["export"], "a group of commands, which is talked of"
        return
    rest = words[len(path) :]
    options = {name for one in COMMANDS[path].params for name in one.opts}
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= options
    if any(not word.startswith("-") for word in rest):  # not only spoken of, as `grader release --check` is
        COMMANDS[path].make_context(path[-1], rest)


def test_the_page_lists_every_command_and_no_other():
    rows = re.findall(r"^\| `grader ([a-z -]+)` \| .+ \| .+ \|$", DOC, re.MULTILINE)
    assert sorted(rows) == sorted(map(" ".join, COMMANDS))
    assert re.findall(r"^\| (\d+) \| ", DOC, re.MULTILINE) == ["0", "1", "2", "130"]


@every
def test_outside_a_course_each_says_where_to_go(path, tmp_path):
    week = ["1"] if any(one.name == "week" and one.required for one in COMMANDS[path].params) else []
    result = CliRunner().invoke(app, [*path, *week, *wanted(path), "--course", str(tmp_path)])
    assert result.exit_code == 2 and result.stdout == ""
    assert "no course found in or above" in result.stderr and "go to the folder that holds" in result.stderr
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.output


@pytest.mark.parametrize(
    "path", [p for p, c in COMMANDS.items() if any(o.name in ("week", "weeks") for o in c.params)], ids=" ".join
)
def test_an_unknown_week_is_answered_with_those_there_are(path, toy):
    result = CliRunner().invoke(
        app, [*path, "week09", *wanted(path), "--course", str(toy.root), "--work", str(toy.work)]
    )
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr == "error: 'week09' names no one week; there are: week01_toy, week02_other\n"


def test_the_command_line_is_read_without_what_commands_work_with():
    """Else `--help` would wait for it: these take a second of CPU time."""
    heavy = ("nbformat", "IPython", "pydantic", "numpy", "papermill", "jupyter_client", "nbgrader", "rich.progress")
    code = f"import sys, grader.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@every
def test_an_unknown_option_exits_with_2_and_names_the_help(path):
    result = CliRunner().invoke(app, [*path, "--frobnicate"])
    assert result.exit_code == 2 and "--help" in plain(result.stderr) and "--frobnicate" in plain(result.stderr)


def test_a_file_that_cannot_be_written_is_named(toy, week, right):
    from support.light import grade_as

    grade_as(toy, week, "ada", right)
    (toy.work / "exports").write_text("in the way")
    result = CliRunner().invoke(app, ["export", "csv", "1", "--course", str(toy.root), "--work", str(toy.work)])
    assert result.exit_code == 2 and f"{toy.work / 'exports'}" in result.stderr and result.stderr.count("\n") == 1


def test_ctrl_c_exits_with_130(monkeypatch, toy):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.cli.main.export.find_course", stopped)
    result = CliRunner().invoke(app, ["export", "csv", "1"])
    assert result.exit_code == 130 and "the same command does the rest" in result.stderr


def test_there_is_something_to_walk():
    assert {("grade",), ("similar",), ("export", "canvas")} <= set(COMMANDS)
