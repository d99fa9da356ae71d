"""What people read, made from Grades and from nothing else: pages, reports, and the forms of other systems.

`feedback`, `class_report` and `similarity` write pages through `html`; `csv_export`, `gradescope` and
`github_classroom` write what those systems import.

Imports: course, analysis, records, execution, submissions, grading.
"""
