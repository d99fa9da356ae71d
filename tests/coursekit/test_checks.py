"""Checks and verdicts: a right answer passes, a wrong one is told which mistake it looks like."""

import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from coursekit import notebook
from coursekit.checks import (
    assert_close,
    assert_same,
    assert_shape,
    check,
    checks_in,
    evidence,
    run_check,
    settled,
    share,
    with_weights,
)
from coursekit.probes import weights_of
from coursekit.student import local_student


@check("norm", weight=2)
def length_is_euclidean(student, rng):
    """The length is the root of the sum of squares. Forgetting the root is the usual slip."""
    x = rng.normal(size=5)
    slips = {"this is the squared length": (x**2).sum(), "this is the sum of absolute values": np.abs(x).sum()}
    assert_close(student.norm(x), np.linalg.norm(x), slips=slips)
    evidence("what was measured", x.reshape(1, 5))


@check("norm")
def zero_has_no_length(student, rng):
    """A zero vector has length 0."""
    assert_close(student.norm(np.zeros(3)), 0.0)


def verdict(function, one=length_is_euclidean):
    return run_check(one, local_student({"norm": function}), seed="s")


def test_a_right_answer_passes_with_its_evidence():
    result = verdict(np.linalg.norm)
    assert result.passed and result.claim == "The length is the root of the sum of squares"
    assert [caption for caption, _ in result.evidence] == ["what was measured"]


def test_a_known_mistake_is_named_with_the_usual_slip():
    result = verdict(lambda x: (x**2).sum())
    assert not result.passed
    assert result.message == "this is the squared length." and result.mistake == "this is the squared length"


def test_a_mistake_that_another_explains_as_well_is_not_named():
    @check("norm")
    def one(student, rng):
        """One."""
        assert_close(student.norm(np.ones(4)), 2.0, slips={"not rooted": 4.0, "counted, not measured": 4.0})

    result = verdict(lambda x: 4.0, one)
    assert result.message == "the result is 4 where 2 was expected." and not result.mistake


def test_the_first_place_that_differs_is_shown():
    @check("norm")
    def one(student, rng):
        """One."""
        assert_close(student.norm(np.ones(4)), np.zeros((2, 3)))

    wrong = np.zeros((2, 3))
    wrong[1, 1:] = 1, 5
    message = verdict(lambda x: wrong, one).message
    assert message == "the result is 1 at [1, 1] where 0 was expected; 2 of 6 entries differ."


@check("norm", artefact=True)
def it_was_measured(student, rng):
    """The lengths are there."""
    assert_close(student.lengths, [3.0])


def test_what_a_notebook_holds_counts_only_beside_a_passing_function():
    for function, passes in ((np.linalg.norm, True), (lambda x: 1.0, False)):
        student = local_student({"norm": function, "lengths": [3.0]})
        verdicts = settled([run_check(one, student, "s") for one in (length_is_euclidean, it_was_measured)])
        assert [v.passed for v in verdicts] == [passes, passes]
        assert passes or "once the answer itself passes" in verdicts[1].message
    alone = [run_check(it_was_measured, student, "s")]
    assert settled(alone) == alone, "a question that asks for nothing but what was made"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: None, "is there a return"),
        (lambda x: "3.2", "a str where numbers were expected"),
        (lambda x: x, r"shape (5,) where () was expected"),
        (lambda x: float("nan"), "found nan"),
        (lambda x: 1e9, "1e+09"),
        (lambda x: object(), "numbers were expected"),
        (lambda x: {"a": 1}, "dict"),
        (lambda x: [[1], [1, 2]], "differ in length"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_odd_answers_fail_with_words(answer, words):
    result = verdict(answer)
    assert not result.passed and words in result.message


def test_an_unsolved_stub_is_not_an_error():
    def stub(x):
        raise NotImplementedError()

    assert verdict(stub).message == "not answered yet."


def test_the_same_seed_draws_the_same_inputs_and_another_does_not():
    drawn = []

    @check("q")
    def look(student, rng):
        """Looks."""
        drawn.append(rng.integers(2**60))

    for seed in ("a", "a", "b"):
        run_check(look, local_student({}), seed)
    assert drawn[0] == drawn[1] != drawn[2]


def test_share_is_weighted_and_nothing_earns_nothing():
    right, wrong = verdict(np.linalg.norm), verdict(lambda x: 0.0, zero_has_no_length)
    assert wrong.passed and share([right, wrong]) == 1
    assert share([verdict(lambda x: 0.0), wrong]) == pytest.approx(1 / 3)
    assert share([]) == 0


def test_checks_are_found_in_order():
    module = ModuleType("m")
    module.b, module.a, module.other = length_is_euclidean, zero_has_no_length, 3
    assert [c.name for c in checks_in(module)] == ["length_is_euclidean", "zero_has_no_length"]


def test_a_weight_is_positive():
    with pytest.raises(ValueError, match="positive"):
        check("q", weight=0)


@pytest.fixture
def norm(tmp_path, monkeypatch):
    """The name of a module with the checks above, made known as a week's, and not yet imported."""
    empty = {"_modules": [], "_checks": {}, "_points": {}, "_passed": set(), "_right": {}, "_failed": {}}
    for name, value in empty.items():
        monkeypatch.setattr(notebook, name, value)
    monkeypatch.delenv("CROSSMODAL_GRADED", raising=False)
    points = tmp_path / "points.json"
    points.write_text(json.dumps({"norm": 3}))
    (tmp_path / "norm_checks.py").write_text(f"from {__name__} import length_is_euclidean, zero_has_no_length\n")
    monkeypatch.syspath_prepend(tmp_path)
    notebook.use_checks("norm_checks", points)
    yield "norm_checks"
    sys.modules.pop("norm_checks", None)


def test_the_notebook_prints_verdicts_and_returns_points(norm, capsys):
    score = notebook.check("norm", {"norm": lambda x: (x**2).sum()})
    assert repr(score) == "1" and float(score) == 1.0 and not score.passed
    assert capsys.readouterr().out.splitlines() == [
        "norm   1 of 2",
        "  no    length_is_euclidean: this is the squared length.",
        "  ok    A zero vector has length 0",
        "  see   failed('norm') has the inputs, .args, and .call() tries norm on them",
    ]
    assert repr(notebook.check("norm", {"norm": np.linalg.norm})) == "3"
    with pytest.raises(KeyError, match="there are: norm"):
        notebook.check("nrom")


def test_checks_are_imported_by_the_first_that_is_tried(norm):
    assert norm not in sys.modules
    notebook.check("norm", {"norm": np.linalg.norm})
    assert norm in sys.modules


def test_a_module_that_cannot_be_imported_says_so_each_time(norm, tmp_path):
    (tmp_path / "norm_checks.py").write_text("import no_such_library\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_library"):
            notebook.check("norm", {"norm": np.linalg.norm})


def test_in_a_graded_notebook_nothing_is_tried(norm, capsys, monkeypatch):
    monkeypatch.setenv("CROSSMODAL_GRADED", "1")
    score = notebook.check("norm", {})
    assert capsys.readouterr().out == "`norm` is checked outside this notebook when it is graded.\n"
    assert (float(score), score.passed, score.verdicts, score.max_points) == (0.0, True, [], 3)
    assert norm not in sys.modules
    with pytest.raises(KeyError, match="there are: norm"):
        notebook.check("nrom")


def test_close_is_entry_by_entry_and_names_the_place():
    assert_close(torch.tensor([1.0, 2.0]), [1.0, 2.0])
    assert_close([np.inf, 1.0], [np.inf, 1.0])
    with pytest.raises(AssertionError, match=r"5 at \[1\] where 2 was expected"):
        assert_close([1.0, 5.0], [1.0, 2.0], what="it")
    with pytest.raises(AssertionError):
        assert_close([np.inf, 1.0], [1.0, 1.0])


def test_a_slip_that_happens_to_be_right_is_no_slip():
    assert_close(2.0, 2.0, slips={"not this": 2.0})


def test_shape_and_sameness():
    assert_shape(torch.zeros(2, 3), (2, 3))
    assert_same((1, 2), [1, 2])
    assert_same(np.array([1, 2]), [1, 2])
    for wrong in ([2, 1], 3, "12", [1.0, 2.5]):
        with pytest.raises(AssertionError):
            assert_same(wrong, [1, 2])


def test_evidence_is_bounded():
    @check("q")
    def many(student, rng):
        """Many."""
        for _ in range(50):
            evidence("big", Image.new("RGB", (3000, 2000)))

    pictures = run_check(many, local_student({}), "s").evidence
    assert len(pictures) <= 8 and all(max(p.size) <= 640 for _, p in pictures)


def test_a_picture_of_any_size_is_kept_small():
    @check("norm")
    def shows(student, rng):
        """It is shown."""
        evidence("wide", np.broadcast_to(np.float32(0.5), (30, 2_000_000)))
        evidence("large", np.broadcast_to(np.float32(2), (9000, 9000, 3)))
        evidence("empty", np.zeros((1, 0)))

    result = verdict(None, shows)
    assert result.passed and len(result.evidence) == 2
    assert all(max(picture.size) <= 640 for _, picture in result.evidence)


def test_a_huge_wrong_answer_is_told_in_a_line():
    @check("norm")
    def is_two(student, rng):
        """It is two."""
        assert_same(student.norm(), 2)

    for huge in (np.ones(5_000_000, dtype=np.uint8), "x" * 50_000_000, 10**4000, [["y" * 100] * 100] * 100):
        result = verdict(lambda huge=huge: huge, is_two)
        assert not result.passed and len(result.message) < 200 and "where 2 was expected" in result.message


def test_the_inputs_of_a_failed_check_can_be_tried_again(norm):
    names = {"norm": lambda x: (x**2).sum()}
    notebook.check("norm", names)
    tried = notebook.failed("norm")
    (x,) = tried.args
    assert tried.name == "norm" and x.shape == (5,) and tried.call() == pytest.approx((x**2).sum())
    names["norm"] = np.linalg.norm
    assert tried.call() == pytest.approx(np.linalg.norm(x)), "the function as it is now"
    notebook.check("norm", names)
    with pytest.raises(KeyError, match="has not failed"):
        notebook.failed("norm")


def test_inputs_are_those_of_the_check_that_failed_and_objects_are_themselves(norm):
    @check("norm")
    def of_what_was_made(student, rng):
        """Asks for a value, and calls nothing."""
        assert_same(student.made, 2)

    @check("norm")
    def with_an_object(student, rng):
        """Passes one of the notebook's objects on."""
        assert_same(student.norm(student.thing), 2)

    notebook._load()
    notebook._checks["norm"] = [zero_has_no_length, of_what_was_made]
    names = {"norm": lambda x: 0.0, "made": 1, "thing": object()}
    notebook.check("norm", names)
    with pytest.raises(KeyError):
        notebook.failed("norm")
    notebook._checks["norm"] = [with_an_object]
    notebook.check("norm", names)
    assert notebook.failed("norm").args == [names["thing"]]


def test_figures_draw_the_students_own_function_once_it_is_right(norm, capsys, monkeypatch):
    names = {"norm": lambda x: -1.0}
    monkeypatch.setattr(notebook, "_notebook_names", lambda: names)
    library = sum

    def drawn():
        return notebook.yours("norm", library)

    assert drawn() is library, "not checked yet"
    notebook.check("norm")
    assert drawn() is library, "wrong"
    names["norm"] = np.linalg.norm
    notebook.check("norm")
    assert drawn()([3.0, 4.0]) == 5.0 and "Drawn with your `norm`." in capsys.readouterr().out
    names["norm"] = lambda x: 7.0
    assert drawn() is library, "another function since"
    assert "Drawn with the library's `norm`" in capsys.readouterr().out


def test_a_figure_goes_on_with_the_librarys_where_the_students_own_raises(norm, capsys, monkeypatch):
    names = {"norm": lambda x: np.linalg.norm(np.asarray(x).reshape(-1)[: 10 // (len(x) < 9)])}
    monkeypatch.setattr(notebook, "_notebook_names", lambda: names)
    notebook.check("norm")
    assert notebook.yours("norm", len)([1.0] * 20) == 20
    assert "raised ZeroDivisionError" in capsys.readouterr().out


def test_a_trained_network_is_asked_for_its_weights():
    mine, theirs = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    found = weights_of(theirs)
    assert torch.equal(with_weights(mine, found, "it").weight, theirs.weight)
    assert found["weight"].data_ptr() != theirs.weight.data_ptr(), "a copy"
    wrapped = {f"_orig_mod.{name}": value for name, value in found.items()}
    assert torch.equal(with_weights(torch.nn.Linear(3, 2), wrapped, "it").bias, theirs.bias)
    for posing in (None, {}, {"weight": found["weight"]}, {**found, "more": found["bias"]}, [1, 2]):
        with pytest.raises(AssertionError, match="it is not the course's network with its 2 weights"):
            with_weights(mine, posing, "it")
    with pytest.raises(AssertionError, match="shape"):
        with_weights(mine, {**found, "bias": torch.zeros(5)}, "it")
    with pytest.raises(AssertionError, match="another type"):
        with_weights(mine, {**found, "bias": torch.zeros(2, dtype=torch.float64)}, "it")
