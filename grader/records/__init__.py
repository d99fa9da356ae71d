"""A Grade, kept safely, and nbgrader's gradebook made from it.

`grade.Grade` is all that is known of one submission; `store` reads and writes them. `projection.project` writes the
gradebook from them, `by_hand` reads what people entered there, `scores.scores` adds both up as nbgrader does.

Imports: course, analysis.
"""
