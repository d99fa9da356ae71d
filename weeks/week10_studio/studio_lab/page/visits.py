"""Settings and sessions: which one is open, and which the browser remembers."""

from __future__ import annotations

import os
import re
import secrets

import streamlit as st

from studio_lab.bounds import GUIDANCE, SEEDS, STEPS
from studio_lab.page.running import history_path, reported
from studio_lab.studio import forget, sessions

CANDIDATES = 6
PROFILES = {"tiny": "tiny: shipped, runs anywhere", "full": "full: Stable Diffusion 1.5, 6 GB, wants a GPU"}
KEPT = 50  # sessions that a browser remembers
ADDRESS = re.compile("[0-9a-f]{32}")  # of a session: 128 bits, so that nobody guesses one
IN_THE_BROWSER = """
const place = "studio-sessions";
let answered = false;  // once a visit: an answer makes the page run again, which would end a painting
export default function ({ data, setStateValue }) {
  let kept = [];
  try { kept = [JSON.parse(localStorage.getItem(place))].flat().filter(one => one && !data.gone.includes(one)); }
  catch { /* there is no storage, or something else in it */ }
  if (data.keep && !kept.includes(data.session)) kept.push(data.session);
  try { localStorage.setItem(place, JSON.stringify(kept.slice(-data.most))); } catch { /* a private window */ }
  if (!answered && kept.some(one => one !== data.session)) { answered = true; setStateValue("known", kept); }
}
"""


def new_address() -> str:
    return secrets.token_hex(16)


def sidebar() -> None:
    state = st.session_state
    with st.sidebar:
        st.header("Settings")
        st.slider("Steps", *STEPS, key="steps", help="More are slower and, up to a point, better.")
        st.slider("Guidance", *GUIDANCE, key="guidance", step=0.5, help="How strongly the prompt pulls.")
        st.slider("Candidates", 1, CANDIDATES, key="candidates")
        st.number_input("Seed", 0, SEEDS - CANDIDATES, key="seed", help="The same seed, the same picture.")
        st.selectbox("Models", list(PROFILES), key="profile", format_func=PROFILES.__getitem__)
        if st.session_state.get("parts") or os.environ.get("STUDIO_PARTS"):
            st.caption("With the parts of your notebook.")
        st.header("Sessions")
        st.caption("This page's address opens this session, for whoever has it. Nothing else does.")
        st.button("New session", on_click=visit, args=(new_address(),), width="stretch")
        with reported("looking for earlier sessions"):
            earlier = [row for row in sessions(history_path(), state.known) if row[0] != state.session]
            if earlier:
                names = {
                    name: f"{i}. {made[:16].replace('T', ' ')} · {count} works"
                    for i, (name, made, count) in enumerate(earlier, 1)
                }
                chosen = st.selectbox(
                    "Earlier ones", list(names), format_func=names.__getitem__, help="Of this browser."
                )
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
    with reported("deleting"):
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
