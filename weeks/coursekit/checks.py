"""Checks: small functions that decide whether an answer is right, and say which mistake it looks like.

    @check("cosine_similarity", weight=2)
    def rows_are_normalised(student, rng):
        '''Vectors of any length give cosines in [-1, 1]. Forgetting to divide by the norms is the usual slip.'''
        image, text = 7 * rng.normal(size=(5, 16)), rng.normal(size=(3, 16))
        assert_close(student.cosine_similarity(image, text), sklearn_cosine(image, text), atol=1e-5)

The first sentence of the docstring is shown with every verdict, the rest only when the check fails. `student` is a
`coursekit.student.Student`; `rng` a numpy Generator whose seed differs between the notebook and grading. A check passes
by returning and fails by raising. The same function runs in the student's notebook and in the judge.
"""

from __future__ import annotations

import contextvars
import hashlib
import math
import re
import reprlib
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from coursekit import films
from coursekit.audio import RATE, Sound, sound
from coursekit.student import Remote, Student, StudentError

CheckFunction = Callable[[Student, np.random.Generator], None]
Shown = Image.Image | Sound | films.Clip  # what a feedback page can show


@dataclass(frozen=True)
class Check:
    """One test of one question. `weight` is its share of the question's points, among the question's checks.

    artefact: it may pass without the answer, since it looks at what the notebook made with it, or at something that a
        function which does nothing leaves right; see `settled`.
    """

    question: str
    run: CheckFunction
    weight: float = 1.0
    artefact: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def claim(self) -> str:
        """The first sentence of the docstring: what holds when the check passes."""
        return self._sentences()[0]

    @property
    def slip(self) -> str:
        """The rest of the docstring: the usual mistake."""
        return self._sentences()[1]

    def _sentences(self) -> tuple[str, str]:
        text = " ".join((self.run.__doc__ or self.name.replace("_", " ")).split())
        first, _, rest = text.partition(". ")
        return first.rstrip("."), rest


@dataclass(frozen=True)
class Verdict:
    """What one check found. `evidence` holds (caption, picture, sound or film) pairs for the feedback page.

    mistake: the one known mistake that explains what was found, in the words of its `Slip`; "" where none does.
    """

    check: str
    claim: str
    weight: float
    passed: bool
    message: str = ""
    seconds: float = 0.0
    evidence: tuple[tuple[str, Shown], ...] = field(default=(), repr=False)
    artefact: bool = False
    mistake: str = ""


class Slip(AssertionError):
    """What was found is what one known mistake gives, and nothing else that is known. The text names the mistake."""


def check(question: str, weight: float = 1.0, artefact: bool = False) -> Callable[[CheckFunction], Check]:
    """Make a function the check of a question. Checks of one question run in the order of their definition.

    artefact: see `Check`.
    """
    if not weight > 0:
        raise ValueError(f"a check of {question} has weight {weight}; weights are positive")
    return lambda function: Check(question, function, weight, artefact)


def checks_in(module: ModuleType) -> list[Check]:
    """The checks a module defines, in order."""
    return [value for value in vars(module).values() if isinstance(value, Check)]


def run_check(one: Check, student: Student, seed: str) -> Verdict:
    """Run one check with inputs drawn from `seed`. Never raises: whatever goes wrong is the verdict's message."""
    digest = hashlib.sha256(f"{seed}/{one.question}/{one.name}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    kept: list[tuple[str, Shown]] = []
    token = _kept.set(kept)
    began = time.monotonic()
    mistake = ""
    try:
        with warnings.catch_warnings():  # what a wrong answer makes a library warn of is said by the verdict
            warnings.simplefilter("ignore")
            one.run(student, rng)
        passed, message = True, ""
    except Slip as error:  # the docstring's usual slip would be another
        passed, mistake = False, str(error)
        message = _sentence(mistake, "")
    except AssertionError as error:
        passed, message = False, _sentence(str(error) or "this does not hold", one.slip)
    except StudentError as error:
        passed, message = False, _explain(error)
    except Exception as error:  # an answer of a kind nobody foresaw can break the check's own arithmetic
        if called := _CALLED.fullmatch(str(error)):
            found = f"your notebook holds a {called[1]} here where a function was expected"
        else:
            found = f"the answer could not be compared ({type(error).__name__}: {str(error)[:300]})"
        passed, message = False, _sentence(found, "Does it return what the docstring says?")
    finally:
        _kept.reset(token)
    seconds = time.monotonic() - began
    return Verdict(one.name, one.claim, one.weight, passed, message, seconds, tuple(kept), one.artefact, mistake)


UNANSWERED = "not answered yet."
_CALLED = re.compile(r"'(.{1,80})' object is not callable")


ONLY_BESIDE = "this is right, and counts once the answer itself passes (half of its other checks, by their weight)."


def settled(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts of one question's checks as they count: an artefact's only beside a passing answer.

    What a notebook holds can be copied from anywhere, and inputs stay as they were where nothing was done; that an
    answer did it is shown by its other checks.
    """
    verdicts = list(verdicts)
    own = [verdict for verdict in verdicts if not verdict.artefact]
    if not own or share(own) >= 0.5:
        return verdicts
    return [replace(v, passed=False, message=ONLY_BESIDE) if v.artefact and v.passed else v for v in verdicts]


def share(verdicts: Iterable[Verdict]) -> float:
    """The part of a question's points that its verdicts earn, in [0, 1]. No verdicts earn nothing."""
    verdicts = list(verdicts)
    total = sum(v.weight for v in verdicts)
    return sum(v.weight for v in verdicts if v.passed) / total if total else 0.0


def _sentence(found: str, advice: str) -> str:
    found = found.strip()
    if found and found[-1] not in ".?!":
        found += "."
    return f"{found} {advice}".strip()


def _explain(error: StudentError) -> str:
    if error.unanswered:
        return UNANSWERED
    at = f" At: {error.line}" if error.line else ""
    return _sentence(f"your code raised {error.kind}: {error.message}", "") + at


# --- evidence and assertions ------------------------------------------------------------------------------------------

MOST = 8  # pieces of evidence of one check
_kept: contextvars.ContextVar[list[tuple[str, Shown]] | None] = contextvars.ContextVar("kept", default=None)


def evidence(caption: str, picture: Image.Image | np.ndarray) -> None:
    """Keep a picture for the feedback page: an image, or an array (h, w) or (h, w, 3) with values in [0, 1].

    An empty one is not kept.
    """
    if not isinstance(picture, Image.Image):
        picture = _array(picture, "the picture")
        if picture.ndim not in (2, 3) or picture.ndim == 3 and picture.shape[2] not in (1, 3, 4):
            raise AssertionError(f"the picture has shape {_shape(picture.shape)}; (h, w) or (h, w, 3) can be shown")
        picture = picture[tuple(slice(None, None, 1 + size // 2048) for size in picture.shape[:2])]  # it is shown small
        if not picture.size:
            return
        picture = Image.fromarray((np.clip(np.nan_to_num(picture), 0, 1) * 255).round().astype(np.uint8))
    kept = _kept.get()
    if kept is not None and len(kept) < MOST:
        picture = picture.convert("RGB")
        picture.thumbnail((640, 640))
        kept.append((caption, picture))


def sound_evidence(caption: str, wave: Any, rate: int = RATE) -> None:
    """Keep a sound for the feedback page, which plays its first seconds and shows its spectrogram.

    wave: floats (n,) in [-1, 1].   rate: samples a second. What is no sound fails the check, see `assert_sound`.
    """
    wave = assert_sound(wave, "the sound", rate)
    kept = _kept.get()
    if kept is not None and len(kept) < MOST:
        kept.append((caption, sound(wave, rate)))


def film_evidence(caption: str, frames: Any, seconds: float = 1.0) -> None:
    """Keep a film for the feedback page, which plays its first frames.

    frames: (n, h, w, 3), uint8, or floats in [0, 1].   seconds: what they last. What is no film fails the check.
    """
    found = _array(frames, "the film")
    if found.ndim != 4 or found.shape[3] != 3 or found.dtype.kind == "c" or not found.size:
        raise AssertionError(f"the film has shape {_shape(found.shape)}; (frames, h, w, 3) can be shown")
    found = found[: films.FRAMES]
    found = found[(slice(None), *(slice(None, None, 1 + size // films.SIDE) for size in found.shape[1:3]))]
    kept = _kept.get()
    if kept is not None and len(kept) < MOST:
        side = found.shape[2] * max(1, 192 // max(found.shape[1:3]))
        kept.append((caption, films.clip(found, seconds, side)))


def assert_sound(value: Any, what: str = "the result", rate: int = RATE, longest: float = 60.0) -> np.ndarray:
    """`value` is a sound: numbers (n,), finite, at least one and at most `longest` seconds of them.

    Returns them as float32.
    """
    found = _array(value, what)
    if found.ndim != 1 or found.dtype.kind == "c":
        kind = "complex numbers" if found.dtype.kind == "c" else f"shape {_shape(found.shape)}"
        raise AssertionError(f"{what} has {kind}; a sound is one row of real numbers, (samples,)")
    if not found.size:
        raise AssertionError(f"{what} has no samples")
    if found.size > longest * rate:
        raise AssertionError(f"{what} has {found.size:,} samples, {found.size / rate:.0f} s; at most {longest:g} s")
    with np.errstate(over="ignore"):
        found = found.astype(np.float32)
    if not np.isfinite(found).all():
        raise AssertionError(f"found nan or infinity in {what}")
    return found


def assert_close(
    actual: Any,
    expected: Any,
    atol: float = 1e-5,
    rtol: float = 1e-5,
    slips: Mapping[str, Any] | None = None,
    what: str = "the result",
) -> None:
    """`actual` has the shape of `expected` and, entry by entry, |actual - expected| <= atol + rtol |expected|.

    slips: {message: the value that a known mistake gives}; if `actual` is one of those and of no other, the message
    says so. It is told apart from what is right at the same tolerance. Raises AssertionError, or Slip.
    """
    wanted = _array(expected)
    found = _array(actual, what)
    explained = []
    for mistake, wrong in (slips or {}).items():
        other = _array(wrong)
        if found.shape == other.shape and _all_close(found, other, atol, rtol):
            same_as_right = other.shape == wanted.shape and _all_close(other, wanted, atol, rtol, equal_nan=True)
            explained += [] if same_as_right else [mistake]
    if len(explained) == 1:
        raise Slip(explained[0])
    assert_shape(found, wanted.shape, what)
    if np.isnan(found).any() and not np.isnan(wanted).any():
        raise AssertionError(f"found nan in {what}")
    exact = np.complex128 if "c" in (found.dtype.kind, wanted.dtype.kind) else np.float64
    with np.errstate(invalid="ignore"):
        off = np.abs(found.astype(exact) - wanted) - (atol + rtol * np.abs(wanted))
    off = np.where(found == wanted, -1.0, off)  # equal infinities differ by nan
    bad = ~(off <= 0)
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), off.shape)
        place = f" at {[int(i) for i in first]}" if first else ""
        more = f"; {int(bad.sum()):,} of {bad.size:,} entries differ" if bad.size > 1 else ""
        raise AssertionError(f"{what} is {found[first]:.6g}{place} where {wanted[first]:.6g} was expected{more}")


def _all_close(found: np.ndarray, other: np.ndarray, atol: float, rtol: float, equal_nan: bool = False) -> bool:
    """Of two arrays of one shape."""
    return bool(np.allclose(found, other, atol=atol, rtol=rtol, equal_nan=equal_nan))


def assert_shape(actual: Any, shape: Sequence[int], what: str = "the result") -> None:
    """`actual` is an array or tensor of this shape."""
    found = _array(actual, what).shape
    if found != tuple(shape):
        raise AssertionError(f"{what} has shape {_shape(found)} where {_shape(shape)} was expected")


def assert_same(actual: Any, expected: Any, what: str = "the result", slips: Mapping[str, Any] | None = None) -> None:
    """`actual` equals `expected` exactly: text, whole numbers, lists of them. A tuple may stand for a list.

    slips: {message: the value that a known mistake gives}, as in `assert_close`. Raises AssertionError, or Slip.
    """
    size, most = _size(actual), 4 * _size(_plain(expected)) + 1000
    if size > most:  # compared as Python's own numbers it would take forty times the memory
        raise AssertionError(f"{what} has {size:,} entries where {_short(_plain(expected))} was expected")
    assert_no_slip(actual, expected, slips or {})
    found = _plain(actual)
    if type(found) is not type(_plain(expected)) or found != _plain(expected):
        raise AssertionError(f"{what} is {_short(found)} where {_short(_plain(expected))} was expected")


def assert_no_slip(actual: Any, expected: Any, slips: Mapping[str, Any]) -> None:
    """Raises Slip where `actual` is what exactly one of the known mistakes gives, and is not what is expected.

    For answers to several questions at once: a mistake that several explain in one may show alone in all of them.
    """
    found, wanted = _plain(actual), _plain(expected)
    explained = [mistake for mistake, wrong in slips.items() if found == _plain(wrong) != wanted]
    if len(explained) == 1:
        raise Slip(explained[0])


def pair_of(found: object, what: str) -> list[Any] | tuple[Any, Any]:
    """`found`, which must be a list or tuple of two values; `what` says in the message what they are to be."""
    if not isinstance(found, list | tuple) or len(found) != 2:
        raise AssertionError(f"expected two values: {what}")
    return found


WRAPPED = ("_orig_mod.", "module.")  # before names where torch.compile or DataParallel is around a model


def with_weights(model: Any, found: Any, what: str) -> Any:
    """`model`, a torch.nn.Module of the judge's own, with the weights of the notebook's.

    found: {name: tensor}, as `coursekit.probes.weights_of` gives it. So what is tried is a trained network, and nothing
    that poses as one. Raises AssertionError where the names or shapes are not those of `model`.
    """
    wanted = model.state_dict()
    given = found if isinstance(found, dict) else {}
    for wrapped in WRAPPED:
        given = {name.removeprefix(wrapped): value for name, value in given.items() if isinstance(name, str)}
    if given.keys() != wanted.keys():
        raise AssertionError(f"{what} is not the course's network with its {len(wanted)} weights: how was it made?")
    for name, value in wanted.items():
        assert_shape(given[name], value.shape, f"{what}: {name}")
        if getattr(given[name], "dtype", None) != value.dtype:
            raise AssertionError(f"{what}: {name} has another type of numbers than {value.dtype}")
    model.load_state_dict(given)
    return model.eval()


def assert_that(holds: bool, message: str) -> None:
    """Like `assert`, but also under python -O."""
    if not holds:
        raise AssertionError(message)


def _array(value: Any, what: str = "the result") -> np.ndarray:
    if isinstance(value, Remote):
        raise AssertionError(f"{what} is a {value._handle.kind} where numbers were expected")
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if value is None:
        raise AssertionError(f"{what} is None: is there a return?")
    if isinstance(value, str | bytes | dict):
        raise AssertionError(f"{what} is a {type(value).__name__} where numbers were expected")
    try:
        array = np.asarray(value)
    except ValueError:
        raise AssertionError(f"{what} is a list whose rows differ in length") from None
    if array.dtype.kind not in "biufc":
        if isinstance(value, list | tuple) and value and all(hasattr(item, "detach") for item in value):
            return np.stack([_array(item, what) for item in value])
        raise AssertionError(f"{what} is {_short(value)} where numbers were expected")
    return array


def _plain(value: Any) -> Any:
    if isinstance(value, Remote):
        return repr(value)
    if hasattr(value, "detach"):
        value = _array(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _size(value: Any) -> int:
    """How many entries an array or a tensor has, or the arrays in a list together; of anything else 1."""
    if isinstance(value, list | tuple):
        return sum(_size(item) for item in value)
    return math.prod(value.shape) if hasattr(value, "shape") else 1


def _shape(shape: Sequence[int]) -> str:
    return (
        "()" if not len(shape) else "(" + ", ".join(str(int(n)) for n in shape) + ("," if len(shape) == 1 else "") + ")"
    )


def _short(value: Any) -> str:
    text = _repr.repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


_repr = reprlib.Repr()  # looks at the beginning only: an answer may have millions of entries
_repr.maxlist = _repr.maxtuple = _repr.maxdict = _repr.maxset = _repr.maxarray = 60
_repr.maxstring = _repr.maxother = _repr.maxlong = 120
