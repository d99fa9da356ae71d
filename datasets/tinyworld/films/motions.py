"""The twelve motions and their words: every other module of films reads them from here."""

from __future__ import annotations

MOTIONS: tuple[str, ...] = (
    "left",
    "right",
    "up",
    "down",
    "falls",
    "bounces",
    "flies",
    "clockwise",
    "anticlockwise",
    "swings",
    "behind",
    "bumps",
)
UNIFORM: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
TURNS: dict[str, int] = {"clockwise": 1, "anticlockwise": -1}
FALLING = ("falls", "bounces", "flies")  # pulled by gravity
SIDEWAYS = ("flies", "behind", "bumps")  # to the left or the right
PAIRS = ("behind", "bumps")  # of two objects, always
MOODS: tuple[str, ...] = ("neutral", "joyful", "sad", "angry")  # acted; the styles of `tinyworld.voices`
PACES: dict[str, tuple[float, float]] = {"slowly": (0.26, 0.34), "quickly": (0.46, 0.58)}  # sides a second
BETWEEN = 0.4  # sides a second: slower is slowly


def pace(speed: float) -> str:
    """In words, how fast something moves: sides a second."""
    return "slowly" if speed < BETWEEN else "quickly"
