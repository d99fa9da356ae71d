# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 6, a module for each question."""
