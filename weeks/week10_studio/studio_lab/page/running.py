"""The studio that the page works with, and its bar while work takes time. What goes wrong is said on the page."""

from __future__ import annotations

import itertools
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st
import torch

from studio_lab import studio as studios
from studio_lab.page.drawing import SMALL, sheet
from studio_lab.studio import Forming, Models, Studio

HISTORY = Path.home() / ".crossmodal" / "studio.db"
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
def reported(doing: str) -> Iterator[None]:
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

    def step(done: int) -> None:
        drawn.progress(min(1.0, done / steps), f"Step {min(done, steps)} of {steps}")

    try:
        yield step
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
