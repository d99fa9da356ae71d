# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 8, a module for each question."""
