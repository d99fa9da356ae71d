"""What the sandbox denied a notebook, read from what its cells and checks said when they failed.

A student whose cell wanted the network is not wrong about the exercise, and an instructor has to see that. Nothing is
looked up outside: whether a file that was asked for exists on this machine is not for the record.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nbformat import NotebookNode

from grader.analysis.cells import Unreadable, tree
from grader.course.questions import grade_id
from grader.course.text import plural
from grader.execution.sandbox import HOME, SYSTEM, Policy, own_python
from grader.records.grade import Denied, Grade, QuestionResult

NETWORK = re.compile(
    r"name resolution|name or service not known|no address associated with|getaddrinfo failed|nodename nor servname"
    r"|NameResolutionError|(could not|couldn't|failed to|unable to|does not) resolve|network is unreachable"
    r"|no route to host|failed to establish a new connection|NewConnectionError|max retries exceeded"
    r"|urlopen error (?!\[Errno 2\]|unknown url type)|all connection attempts failed|cannot connect to host"
    r"|could not translate host name|unknown (\w{1,20} ){0,3}host\b|UnknownHost"
    r"|ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED|outgoing traffic has been disabled"
    r"|offline mode is enabled|OfflineModeIsEnabled|URL fetch failure"
    r"|(could not|couldn't|cannot|can't) (connect to|reach|open URL|fetch URL)\b"
    r"|connect to the endpoint URL",
    re.IGNORECASE,
)
SERVICE = re.compile(r"connection refused|ConnectionRefusedError", re.IGNORECASE)  # of this machine, such as a database
MISSING = re.compile(
    r"no such file or directory|FileNotFoundError|not found|does not exist|doesn't exist|not a directory"
    r"|(unable to|cannot|can't|could not) (synchronously )?(open|find|read)",
    re.IGNORECASE,
)
NO_PATH = re.compile(r"FileNotFoundError|(unable to|cannot|can't|could not) (open|read)", re.IGNORECASE)
BARRED = re.compile(r"permission denied|PermissionError|operation not permitted", re.IGNORECASE)
WRITE = re.compile(r"read-only file ?system", re.IGNORECASE)
LIMIT = re.compile(
    r"no space left on device|disk (quota|is full)|or disk is full|file too large|too many open files"
    r"|can't start new thread|resource temporarily unavailable"
    r"|(?<!OutOf)MemoryError|unable to allocate|cannot allocate memory"  # torch's OutOfMemoryError is of a GPU
    r"|can't allocate memory|bad_alloc|it (used|had) more than [\d.]+ (GB|processes)",
    re.IGNORECASE,
)
SAID = re.compile(r"^[A-Za-z_][\w.]*(:|$).*", re.MULTILINE)  # the last lines of exceptions, between frames
RAISED = re.compile(r"\w(Error|Exception|Timeout)\b")
PATH = re.compile(r"""'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`|(?:^|[\s=(])((?:/|\.\./|~|[A-Za-z]:[\\/])[^\s'"`:,;)]*)""")
COLOUR = re.compile(r"\x1b\[[\d;]*m")

# what it is, in the line of the record, and what an instructor can do
LINES: dict[Denied, tuple[str, str]] = {
    "network": (
        "The sandbox has no network",
        "What is needed can lie beside the notebook or in a folder named in `readable = [...]` of the course; with "
        "--unsandboxed there is the network, for files you trust.",
    ),
    "file": (
        "The sandbox shows no other files of this machine",
        "They can lie beside the notebook; `readable = [...]` in the course shows others at their own place, and "
        "--unsandboxed, for files you trust, shows all.",
    ),
    "write": (
        "The sandbox keeps what it shows read-only",
        "The working folder and /tmp can be written to; --unsandboxed, for files you trust, sets no bounds.",
    ),
    "limit": (
        "The sandbox has limits of memory, disk, files and processes",
        "They stand in the course, under `limits`; --unsandboxed, for files you trust, has none.",
    ),
}
COUNTED: dict[Denied, str] = {
    "network": "the network",
    "file": "other files of this machine",
    "write": "writing elsewhere",
    "limit": "more memory, disk, files or processes",
}
LIVE = (Path("/proc"), Path("/dev"))
LONGEST = 2_000  # characters of a line that are looked at
NAMED = 4  # places that a line names


def find(
    notebook: NotebookNode, results: Sequence[QuestionResult], policy: Policy, lost: bool
) -> tuple[list[Denied], list[str]]:
    """What was denied to an executed notebook and to the checks that judged it, and a line for the record on each.

    lost: whether points were lost; what cells only printed counts where they were.
    """
    shown = {place: True for place in (*map(Path, SYSTEM), *own_python(), *policy.readable, HOME, *LIVE)}
    shown |= {place: False for place in policy.hidden if place not in shown}
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    found: dict[Denied, list[str]] = {}
    for where, source, text, failed in _said(notebook, results):
        if (failed or lost) and (kind := _kind(text, source, sources, shown, failed)):
            what, line = kind
            places = found.setdefault(what, [])
            places.append(where if places else f"{where}: {line[:200]}")
    kinds = [kind for kind in LINES if kind in found]
    return kinds, [_line(kind, found[kind]) for kind in kinds]


def summary(grades: Iterable[Grade]) -> str:
    """How many submissions the sandbox denied something, and what can be done; "" where none."""
    kinds = [grade.denied for grade in grades if grade.denied]
    if not kinds:
        return ""
    counts = Counter(kind for found in kinds for kind in found)
    what = ", ".join(f"{COUNTED[kind]} ({counts[kind]})" for kind in COUNTED if counts[kind])
    remedies = " ".join(LINES[kind][1] for kind in LINES if counts[kind])
    return f"{plural(len(kinds), 'submission')} wanted what the sandbox does not give: {what}. {remedies}"


def _line(kind: Denied, places: list[str]) -> str:
    what, remedy = LINES[kind]
    first, *others = list(dict.fromkeys(places))
    also = f"; also {', '.join(others[:NAMED])}" if others else ""
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return f"{what}: {first}{also}{more}. {remedy}"


def _said(notebook: NotebookNode, results: Sequence[QuestionResult]) -> Iterator[tuple[str, str, str, bool]]:
    """(place, source of the cell, what it said, whether it failed with that)."""
    for index, cell in enumerate(notebook.cells, 1):
        name = grade_id(cell)
        where = f"cell {index}" + (f" ({name})" if name else "")
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                frames = COLOUR.sub("", "\n".join(output.traceback))
                lines = [f"{output.ename}: {output.evalue}", *(found[0] for found in SAID.finditer(frames))]
                yield where, cell.source, "\n".join(lines), True
            elif output.output_type == "stream":
                yield where, cell.source, COLOUR.sub("", output.text), False
    for result in results:
        for check in result.checks if not result.inside else ():
            if not check.passed and RAISED.search(check.message):
                yield f"check {check.check}", "", check.message, True


def _kind(
    text: str, source: str, sources: list[str], shown: Mapping[Path, bool], failed: bool
) -> tuple[Denied, str] | None:
    """Which of them it was, and the line that says so."""
    for line in (line[:LONGEST] for line in text.splitlines()):
        if NETWORK.search(line) or failed and SERVICE.search(line):
            return "network", line
        if WRITE.search(line):
            return "write", line
        if LIMIT.search(line) and (failed or "space" in line):
            return "limit", line
        if (MISSING.search(line) or BARRED.search(line)) and _outside_in(line, source, sources, shown, failed):
            return "file", line
        if failed and BARRED.search(line):
            return "write", line
        if failed and "ModuleNotFoundError" in line and _elsewhere_on_the_path(sources, shown):
            return "file", line
    return None


def _outside_in(line: str, source: str, sources: list[str], shown: Mapping[Path, bool], failed: bool) -> bool:
    """Whether a message speaks of a path that is not in the sandbox. Where it names none, the notebook may."""
    paths = [next(filter(None, groups)).strip("'") for groups in PATH.findall(line)]
    home = re.search(r"~|expanduser|\bhome\(|HOME", source)
    if any(_outside(path, shown) or home and path.startswith(f"{HOME}/") for path in paths):
        return True
    named = any("/" in path or "." in path for path in paths)
    return (
        failed
        and not named
        and NO_PATH.search(line) is not None
        and any(_outside(text, shown) for text in _texts(sources))
    )


def _elsewhere_on_the_path(sources: list[str], shown: Mapping[Path, bool]) -> bool:
    """Whether the notebook has Python look for modules in a folder that is not in the sandbox."""
    return any(_outside(text, shown) for source in sources if "sys.path" in source for text in _texts([source]))


def _outside(path: str, shown: Mapping[Path, bool]) -> bool:
    """Whether a path, as a notebook in its working folder writes it, leads to what a sandbox does not show.

    shown: {folder: whether it is shown, or hidden in one that is}.
    """
    if re.match(r"[A-Za-z]:[\\/]", path) or path.startswith("~"):
        return True
    if not path.startswith(("/", "..")) or path.startswith("//") or len(path) < 2 or "\n" in path:
        return False
    real = Path(os.path.normpath(HOME / path))
    around = [place for place in shown if real.is_relative_to(place)]
    return not around or not shown[max(around, key=lambda place: len(place.parts))]


def _texts(sources: Iterable[str]) -> Iterator[str]:
    """The strings in cells, those of f-strings too."""
    for source in sources:
        try:
            nodes = ast.walk(tree(source))
        except Unreadable:
            continue
        yield from (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))
