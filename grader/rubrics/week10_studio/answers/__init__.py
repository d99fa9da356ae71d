# CROSSMODAL-RUBRIC: must never reach students
"""The known answers of week 10, a module for each question."""
