"""From what was handed in to the notebook to run.

`loading.load` reads any file, or says why it cannot be graded; `reconcile.reconcile` rebuilds it on the release.
`collect.collect` finds out whose the files of an LMS or a shared folder are.

Imports: course, analysis, records, execution.
"""
