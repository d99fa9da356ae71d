# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 2, a module for each question."""
