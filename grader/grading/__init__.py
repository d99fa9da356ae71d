"""One submission -> one Grade, and many of them.

`pipeline.grade_notebook` is the way of one submission: load, reconcile, run, judge. `judge.Judge` runs the checks of a
`rubric.Rubric` against the kernel. `pool.grade_many` does many, here or on a cluster; `batch.grade_class` does a class,
without what `fingerprints` says still stands.

Imports: course, analysis, records, execution, submissions.
"""
