"""Running code that nobody trusts: kernels, forked from a warm server, each in a sandbox of its own.

`engine.run_notebook` runs a notebook in a `kernel.Kernel`; `sandbox.Policy` says what is shown in there, and
`gpus.Share` what is given of a GPU. `workers.Worker` is a process of ours, forked from the same server.
What the server imports every kernel inherits, so nothing here knows a rubric.

Imports: course, analysis, records.
"""
