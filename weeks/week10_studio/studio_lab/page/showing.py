"""What came of it, and what was made before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from studio_lab import voice
from studio_lab.page.drawing import LARGE, SMALL, enlarged, plain
from studio_lab.page.editing import edits
from studio_lab.page.running import choose, reported, this_studio
from studio_lab.page.visits import CANDIDATES, delete, remembered

SHOWN = 24  # works that the history shows


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
        with reported("making files"):
            name = f"studio-{work['pixels'][:8]}"
            recipe = json.dumps(studio.recipe(work), indent=1)
            picture_file, recipe_file = st.columns(2)
            picture_file.download_button("Picture", studio.png(work), f"{name}.png", "image/png", on_click="ignore")
            recipe_file.download_button("Recipe", recipe, f"{name}.json", "application/json", on_click="ignore")
    if len(state.works) > 1:
        candidates()
    edits(studio, work)


def speak(text: str) -> None:
    if voice.at_hand() and st.button("Speak the caption"):
        with reported("speaking"):
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
    with reported("describing a picture"):
        work, state.notes = state.works[i], []
        if "caption" not in work:
            work, state.notes = this_studio().finished(work)
            state.works[i] = work
        choose(work)


def history() -> None:
    """This session's works as thumbnails; each can be opened with all its settings."""
    studio = this_studio()
    st.header("History")
    st.session_state.has_works = False
    with reported("reading the history"):
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
