"""What the app, the parts, the recipes and the history agree on, and the notebook is told."""

from __future__ import annotations

import hashlib

from PIL import Image

SCHEMA = (  # of the history; picture: a PNG file
    "CREATE TABLE IF NOT EXISTS works (id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, "
    "made TEXT NOT NULL, record TEXT NOT NULL, picture BLOB NOT NULL)"
)
FORMAT = "crossmodal-studio/1"
MEGABYTE = 2**20
SOUND_BYTES = PNG_BYTES = 10 * MEGABYTE  # of an upload
STEPS, GUIDANCE, PROMPT = (1, 100), (0.0, 20.0), 300
SEEDS = 2**53 - 1  # the largest seed: whole numbers up to here are the same in every JSON reader


def digest(picture: Image.Image) -> str:
    """sha256 of a picture's size and pixels, in hexadecimal: what a recipe must lead to again."""
    picture = picture.convert("RGB")
    return hashlib.sha256(f"{picture.width}x{picture.height}".encode() + picture.tobytes()).hexdigest()
