"""The studio's page, in Streamlit: what can be seen and pressed. What it does is in `studio` and in the parts.

Streamlit runs `main` from top to bottom whenever something is pressed. What one visitor does is in `st.session_state`;
models are shared by all, and each work is remembered under the session in the page's address, so a reload finds it.
That address is all that opens a session: it cannot be guessed, and no page shows another browser's.

Streamlit reads messages, labels and captions as Markdown, in which text can be a picture that is fetched from anywhere:
what people typed or sent goes through `plain` first.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import logging
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import altair
import pandas
import streamlit as st
import torch
from PIL import Image, ImageDraw

from studio_lab import studio as studios
from studio_lab import voice
from studio_lab.bounds import GUIDANCE, PNG_BYTES, PROMPT, SEEDS, SOUND_BYTES, STEPS
from studio_lab.studio import Forming, Models, Studio, forget, ours, reworded, sessions, words_of

HISTORY = Path.home() / ".crossmodal" / "studio.db"
LARGE, SMALL, SHOWN = 384, 128, 24  # pixels of the picture and of a thumbnail; works that the history shows
CANDIDATES = 6
LAYOUT = 0.6  # strength at which a picture still keeps its layout and already changes its colours
DEFAULTS = {"text": "", "steps": 20, "guidance": 3.0, "seed": 0, "candidates": 3}
FIRST_TRY = "a large red star on a white background"
PROFILES = {"tiny": "tiny: shipped, runs anywhere", "full": "full: Stable Diffusion 1.5, 6 GB, wants a GPU"}
KEPT = 50  # sessions that a browser remembers
ADDRESS = re.compile("[0-9a-f]{32}")  # of a session: 128 bits, so that nobody guesses one
IN_THE_BROWSER = """
const place = "studio-sessions";
let told = false;  // once a visit: an answer makes the page run again, which would end a painting
export default function ({ data, setStateValue }) {
  let kept = [];
  try { kept = [JSON.parse(localStorage.getItem(place))].flat().filter(one => one && !data.gone.includes(one)); }
  catch { /* there is no storage, or something else in it */ }
  if (data.keep && !kept.includes(data.session)) kept.push(data.session);
  try { localStorage.setItem(place, JSON.stringify(kept.slice(-data.most))); } catch { /* a private window */ }
  if (!told && kept.some(one => one !== data.session)) { told = true; setStateValue("known", kept); }
}
"""
log = logging.getLogger(__name__)


@st.cache_resource(show_spinner="Loading the models")
def shared_models(profile: str) -> Models:
    """The models of a profile, for everybody who visits."""
    torch.set_num_threads(int(os.environ.get("CROSSMODAL_THREADS") or torch.get_num_threads()))
    device = "cuda" if profile == "full" and torch.cuda.is_available() else "cpu"
    return Models(profile, device)


@st.cache_resource
def own_parts(path: str, changed: float) -> Mapping[str, Callable]:
    """The parts of a module; read again when it has changed."""
    return studios.load_parts(path)


def this_studio() -> Studio:
    """This visitor's studio."""
    state, path = st.session_state, os.environ.get("STUDIO_PARTS")
    parts = state.get("parts") or (own_parts(path, Path(path).stat().st_mtime) if path else None)
    return Studio(shared_models(state.profile), history_path(), state.session, parts)


def history_path() -> Path:
    path = Path(os.environ.get("STUDIO_HISTORY") or HISTORY)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)  # a new one is for its owner's eyes only
    return path


@contextmanager
def told(doing: str) -> Iterator[None]:
    """What goes wrong in the block is said on the page, in words; what was there before stays."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        said = str(error) if type(error) is MemoryError and str(error) else "There is not enough memory for that."
        st.session_state.problem = f"{said} Nothing was lost."
    except (sqlite3.Error, OSError) as error:
        st.session_state.problem = f"The disk did not take part in {doing}: {error}. What was saved before is safe."
    except (ValueError, RuntimeError) as error:
        st.session_state.problem = str(error)
    except Exception as error:  # a part of somebody's own, perhaps: its history is safe all the same
        log.exception("while %s", doing)
        st.session_state.problem = f"Something broke while {doing} ({type(error).__name__}: {error}). Nothing was lost."


def main() -> None:
    """Draw the page and do what was pressed."""
    st.set_page_config("Studio", layout="wide")
    begin()
    sidebar()
    st.title("Studio")
    left, right = st.columns([2, 3], gap="large")
    with left:
        pressed = ask()
    with right:
        if pressed:
            paint()
        messages()
        show()
    history()


def begin() -> None:
    """The first run of a visit: settings as they are at first, and the session that the address names, or a new one."""
    state = st.session_state
    for name, value in DEFAULTS.items():
        state.setdefault(name, value)
        state[name] = state[name]  # Streamlit forgets a widget's value once it is not drawn
    profile = os.environ.get("STUDIO_PROFILE", "tiny")
    state.setdefault("profile", profile if profile in PROFILES else "tiny")
    state.setdefault("works", [])
    state.setdefault("notes", [])
    state.setdefault("known", [])
    state.setdefault("gone", [])
    if "session" not in state:
        named = st.query_params.get("session", "")
        state.session = named if ADDRESS.fullmatch(named) else new_address()
        st.query_params["session"] = state.session


def new_address() -> str:
    return secrets.token_hex(16)


# --- what is asked for ------------------------------------------------------------------------------------------------


def sidebar() -> None:
    state = st.session_state
    with st.sidebar:
        st.header("Settings")
        st.slider("Steps", *STEPS, key="steps", help="More are slower and, up to a point, better.")
        st.slider("Guidance", *GUIDANCE, key="guidance", step=0.5, help="How strongly the prompt pulls.")
        st.slider("Candidates", 1, CANDIDATES, key="candidates")
        st.number_input("Seed", 0, SEEDS - CANDIDATES, key="seed", help="The same seed, the same picture.")
        st.selectbox("Models", list(PROFILES), key="profile", format_func=PROFILES.get)
        if st.session_state.get("parts") or os.environ.get("STUDIO_PARTS"):
            st.caption("With the parts of your notebook.")
        st.header("Sessions")
        st.caption("This page's address opens this session, for whoever has it. Nothing else does.")
        st.button("New session", on_click=visit, args=(new_address(),), width="stretch")
        with told("looking for earlier sessions"):
            earlier = [row for row in sessions(history_path(), state.known) if row[0] != state.session]
            if earlier:
                names = {
                    name: f"{i}. {made[:16].replace('T', ' ')} · {count} works"
                    for i, (name, made, count) in enumerate(earlier, 1)
                }
                chosen = st.selectbox("Earlier ones", names, format_func=names.get, help="Of this browser.")
                st.button("Open it", on_click=visit, args=(chosen,), width="stretch")
        with st.popover("Delete this session", width="stretch"):
            st.write("All its pictures and prompts, for good.")
            st.button("Delete it", on_click=delete, width="stretch")


def visit(session: str) -> None:
    """Go on in another session."""
    state = st.session_state
    state.known = [*state.known, state.session]
    state.session, state.works, state.notes = session, [], []
    state.pop("work", None)
    st.query_params["session"] = session


def delete(work: int | None = None) -> None:
    """Delete this session's work with this number from the history, or all of them and go on in a new session."""
    state = st.session_state
    with told("deleting"):
        count = forget(history_path(), state.session, work)
        state.works = []
        state.pop("work", None)  # it may be the one that is shown
        if work is None:
            state.gone = [*state.gone, state.session]
            visit(new_address())
        state.notes = [f"Deleted: {count} {'work' if count == 1 else 'works'}."]


def remembered() -> None:
    """Have the browser keep this session's address, if it holds works, and tell those that it has kept before."""
    state = st.session_state

    def known() -> None:
        found = (state.get("browser") or {}).get("known")
        found = found[-KEPT:] if isinstance(found, list) else []
        state.known = [*state.known, *(one for one in found if isinstance(one, str) and ADDRESS.fullmatch(one))]

    keeping = st.components.v2.component("studio_sessions", js=IN_THE_BROWSER)
    about = {"session": state.session, "keep": state.has_works, "gone": state.gone, "most": KEPT}
    keeping(key="browser", data=about, on_known_change=known)


def ask() -> bool:
    """Prompt and sound. Returns whether to paint."""
    state = st.session_state
    with st.expander("Say it", expanded=False):
        st.audio_input("Microphone", key="microphone", on_change=heard, args=("microphone",))
        st.file_uploader(
            "or a recording",
            ["wav", "flac", "ogg", "mp3"],
            key="recording",
            on_change=heard,
            args=("recording",),
            max_upload_size=SOUND_BYTES >> 20,
        )
        st.caption("Your voice is turned into text on this machine and then forgotten. It is never stored.")
    if state.get("heard"):
        st.caption(plain(state.heard))
    st.text_area("Prompt", key="text", placeholder=FIRST_TRY, height=90, help=f"At most {PROMPT} characters.")
    pressed = st.button("Paint", type="primary", width="stretch")
    with st.expander("Open a recipe"):
        file = st.file_uploader(
            "A recipe (JSON), or a picture from here (PNG)",
            ["json", "png"],
            key="recipe",
            max_upload_size=PNG_BYTES >> 20,
        )
        if file and st.button("Paint it again"):
            replay(file.getvalue())
    return pressed


def heard(key: str) -> None:
    """A sound came in: its words go into the prompt, to be changed before they are used."""
    state, file = st.session_state, st.session_state.get(key)
    if file is None:
        return
    with told("listening"):
        text, language = this_studio().hear(file.getvalue())
        if text:
            state.text = text
            state.heard = "Heard this; change it if it is wrong." + (
                f" It was said in another language ({language}), and is translated." if language != "en" else ""
            )
        else:
            state.heard = "Nobody seems to speak in that recording."


def paint() -> None:
    """Paint what is asked for, and show it while it forms."""
    state = st.session_state
    studio = this_studio()
    settings = {name: state[name] for name in ("seed", "candidates", "steps", "guidance")}
    state.notes = []
    with told("painting"), progress(studio, state.steps) as on_step:
        found = studio.create(state.text, settings, on_step)
        state.works, state.notes = found["works"], found["notes"]
        choose(found["works"][0])


def choose(work: Mapping[str, Any]) -> None:
    """Show this work, and have the edits begin with it."""
    st.session_state.work = dict(work)
    st.session_state.pop("region_prompt", None)


@contextmanager
def progress(studio: Studio, steps: int) -> Iterator[Callable[[int, torch.Tensor], None]]:
    """A bar, and below it the pictures as they form, for as long as the block takes."""
    with bar(steps) as step:
        place, forming = st.empty(), Forming(studio.models.painter, steps)

        def on_step(done: int, latents: torch.Tensor) -> None:
            place.image(sheet(forming(done, latents), SMALL))
            step(done)

        try:
            yield on_step
        finally:
            place.empty()


@contextmanager
def bar(steps: int) -> Iterator[Callable[[int], None]]:
    """A bar of so many steps and a button that stops the block, for as long as it takes. Yields what moves the bar.

    Streamlit looks for a pressed button whenever something is drawn, and then ends the run: each step can be the last.
    """
    place = st.empty()
    with place.container():
        drawn = st.progress(0.0, "Painting")
        st.button("Stop", on_click=stopped)
    try:
        yield lambda done: drawn.progress(min(1.0, done / steps), f"Step {min(done, steps)} of {steps}")
    finally:
        place.empty()


def stopped() -> None:
    st.session_state.notes = ["Stopped. What was there before is as it was."]


@contextmanager
def counted(studio: Studio, steps: int) -> Iterator[None]:
    """A bar that counts the painter's steps, whatever paints in the block."""
    count = itertools.count(1)
    with bar(steps) as step, studio.watched(lambda: step(next(count))):
        yield


def replay(data: bytes) -> None:
    state, studio = st.session_state, this_studio()
    with told("painting a recipe again"):
        recipe = ours.read_recipe(data)
        with counted(studio, ours.steps_of(recipe)):
            work, same = studio.replay(recipe)
        work, notes = studio.finished(work)
        state.works = [work]
        choose(work)
        state.notes = [*notes, "The very same picture." if same else "Not the same to the pixel: other versions?"]


# --- what came of it --------------------------------------------------------------------------------------------------


def messages() -> None:
    state = st.session_state
    if problem := state.pop("problem", None):
        st.error(plain(problem))
    for note in state.notes:
        st.info(plain(note))


def show() -> None:
    """The chosen work: picture, caption, verdict, downloads, candidates, edits."""
    state, studio = st.session_state, this_studio()
    if "work" not in state:
        st.caption("Pictures appear here. Type or say what to paint, then press Paint.")
        return
    work = state.work
    picture, about = st.columns([1, 1])
    picture.image(enlarged(work["picture"], LARGE), output_format="PNG")
    with about:
        st.markdown(f"**{plain(work['prompt'])}**")
        if "caption" in work:
            st.write("BLIP sees:", plain(work["caption"]))
            match = work["match"]
            (st.success if match >= 0.5 else st.warning)(
                f"{'It matches' if match >= 0.5 else 'It does not match'} the prompt, says BLIP ({match:.0%})."
            )
            speak(work["caption"])
        st.caption(
            f"Seed {work['seed']} · {work['steps']} steps · guidance {work['guidance']:g} · CLIP {work['score']:.3f}"
        )
        with told("making files"):
            name = f"studio-{work['pixels'][:8]}"
            recipe = json.dumps(studio.recipe(work), indent=1)
            picture_file, recipe_file = st.columns(2)
            picture_file.download_button("Picture", studio.png(work), f"{name}.png", "image/png", on_click="ignore")
            recipe_file.download_button("Recipe", recipe, f"{name}.json", "application/json", on_click="ignore")
    if len(state.works) > 1:
        candidates()
    edits(studio, work)


def plain(text: str) -> str:
    """Text as Markdown that shows it as it is, on one line, whatever marks it holds; nothing in it is fetched."""
    text = " ".join(str(text).encode("utf-8", "replace").decode().split())
    text = re.sub(r"([\\`*_\[\]<>&!|$~:#^@])", r"\\\1", text)
    return re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", text)  # a list, a rule or a heading begins with one of these


def speak(text: str) -> None:
    if voice.at_hand() and st.button("Speak the caption"):
        with told("speaking"):
            st.audio(voice.speak(text), "audio/wav", autoplay=True)


def candidates() -> None:
    """All candidates, best first, to choose from."""
    state = st.session_state
    st.caption("Candidates, ranked by CLIP")
    for i, (column, work) in enumerate(zip(st.columns(CANDIDATES), state.works, strict=False)):
        column.image(enlarged(work["picture"], SMALL), caption=f"{work['score']:.3f}", output_format="PNG")
        here = work["pixels"] == state.work["pixels"]
        column.button("Take", key=f"take-{i}", disabled=here, on_click=take, args=(i,))


def take(i: int) -> None:
    """Choose a candidate; it is described and remembered like the best one."""
    state = st.session_state
    with told("describing a picture"):
        work, state.notes = state.works[i], []
        if "caption" not in work:
            work, state.notes = this_studio().finished(work)
            state.works[i] = work
        choose(work)


def edits(studio: Studio, work: Mapping[str, Any]) -> None:
    region, word, varied = st.tabs(["Repaint a region", "Change a word", "Vary"])
    with region:
        box = draw(work["picture"])
        st.session_state.setdefault("region_prompt", work["prompt"])
        st.text_input("What to paint there; describe the whole picture", key="region_prompt")
        if st.button("Repaint"):
            edit(lambda: studio.repaint(work, box, prompt_of(studio, st.session_state.region_prompt), fresh_seed()))
    with word:
        words = words_of(work["prompt"])
        if words:
            old = st.selectbox("Change", words, key="old_word")
            st.text_input("into", key="new_word", placeholder="blue")
            kept = st.toggle("Keep the picture's layout", value=True, help="SDEdit; else the same seed, told anew.")
            if st.button("Change it"):
                edit(lambda: change_word(studio, work, old, st.session_state.new_word, kept))
        else:
            st.caption("This prompt has no word to change.")
    with varied:
        strength = st.slider("How far", 0.1, 1.0, 0.6, 0.05, key="strength")
        if st.button("Vary it"):
            edit(lambda: studio.vary(work, work["prompt"], fresh_seed(), strength))


def change_word(studio: Studio, work: Mapping[str, Any], old: str, new: str, kept: bool) -> dict[str, Any]:
    if not new.strip():
        raise ValueError("Say which word to put there.")
    prompt = prompt_of(studio, reworded(work["prompt"], old, new))
    if kept:
        return studio.vary(work, prompt, work["seed"], LAYOUT)
    (picture,) = studio.paint(prompt, [work["seed"]], work["steps"], work["guidance"])
    (_, score), *_ = studio.rank([picture], prompt)
    common = {name: work[name] for name in ("seed", "steps", "guidance")}
    return {**common, "kind": "paint", "prompt": prompt, "score": score, "picture": picture}


def prompt_of(studio: Studio, text: str) -> str:
    prompt, unknown = studio.read_prompt(text)
    st.session_state.notes = [f"The painter does not know {', '.join(unknown)}; expect it to guess."] if unknown else []
    return prompt


def fresh_seed() -> int:
    return secrets.randbelow(2**31)


def edit(make: Callable[[], dict[str, Any]]) -> None:
    """Make another picture of the chosen one, and choose it."""
    state = st.session_state
    done, studio = False, this_studio()
    with told("editing"):
        with counted(studio, state.work["steps"]):
            work = make()
        work, notes = studio.finished(work)
        try:
            ours.read_recipe(json.dumps(studio.recipe(work)).encode())
        except ValueError as error:
            notes.append(f"Keep the picture itself: from its recipe it cannot be painted again. {error}")
        choose(work)
        state.works = [work, *[one for one in state.works if one["pixels"] != work["pixels"]]]
        state.works, state.notes = state.works[:CANDIDATES], [*state.notes, *notes]
        done = True
    if done or "problem" in state:
        st.rerun()


def draw(picture: Image.Image) -> tuple[float, float, float, float]:
    """Drag over the picture, or use the sliders, to choose a region: (left, top, right, bottom) in [0, 1]."""
    state = st.session_state
    state.setdefault("across", (0.5, 1.0))
    state.setdefault("down", (0.0, 1.0))
    file = io.BytesIO()
    enlarged(picture, LARGE).save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    corners = pandas.DataFrame({"x": [0.0], "x2": [1.0], "y": [0.0], "y2": [1.0], "url": [url]})
    (left, right), (top, bottom) = state.across, state.down
    chosen = pandas.DataFrame({"x": [left], "x2": [right], "y": [top], "y2": [bottom]})
    x = altair.X("x:Q", scale=altair.Scale(domain=[0, 1], nice=False), axis=None)
    y = altair.Y("y:Q", scale=altair.Scale(domain=[0, 1], reverse=True, nice=False), axis=None)
    brush = altair.selection_interval(name="region", encodings=["x", "y"])
    image = altair.Chart(corners).mark_image(width=LARGE, height=LARGE, aspect=False, align="left", baseline="top")
    image = image.encode(x=x, y=y, url="url:N").add_params(brush)
    frame = altair.Chart(chosen).mark_rect(fillOpacity=0.15, fill="#0072B2", stroke="#0072B2", strokeWidth=2)
    chart = (image + frame.encode(x=x, x2="x2:Q", y=y, y2="y2:Q")).properties(
        width=LARGE,
        height=LARGE,
        padding={"left": 0, "top": 0, "right": 0, "bottom": 0},  # else it is taken from the height
        autosize=altair.AutoSizeParams(type="none"),
    )
    st.caption("Drag over the picture, or move the sliders.")
    st.altair_chart(chart, width="content", theme=None, key="canvas", on_select=drawn)
    a, b = st.columns(2)
    across = a.slider("From left to right", 0.0, 1.0, step=0.01, key="across")
    down = b.slider("From top to bottom", 0.0, 1.0, step=0.01, key="down")
    return across[0], down[0], across[1], down[1]


def drawn() -> None:
    """The region that was dragged goes to the sliders, which are what counts."""
    state = st.session_state
    region = state.canvas.selection.get("region") or {}
    for name, side in (("across", "x"), ("down", "y")):
        if len(ends := sorted(region.get(side, []))) == 2:
            state[name] = tuple(round(min(max(float(end), 0.0), 1.0), 2) for end in ends)


# --- what was made before ---------------------------------------------------------------------------------------------


def history() -> None:
    """This session's works as thumbnails; each can be opened with all its settings."""
    studio = this_studio()
    st.header("History")
    st.session_state.has_works = False
    with told("reading the history"):
        works = studio.works()
        st.session_state.has_works = bool(works)
        deleting = st.toggle("Delete single works", key="deleting") if works else False
        if not works:
            st.caption("What you paint is kept here, on this machine.")
        for start in range(0, min(len(works), SHOWN), 8):
            for column, work in zip(st.columns(8), works[start : start + 8], strict=False):
                column.image(enlarged(work["picture"], SMALL), caption=plain(work["prompt"][:60]), output_format="PNG")
                if deleting:
                    column.button("Delete", key=f"delete-{work['id']}", on_click=delete, args=(work["id"],))
                else:
                    column.button("Reopen", key=f"open-{work['id']}", on_click=reopen, args=(work,))
        if len(works) > SHOWN:
            st.caption(f"and {len(works) - SHOWN} older ones, which the slide deck shows")
        if works:
            day = works[0]["made"][:10]  # and not the session: slides are handed on, and its address opens it
            deck = studio.deck(f"Studio session of {day}")
            st.download_button("The session as slides", deck, f"studio-{day}.html", "text/html", on_click="ignore")
    if problem := st.session_state.pop("problem", None):
        st.error(plain(problem))
    remembered()


def reopen(work: Mapping[str, Any]) -> None:
    """Take a work out of the history: picture, prompt and every setting."""
    state = st.session_state
    choose(work)
    state.works, state.notes = [dict(work)], []
    state.text, state.heard = work["prompt"], ""
    state.steps, state.guidance, state.seed = work["steps"], float(work["guidance"]), work["seed"]


# --- pictures ---------------------------------------------------------------------------------------------------------


def enlarged(picture: Image.Image, side: int) -> Image.Image:
    """The picture so many pixels wide in a thin frame, which white ones need; a tiny one with sharp pixels."""
    sharp = side >= picture.width
    shown = picture.resize((side, side), Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS)
    ImageDraw.Draw(shown).rectangle((0, 0, side - 1, side - 1), outline="#d9d9d9")
    return shown


def sheet(pictures: list[Image.Image], side: int) -> Image.Image:
    """Pictures side by side."""
    page = Image.new("RGB", (len(pictures) * (side + 8) - 8, side), "white")
    for i, picture in enumerate(pictures):
        page.paste(enlarged(picture, side), (i * (side + 8), 0))
    return page
