"""What to paint: typed, said, or read from a recipe."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from studio_lab.bounds import PNG_BYTES, PROMPT, SOUND_BYTES
from studio_lab.page.drawing import plain
from studio_lab.page.running import choose, counted, progress, reported, this_studio
from studio_lab.studio import ours

FIRST_TRY = "a large red star on a white background"


def ask() -> bool:
    """Prompt and sound. Returns whether to paint."""
    state = st.session_state
    with st.expander("Say it", expanded=False):
        spoken = st.audio_input("Microphone", key="microphone")
        file = st.file_uploader(
            "or a recording", ["wav", "flac", "ogg", "mp3"], key="recording", max_upload_size=SOUND_BYTES >> 20
        )
        st.caption("Your voice is turned into text on this machine and then forgotten. It is never stored.")
        for sound in (spoken, file):
            listen(sound)
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


def listen(sound: UploadedFile | None) -> None:
    """The words of a sound that is new go into the prompt, to be changed before they are used.

    Not in a callback: what is pressed while it listens ends this run, and a callback is not called a second time.
    """
    state = st.session_state
    if sound is None or sound.file_id in state.listened:
        return
    with reported("listening"), st.spinner("Listening"):
        text, language = this_studio().hear(sound.getvalue())
        if text:
            state.text = text
            state.heard = "Heard this; change it if it is wrong." + (
                f" It was said in another language ({language}), and is translated." if language != "en" else ""
            )
        else:
            state.heard = "Nobody seems to speak in that recording."
    state.listened = [*state.listened, sound.file_id]


def paint() -> None:
    """Paint what is asked for, and show it while it forms."""
    state = st.session_state
    studio = this_studio()
    settings = {name: state[name] for name in ("seed", "candidates", "steps", "guidance")}
    state.notes = []
    with reported("painting"), progress(studio, state.steps) as on_step:
        found = studio.create(state.text, settings, on_step)
        state.works, state.notes = found["works"], found["notes"]
        choose(found["works"][0])


def replay(data: bytes) -> None:
    state, studio = st.session_state, this_studio()
    with reported("painting a recipe again"):
        recipe = ours.read_recipe(data)
        with counted(studio, ours.steps_of(recipe)):
            work, same = studio.replay(recipe)
        work, notes = studio.finished(work)
        state.works = [work]
        choose(work)
        state.notes = [*notes, "The very same picture." if same else "Not the same to the pixel: other versions?"]
