# CROSSMODAL-RUBRIC: must never reach students
"""What the known answers to several questions are made of."""

from __future__ import annotations

TWO = """
now = kept[t]
then = kept[previous] if previous >= 0 else torch.ones(())
clean = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt()
"""
