# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 5, a module for each question."""
