# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 3, a module for each question."""
