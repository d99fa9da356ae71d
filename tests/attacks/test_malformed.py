"""The malformed family, graded as one class: no file stops the batch, and none costs or wins an honest point."""

import copy
import time

import nbformat
import pytest
from support.toy import RIGHT

from attacks.cases import faults, handed_in
from attacks.malformed import CASES, FULL, STUBS
from grader.grading.options import Options
from grader.grading.pool import grade_many


@pytest.fixture(scope="module")
def batch(toy_tree, tmp_path_factory):
    """{name of a case: (its Grade, seconds)}; every case a job of one batch."""
    week = toy_tree.week("1")
    solved = nbformat.read(toy_tree.release(week), as_version=4)
    for cell in solved.cells:
        cell.source = RIGHT.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    folder, jobs, began, seconds = tmp_path_factory.mktemp("malformed"), [], {}, {}
    for number, case in enumerate(CASES):
        path = folder / str(number) / f"{week.slug}.ipynb"
        path.parent.mkdir()
        path.write_bytes(handed_in(case, copy.deepcopy(solved)))
        jobs.append((case.name, path))
    results = grade_many(
        toy_tree,
        week,
        jobs,
        Options(workers=2),
        on_start=lambda name: began.update({name: time.monotonic()}),
        on_done=lambda name, result: seconds.update({name: time.monotonic() - began[name]}),
    )
    return {name: (result.grade, seconds[name]) for (name, _), result in zip(jobs, results, strict=True)}


def test_the_family_is_large_and_its_names_are_unique():
    assert len(CASES) >= 18 and len({case.name for case in CASES}) == len(CASES)
    assert {case.family for case in CASES} == {"malformed"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(batch, case):
    grade, seconds = batch[case.name]
    assert faults(case, grade, seconds, honest=FULL) == []


def test_the_stubs_are_the_released_ones(toy_tree):
    released = nbformat.read(toy_tree.release(toy_tree.week("1")), as_version=4)
    assert {cell.id: cell.source for cell in released.cells if cell.id in STUBS} == STUBS
