"""The app without a browser: Streamlit's AppTest runs the page as a script, and its buttons can be pressed."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

PAGE = "from studio_lab import page\npage.main()\n"
SECONDS = 120  # that one run of the page may take; a busy machine is slow


def new_history() -> str:
    """The path of a history that is not there yet."""
    return str(Path(tempfile.mkdtemp(prefix="studio-")) / "history.db")


@contextmanager
def app_test(
    parts: str | Mapping[str, Callable] | None = None, history: str | None = None, session: str | None = None
) -> Iterator[Any]:
    """The app on a page of its own, as it is when it has just been opened.

    parts: a module that `assemble` wrote, or parts by name, see `parts_of`; else the course's.
    history: else a new one.   session: the one in the page's address; else a new one.
    Raises RuntimeError where Streamlit is not installed.
    """
    try:
        from streamlit.testing.v1 import AppTest
    except ImportError:
        raise RuntimeError('the app needs Streamlit: pip install "crossmodal[app]", or pip install streamlit') from None
    # it warns of every element that is drawn without a server
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    setting = {"STUDIO_HISTORY": history or new_history(), "STUDIO_PROFILE": "tiny"}
    if isinstance(parts, str):
        setting["STUDIO_PARTS"] = str(Path(parts).resolve())
    with patch.dict(os.environ, setting):
        if "STUDIO_PARTS" not in setting:
            os.environ.pop("STUDIO_PARTS", None)
        page = AppTest.from_string(PAGE, default_timeout=SECONDS)
        if isinstance(parts, Mapping):
            page.session_state["parts"] = dict(parts)
        if session:
            page.query_params["session"] = session
        yield page.run()


def press(page: Any, label: str, place: int = 0) -> Any:
    """Press the button with this label, of several the one at this place. Raises RuntimeError where there is none."""
    buttons = [button for button in page.button if button.label == label]
    if not buttons:
        raise RuntimeError(f"the app shows no button {label!r}: {said(page)}")
    return buttons[place].click().run()


def said(page: Any) -> list[str]:
    """What the page says went wrong."""
    return [*(error.value for error in page.error), *(error.value for error in page.exception)]
