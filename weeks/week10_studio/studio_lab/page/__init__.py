"""The studio's page, in Streamlit: what can be seen and pressed. What it does is in `studio` and in the parts.

Streamlit runs `main` from top to bottom whenever something is pressed. What one visitor does is in `st.session_state`;
models are shared by all, and each work is remembered under the session in the page's address, so a reload finds it.
That address is all that opens a session: it cannot be guessed, and no page shows another browser's.

Streamlit reads messages, labels and captions as Markdown, in which text can be a picture that is fetched from anywhere:
what people typed or sent goes through `plain` first.
"""

from __future__ import annotations

import os

import streamlit as st

from studio_lab.page.asking import ask, paint
from studio_lab.page.showing import history, messages, show
from studio_lab.page.visits import ADDRESS, PROFILES, new_address, sidebar

DEFAULTS = {"text": "", "steps": 20, "guidance": 3.0, "seed": 0, "candidates": 3}


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
    state.setdefault("listened", [])
    if "session" not in state:
        named = st.query_params.get("session", "")
        state.session = named if ADDRESS.fullmatch(named) else new_address()
        st.query_params["session"] = state.session
