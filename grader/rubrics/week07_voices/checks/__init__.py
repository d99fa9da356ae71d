# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 7, a module for each question."""
