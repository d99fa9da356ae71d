# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 4, a module for each question."""
