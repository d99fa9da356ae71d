# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 8, a module for each question."""
