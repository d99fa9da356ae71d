# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 3, a module for each question."""
