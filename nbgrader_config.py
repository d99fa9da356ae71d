"""nbgrader for this course: its usual commands work here, and grade through the judge of `grader grade`."""

c = get_config()  # noqa: F821 - nbgrader defines it

c.CourseDirectory.source_directory = "solutions"
# nbgrader copies whatever else lies in solutions/<week>/ to the students and into autograded/
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", ".pytest_cache", "*.py", "*.md", "*.json"]

c.Autograde.exporter_class = "grader.grading.nbgrader_plugin.SubmissionExporter"
c.Autograde.sanitize_preprocessors = ["nbgrader.preprocessors.ClearOutput"]
c.Autograde.autograde_preprocessors = [
    "grader.grading.nbgrader_plugin.GradeSubmission",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Before formgrader or `nbgrader generate_feedback` shows a notebook: HTML that a page would run is text there.
c.HTMLExporter.preprocessors = ["grader.grading.nbgrader_plugin.Harmless"]
