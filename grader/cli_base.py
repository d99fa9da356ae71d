"""What the modules of the `grader` command share: options, and how errors are said (docs/commands.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from grader.course import CourseError
from grader.records import RecordError

CourseDir = Annotated[
    Path | None, typer.Option("--course", help="The course's folder; else the one around here.", show_default=False)
]
WorkDir = Annotated[
    Path | None,
    typer.Option("--work", help="Where submitted/, records/ and gradebook.db are; else the course's folder."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another grader that is at work in the same folder.")]


class Commands(TyperGroup):
    """What a person can put right is one line and exit code 2, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CourseError, RecordError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        except KeyboardInterrupt:
            errors().print("Stopped. What was finished is kept; the same command does the rest.")
            raise typer.Exit(130) from None


def errors() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    errors().print(Text("error: ", "bold red") + Text(message))
    raise typer.Exit(2) from None
