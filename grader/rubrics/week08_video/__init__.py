# CROSSMODAL-RUBRIC: must never reach students
"""The rubric of week 8: hidden checks, known answers, and what to look for in the reflection."""
