"""What a notebook replaced is put back, whatever else lies in a module."""

import sys
from types import ModuleType

import pytest

from coursekit.pristine import Pristine

SOURCE = """
class Lazy:
    def __getattr__(self, name):
        raise RuntimeError("not now")

class Counter:
    def __init__(self): self.n = 0
    @property
    def value(self): return self.n
    @staticmethod
    def zero(): return 0

lazy, TABLE, current = Lazy(), [1, 2], None

def double(n): return 2 * n
"""


@pytest.fixture
def module(monkeypatch):
    made = ModuleType("made_up_lab")
    monkeypatch.setitem(sys.modules, "made_up_lab", made)
    exec(SOURCE, vars(made))
    for name in ("Lazy", "Counter", "double"):
        getattr(made, name).__module__ = "made_up_lab"
    return made


def test_what_was_left_alone_is_left_alone(module):
    kept = Pristine(["made_up_lab", "no_such_module"])
    module.current, module.lazy_result = "a session", 5
    assert kept.restore() == [] and module.current == "a session" and module.lazy_result == 5


def test_what_was_replaced_is_put_back_and_named(module):
    kept, double = Pristine(["made_up_lab"]), module.double
    module.double = lambda n: n
    module.Counter.value = property(lambda self: 9)
    module.Counter.zero = staticmethod(lambda: 1)
    double.__code__ = (lambda n: 0).__code__
    module.TABLE.append(3)
    assert set(kept.restore()) == {
        *("made_up_lab.double", "made_up_lab.Counter.value", "made_up_lab.Counter.zero", "made_up_lab.TABLE"),
    }
    assert module.double(4) == 8 and module.Counter().value == 0 and module.Counter.zero() == 0
    assert module.TABLE == [1, 2] and kept.restore() == []
