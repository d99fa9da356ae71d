# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 1, a module for each question."""
