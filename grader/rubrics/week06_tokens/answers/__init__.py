# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 6, a module for each question."""
