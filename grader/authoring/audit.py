"""The rubric's own examination: known wrong answers must lose points, known right ones must keep them all.

A notebook takes long to run, so one carries an answer to every question at once. In each batch about half of the
questions carry a wrong answer and the others a right one, and the halves take turns. So a batch shows both that the
wrong ones are found and that they do no harm to the right ones beside them. Questions without an answer of their own
in a batch carry the solution's.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from nbformat import NotebookNode
from rich.table import Table
from rich.text import Text

from grader.authoring.known_answers import Answer
from grader.course.notebooks import read_solution, released_notebook
from grader.course.questions import answers_in, is_answer, name_of, questions_in
from grader.course.syllabus import Course, CourseError, Week
from grader.course.text import clean, number, plural
from grader.grading.pool import grade_many
from grader.grading.rubric import rubric_modules, run_rubric_module
from grader.records.grade import Grade, QuestionResult

LEAST_WRONG = 4
LEAST_RIGHT = 2
REFERENCE = "the solution's own"


@dataclass(frozen=True)
class Batch:
    """One notebook to grade: an answer for every automatic question."""

    name: str
    answers: dict[str, Answer]


@dataclass(frozen=True)
class Plan:
    """What an audit will grade. shortages: questions with too few answers to be called examined."""

    questions: list[str]
    batches: list[Batch]
    shortages: list[str]
    base: NotebookNode = field(repr=False)


@dataclass(frozen=True)
class Finding:
    """What became of one answer, the worst of its appearances. why: what is bad about it, else empty.

    Of a wrong one: seen, whether a check that students see caught it; named, whether the message of such a check has
    the words of its slip; accused, the other mistake that such a check named instead.
    """

    question: str
    answer: str
    right: bool
    points: float
    max_points: float
    first_failure: str
    why: str
    seen: bool = False
    named: bool = False
    accused: str = ""

    @property
    def ok(self) -> bool:
        return not self.why


def load_answers(course: Course, week: Week) -> list[Answer]:
    """The week's known answers: ANSWERS of each module in grader/rubrics/WEEK/answers. Raises CourseError."""
    folder = course.root / "grader" / "rubrics" / week.slug / "answers"
    answers: list[Answer] = []
    for path in rubric_modules(folder):
        module = run_rubric_module(path, path.read_text(encoding="utf-8"), week)
        answers += getattr(module, "ANSWERS", ())
    if not answers:
        raise CourseError(f"{week.slug} has no known answers to audit with: write {folder / 'QUESTION.py'}")
    return answers


def automatic_questions(notebook: NotebookNode) -> list[str]:
    """The questions that a machine grades, in the notebook's order."""
    return [q.name for q in questions_in(notebook) if not q.manual]


def substitute(notebook: NotebookNode, sources: dict[str, str]) -> NotebookNode:
    """A copy of the notebook with these sources in the answer cells of these questions. Raises CourseError."""
    copy = deepcopy(notebook)
    cells = {name_of(cell): cell for cell in copy.cells if is_answer(cell)}
    if unknown := sorted(set(sources) - set(cells)):
        raise CourseError(f"no answer cell is called {', '.join(unknown)}; there are: {', '.join(cells)}")
    for question, source in sources.items():
        cells[question].source = source
    return copy


def solved(course: Course, week: Week) -> NotebookNode:
    """The released notebook with the instructor's own answers in it: what a perfect student hands in."""
    reference = answers_in(read_solution(course, week))
    released = released_notebook(course, week)
    if missing := sorted(set(answers_in(released)) - set(reference)):
        raise CourseError(f"{week.slug} is stale: {', '.join(missing)} is not in solutions/ (run: grader release)")
    marker = re.compile(r"^\s*### (BEGIN|END) SOLUTION.*\n?", re.MULTILINE)
    return substitute(released, {name: marker.sub("", reference[name]) for name in answers_in(released)})


def plan(
    course: Course, week: Week, only: Sequence[str] | None = None, isolated: bool = False, sample: int | None = None
) -> Plan:
    """Spread the known answers over notebooks, or over all that are needed and keep `sample` of these, drawn at random.

    Raises CourseError for a question that does not exist.
    """
    course.must_have_checks("audit", "its tests are as good as what you try them on")
    base = solved(course, week)
    questions = automatic_questions(base)
    if unknown := sorted(set(only or []) - set(questions)):
        raise CourseError(f"no question is called {', '.join(unknown)}; there are: {', '.join(questions)}")
    answers = load_answers(course, week)
    if strays := sorted({a.question for a in answers} - set(questions)):
        raise CourseError(f"answers to questions that {week.slug} does not have: {', '.join(strays)}")
    chosen = [q for q in questions if not only or q in only]
    own = {q: Answer(q, REFERENCE, True, source) for q, source in answers_in(base).items()}
    wrong = {q: [a for a in answers if a.question == q and not a.right] for q in chosen}
    right = {q: [a for a in answers if a.question == q and a.right] for q in chosen}
    shortages = []
    for q in chosen:
        if len(wrong[q]) < LEAST_WRONG:
            shortages.append(f"{q} has {plural(len(wrong[q]), 'wrong answer')}; at least {LEAST_WRONG} are due")
        if len(right[q]) < LEAST_RIGHT:
            shortages.append(f"{q} has {plural(len(right[q]), 'right answer')}; at least {LEAST_RIGHT} are due")
    filler = {q: own[q] for q in questions}
    batches = (_one_by_one if isolated else _alternate)(chosen, wrong, right, filler)
    if sample is not None and sample < len(batches):
        batches = [batches[i] for i in sorted(random.sample(range(len(batches)), sample))]
    return Plan(chosen, batches, shortages, base)


def _one_by_one(
    chosen: Sequence[str], wrong: dict[str, list[Answer]], right: dict[str, list[Answer]], filler: dict[str, Answer]
) -> list[Batch]:
    batches = [Batch(REFERENCE, dict(filler))]
    for q in chosen:
        batches += [Batch(f"{q}/{a.name}", {**filler, q: a}) for a in (*wrong[q], *right[q])]
    return batches


def _alternate(
    chosen: Sequence[str], wrong: dict[str, list[Answer]], right: dict[str, list[Answer]], filler: dict[str, Answer]
) -> list[Batch]:
    """Even questions take their wrong answers in even batches and their right ones in odd batches; odd ones reversed.

    Right answers start with the solution's own, and come round again once they are used up.
    """
    lefts = {q: list(wrong[q]) for q in chosen}
    rights = {q: [filler[q], *right[q]] for q in chosen}
    unused = {q: len(rights[q]) for q in chosen}
    batches: list[Batch] = []
    while any(lefts.values()) or any(unused.values()):
        turn = len(batches)
        answers = dict(filler)
        for i, q in enumerate(chosen):
            if (i + turn) % 2 == 0 and lefts[q]:
                answers[q] = lefts[q].pop(0)
            else:
                answers[q] = rights[q][0]
                rights[q].append(rights[q].pop(0))
                unused[q] = max(0, unused[q] - 1)
        batches.append(Batch(f"batch {turn + 1}", answers))
    return batches


def run(
    course: Course,
    week: Week,
    plan: Plan,
    options: Any,
    on_start: Callable[[str], None] = lambda name: None,
    on_done: Callable[[str, Any], None] = lambda name, result: None,
) -> list[Finding]:
    """Grade every batch for real and judge the judge. One finding for each answer, in the questions' order."""
    jobs = [(b.name, substitute(plan.base, {q: a.source for q, a in b.answers.items()})) for b in plan.batches]
    grades: dict[str, list[Grade]] = {}

    def keep(name: str, result: Any) -> None:
        grades[name] = [result.grade, *result.again]
        on_done(name, result)

    grade_many(course, week, jobs, options, on_done=keep, on_start=on_start)
    return findings(plan, grades)


def findings(plan: Plan, grades: Mapping[str, Sequence[Grade]]) -> list[Finding]:
    """What the judgings of a plan's batches, by the batch's name, say of each answer."""
    found: dict[tuple[str, str, bool], list[Finding]] = defaultdict(list)
    for batch in plan.batches:
        for turn, grade in enumerate(grades[batch.name]):
            results = {q.question: q for q in grade.questions}
            for question in plan.questions:
                answer = batch.answers[question]
                # what students see is the first judging: an answer may keep things that spoil the next
                seen = answer if turn == 0 else replace(answer, visible_passes=False)
                finding = _finding(seen, results.get(question), grade, batch)
                found[question, answer.name, answer.right].append(finding)
    order = {q: i for i, q in enumerate(plan.questions)}
    worst = [_worst(appearances) for appearances in found.values()]
    return sorted(worst, key=lambda f: (order[f.question], f.right, f.answer != REFERENCE))


def _worst(appearances: Sequence[Finding]) -> Finding:
    """The first bad one of an answer's findings, which says how many there are of how many; else the first of all."""
    bad = [f for f in appearances if not f.ok]
    if not bad or len(appearances) == 1:
        return (bad or appearances)[0]
    return replace(bad[0], why=f"in {len(bad)} of {len(appearances)} judgings {bad[0].why}")


def _finding(answer: Answer, q: QuestionResult | None, grade: Grade, batch: Batch) -> Finding:
    if grade.outcome != "graded" or q is None:
        why = f"{batch.name} could not be graded: {grade.reason or 'the question is missing from the record'}"
        return Finding(answer.question, answer.name, answer.right, 0.0, 0.0, "", why)
    failing = [c for c in q.checks if not c.passed]
    first = f"{failing[0].check}: {failing[0].message}" if failing else q.note
    why = ""
    if q.status != "judged":
        why = f"it was not judged ({q.note or q.status}), which proves nothing"
    elif not q.checks:
        why = "no check looked at it"
    elif answer.right and q.points < q.max_points:
        beside = [name for name, other in batch.answers.items() if not other.right]
        why = f"a right answer lost points: {first}"
        if beside:
            why += f" (in one notebook with wrong answers to {', '.join(beside)}; try --isolated)"
    elif not answer.right and q.points >= q.max_points:
        why = "a wrong answer kept all points"
    visible = [c for c in failing if not c.hidden]
    named = any(answer.slip in c.message for c in visible) if answer.slip else False
    accused = next((c.mistake for c in visible if c.mistake), "") if answer.slip is not None and not named else ""
    if not why and not answer.right:
        if answer.visible_passes and visible:
            why = f"it should pass all visible checks, and fails {visible[0].check}"
        elif accused:
            why = f"it is told of another mistake: {accused}"
    return Finding(
        answer.question, answer.name, answer.right, q.points, q.max_points, first, why, bool(visible), named, accused
    )


@dataclass(frozen=True)
class Tally:
    """Of the known wrong answers to one question: how many there are, how many the visible checks catch, how many of
    these the message names, and the names of those that only grading catches.
    """

    question: str
    wrong: int
    seen: int
    named: int
    unseen: list[str]


def tally(found: Sequence[Finding]) -> list[Tally]:
    """What students are told of the known wrong answers, by question."""
    wrong: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        if not finding.right:
            wrong[finding.question].append(finding)
    return [
        Tally(
            q, len(some), sum(f.seen for f in some), sum(f.named for f in some), [f.answer for f in some if not f.seen]
        )
        for q, some in wrong.items()
    ]


def tally_text(week: Week, tallies: Sequence[Tally]) -> str:
    """The page of docs/mistakes/ for one week, in Markdown."""
    lines = [
        f"# Week {week.number}: the known wrong answers, and what a student is told",
        "",
        f"Made by `grader audit {week.slug} --page`. Every wrong answer here loses points when it is graded. *Seen*: a",
        "visible check, in the student's own notebook, catches it already. *Named*: its message says which mistake it",
        "is, and not only which numbers differ.",
        "",
        "| exercise | known wrong answers | seen | named | only when graded |",
        "|---|---:|---:|---:|---|",
    ]
    for one in tallies:
        lines.append(f"| `{one.question}` | {one.wrong} | {one.seen} | {one.named} | {', '.join(one.unseen)} |")
    total, seen, named = (sum(getattr(t, what) for t in tallies) for what in ("wrong", "seen", "named"))
    lines.append(f"| all | {total} | {seen} ({seen / total:.0%}) | {named} ({named / total:.0%}) | |")
    return "\n".join(lines) + "\n"


def table(found: Sequence[Finding]) -> Table:
    """The findings as a table for a console."""
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    shown.add_column("question", no_wrap=True)
    shown.add_column("answer", ratio=2)
    shown.add_column("is", no_wrap=True)
    shown.add_column("points", justify="right", no_wrap=True)
    shown.add_column("the first check that failed", ratio=5)
    shown.add_column("", no_wrap=True)
    last = ""
    for f in found:
        shown.add_row(
            f.question if f.question != last else "",
            Text(f.answer),
            "right" if f.right else "wrong",
            f"{number(f.points)}/{number(f.max_points)}",
            Text(clean(f.first_failure).replace("\n", " "), "dim", overflow="ellipsis", no_wrap=True),
            Text("OK", "green") if f.ok else Text("BAD", "bold red"),
        )
        last = f.question
    return shown


def tally_table(tallies: Sequence[Tally]) -> Table:
    """The tallies as a table for a console."""
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    shown.add_column("of the wrong answers to", no_wrap=True)
    for name in ("known", "seen by the student", "named"):
        shown.add_column(name, justify="right", no_wrap=True)
    for one in tallies:
        shown.add_row(one.question, str(one.wrong), str(one.seen), str(one.named))
    if total := sum(one.wrong for one in tallies):
        seen, named = sum(one.seen for one in tallies), sum(one.named for one in tallies)
        shown.add_row("all", str(total), f"{seen} ({seen / total:.0%})", f"{named} ({named / total:.0%})", style="bold")
    return shown
