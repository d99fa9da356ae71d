"""What an attack is, as data: how to build it from an honest notebook, and what must come of it.

Each family has a module of its own with a list `CASES`, or where it is large a package with the lists of its modules:
malformed, forgery, escape, exhaustion, files; honest, whose submissions are strange but earned their points; and
tensors, of both kinds, which need torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nbformat import NotebookNode

from grader.records.grade import Grade

Family = Literal["malformed", "forgery", "escape", "exhaustion", "honest", "tensors", "files"]


@dataclass(frozen=True)
class Expect:
    """What must come of a case.

    outcome: the record's.
    points: {question: points}, exactly, for the questions named; None: any that are not above what the honest
        notebook earns. Of a submission that is "not gradable" every question earns 0, named or not.
    seconds: the longest that grading it may take, kernel start included, on two cores shared by two submissions.
    says: text that the reason, a repair, the log, a question's note or a verdict must contain; "" for none.
    """

    outcome: Literal["graded", "not gradable"] = "graded"
    points: dict[str, float] | None = None
    seconds: float = 60
    says: str = ""


@dataclass(frozen=True)
class Case:
    """One hostile or broken submission.

    name: as a sentence reads, unique within its family.
    build: from the released toy notebook with every answer right (a copy, to be changed at will) to what is handed in:
        a notebook, or the bytes of a file.
    plant: instead puts something where the notebook belongs; it is given that place, and an honest student's.
    """

    name: str
    family: Family
    build: Callable[[NotebookNode], NotebookNode | bytes]
    expect: Expect
    plant: Callable[[Path, Path], None] | None = None


def handed_in(case: Case, solved: NotebookNode) -> bytes:
    """The bytes of the case's file. A notebook is written as it is, be it invalid: nbformat would mend or refuse it."""
    made = case.build(solved)
    return made if isinstance(made, bytes) else json.dumps(made).encode()


def faults(case: Case, grade: Grade, seconds: float, honest: dict[str, float], crowd: float = 1) -> list[str]:
    """How a record differs from what the case expects, in words; [] where it is as it must be.

    seconds: that grading took.  honest: {question: points} of the notebook the case was built from.   crowd: so many
    times the case's seconds it may take, where others use the cores too.
    """
    expect, found, longest = case.expect, [], crowd * case.expect.seconds
    earned = {question.question: question.points for question in grade.questions}
    if grade.outcome != expect.outcome:
        found.append(f"{grade.outcome} and not {expect.outcome}: {grade.reason}")
    if earned.keys() != honest.keys():
        found.append(f"questions {sorted(earned)} and not {sorted(honest)}")
    for name, points in earned.items():
        wanted = 0.0 if expect.outcome == "not gradable" else (expect.points or {}).get(name)
        if wanted is not None and abs(points - wanted) > 1e-9:
            found.append(f"{name}: {points:g} points and not {wanted:g}")
        if points > honest.get(name, 0) + 1e-9:
            found.append(f"{name}: {points:g} points, above the honest {honest.get(name, 0):g}")
    if seconds > longest:
        found.append(f"took {seconds:.1f} s, more than {longest:g} s")
    said = [grade.reason, *grade.repairs, *grade.log, *(question.note for question in grade.questions)]
    said += [check.message for question in grade.questions for check in question.checks]
    if not any(expect.says in text for text in said):
        found.append(f"nothing says {expect.says!r}")
    return found
