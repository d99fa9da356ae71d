"""What the recipe does and the card says."""

from __future__ import annotations

WIDTH = 64  # of the embedding
MARGIN = 0.25
SECONDS = 1.0
