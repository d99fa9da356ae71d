"""Whether a caption says what a scene shows, in whatever words."""

from __future__ import annotations

from tinyworld.captions import parse_caption
from tinyworld.scene import Scene


def exact(scene: Scene, text: str) -> bool:
    """Whether a caption, parsed back, states all of the scene's facts; one that cannot be parsed does not."""
    try:
        return parse_caption(text) == scene.facts()
    except ValueError:
        return False
