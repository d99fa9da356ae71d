"""The `grader` command. docs/commands.md lists what there is and the exit codes; a test keeps the two the same."""

from __future__ import annotations

import os
import sys

import typer

from grader.cli import author, collect, doctor, export, grade, similar
from grader.cli.base import Commands

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the judge loads models too, in the midst of our own bars

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="Release, grade and report on the weeks of the course.",
)

app.command()(author.release)
app.command()(author.publish)
app.command()(grade.grade)
app.command()(grade.rebuild)
app.command()(author.audit)
app.command()(author.run)
app.command()(author.demo)
app.command("similar")(similar.command)
app.command("doctor")(doctor.command)
app.command("new-week")(author.new_week)
app.command("collect")(collect.command)
app.add_typer(export.app, name="export")

if __name__ == "__main__":
    sys.exit(app())
