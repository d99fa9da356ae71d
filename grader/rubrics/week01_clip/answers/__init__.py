# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 1, a module for each question."""
