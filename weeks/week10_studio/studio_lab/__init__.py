"""The helper package of week 10: the studio's parts as the course has them, the app, and the notebook's checks.

studio_lab.Studio(models, "history.db", "me")   # models, parts and a history, put together
studio_lab.assemble("my_studio.py")             # the notebook's functions, as a module for the app
studio_lab.parts                                # the course's own parts
"""

from pathlib import Path

from transformers.utils import logging

from coursekit.notebook import use_checks
from studio_lab import checks, parts
from studio_lab.data import sound_file, told, wishes
from studio_lab.driving import app_test, new_history, press
from studio_lab.measuring import candidates, choices, read, shows
from studio_lab.parts import FORMAT, SCHEMA, digest
from studio_lab.plots import (
    play,
    show_choices,
    show_forming,
    show_journey,
    show_page,
    show_pictures,
    show_shares,
)
from studio_lab.studio import WORLD, Forming, Models, Studio, assemble, load_parts, reworded, sessions, wish

logging.set_verbosity_error()  # transformers warns of settings that differ from a model's own; here they are meant
use_checks(checks, Path(__file__).with_name("points.json"))

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
    "load_parts",
    "new_history",
    "parts",
    "play",
    "press",
    "read",
    "reworded",
    "sessions",
    "show_choices",
    "show_forming",
    "show_journey",
    "show_page",
    "show_pictures",
    "show_shares",
    "shows",
    "sound_file",
    "told",
    "wish",
    "wishes",
]
