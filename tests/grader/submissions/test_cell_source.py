"""A cell that holds several answers is cut up."""

from grader.submissions.cell_source import split_among


def test_cutting_leaves_nothing_out():
    source = "# mine\n%pip install x\nimport os\n@one\n@two\ndef a():\n    '''text\ndef b(): no\n'''\n"
    source += "\nx = a(); b = 2\nb += 1"
    parts = split_among(source, [{"a"}, {"b"}])
    assert parts[0].startswith("# mine\n%pip install x\nimport os\n@one") and "def b(): no" in parts[0]
    assert [line for line in "\n".join(parts).split("\n") if line] == [line for line in source.split("\n") if line]
    assert split_among("a = 1\nb = 2\na = 3", [{"a"}, {"b"}]) == ["a = 1\na = 3", "b = 2"]
    assert split_among("def broken(", [{"a"}]) is None
