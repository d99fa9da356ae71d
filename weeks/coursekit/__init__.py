"""The runtime that every week of Crossmodal shares: checks, models, set-up, plots, and the data-only codec."""

from coursekit.notebook import check, failed, needs, right, summary, yours
from coursekit.session import one_thread, setup

__all__ = ["check", "failed", "models", "needs", "one_thread", "plots", "right", "setup", "summary", "yours"]
