"""What instructors make and try: `grader release`, `publish`, `run`, `audit`, `demo` and `new-week`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from grader.cli.base import CourseDir, WorkDir, console
from grader.cli.grade import show_grades, write_pages
from grader.cli.options import (
    CellSeconds,
    Device,
    GpuMemory,
    GpuSlots,
    Kernel,
    Parameters,
    Profile,
    Unsandboxed,
    Workers,
    options,
)
from grader.course.discovery import find_course
from grader.course.text import clean, number, plural

if TYPE_CHECKING:
    from grader.records.grade import Grade


def release(
    weeks: Annotated[list[str] | None, typer.Argument(help="Weeks by number or name; all where none is given.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 and name what is stale.")] = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Make the students' notebooks and colab_links.md from solutions/.

    Example: [bold]grader release --check[/]
    """
    from grader.authoring.release import release as run
    from grader.cli.progress import each

    here = find_course(course, work)
    out = console()
    chosen = [here.week(name) for name in weeks] if weeks else list(here.weeks.values())
    changed = run(here, weeks=each(chosen, "Generating"), check=check)
    if not changed:
        out.print("Everything released is up to date.")
    for path in changed:
        out.print(
            Text("stale: " if check else "wrote: ", "yellow" if check else "dim") + Text(str(path)), soft_wrap=True
        )
    if check and changed:
        out.print("Run: grader release")
        raise typer.Exit(1)


def publish(
    folder: Annotated[Path, typer.Argument(help="Where to: a new or empty folder, or an earlier copy.")],
    repository: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Where it will be pushed to; else as weeks/course.toml says.")
    ] = "",
    branch: Annotated[str, typer.Option(help="Its branch there; else as weeks/course.toml says.")] = "",
    site: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The pages that `make site` made: put beside it, in site/.")
    ] = None,
    course: CourseDir = None,
) -> None:
    """Write the students' copy of the course as a tree to push, with Colab badges that point at its repository.

    It is what is committed, without solutions and grader. Nothing is pushed.

    Example: [bold]grader publish ../course-for-students[/]
    """
    from grader.authoring import publish as publishing

    here = find_course(course)
    names = publishing.publish(here, folder, repository, branch, site)
    out = console()
    out.print(Text(f"{len(names)} files in {folder}. To push it:"), soft_wrap=True)
    for line in publishing.next_steps(here, folder, repository, branch):
        out.print(Text(f"  {line}"), soft_wrap=True)


def run(  # each parameter is an option of the command
    weeks: Annotated[list[str] | None, typer.Argument(help="Weeks by number or name; all where none is given.")] = None,
    parameter: Parameters = None,
    kernel: Kernel = None,
    cell_seconds: CellSeconds = None,
    unsandboxed: Unsandboxed = False,
    device: Device = "",
    profile: Profile = "",
    gpu_memory: GpuMemory = None,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Execute the instructor notebooks and grade them: every question must earn all its points.

    Models of the full profile are fetched once, by `--profile full --unsandboxed`: a sandbox has no network.

    Example: [bold]grader run week01 --profile full --device auto[/]
    """
    from grader.authoring.release import run_solution
    from grader.cli.progress import Watch

    here = find_course(course, work)
    out = console()
    short = False
    chosen = [here.week(name) for name in weeks] if weeks else list(here.weeks.values())
    with Watch(out, "Running", len(chosen)) as watch:
        results = []
        for which in chosen:
            watch.on_start(which.slug)
            settings = options(
                which, 1, parameter, kernel, cell_seconds, unsandboxed, "", device, profile, None, gpu_memory
            )
            result = run_solution(here, which, settings)
            watch.on_done(which.slug, result)
            results.append((which, result.grade))
    for which, grade in results:
        problems = shortfalls(grade)
        short = short or bool(problems)
        seconds = grade.timings.get("total", 0)
        out.print(
            Text(f"{which.slug}: ", "bold")
            + Text("all points" if not problems else "not all points")
            + Text(f", {seconds:.1f} s")
        )
        for line in problems:
            out.print(Text("  " + clean(line), "red"))
    if short:
        raise typer.Exit(1)


def shortfalls(grade: Grade) -> list[str]:
    """Why an instructor notebook does not earn every automatic point: one line each."""
    if grade.outcome != "graded":
        return [grade.reason]
    lines = []
    for q in grade.questions:
        if q.status == "manual" or q.points >= q.max_points:
            continue
        failing = next((f"{c.check}: {c.message}" for c in q.checks if not c.passed), q.note)
        lines.append(f"{q.question}: {number(q.points)} of {number(q.max_points)}; {failing}")
    return lines + list(grade.log)


def audit(  # each parameter is an option of the command
    week: Annotated[str, typer.Argument(help="A week by number or name.")],
    isolated: Annotated[
        bool, typer.Option("--isolated", help="One answer a notebook: slow, and the strictest.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="QUESTION", help="Only this; repeatable.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many of the notebooks, drawn at random: quicker, and proves less.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, help="Judge each notebook so often, on other inputs: finds what chance lets through.")
    ] = 1,
    page: Annotated[
        bool, typer.Option("--page", help="Write docs/mistakes/WEEK.md: what students are told of wrong answers.")
    ] = False,
    workers: Workers = None,
    kernel: Kernel = None,
    unsandboxed: Unsandboxed = False,
    device: Device = "",
    slots: GpuSlots = None,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Prove the rubric: known wrong answers must lose points, known right ones must keep them all.

    Example: [bold]grader audit week01 --only cosine_similarity[/]
    """
    from grader.authoring import audit as auditing
    from grader.cli.progress import Watch

    here = find_course(course, work)
    which = here.week(week)
    out = console()
    plan = auditing.plan(here, which, only=only, isolated=isolated, sample=sample)
    with Watch(out, f"Auditing {which.slug}", len(plan.batches)) as watch:
        settings = options(which, workers, kernel=kernel, unsandboxed=unsandboxed, device=device, slots=slots)
        settings = replace(settings, repeat=repeat)
        findings = auditing.run(here, which, plan, settings, on_start=watch.on_start, on_done=watch.on_done)
    out.print()
    out.print(auditing.table(findings))
    tallies = auditing.tally(findings)
    out.print(auditing.tally_table(tallies))
    if page:
        if only or sample is not None:
            raise typer.BadParameter("a page is about all of a week's answers: leave --only and --sample out")
        written = here.root / "docs" / "mistakes" / f"{which.slug}.md"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(auditing.tally_text(which, tallies), encoding="utf-8")
    shortages = plan.shortages
    for line in shortages:
        out.print(Text(line, "red"))
    bad = [f for f in findings if not f.ok]
    for finding in bad:
        out.print(Text(f"BAD  {finding.question}/{finding.answer}: {finding.why}", "red"))
    wrong = sum(not f.right for f in findings)
    out.print(
        f"\n{plural(len(plan.questions), 'question')}, {wrong} wrong and {len(findings) - wrong} right answers, "
        f"{plural(len(plan.batches), 'notebook')}: {len(bad)} bad."
    )
    if bad or shortages:
        raise typer.Exit(1)


def demo(
    workers: Workers = None,
    kernel: Kernel = None,
    unsandboxed: Unsandboxed = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Grade a sample class of week 1 from end to end, in demo/, and say what to open.

    The sample is the course's own, so where no sandbox can be made it is graded without one.

    Example: [bold]grader demo[/]
    """
    from grader.authoring import demo as sample
    from grader.cli.progress import Watch
    from grader.execution.sandbox import unavailable

    here = sample.course(course, work)
    week = here.week("1")
    out = console()
    notes = sample.build(here, week)
    out.print(f"A sample class of {len(notes)} is in {here.work / 'submitted'}.", soft_wrap=True)
    with Watch(out, "Grading the class", len(notes)) as watch:
        settings = options(week, workers, kernel=kernel, unsandboxed=unsandboxed or bool(unavailable()))
        grades = sample.grade(here, week, settings, on_start=watch.on_start, on_done=watch.on_done)
    write_pages(here, week, grades)
    show_grades(out, here, week, grades, notes)
    out.print()
    out.print("What to open next:")
    for what, command in sample.next_steps(here, week):
        out.print(Text(f"  {what:<28}", "dim") + Text(command), soft_wrap=True)


def new_week(
    slug: Annotated[str, typer.Argument(help="Its name: week, two digits, _ and a short name, as week12_title.")],
    title: Annotated[str, typer.Option(help="What students read.", show_default="made of the name")] = "",
    helper: Annotated[str, typer.Option(help="Its helper package.", show_default="the short name and _lab")] = "",
    minutes: Annotated[int, typer.Option(help="How long a student takes for it.")] = 120,
    course: CourseDir = None,
) -> None:
    """Make a week that already passes: one exercise with its check, its rubric and known answers, to write on from.

    It is a draft, and in no table for students until `draft` is taken out of its row in weeks/course.toml.

    Example: [bold]grader new-week week12_colour --title "Colour"[/]
    """
    from grader.authoring import new_week as making

    here = find_course(course)
    out = console()
    for path in making.new_week(here, slug, title, helper, minutes):
        out.print(Text("wrote: ", "dim") + Text(path), soft_wrap=True)
    out.print("added its row to weeks/course.toml")
    out.print(f"To go on: make env, so that its package is found; grader run {slug[:6]}; grader audit {slug[:6]}")
