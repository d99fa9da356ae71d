"""The `grader` command: arguments in, calls to the other packages, text out. Nothing imports it.

`main.app` is the command; docs/commands.md lists what there is.

Imports: course, analysis, records, execution, submissions, grading, reporting, authoring.
"""
