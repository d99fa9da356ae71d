"""Another picture made of the one that is shown: a region, a word, a variation."""

from __future__ import annotations

import base64
import io
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import altair
import pandas
import streamlit as st
from PIL import Image

from studio_lab.page.drawing import LARGE, enlarged
from studio_lab.page.running import choose, counted, reported, this_studio
from studio_lab.page.visits import CANDIDATES
from studio_lab.studio import Studio, ours, reworded, words_of

LAYOUT = 0.6  # strength at which a picture still keeps its layout and already changes its colours


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
    with reported("editing"):
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
    across: Any = a.slider("From left to right", 0.0, 1.0, step=0.01, key="across")
    down: Any = b.slider("From top to bottom", 0.0, 1.0, step=0.01, key="down")
    return across[0], down[0], across[1], down[1]


def drawn() -> None:
    """The region that was dragged goes to the sliders, which are what counts."""
    state = st.session_state
    region = state.canvas.selection.get("region") or {}
    for name, side in (("across", "x"), ("down", "y")):
        if len(ends := sorted(region.get(side, []))) == 2:
            state[name] = tuple(round(min(max(float(end), 0.0), 1.0), 2) for end in ends)
