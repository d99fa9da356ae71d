"""The student seen from outside: calls, values, gradients and errors cross; objects stay where they are."""

import numpy as np
import pytest
import torch

from coursekit.student import Server, Student, StudentError, local_student


class Model:
    width = 8

    def __call__(self, x):
        return 2 * x

    def layers(self):
        return [self, 3]


def unsolved():
    raise NotImplementedError


def student(**names) -> Student:
    return local_student(names)


def test_values_and_calls_cross_as_data():
    s = student(table=np.eye(2), add=lambda a, b=1: a + b)
    assert np.array_equal(s.table, np.eye(2))
    assert s.add(2, b=5) == 7
    assert torch.equal(s.add(torch.ones(2)), torch.full((2,), 2.0))


def test_a_function_gets_copies():
    def spoil(x):
        x += 1
        return x.sum()

    mine = np.zeros(3)
    assert student(spoil=spoil).spoil(mine) == 3
    assert not mine.any()


def test_objects_stay_behind_handles_and_can_be_passed_back():
    s = student(model=Model(), run=lambda model, x: model(x))
    assert s.model.width == 8
    assert s.model(3) == 6
    assert s.run(s.model, 5) == 10
    assert s.model.layers()[0](1) == 2
    assert "Model" in repr(s.model)


def test_what_is_passed_on_takes_its_arguments_by_place_too():
    def scaled(*, values, by=1):
        return [by * value for value in values]

    s = student(run=lambda function, *args: function(*args), scaled=scaled, first=lambda values, /: values[0])
    assert s.run(s.scaled, [1, 2], 3) == [3, 6] and s.scaled([1, 2], 3) == [3, 6]
    assert s.run(s.first, [1, 2]) == 1 and s.first(values=[1, 2]) == 1


def test_the_judge_cannot_send_objects():
    with pytest.raises(ValueError, match="data or a student's own object"):
        student(run=lambda f: f()).run(print)


def test_a_library_of_the_kernel_can_be_used():
    s = student(norm=lambda layer: layer.weight.shape[0])
    layer = s.library("torch").nn.Linear(3, 5)
    assert s.norm(layer) == 5


def test_gradients_are_those_of_autograd():
    a, b = torch.randn(4), torch.randn(4)
    value, (da, db) = student(dot=lambda a, b: a @ b).gradients("dot", a, b, wrt=(0, 1))
    assert torch.allclose(value, a @ b) and torch.equal(da, b) and torch.equal(db, a)


@pytest.mark.parametrize("function", [lambda a: 3.0, lambda a: a, lambda a: a.detach().sum()])
def test_what_has_no_gradient_says_so(function):
    with pytest.raises(StudentError) as caught:
        student(f=function).gradients("f", torch.ones(3))
    assert caught.value.kind == "TypeError"


def test_missing_names_and_errors_name_themselves():
    s = student(f=lambda: 1 / 0, g=unsolved, h=lambda: exit(3))
    assert "f" in s and "missing" not in s
    with pytest.raises(StudentError, match="missing is not defined"):
        s.missing  # noqa: B018
    with pytest.raises(StudentError, match="ZeroDivisionError"):
        s.f()
    with pytest.raises(StudentError) as caught:
        s.g()
    assert caught.value.unanswered
    with pytest.raises(StudentError, match="SystemExit"):
        s.h()


def test_an_error_whose_text_fails_is_still_an_error():
    class Nasty(Exception):
        def __str__(self):
            raise RuntimeError("no")

    def f():
        raise Nasty

    with pytest.raises(StudentError, match="Nasty"):
        student(f=f).f()


@pytest.mark.parametrize(
    "answer", ["", "[]", "null", '{"t":"dict","v":[["value",1],["x",2]]}', '{"t":"dict","v":[["error",5]]}']
)
def test_a_forged_answer_is_an_error_or_plain_data(answer):
    try:
        assert Student(lambda request: answer).anything == 1
    except StudentError as error:
        assert error.kind == "CodecError"


def test_an_object_without_end_is_not_asked_for_all_its_items():
    class Endless:
        def __getitem__(self, n):
            return n

    with pytest.raises(TypeError, match="not iterable"):
        list(student(items=Endless()).items)
    assert student(items=Endless()).items[7] == 7


def test_the_server_answers_nonsense_without_raising():
    server = Server({})
    for text in ("", "{}", '{"t":"dict","v":[["op","nothing"]]}', '{"t":"dict","v":[["op","get"]]}'):
        assert "error" in server(text)
