"""What the text of a notebook says about who binds which name."""

import nbformat
from support.toy import RIGHT

from grader.analysis.bindings import Bindings
from grader.course.questions import questions_in


def bindings(released, notebook, *cells):
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in cells]
    questions = {question.name: question for question in questions_in(notebook)}
    return Bindings(notebook, released), questions, len(notebook.cells) - len(cells)


def test_only_cells_that_can_reach_a_question_are_looked_at_again(fill):
    found, questions, n = bindings(
        fill(), fill(**RIGHT), "double = 5", "other = 5", "table.append(3)", "globals()['x']"
    )
    assert found.later(questions["double"], {"double"}) == [n, n + 3]
    assert found.later(questions["table"], {"table"}) == [n, n + 2, n + 3], "the table was made with double"
    assert found.rebound_later(questions["double"], {"double"}) == [(n, "double")]


def test_an_import_of_what_was_there_changes_nothing(fill):
    mean = "def mean(values):\n    return np.mean(values)"
    with_import = {**RIGHT, "mean": "import numpy as np\n" + mean}
    found, questions, n = bindings(fill(), fill(**with_import), "import numpy as np")
    assert found.later(questions["mean"], {"mean"}) == []
    found, questions, n = bindings(fill(), fill(**{**RIGHT, "mean": mean}), "import numpy as np")
    assert found.later(questions["mean"], {"mean"}) == [n], "it was missing"


def test_cells_of_the_release_are_nobodys_doing(fill):
    released = fill()
    released.cells.append(nbformat.v4.new_code_cell("table = None"))
    found, questions, _ = bindings(released, fill(**RIGHT), "table = None")
    assert found.later(questions["table"], {"table"}) == []


def test_a_cell_that_cannot_be_read_is_passed_over_and_one_in_another_language_is_looked_at(fill):
    found, questions, n = bindings(fill(), fill(**RIGHT), "table = (", "%%bash\ntable=3")
    assert found.later(questions["table"], {"table"}) == [n + 1]
    found, questions, _ = bindings(fill(), fill(**{**RIGHT, "double": "def double(n:"}))
    assert found.rebound_before(questions["double"], {"double"}) == []
