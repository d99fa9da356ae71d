"""The judge: runs a week's checks in the grader's own process against a live kernel, and turns verdicts into points.

Only text of `coursekit.codec` crosses. A request that takes too long is interrupted and fails its check; when the
kernel is gone, the questions that are left are "not judged". Nothing a student's kernel answers raises here.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from PIL import Image

from coursekit.audio import Sound
from coursekit.checks import Check, Verdict, checks_in, run_check
from coursekit.notebook import Score
from coursekit.student import MIMETYPE, Student, StudentError
from grader import cache
from grader.course import Budget, Course, CourseError, Week
from grader.kernel import Kernel
from grader.questions import Question
from grader.records import CheckResult, Evidence, QuestionResult

PICTURE_BYTES = 300_000  # of one evidence picture's PNG


@dataclass(frozen=True)
class Rubric:
    """A week's checks by question: (check, hidden) in the order they run, and the digest of what judges each."""

    checks: Mapping[str, list[tuple[Check, bool]]]
    digests: Mapping[str, str]

    @classmethod
    def load(cls, course: Course, week: Week) -> Rubric:
        """The visible checks of the week's helper package and the hidden ones of grader/rubrics/<slug>.py.

        Digests are of the very text that is run. Raises CourseError where one is missing or cannot be imported.
        """
        if course.classic:  # its tests are in the notebook
            return cls({}, cache.digests(course, week))
        return _load(course.root, week, cache.check_sources(course.root, week))

    def must_cover(self, questions: list[Question], week: Week) -> None:
        """Raises CourseError for a question without a check: silence would be full or no marks for everyone."""
        bare = [q.name for q in questions if not (q.manual or q.inside) and not self.checks.get(q.name)]
        unknown = sorted(set(self.checks) - {q.name for q in questions})
        if bare:
            raise CourseError(f"{week.slug}: no check is defined for {', '.join(bare)}")
        if unknown:
            raise CourseError(f"{week.slug}: there are checks for {', '.join(unknown)}, which no question is called")


@lru_cache(maxsize=16)
def _load(root: Path, week: Week, sources: tuple[str, str]) -> Rubric:
    os.environ.setdefault("TQDM_DISABLE", "1")  # models that the checks load would draw bars into the grader's own
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is first imported; see kernel.environment
    if importlib.util.find_spec(week.helper) is None:
        sys.path.insert(0, str(root / "weeks" / week.slug))
        importlib.invalidate_caches()
    checks: dict[str, list[tuple[Check, bool]]] = defaultdict(list)
    for find, text, hidden in zip((cache.visible_checks, cache.hidden_checks), sources, (False, True), strict=True):
        for one in checks_in(_module(find(root, week), text, "" if hidden else week.helper)):
            checks[one.question].append((one, hidden))
    return Rubric(dict(checks), cache.question_digests(*sources))


def _module(path: Path, text: str, package: str) -> ModuleType:
    """This text, run as the module at `path`. Raises CourseError."""
    digest = hashlib.sha256(f"{path}{text}".encode()).hexdigest()[:8]
    module = ModuleType(f"crossmodal_rubric_{path.stem}_{digest}")
    module.__file__, module.__package__ = str(path), package
    sys.modules[module.__name__] = module  # dataclasses and typing look a module up by its name
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    except Exception as error:
        del sys.modules[module.__name__]
        raise CourseError(f"the checks in {path} cannot be imported: {type(error).__name__}: {error}") from error
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
    kept: Sequence[QuestionResult] = (),
) -> list[QuestionResult]:
    """Judge every question. `answered`: which differ from the release.  `seed`: mixed into that of the inputs.

    kept: results of an earlier grading of the same work; those that the same checks gave are not asked for again.
    """
    channel = Channel(kernel, budget.check, budget.notebook)
    student = Student(channel)
    earlier = {result.question: result for result in kept}
    results = []
    for question in questions:
        digest, old = cache.digest_of(question.name, rubric.digests), earlier.get(question.name)
        if old and old.status == "judged" and digest and old.rubric == digest and old.max_points == question.points:
            results.append(old)
            continue
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
        drawn = hashlib.sha256(f"{digest}/{seed}".encode()).hexdigest()
        verdicts = [(run_check(one, student, drawn), hidden) for one, hidden in rubric.checks[question.name]]
        if channel.lost:  # no points without proof that every check ran to its end
            results.append(not_judged(question, channel.lost, changed, verdicts))
            continue
        points = Score(question.name, [verdict for verdict, _ in verdicts], question.points).points
        results.append(_result(question, points, "judged", changed, "", verdicts, digest))
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
    question: Question,
    points: float,
    status: str,
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
        message=_printable(verdict.message),
        hidden=hidden,
        seconds=round(verdict.seconds, 4),
        evidence=[_evidence(caption, shown) for caption, shown in verdict.evidence],
    )


def _evidence(caption: str, shown: Image.Image | Sound) -> Evidence:
    caption = _printable(caption)[:300]
    if isinstance(shown, Sound):
        return Evidence(caption, _png(shown.picture()), base64.b64encode(shown.wav()).decode("ascii"))
    return Evidence(caption, _png(shown))


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
