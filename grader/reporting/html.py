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
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup, escape
from PIL import Image

from coursekit.audio import Sound
from grader.course.files import write_atomically
from grader.course.text import clean, number, percent, plural
from grader.records.grade import standing

TEMPLATES = Path(__file__).parent / "templates"
MARK = b"\n<!-- made from "
MAX_PNG_BYTES = 12 * 2**20
MAX_PIXELS = 16_000_000
MAX_SIDE = 1400
MAX_WAV_BYTES = 2 * 2**20


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
    """Base64 of a PNG, perhaps a film, as a picture for a page; None where it is not one, or too large.

    wav: base64 of a sound.
    """
    png = "".join(png.split()) if isinstance(png, str) else ""
    if not png or len(png) > MAX_PNG_BYTES * 4 / 3:
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(png, validate=True)), formats=["PNG"]) as image:
            frames = getattr(image, "n_frames", 1)
            if image.width * image.height * frames > MAX_PIXELS:
                return None
            fresh, made = _made_anew(image, frames)
    except Exception:  # a hostile file makes Pillow raise nearly anything; whatever it is, this is no picture
        return None
    src = Markup("data:image/png;base64,") + base64.b64encode(made).decode()
    return Picture(src, *fresh.size, clean(caption).strip(), _sound(wav))


def _made_anew(image: Image.Image, frames: int) -> tuple[Image.Image, bytes]:
    """A picture's first frame, and a new PNG with nothing in it but pixels, and how long each frame lasts."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    pages, times = [], []
    for i in range(frames):
        image.seek(i)
        pages.append(image.convert(mode))
        pages[-1].thumbnail((MAX_SIDE, MAX_SIDE))
        times.append(min(max(int(image.info.get("duration", 0)), 20), 10_000))
    file = io.BytesIO()
    film: dict[str, Any] = {"save_all": True, "append_images": pages[1:], "duration": times, "loop": 0}
    pages[0].save(file, "PNG", **(film if frames > 1 else {}))
    return pages[0], file.getvalue()


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


def code(text: str) -> Markup:
    """Text with `what stands between backticks` set as code; all of it escaped."""
    parts = str(clean(text)).split("`")
    if len(parts) % 2 == 0:  # an odd backtick is just that
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


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
    """Of what makes pages: this package, and its templates."""
    files = [*sorted(TEMPLATES.iterdir()), *sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(hashlib.sha256(p.read_bytes()).digest() for p in files if p.is_file())).hexdigest()


def render(template: str, **values: Any) -> str:
    """A template of this package with these values, as one HTML page."""
    return _environment().get_template(template).render(**values)
