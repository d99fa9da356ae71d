"""The runtime that every week of Crossmodal shares: checks, models, set-up, plots, and the data-only codec."""

from coursekit.notebook import check, needs
from coursekit.session import setup

__all__ = ["check", "models", "needs", "plots", "setup"]
