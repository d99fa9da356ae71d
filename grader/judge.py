"""The judge: runs a week's checks in the grader's own process against a live kernel, and turns verdicts into points.

Only text of `coursekit.codec` crosses. A request that takes too long is interrupted and fails its check; when the
kernel is gone, the questions that are left are "not judged". Nothing a student's kernel answers raises here.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import io
import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from PIL import Image

from coursekit.checks import Check, Verdict, checks_in, run_check
from coursekit.notebook import Score
from coursekit.student import MIMETYPE, Student, StudentError
from grader.course import Budget, Course, CourseError, Week
from grader.kernel import Kernel
from grader.questions import Question
from grader.records import CheckResult, Evidence, QuestionResult

PICTURE_BYTES = 300_000  # of one evidence picture's PNG


@dataclass(frozen=True)
class Rubric:
    """A week's checks by question: (check, hidden) in the order they run. sha256: of the files they come from."""

    checks: Mapping[str, list[tuple[Check, bool]]]
    sha256: str
    sources: tuple[Path, ...] = ()

    @classmethod
    def load(cls, course: Course, week: Week) -> Rubric:
        """The visible checks of the week's helper package and the hidden ones of grader/rubrics/<slug>.py.

        Raises CourseError where either is missing or cannot be imported.
        """
        visible = _helper_checks(course, week)
        path = course.root / "grader" / "rubrics" / f"{week.slug}.py"
        if not path.is_file():
            raise CourseError(f"{week.slug} has no rubric: its hidden checks are expected in {path}")
        hidden = _module_at(path)
        checks: dict[str, list[tuple[Check, bool]]] = defaultdict(list)
        for module, secret in ((visible, False), (hidden, True)):
            for one in checks_in(module):
                checks[one.question].append((one, secret))
        sources = (path, Path(visible.__file__ or path))
        digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        return cls(dict(checks), digest, sources)

    def must_cover(self, questions: list[Question], week: Week) -> None:
        """Raises CourseError for a question without a check: silence would be full or no marks for everyone."""
        bare = [q.name for q in questions if not q.manual and not self.checks.get(q.name)]
        unknown = sorted(set(self.checks) - {q.name for q in questions})
        if bare:
            raise CourseError(f"{week.slug}: no check is defined for {', '.join(bare)}")
        if unknown:
            raise CourseError(f"{week.slug}: there are checks for {', '.join(unknown)}, which no question is called")


def _helper_checks(course: Course, week: Week) -> ModuleType:
    os.environ.setdefault("TQDM_DISABLE", "1")  # models that the checks load would draw bars into the grader's own
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is first imported; see kernel.environment
    folder = str(course.root / "weeks" / week.slug)
    if importlib.util.find_spec(week.helper) is None:
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
    try:
        return importlib.import_module(f"{week.helper}.checks")
    except ImportError as error:
        raise CourseError(
            f"{week.slug}: its visible checks, {week.helper}.checks, cannot be imported: {error}"
        ) from error


def _module_at(path: Path) -> ModuleType:
    name = f"crossmodal_rubric_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and typing look a module up by its name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CourseError(f"the rubric {path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


class Channel:
    """Carries a judge's requests to the kernel: a `coursekit.student.Transport` with limits on time.

    seconds: one request may take.  total: all of them together.
    """

    def __init__(self, kernel: Kernel, seconds: float, total: float) -> None:
        self.kernel, self.seconds = kernel, seconds
        self.deadline = time.monotonic() + total
        self.timeouts = 0  # of the present question
        self.lost = ""  # why nothing can be asked any more

    def new_question(self) -> None:
        self.timeouts = 0

    def __call__(self, text: str) -> str:
        if self.lost or not self.kernel.alive:
            self.lost = self.lost or "the kernel was gone"
            raise StudentError("KernelDied", self.lost)
        allowed = min(self.seconds, self.deadline - time.monotonic())
        if allowed <= 0:
            self.lost = "the time for judging this notebook was used up"
            raise StudentError("Timeout", self.lost)
        if self.timeouts >= 2:
            raise StudentError("Timeout", "not tried: this answer took too long twice already")
        call = f"__import__('coursekit.student', fromlist=['serve']).serve({text!r})"
        ran = self.kernel.evaluate(call, allowed)
        if ran.status == "dead":
            self.lost = f"while this was checked, {ran.why}"
            raise StudentError("KernelDied", self.lost)
        if ran.status == "timeout":
            self.timeouts += 1
            raise StudentError("Timeout", f"no result after {allowed:.3g} s")
        match ran.expressions:
            case {"r": {"data": {**data}}} if isinstance(data.get(MIMETYPE), str):
                return data[MIMETYPE]
            case {"r": {"ename": str(kind), "evalue": str(value)}}:
                raise StudentError(kind[:80], value[:500])
        raise StudentError("KernelError", ran.error or "the kernel gave no answer that can be read")


def judge(
    kernel: Kernel,
    questions: list[Question],
    rubric: Rubric,
    answered: Mapping[str, bool],
    budget: Budget,
    seed: str = "",
) -> list[QuestionResult]:
    """Judge every question. `answered`: which differ from the release.  `seed`: mixed into that of the inputs."""
    channel = Channel(kernel, budget.check, budget.notebook)
    student = Student(channel)
    drawn = hashlib.sha256(f"{rubric.sha256}/{seed}".encode()).hexdigest()
    results = []
    for question in questions:
        changed = answered.get(question.name, False)
        if question.manual:
            results.append(manual(question, changed))
            continue
        if channel.lost or not kernel.alive:
            results.append(
                not_judged(question, channel.lost or "the kernel had died before it could be asked", changed)
            )
            continue
        channel.new_question()
        verdicts = [(run_check(one, student, drawn), hidden) for one, hidden in rubric.checks[question.name]]
        if channel.lost:  # no points without proof that every check ran to its end
            results.append(not_judged(question, channel.lost, changed, verdicts))
            continue
        points = Score(question.name, [verdict for verdict, _ in verdicts], question.points).points
        results.append(_result(question, points, "judged", changed, "", verdicts))
    return results


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
    question: Question, points: float, status: str, answered: bool, note: str, verdicts: list[tuple[Verdict, bool]]
) -> QuestionResult:
    checks = [_check_result(verdict, hidden) for verdict, hidden in verdicts]
    return QuestionResult(question.name, question.cell, question.points, points, status, answered, note, checks)


def _check_result(verdict: Verdict, hidden: bool) -> CheckResult:
    return CheckResult(
        check=verdict.check,
        claim=verdict.claim,
        weight=verdict.weight,
        passed=verdict.passed,
        message=_printable(verdict.message),
        hidden=hidden,
        seconds=round(verdict.seconds, 4),
        evidence=[Evidence(_printable(caption)[:300], _png(picture)) for caption, picture in verdict.evidence],
    )


def _printable(text: str) -> str:
    """Text that can be written as UTF-8: a student's message may hold lone surrogates."""
    return text[:4000].encode("utf-8", "replace").decode()


def _png(picture: Image.Image) -> str:
    """Base64 of a PNG of at most PICTURE_BYTES; a picture that takes more is shown smaller."""
    while True:
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        if buffer.tell() <= PICTURE_BYTES or min(picture.size) < 32:
            return base64.b64encode(buffer.getvalue()).decode("ascii")
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
