# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 10, a module for each question."""
