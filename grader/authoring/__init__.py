"""What instructors make: the released weeks, the students' copy, and the examination of their own checks.

`release.release` makes a week's notebook from the instructor's, `audit` grades `known_answers` whose verdict is known,
`demo` makes a sample class of them.

Imports: course, analysis, records, execution, submissions, grading, reporting.
"""
