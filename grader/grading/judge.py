"""The judge: runs a week's checks in the grader's own process against a live kernel, and turns verdicts into points.

Only text of `coursekit.codec` crosses. A request that takes too long, or ends its fork of the kernel, fails its check;
when the kernel itself is gone, the question is "not judged". Nothing a student's kernel answers raises here.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nbformat import NotebookNode
from PIL import Image

from coursekit.audio import Sound
from coursekit.checks import UNANSWERED, Check, Shown, Verdict, run_check
from coursekit.films import Clip
from coursekit.notebook import Score
from coursekit.student import Student, StudentError, names_asked
from grader.analysis.bindings import Bindings
from grader.course.questions import Question, grade_id
from grader.course.syllabus import Budget
from grader.course.text import LONGEST, printable
from grader.execution.kernel import Kernel
from grader.grading.rubric import Rubric, digest_of
from grader.records.grade import CheckResult, Evidence, QuestionResult, QuestionStatus

AT_THE_END = "Judged as it stands at the end of the notebook, where it is better than at its check."
FORGED = "what answers in the kernel is not the course's own: the notebook put something in the place of its handler"
PICTURE_BYTES = 300_000  # of one evidence picture's PNG


class Channel:
    """Carries a judge's requests to a kernel: a `coursekit.student.Transport` with limits on time.

    seconds: one request may cost (see `execution.usage`).  total: all of them together.
    """

    def __init__(self, seconds: float, total: float) -> None:
        self.seconds, self.left = seconds, total
        self.kernel: Kernel | None = None
        self.timeouts = 0  # of the present question
        self.lost = ""  # why nothing can be asked any more
        self.busy = ""  # why no answer counts: this machine did not get through one in time
        self.replaced: dict[str, None] = {}  # what the notebook had put in the place of ours, in order
        self.turn = 0  # one for each fork of a kernel
        self._caller: Sequence[str] = ()

    def new_question(self, kernel: Kernel, caller: Sequence[str]) -> None:
        """From now on the requests are about the values of this kernel as they are now. caller: see `Kernel.ask`."""
        self._caller = caller
        if kernel is not self.kernel:
            self.kernel, self.lost = kernel, ""
        self.turn += 1
        self.timeouts = 0

    def done(self) -> None:
        """The question is done with: its fork of the kernel may go."""
        if self.kernel is not None and self.kernel.alive:
            self.kernel.ask("", "", self.seconds)

    def __call__(self, text: str) -> str:
        if self.lost or self.kernel is None or not self.kernel.alive:
            self.lost = self.lost or "the kernel was gone"
            raise StudentError("KernelDied", self.lost)
        if self.left <= 0:
            self.lost = "the time for judging this notebook was used up"
            raise StudentError("Timeout", self.lost)
        if self.timeouts >= 2:
            raise StudentError("Timeout", "not tried: this answer took too long twice already")
        allowed = min(self.seconds, self.left)
        ran = self.kernel.ask(str(self.turn), text, allowed, self._caller)
        self.left -= ran.cost
        if ran.busy:
            self.busy = self.busy or f"while it was judged, {ran.why or 'this busy machine did not get through it'}"
        if ran.status == "dead":
            self.lost = f"while this was checked, {ran.why}"
            raise StudentError("KernelDied", self.lost)
        if ran.forged:
            self.lost = FORGED
            raise StudentError("Forged", self.lost)
        replaced = ran.reply.get("replaced")
        for name in replaced[:20] if isinstance(replaced, list) else ():
            if isinstance(name, str):
                self.replaced[printable(name, 80)] = None
        if ran.status == "timeout":
            self.turn += 1  # its fork was ended; the next check gets another
            self.timeouts += 1
            raise StudentError("Timeout", f"no result after {allowed:.3g} s")
        match ran.reply:
            case {"text": str(answer)}:
                return answer
            case {"lost": str(why)}:
                self.turn += 1
                raise StudentError("Crash", why[:500])
        raise StudentError("KernelError", ran.error or "the kernel gave no answer that can be read")


class Judge:
    """Judges the questions of one notebook, each as the notebook stands at its check.

    answered: which differ from the release.  seed: mixed into that of the inputs.  repeat: how often each is judged, on
    other inputs every time.  kept: results of an earlier grading of the same work; those that the same checks gave are
    not asked for again.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        rubric: Rubric,
        answered: Mapping[str, bool],
        budget: Budget,
        bindings: Bindings,
        seed: str = "",
        kept: Sequence[QuestionResult] = (),
        repeat: int = 1,
    ) -> None:
        self.questions = {question.cell: question for question in questions}
        self.rubric, self.answered, self.bindings = rubric, answered, bindings
        self.seeds = [seed, *(f"{seed}/{turn}" for turn in range(1, repeat))]
        self.turns: list[dict[str, QuestionResult]] = [{} for _ in self.seeds]
        self.asked: dict[str, set[str]] = defaultdict(set)  # by question, the names that its checks ask for
        self.channel = Channel(budget.check, budget.notebook)
        self.log: list[str] = []
        for question in questions:
            old, digest = next((r for r in kept if r.question == question.name), None), self._digest(question)
            if old and old.status == "judged" and digest and (old.rubric, old.max_points) == (digest, question.points):
                self.turns[0][question.name] = old
            elif question.manual:
                for turn in self.turns:
                    turn[question.name] = manual(question, answered.get(question.name, False))
        self._stand = set(self.turns[0])

    def _digest(self, question: Question) -> str:
        return digest_of(question.name, self.rubric.digests)

    def at(self, cell: NotebookNode, kernel: Kernel) -> None:
        """Judge the question whose check this cell is, on the values that the kernel holds now.

        What was judged to its end stands, also where the notebook is run again because something else ended its kernel.
        """
        question = self.questions.get(grade_id(cell) or "")
        if question is None or question.name in self._stand:
            return
        for seed, turn in zip(self.seeds, self.turns, strict=True):
            if question.name not in turn or turn[question.name].status != "judged":
                turn[question.name] = self._judge(kernel, question, seed)

    def finish(self, kernel: Kernel) -> None:
        """After the last cell: judge what was not reached, and look again at what a later cell may have made right."""
        for question in self.questions.values():
            if question.name in self._stand:
                continue
            for seed, turn in zip(self.seeds, self.turns, strict=True):
                first = turn.get(question.name)
                if first is None:
                    turn[question.name] = self._judge(kernel, question, seed)
                elif self._may_be_better(question, first) and kernel.alive:
                    second = self._judge(kernel, question, seed)
                    if second.status == "judged" and second.points > first.points:
                        turn[question.name] = replace(second, note=AT_THE_END)
            self._tell(question)
        if self.channel.replaced:
            names = ", ".join(list(self.channel.replaced)[:8])
            self.log.append(f"The notebook put something else in the place of {names}; the judge used its own.")

    def results(self, turn: int = 0) -> list[QuestionResult]:
        """What came of it, in the order of the questions."""
        return [self.turns[turn][question.name] for question in self.questions.values()]

    def _may_be_better(self, question: Question, first: QuestionResult) -> bool:
        return (
            first.status == "judged"
            and first.points < question.points
            and bool(self.bindings.later(question, self.asked[question.name]))
        )

    def _tell(self, question: Question) -> None:
        """Say which cells changed what the question is about."""
        result = self.turns[0][question.name]
        if result.status != "judged":
            return
        if result.points < question.points and not result.note:
            before = self.bindings.rebound_before(question, self.asked[question.name])[:3]
            note = " ".join(f"Cell {index + 1} gives `{name}` another value." for index, name in before)
            self.turns[0][question.name] = replace(result, note=note)
            self.log += [f"{question.name}: {note}"] if note else []
        elif not result.note and (after := self.bindings.rebound_later(question, self.asked[question.name])):
            index, name = after[0]
            self.log.append(
                f"Cell {index + 1} gives `{name}` another value after {question.name} was judged; that costs nothing."
            )

    def _judge(self, kernel: Kernel, question: Question, seed: str) -> QuestionResult:
        changed, digest = self.answered.get(question.name, False), self._digest(question)
        channel = self.channel
        checks = self.rubric.checks[question.name]
        channel.new_question(kernel, _caller(question, [one for one, hidden in checks if not hidden]))
        if channel.lost or not kernel.alive:
            return not_judged(question, channel.lost or "the kernel had died before it could be asked", changed)
        drawn = hashlib.sha256(f"{digest}/{seed}".encode()).hexdigest()
        verdicts, turn = [], -1
        for one, hidden in checks:
            if turn != channel.turn:  # what was held on to is gone with its fork
                student, turn = Student(channel), channel.turn
            verdicts.append((run_check(one, student, drawn), hidden))
            self.asked[question.name] |= names_asked(student)
        channel.done()
        changed = changed or self.bindings.may_answer(question, self.asked[question.name])
        if not changed:
            verdicts = [(replace(verdict, passed=False, message=UNANSWERED), hidden) for verdict, hidden in verdicts]
        if channel.lost:  # no points without proof that every check ran to its end
            return not_judged(question, channel.lost, changed, verdicts)
        score = Score(question.name, [verdict for verdict, _ in verdicts], question.points)
        verdicts = [(settled, hidden) for settled, (_, hidden) in zip(score.verdicts, verdicts, strict=True)]
        points = score.points
        return _result(question, points, "judged", changed, "", verdicts, digest)


def _caller(question: Question, visible: Sequence[Check]) -> tuple[str, str, str, str]:
    """The question's name, and the file, name and module of its first visible check."""
    if not visible:
        return (question.name, "", "check", "")
    run = visible[0].run
    return (question.name, run.__code__.co_filename, run.__name__, run.__globals__.get("__package__") or "")


def manual(question: Question, answered: bool) -> QuestionResult:
    """A question that a person grades."""
    note = "graded by hand" if answered else "not answered"
    return _result(question, 0.0, "manual", answered, note, [])


def not_judged(
    question: Question, why: str, answered: bool = False, verdicts: list[tuple[Verdict, bool]] | None = None
) -> QuestionResult:
    """A question whose checks could not run to the end: no points."""
    return _result(question, 0.0, "not judged", answered, why, verdicts or [])


def _result(
    question: Question,
    points: float,
    status: QuestionStatus,
    answered: bool,
    note: str,
    verdicts: list[tuple[Verdict, bool]],
    digest: str = "",
) -> QuestionResult:
    checks = [_check_result(verdict, hidden) for verdict, hidden in verdicts]
    return QuestionResult(question.name, question.cell, question.points, points, status, answered, note, checks, digest)


def _check_result(verdict: Verdict, hidden: bool) -> CheckResult:
    return CheckResult(
        check=verdict.check,
        claim=verdict.claim,
        weight=verdict.weight,
        passed=verdict.passed,
        message=printable(verdict.message, LONGEST),
        hidden=hidden,
        seconds=round(verdict.seconds, 4),
        evidence=[_evidence(caption, shown) for caption, shown in verdict.evidence],
        mistake=printable(verdict.mistake, LONGEST),
    )


def _evidence(caption: str, shown: Shown) -> Evidence:
    caption = printable(caption, 300)
    if isinstance(shown, Sound):
        return Evidence(caption, _png(shown.picture()), base64.b64encode(shown.wav()).decode("ascii"))
    if isinstance(shown, Clip):
        while len(film := shown.png()) > PICTURE_BYTES and min(shown.frames[0].size) >= 32:
            shown = shown.shrunk()
        return Evidence(caption, base64.b64encode(film).decode("ascii"))
    return Evidence(caption, _png(shown))


def _png(picture: Image.Image) -> str:
    """Base64 of a PNG of at most PICTURE_BYTES; a picture that takes more is shown smaller."""
    while True:
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        if buffer.tell() <= PICTURE_BYTES or min(picture.size) < 32:
            return base64.b64encode(buffer.getvalue()).decode("ascii")
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
