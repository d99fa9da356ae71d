"""Where things are, and what a notebook asks: the syllabus and its folders, questions and points, names and texts.

`syllabus.Course` and `syllabus.Week` are values that everything else is handed; `discovery.find_course` makes one, ours
or of plain nbgrader. `questions.questions_in` reads a notebook's questions, `notebooks.released_notebook` the notebook.

Imports: nothing of the grader.
"""
