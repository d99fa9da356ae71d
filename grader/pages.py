"""HTML pages that stand alone: one file, no scripts, nothing fetched, and nothing a submission says is ever markup.

Three fences. Every value is escaped (autoescape) after characters that are not text have been dropped; a content
security policy lets the browser use this page's own style sheet, embedded pictures and sounds, and nothing else; a
picture or a sound is decoded and written anew, so what reaches the page is our file, whatever was in theirs.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import re
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup, escape
from PIL import Image

from coursekit.audio import Sound
from grader.records import Grade, QuestionResult, write_atomically

TEMPLATES = Path(__file__).parent / "templates"
MAKERS = ("pages", "feedback", "report")
MARK = b"\n<!-- made from "
MAX_PNG_BYTES = 12 * 2**20
MAX_PIXELS = 16_000_000
MAX_SIDE = 1400
MAX_WAV_BYTES = 2 * 2**20
MAX_TEXT = 6000
PASS = 0.5  # the part of the points from which on a submission counts as passed, in progress lines and reports

ANSI = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\))")  # colours and titles of terminals
# C0 and C1 controls but tab and newline, the marks that change the direction of writing, and half characters
NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Picture(NamedTuple):
    """A picture for a page, and the sound it is the spectrogram of, or "".

    src, sound: data URIs, as markup, for they are ours and must not be cut like text.
    """

    src: Markup
    width: int
    height: int
    caption: str
    sound: Markup = Markup("")


def picture(png: str, caption: str = "", wav: str = "") -> Picture | None:
    """Base64 of a PNG as a picture for a page, or None where it is not one, or too large. wav: base64 of a sound."""
    png = "".join(png.split()) if isinstance(png, str) else ""
    if not png or len(png) > MAX_PNG_BYTES * 4 / 3:
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(png, validate=True)), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            fresh = image.convert("RGBA" if image.has_transparency_data else "RGB")
        fresh.thumbnail((MAX_SIDE, MAX_SIDE))
        bytes_ = io.BytesIO()
        fresh.save(bytes_, "PNG")
    except Exception:  # a hostile file makes Pillow raise nearly anything; whatever it is, this is no picture
        return None
    src = Markup("data:image/png;base64,") + base64.b64encode(bytes_.getvalue()).decode()
    return Picture(src, *fresh.size, clean(caption).strip(), _sound(wav))


def _sound(wav: str) -> Markup:
    """Base64 of a WAV file, one channel of 16 bits, as a data URI; "" where it is not one, or too large."""
    if not wav or len(wav) > MAX_WAV_BYTES * 4 / 3:
        return Markup("")
    try:
        with wave.open(io.BytesIO(base64.b64decode(wav, validate=True))) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2) or not 4000 <= file.getframerate() <= 96_000:
                return Markup("")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            fresh = Sound(samples, file.getframerate()).wav()
    except Exception:  # as above: whatever it is, this is no sound
        return Markup("")
    return Markup("data:audio/wav;base64,") + base64.b64encode(fresh).decode()


def pictures(found: Iterable[tuple[str, ...]]) -> list[Picture]:
    """(caption, base64 of a PNG, perhaps base64 of a WAV) as pictures, without those that are none."""
    return [p for caption, *files in found if (p := picture(files[0], caption, *files[1:]))]


def clean(value: Any) -> Any:
    """Text as it may be shown: without control characters, terminal colours and changes of direction; not endless."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    value = NOT_TEXT.sub("", ANSI.sub("", value))
    return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + " … (cut here)"


def code(text: str) -> Markup:
    """Text with `what stands between backticks` set as code; all of it escaped."""
    parts = str(clean(text)).split("`")
    if len(parts) % 2 == 0:  # an odd backtick is just that
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def number(value: float, digits: int = 2) -> str:
    """Points as a person writes them: 2, 1.5, 0.67."""
    return f"{round(value, digits):g}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def standing(question: QuestionResult) -> str:
    """Where a question stands, as one word: full, part, none, empty (not answered), manual, unjudged."""
    if question.status == "manual":
        return "manual"
    if question.status == "not judged":
        return "unjudged"
    if question.points >= question.max_points - 1e-9:
        return "full"
    if question.points > 0:
        return "part"
    return "none" if question.answered else "empty"


def automatic_points(grade: Grade) -> float:
    """The most that the grader itself could give: the week's points without those a person gives."""
    by_hand = sum(q.max_points for q in grade.questions if q.status == "manual")
    return grade.max_points - by_hand


def passed(grade: Grade) -> bool:
    return grade.outcome == "graded" and grade.points >= PASS * automatic_points(grade) - 1e-9


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=clean,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(points=number, code=code, percent=percent, standing=standing)
    environment.globals.update(plural=plural)
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8").replace("</", ""))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals.update(style=style, style_hash=f"sha256-{digest}")
    return environment


def keep(path: Path, source: str, make: Callable[[], str]) -> None:
    """Write the page that `make` gives, unless the one at `path` was made from the same source and is whole.

    source: anything that differs when the page would. A page ends with a comment that has the hash of its source and
    of the page itself, so whatever befell the file is seen.
    """
    source = hashlib.sha256(f"{source} {_own_code()}".encode()).hexdigest()
    try:
        page, _, mark = path.read_bytes().rpartition(MARK)
        if page and mark == _mark(source, page):
            return
    except OSError:
        pass
    page = make().encode()
    write_atomically(path, (page + MARK + _mark(source, page)).decode())


def _mark(source: str, page: bytes) -> bytes:
    return f"{source}, page {hashlib.sha256(page).hexdigest()} -->\n".encode()


@functools.cache
def _own_code() -> str:
    """Of what makes pages: the templates, and the modules that fill them."""
    files = [*sorted(TEMPLATES.iterdir()), *(Path(__file__).with_name(f"{name}.py") for name in MAKERS)]
    return hashlib.sha256(b"".join(hashlib.sha256(p.read_bytes()).digest() for p in files if p.is_file())).hexdigest()


def render(template: str, **values: Any) -> str:
    """A template of this package with these values, as one HTML page."""
    return _environment().get_template(template).render(**values)
