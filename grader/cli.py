"""The `grader` command. docs/commands.md lists what there is and the exit codes; a test keeps the two the same."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from grader import pages
from grader.cli_base import Commands, CourseDir, Wait, WorkDir, errors
from grader.cli_export import app as export
from grader.collect import command as collect
from grader.course import GB, Budget, Course, CourseError, Week
from grader.devices import chosen
from grader.progress import Watch, class_table, console, each
from grader.records import ClassGrades, Grade

Workers = Annotated[
    int | None, typer.Option(min=1, help="Submissions at a time.", show_default="the cores, here or of the cluster")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a value of the parameters cell; repeatable."),
]
Kernel = Annotated[
    str | None,
    typer.Option(help="The Jupyter kernel to run in.", show_default="crossmodal-warm where installed, else python3"),
]
CellSeconds = Annotated[
    float | None, typer.Option(min=1, help="Seconds one cell may take.", show_default="course.toml's")
]


Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        help="cpu; cuda, for all NVIDIA GPUs here; cuda:1, for that one alone; auto, for cuda where there is a GPU.",
        show_default="no GPU",
    ),
]
Profile = Annotated[
    Literal["", "tiny", "full"],
    typer.Option(
        metavar="PROFILE", help="tiny, the models the course ships; full, those of the Hub.", show_default="tiny"
    ),
]
GpuSlots = Annotated[
    int | None,
    typer.Option("--slots", min=1, help="Submissions on one GPU at a time.", show_default="as its memory allows"),
]
GpuMemory = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory",
        min=0.1,
        metavar="GB",
        help="GPU memory for one, in GB (2^30 bytes).",
        show_default="course.toml's",
    ),
]
Cluster = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Grade on this Ray cluster; `local` for one of this machine alone."),
]
Unsandboxed = Annotated[
    bool, typer.Option("--unsandboxed", help="Run submissions as yourself. Only for files you trust.")
]

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the judge loads models too, in the midst of our own bars

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="Release, grade and report on the weeks of the course.",
)


def parameters(assignments: list[str] | None) -> dict[str, Any]:
    """["SEED=3", "PROFILE=full"] as {"SEED": 3, "PROFILE": "full"}: numbers, true and false; the rest is text."""
    import yaml

    found = {}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise CourseError(f"--parameter {assignment!r} is not of the form NAME=VALUE")
        try:
            found[name] = yaml.safe_load(value) if value else ""
        except yaml.YAMLError:
            found[name] = value
        if not isinstance(found[name], str | int | float | bool):
            found[name] = value
    return found


def options(
    week: Week,
    workers: int | None,
    assignments: list[str] | None = None,
    kernel: str | None = None,
    cell_seconds: float | None = None,
    unsandboxed: bool = False,
    cluster: str = "",
    device: str = "",
    profile: str = "",
    slots: int | None = None,
    gpu_memory: float | None = None,
) -> Any:
    """The command line's settings as grading's. Without a sandbox, says so."""
    from grader.grading import Options
    from grader.kernel import usual_kernel

    usual = week.budget
    budget = Budget(cell_seconds, max(usual.notebook, cell_seconds), usual.check) if cell_seconds else None
    values = parameters(assignments)
    for name, value in (("PROFILE", profile), ("DEVICE", _device(device, cluster))):
        if value and values.setdefault(name, value) != value:
            raise CourseError(f"--{name.lower()} {value} and --parameter {name}={values[name]} differ; give one")
    given: dict[str, Any] = {"cluster": cluster, "slots": slots or 0, "gpu_memory": int((gpu_memory or 0) * GB)}
    if not chosen(values) and (slots or gpu_memory):
        raise CourseError("--slots and --gpu-memory are for --device cuda")
    if cluster and not workers:
        from grader.cluster import connect

        workers = connect(cluster)
    if workers:
        given["workers"] = workers
    if unsandboxed:
        given["sandboxed"] = False
    settings = Options(parameters=values, kernel=kernel or usual_kernel(), budget=budget, **given)
    if not settings.sandboxed:
        errors().print(
            Text("NO SANDBOX: ", "bold red")
            + Text(
                "submissions run as you. They can read and change all that you can, solutions, gradebook and other "
                "students' work included. Every record will say so."
            )
        )
    return settings


def _device(name: str, cluster: str) -> str:
    """What `--device` names, as the parameter DEVICE. Raises CourseError."""
    from grader.devices import best

    if not re.fullmatch(r"|cpu|auto|cuda(:\d+)?", name):
        raise CourseError(f"--device {name!r} is none of cpu, cuda, cuda:NUMBER, auto")
    if name == "auto" and cluster:
        raise CourseError("--device auto is for this machine: with --cluster it is cpu or cuda")
    return best() if name == "auto" else name


def show_grades(
    out: Console, course: Course, week: Week, grades: list[Grade], notes: dict[str, str] | None = None
) -> None:
    """The table of students x questions, and where everything is."""
    out.print()
    out.print(*class_table(grades, notes), sep="\n")
    out.print()
    places = {
        "gradebook": course.gradebook,
        "report": course.report(week),
        "feedback": course.feedback(week, "x").parent,
        "records": course.record(week, "x").parent,
    }
    for name, path in places.items():
        out.print(Text(f"{name:<10}", "dim") + Text(str(path)), soft_wrap=True)


def write_pages(course: Course, week: Week, grades: list[Grade]) -> None:
    """Feedback for each student, and the class report over everyone of whom there is a record."""
    from grader import feedback, report
    from grader.classes import recorded, records_of
    from grader.gradebook import GradebookError
    from grader.scores import scores

    by_student = {}
    try:
        by_student = {score.student: score for score in scores(course, week, grades)}
    except GradebookError as error:
        errors().print(Text(f"pages are without what people graded: {error}", "yellow"))
    for grade in each(grades, "Writing pages"):
        feedback.write(course, week, grade, by_student.get(grade.student))
    here = {grade.student for grade in grades}
    others, damaged = records_of(course, week, [s for s in recorded(course, week) if s not in here])
    for error in damaged:  # one damaged file must not cost the class its report
        errors().print(Text(f"left out of the report: {error}", "yellow"))
    report.write(course, week, sorted([*grades, *others], key=lambda grade: grade.student))


@app.command()
def release(
    weeks: Annotated[list[str] | None, typer.Argument(help="Weeks by number or name; all where none is given.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 and name what is stale.")] = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Make the students' notebooks and colab_links.md from solutions/.

    Example: [bold]grader release --check[/]
    """
    from grader.release import release as run

    here = Course.find(course, work)
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


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="Where to: a new or empty folder, or an earlier copy.")],
    repository: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Where it will be pushed to; else as weeks/course.toml says.")
    ] = "",
    branch: Annotated[str, typer.Option(help="Its branch there; else as weeks/course.toml says.")] = "",
    course: CourseDir = None,
) -> None:
    """Write the students' copy of the course as a tree to push, with Colab badges that point at its repository.

    It is what is committed, without solutions and grader. Nothing is pushed.

    Example: [bold]grader publish ../course-for-students[/]
    """
    from grader import publish as publishing

    here = Course.find(course)
    names = publishing.publish(here, folder, repository, branch)
    out = console()
    out.print(Text(f"{len(names)} files in {folder}. To push it:"), soft_wrap=True)
    for line in publishing.next_steps(here, folder, repository, branch):
        out.print(Text(f"  {line}"), soft_wrap=True)


@app.command()
def grade(
    week: Annotated[str, typer.Argument(help="A week by number or name: 1, week01, week01_clip.")],
    students: Annotated[
        list[str] | None, typer.Argument(help="Names of students; the class where none is given.")
    ] = None,
    workers: Workers = None,
    parameter: Parameters = None,
    kernel: Kernel = None,
    cell_seconds: CellSeconds = None,
    unsandboxed: Unsandboxed = False,
    cluster: Cluster = "",
    device: Device = "",
    profile: Profile = "",
    slots: GpuSlots = None,
    gpu_memory: GpuMemory = None,
    again: Annotated[bool, typer.Option("--again", help="Grade also what has not changed since its record.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="At the end, say whose score moved and why.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The grades as one JSON document on stdout; all else goes to stderr.")
    ] = False,
    wait: Wait = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Grade a class: records, gradebook, a page for each student and a report.

    The class is everyone with a folder in submitted/ and everyone enrolled in the gradebook. A submission whose record
    shows that nothing it depends on has changed is not run again, so an interrupted run goes on where it stopped.
    What --json prints is described in docs/records.md.

    Example: [bold]grader grade week01 --workers 2[/]
    """
    from grader import beside, changes
    from grader.classes import grade_class, records_of
    from grader.gradebook import GradebookError, enrolled, lateness, without_question

    here = Course.find(course, work)
    which = here.week(week)
    present = sorted({*here.students(which), *enrolled(here)})
    names = list(dict.fromkeys(students)) if students else present
    if unknown := sorted(set(names) - set(present)):
        raise CourseError(f"no submission of {which.slug} in {here.work / 'submitted'} from: {', '.join(unknown)}")
    if not names:
        example = here.submission(which.notebooks[0], "STUDENT")
        raise CourseError(f"nothing handed in for {which.slug}: submissions are expected at {example}")
    out, trouble = errors() if as_json else console(), None
    for line in dict.fromkeys(line for one in which.notebooks for line in beside.refused(here, one)):
        errors().print(Text(pages.clean(line), "yellow"))
    with alone(here, wait):
        before = records_of(here, which, names)[0] if diff else []
        with Watch(out, f"Grading {which.slug}", len(names) * len(which.notebooks)) as watch:
            settings = options(
                which,
                workers,
                parameter,
                kernel,
                cell_seconds,
                unsandboxed,
                cluster,
                device,
                profile,
                slots,
                gpu_memory,
            )
            try:
                grades = grade_class(here, which, names, settings, watch.on_start, watch.on_done, again)
            except GradebookError as error:  # it does not keep the class from its feedback
                grades, trouble = records_of(here, which, names)[0], error
        write_pages(here, which, grades)
    if as_json:
        most = max((grade.max_points for grade in grades), default=which.points)
        print(ClassGrades(which.slug, which.title, most, grades).to_json())
    else:
        show_grades(out, here, which, grades)
    if diff:
        out.print()
        for line in changes.report({grade.student: grade for grade in before}, grades):
            out.print(Text(pages.clean(line)), soft_wrap=True)
    for name in (misnamed := here.misnamed(which)):
        told = f"not graded: the name of the folder {name} in submitted/ is not UTF-8. Rename it, and grade again"
        errors().print(Text(pages.clean(told), "yellow"))
    if trouble:
        raise trouble
    for line in lateness(here, which, names):
        errors().print(Text(pages.clean(line), "yellow"))
    for line in without_question(here, which):
        errors().print(Text(pages.clean(f"kept in gradebook.db, for there is no such question now: {line}"), "yellow"))
    if misnamed:
        raise typer.Exit(1)


@contextlib.contextmanager
def alone(course: Course, wait: bool) -> Iterator[None]:
    """Hold the class's folder, without what an earlier grader that was killed left half written."""
    from grader import classic
    from grader.lock import locked
    from grader.records import sweep

    with locked(course.work, wait, lambda who: errors().print(Text(f"{who} is at work here: waiting."))):
        for folder in ("records", "autograded", "reports"):
            sweep(course.work / folder)
        try:
            yield
        finally:
            if course.classic:
                classic.share(course)


@app.command()
def rebuild(
    week: Annotated[str | None, typer.Argument(help="A week by number or name; all where none is given.")] = None,
    wait: Wait = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Make gradebook, autograded notebooks, feedback and reports again from the records.

    A damaged gradebook is set aside, and manual grades and comments are taken over as far as they can be read. Exits
    with 1 where something has to be graded again.

    Example: [bold]grader rebuild week01[/]
    """
    from grader.rebuild import rebuild as run

    here = Course.find(course, work)
    out = console()
    with alone(here, wait):
        whole = run(
            here,
            [here.week(week)] if week else list(here.weeks.values()),
            say=lambda line: out.print(Text(pages.clean(line)), soft_wrap=True),
            pages=write_pages,
        )
    if not whole:
        raise typer.Exit(1)


@app.command()
def audit(
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
    from grader import audit as auditing

    here = Course.find(course, work)
    which = here.week(week)
    out = console()
    plan = auditing.plan(here, which, only=only, isolated=isolated, sample=sample)
    with Watch(out, f"Auditing {which.slug}", len(plan.batches)) as watch:
        settings = options(which, workers, kernel=kernel, unsandboxed=unsandboxed, device=device, slots=slots)
        settings = replace(settings, repeat=repeat)
        findings = auditing.run(here, which, plan, settings, on_start=watch.on_start, on_done=watch.on_done)
    out.print()
    out.print(auditing.table(findings))
    shortages = plan.shortages
    for line in shortages:
        out.print(Text(line, "red"))
    bad = [f for f in findings if not f.ok]
    for finding in bad:
        out.print(Text(f"BAD  {finding.question}/{finding.answer}: {finding.why}", "red"))
    wrong = sum(not f.right for f in findings)
    out.print(
        f"\n{pages.plural(len(plan.questions), 'question')}, {wrong} wrong and {len(findings) - wrong} right answers, "
        f"{pages.plural(len(plan.batches), 'notebook')}: {len(bad)} bad."
    )
    if bad or shortages:
        raise typer.Exit(1)


@app.command()
def run(
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
    from grader.release import run_solution

    here = Course.find(course, work)
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
            out.print(Text("  " + pages.clean(line), "red"))
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
        lines.append(f"{q.question}: {pages.number(q.points)} of {pages.number(q.max_points)}; {failing}")
    return lines + list(grade.log)


@app.command()
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
    from grader import demo as sample
    from grader.sandbox import unavailable

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


@app.command()
def similar(
    week: Annotated[str, typer.Argument(help="A week by number or name.")],
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Show answers that are suspiciously alike, side by side, for a person to judge. It changes no grade.

    Every two students are compared by syntax tree; what the release holds, and what many wrote, does not count.

    Example: [bold]grader similar week01[/]
    """
    from grader import similar as comparing

    here = Course.find(course, work)
    which = here.week(week)
    out = console()

    found = comparing.find(here, which, lambda names: each(names, "Reading"))
    path = comparing.write(here, which, found)
    for pair in found.pairs:
        names, titles = " and ".join(pair.students), ", ".join(match.title for match in pair.matches)
        out.print(Text(pages.clean(f"{names}: {pages.percent(pair.share)} shared; {titles}")), soft_wrap=True)
    for student, lines in found.flags.items():
        for line in lines:
            out.print(Text(pages.clean(f"{student}: {line}")), soft_wrap=True)
    for line in found.left_out:
        errors().print(Text(pages.clean(f"not compared: {line}"), "yellow"))
    out.print(
        f"{pages.plural(len(found.pairs), 'pair')} to look at, of {pages.plural(len(found.students), 'student')}. "
        "This is for a person to judge, and it is no verdict."
    )
    out.print(Text(f"page       {path}"), soft_wrap=True)


@app.command()
def doctor(
    install: Annotated[bool, typer.Option("--install", help="Install missing system packages, if allowed.")] = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Say what this machine has and lacks for the course, and how to get the rest.

    Example: [bold]grader doctor --install[/]
    """
    from grader import doctor as examination

    here = Course.find(course, work)
    out = console()
    if install:
        for line in examination.install():
            out.print(line, markup=False)
    findings = examination.examine(here)
    out.print(examination.table(findings))
    lacking = [f for f in findings if not f.there]
    for finding in lacking:
        out.print(Text(f"\n{finding.name}: {finding.purpose}\n  ", "") + Text(finding.remedy, "bold"), soft_wrap=True)
    if any(f.essential for f in lacking):
        raise typer.Exit(1)


app.command("collect")(collect)
app.add_typer(export, name="export")

if __name__ == "__main__":
    sys.exit(app())
