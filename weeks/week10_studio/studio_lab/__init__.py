"""The helper package of week 10: the studio's parts as the course has them, the app, and the notebook's checks.

studio_lab.Studio(models, "history.db", "me")   # models, parts and a history, put together
studio_lab.assemble("my_studio.py")             # the notebook's functions, as a module for the app
studio_lab.parts                                # the course's own parts, which are not there while it is graded
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from transformers.utils import logging

from coursekit import notebook
from coursekit.audio import play
from coursekit.notebook import oracle, use_checks
from coursekit.scenes import sample_scenes
from studio_lab.bounds import FORMAT, SCHEMA, digest
from studio_lab.data import sound_file, wishes
from studio_lab.driving import app_test, new_history, press
from studio_lab.measuring import candidates, choices, read, shows
from studio_lab.plots import (
    show_choices,
    show_forming,
    show_journey,
    show_page,
    show_pictures,
    show_shares,
)
from studio_lab.studio import (
    WORLD,
    Forming,
    Models,
    Studio,
    assemble,
    forget,
    load_parts,
    parts_of,
    reworded,
    sessions,
    wish,
)

logging.set_verbosity_error()  # transformers warns of settings that differ from a model's own; here they are meant
use_checks("studio_lab.checks", Path(__file__).with_name("points.json"))


def yours(name: str) -> Callable[..., Any]:
    """The notebook's own function of this name once it is right, else the course's; see `coursekit.yours`."""

    def course(*args: Any, **kwargs: Any) -> Any:
        return getattr(oracle("studio_lab.checks.parts"), name)(*args, **kwargs)

    return notebook.yours(name, course)


__all__ = [
    "FORMAT",
    "Forming",
    "Models",
    "SCHEMA",
    "Studio",
    "WORLD",
    "app_test",
    "assemble",
    "candidates",
    "choices",
    "digest",
    "forget",
    "load_parts",
    "new_history",
    "parts",  # noqa: F822 - see __getattr__
    "parts_of",
    "play",
    "press",
    "read",
    "reworded",
    "sample_scenes",
    "sessions",
    "show_choices",
    "show_forming",
    "show_journey",
    "show_page",
    "show_pictures",
    "show_shares",
    "shows",
    "sound_file",
    "wish",
    "wishes",
    "yours",
]


def __getattr__(name: str) -> ModuleType:
    """`parts`, imported when it is first asked for."""
    if name == "parts":
        return oracle("studio_lab.checks.parts")
    raise AttributeError(f"module 'studio_lab' has no attribute {name!r}")
