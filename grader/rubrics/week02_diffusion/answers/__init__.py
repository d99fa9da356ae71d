# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 2, a module for each question."""
