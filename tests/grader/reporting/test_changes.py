"""Which scores moved since a class was last graded, and why."""

from dataclasses import replace

from support.light import grade_of

from grader.records.grade import Grade
from grader.reporting import changes


def test_why_a_score_moved():
    old = replace(grade_of("ada"), inputs={"submission": "a", "release": "r"}, versions={"torch": "2.1", "numpy": "2"})
    new = replace(grade_of("ada", 2.0), inputs={"submission": "b", "release": "r"}, versions={"torch": "2.2"})
    assert changes.report({"ada": old}, [new]) == [
        "ada: 1 -> 2 points",
        "  q: 1 of 2 -> 2 of 2",
        "  because of: another submission; numpy 2 -> missing; torch 2.1 -> 2.2",
    ]
    same = replace(old, graded_at="later", inputs={**old.inputs, "code": "c"}, versions={"torch": "2.3", "numpy": "2"})
    assert changes.report({"ada": old}, [same]) == [
        "No score moved, of 1 that were graded before.",
        "Graded again with the same score: 1, because of: other code of the course or the grader; torch 2.1 -> 2.3",
    ]
    refused = Grade("w", "ada", "not gradable", "The file is empty.", 0, 2, [])
    assert changes.report({"ada": old}, [refused])[1:3] == [
        "  graded -> not gradable: The file is empty.",
        "  q: 1 of 2 -> no longer asked",
    ]
