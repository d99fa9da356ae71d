# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 4, a module for each question."""
