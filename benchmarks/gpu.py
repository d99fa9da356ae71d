"""Check grading on a GPU from end to end, on a machine that need not reach the internet, and print a table.

    make wheelhouse                         # where there is a network: the packages of requirements.lock, as wheels
    make env WHEELS=wheelhouse              # on the machine with the GPU, from those alone
    .venv/bin/python benchmarks/gpu.py      # there

Copy this tree with wheelhouse/ in between. --only and --week do a part of it, for machines that are lent by the minute.
Exits with 0 where all claims hold, 1 where one does not, 2 where the arguments or the course are wrong, and 3 where
there is no GPU, so that a script can tell that nothing was checked. docs/gpu.md says what is checked.
`--tolerances docs/gpu.md` writes the table of what checks allow into that page, and needs no GPU.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import light_course
from measure import machine, table

from grader.authoring import audit
from grader.authoring.release import run_solution
from grader.cli.base import console
from grader.course.discovery import find_course
from grader.course.syllabus import GB, Course, CourseError, Week
from grader.execution import gpus as gpus_
from grader.execution.gpus import Gpu, chosen
from grader.execution.kernel import Kernel
from grader.execution.kernelspecs import usual_kernel
from grader.execution.sandbox import unavailable
from grader.grading import gpu_memory, rubric
from grader.grading.environment import kernel_environment
from grader.grading.options import Options, cores
from grader.grading.pool import grade_many
from grader.records.grade import Grade

NO_GPU = 3
PARTS = ("fork", "notebooks", "answers", "hog", "slots")
RESULTS = Path(__file__).parent / "results" / "gpu.md"
HOG_CAP = 2 * GB
CLASS = 8  # submissions, by which slots are compared
OWN = "its own use passed the cap of 2 GB of GPU memory for one submission"
HONEST = '''import time


def double(n):
    """Twice n, by way of 256 MB on the GPU."""
    there = torch.full((1 << 25,), n, dtype=torch.int64, device=session.device)
    return int((2 * there)[-1])


time.sleep(2)  # beside the others
double(1)
'''
FILLS = """import time

held = []
try:
    while True:
        held.append(torch.empty(1 << 28, dtype=torch.uint8, device="cuda"))
except torch.OutOfMemoryError:
    time.sleep(6)
    raise


def double(n):
    return 2 * n
"""
HOGS = {"keeps the cap": FILLS, "lifts the cap": "torch.cuda.set_per_process_memory_fraction(1.0)\n" + FILLS}
IN_KERNEL = (
    "(lambda t: (t.cuda.device_count(), int((t.ones(8, device='cuda') * 2).sum()), t.cuda._is_in_bad_fork(),"
    " round(t.cuda.get_per_process_memory_fraction(), 3)))(__import__('torch'))"
)


@dataclass
class Found:
    """What is found: tables by title, and claims as (what holds, what was seen, whether it does)."""

    tables: list[tuple[str, list[str]]] = field(default_factory=list)
    claims: list[tuple[str, str, bool]] = field(default_factory=list)

    def claim(self, what: str, seen: str, holds: bool) -> None:
        self.claims.append((what, seen, holds))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", action="append", choices=PARTS, help="this part; repeatable; else all")
    arguments.add_argument("--week", action="append", help="this week, by number or name; repeatable; else all")
    arguments.add_argument(
        "--device", default="cuda", help='"cuda:1" for GPU 1; "cpu" tries the script itself, hogs left out'
    )
    arguments.add_argument(
        "--output", type=Path, help=f"where to write the page; else {RESULTS} for a GPU, and nowhere"
    )
    arguments.add_argument(
        "--tolerances", type=Path, metavar="PAGE", help="write the table of tolerances into this page"
    )
    options = arguments.parse_args()
    course = find_course(Path(__file__).parent)
    if options.tolerances:
        write_tolerances(course, options.tolerances)
        return 0
    gpus = []
    if options.device != "cpu":
        try:
            gpus = gpus_.gpus(options.device)
        except CourseError as error:
            print(f"Nothing was checked. {error}", file=sys.stderr)
            return NO_GPU
    weeks = [course.week(name) for name in options.week] if options.week else list(course.weeks.values())
    found = check(course, weeks, options.device, gpus, options.only or PARTS, console().print)
    names = (
        "; ".join(f"{gpu.name}, {gpu.total / GB:.0f} GB" for gpu in gpus) or "no GPU: the script was tried on the CPU"
    )
    text = page(found, names, " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]))
    print(text)
    if output := options.output or (RESULTS if gpus else None):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    return 0 if all(holds for _, _, holds in found.claims) else 1


def check(
    course: Course,
    weeks: Sequence[Week],
    device: str,
    gpus: Sequence[Gpu],
    parts: Sequence[str],
    say: Callable[[str], None],
) -> Found:
    """Do these parts, one after the other. gpus: those that `device` names; none for "cpu"."""
    found = Found()
    if why := unavailable():
        say(f"Without a sandbox: {why}")
    usual = Options(workers=1, parameters={"DEVICE": device}, kernel=usual_kernel(), sandboxed=not why)
    if gpus and "fork" in parts:
        say("a forked kernel uses CUDA ...")
        fork(course, weeks[0], usual, found)
    if "notebooks" in parts:
        notebooks(course, weeks, usual, found, say)
    if "answers" in parts:
        answers(course, weeks, replace(usual, workers=cores()), found, say)
    if gpus and "hog" in parts:
        say("a hog beside honest submissions ...")
        with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
            hog(Path(folder), usual, len(gpus), found)
    if "slots" in parts:
        slots(course, weeks[0], usual, found, say)
    return found


# --- the parts --------------------------------------------------------------------------------------------------------


def fork(course: Course, week: Week, options: Options, found: Found) -> None:
    """A fork of a process that had used CUDA could not use it: torch refuses."""
    given = gpu_memory.slots_for(options, week)
    assert given is not None
    with given.taken() as share:
        env = kernel_environment(course, week, replace(options, share=share))
        with Kernel(options.kernel, env, gpu=share) as kernel:
            seen = kernel.evaluate(IN_KERNEL, 60).expressions.get("r", {})
    told = seen.get("data", {}).get("text/plain") or seen.get("evalue", "no answer")
    wanted = str((1, 16, False, round(share.fraction, 3)))
    found.claim(
        f"a forked kernel sees one GPU, computes on it, and torch knows its cap: {wanted}", told, told == wanted
    )


def notebooks(
    course: Course, weeks: Sequence[Week], options: Options, found: Found, say: Callable[[str], None]
) -> None:
    """Every instructor notebook, on the device and on the CPU."""
    rows = []
    for week in weeks:
        taken = {}
        for device in dict.fromkeys(("cpu", options.parameters["DEVICE"])):
            say(f"{week.slug} on {device} ...")
            grade = run_solution(course, week, replace(options, parameters={"DEVICE": device})).grade
            full = all(q.points == q.max_points for q in grade.questions if q.status != "manual")
            taken[device] = grade.timings.get("cells", 0.0)
            lost = "; ".join([grade.reason, *grade.log, *failing(grade)])[:300]
            found.claim(f"{week.slug} on {device}: all points", "yes" if full else lost, full and not grade.log)
        seconds = list(taken.values())
        rows.append([week.slug, *(f"{one:.1f}" for one in seconds), f"{seconds[0] / max(seconds[-1], 1e-9):.1f}"])
    cells = [f"its cells on {device}, s" for device in taken]
    found.tables.append(("Notebooks", table(["notebook", *cells, "times as fast"], rows)))


def answers(course: Course, weeks: Sequence[Week], options: Options, found: Found, say: Callable[[str], None]) -> None:
    """The known right and wrong answers of every week, as `grader audit` grades them."""
    rows = []
    for week in weeks:
        plan = audit.plan(course, week)
        say(f"{week.slug}: {len(plan.batches)} notebooks of known answers ...")
        findings = audit.run(course, week, plan, options)
        bad = [f for f in findings if not f.ok]
        right = sum(f.right for f in findings)
        rows.append([week.slug, str(right), str(len(findings) - right), str(len(bad))])
        seen = "; ".join(f"{f.question}/{f.answer}: {f.why}" for f in bad)[:300] or "yes"
        found.claim(f"{week.slug}: right answers keep all points, wrong ones lose some", seen, not bad)
    head = ["known answers", "right", "wrong", "misjudged"]
    found.tables.append(("Known answers", table(head, rows)))


def hog(folder: Path, options: Options, gpus: int, found: Found) -> None:
    """Two that take all the memory they can get, one of which lifts its cap first, among honest ones."""
    course, week = light_course.build(folder)
    base = audit.solved(course, week)
    sources = {f"honest {number}": HONEST for number in range(1, 5)}
    sources = {"honest 0": HONEST, **HOGS, **sources}
    jobs = [(name, audit.substitute(base, {"double": source})) for name, source in sources.items()]
    settings = replace(options, workers=4 * gpus, slots=4, gpu_memory=HOG_CAP)
    began = time.monotonic()
    grades = {name: r.grade for (name, _), r in zip(jobs, grade_many(course, week, jobs, settings), strict=True)}
    rows = []
    for name, grade in grades.items():
        said = " ".join([*grade.log, *failing(grade)])
        rows.append([name, f"{grade.points:g} of {grade.max_points:g}", said[:200] or "nothing"])
        if name in HOGS:
            holds = grade.points < grade.max_points and OWN in said
            found.claim(f"the hog that {name} loses its points, and its record says why", said[:200], holds)
        else:
            whole = grade.points == grade.max_points and not grade.log
            found.claim(f"{name}, beside the hogs, keeps all points", said[:200] or "yes", whole)
    title = f"A hog beside honest submissions: 4 slots, 2 GB each, {time.monotonic() - began:.0f} s"
    found.tables.append((title, table(["submission", "points", "its record says"], rows)))


def slots(course: Course, week: Week, options: Options, found: Found, say: Callable[[str], None]) -> None:
    """The same class with one, two and four submissions on a GPU at a time."""
    notebook = audit.solved(course, week)
    jobs = [(f"student {number}", notebook) for number in range(1, CLASS + 1)]
    rows, verdicts = [], []
    for count in (1, 2, 4):
        if count > cores():
            break
        say(f"{len(jobs)} submissions of {week.slug}, {count} at a time ...")
        on_gpu = bool(chosen(options.parameters))
        settings = replace(options, workers=count, slots=count if on_gpu else 0)
        began = time.monotonic()
        grades = [result.grade for result in grade_many(course, week, jobs, settings)]
        seconds = time.monotonic() - began
        rows.append([str(count), f"{seconds:.1f}", f"{60 * len(jobs) / seconds:.1f}"])
        verdicts.append([[(q.question, q.points, failing(grade)) for q in grade.questions] for grade in grades])
    found.tables.append((f"Slots: {len(jobs)} of {week.slug}", table(["at a time", "s", "a minute"], rows)))
    same = all(one == verdicts[0] for one in verdicts)
    found.claim("the same points and messages, however many share a GPU", "yes" if same else "they differ", same)


def failing(grade: Grade) -> list[str]:
    """What the checks that failed say."""
    return [f"{q.question}: {c.message}" for q in grade.questions for c in q.checks if not c.passed]


def page(found: Found, gpus: str, how: str) -> str:
    """The results in Markdown."""
    lines = ["# Grading on a GPU", "", f"Made by `{how}`. {gpus}. {machine()}", ""]
    claims = [[what, seen.replace("|", "/"), "yes" if holds else "NO"] for what, seen, holds in found.claims]
    lines += table(["claim", "found", "holds"], claims)
    for title, rows in found.tables:
        lines += ["", f"## {title}", "", *rows]
    return "\n".join([*lines, ""])


# --- tolerances -------------------------------------------------------------------------------------------------------

BEGIN, END = "<!-- tolerances: python benchmarks/gpu.py --tolerances docs/gpu.md -->", "<!-- end of tolerances -->"
USUAL = {"atol": "1e-5", "rtol": "1e-5"}  # of coursekit.checks.assert_close


def write_tolerances(course: Course, path: Path) -> None:
    """Put the table between its marks in a page. Raises CourseError where they are missing."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise CourseError(f"{path} has no place for the table: write {BEGIN} and {END} into it")
    path.write_text(f"{before}{BEGIN}\n{tolerances(course)}\n{END}{after}", encoding="utf-8")


def tolerances(course: Course) -> str:
    """What the checks of every question allow, read from their code: a Markdown table."""
    rows = []
    for week in (week for week in course.weeks.values() if not week.draft):
        for question, found in _allowed(rubric.check_sources(course.root, week).values()).items():
            within = ", ".join(sorted(found["close"], key=_size)) or "-"
            rows.append(
                [f"{week.slug}: {question}", within, *("yes" if found[k] else "-" for k in ("same", "that", "inside"))]
            )
    head = ["question", "numbers may be off by", "some exact", "a condition", "on what is in the kernel"]
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)])


def _allowed(sources: Sequence[str]) -> dict[str, dict]:
    """{question: what its checks, and the functions they call, compare by}."""
    functions, checks = {}, []
    for source in sources:
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef):
                functions[node.name] = node
                for mark in node.decorator_list:
                    match mark:
                        case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str(question)), *_]):
                            checks.append((question, node))
    found: dict[str, dict] = {}
    for question, node in checks:
        entry = found.setdefault(question, {"close": set(), "same": False, "that": False, "inside": False})
        seen, ahead = set(), [node]
        while ahead:
            here = ahead.pop()
            for part in ast.walk(here):
                match part:
                    case ast.Call(func=ast.Name(id="assert_close"), keywords=keywords):
                        given = USUAL | {k.arg: _plain(k.value) for k in keywords if k.arg in USUAL}
                        entry["close"].add(f"{given['atol']} + {given['rtol']} of it")
                    case ast.Call(func=ast.Name(id="assert_same")):
                        entry["same"] = True
                    case ast.Call(func=ast.Name(id="assert_that")):
                        entry["that"] = True
                    case ast.Attribute(value=ast.Name(id="student"), attr="library"):
                        entry["inside"] = True
                    case ast.Name(id=name) if name in functions and name not in seen:
                        seen.add(name)
                        ahead.append(functions[name])
    return found


def _plain(value: ast.expr) -> str:
    text = ast.unparse(value)
    try:
        return re.sub(r"e-0", "e-", f"{float(text):g}")
    except ValueError:
        return f"`{text}`"


def _size(text: str) -> tuple[float, str]:
    number = text.partition(" ")[0]
    return (float(number), text) if number[0].isdigit() else (float("inf"), text)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
