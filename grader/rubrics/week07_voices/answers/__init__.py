# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 7, a module for each question."""
