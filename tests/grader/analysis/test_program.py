"""The code of any notebook can be read: all of Python's syntax, however long, deep or circular."""

from __future__ import annotations

import time

import pytest
from support.introspection import found, function


@pytest.mark.parametrize(
    "source",
    [
        "x" + ".a" * 30_000,
        "x = " + "-" * 3_000 + "1",
        "x = " + "(" * 150 + ")" * 150,
        "x = " + " + ".join(["1"] * 5_000),
        "a = b\nb = a\na = a.x\nb = getattr(b, a)",
        "".join(f"x{i} = x{i + 1} or x{i + 2}\n" for i in range(3_000)),
        "".join(f"def f{i}():\n    global g{i}\n    g{i} += 1\n    return f{i + 1}() > g{i}\n" for i in range(300)),
        "import sys\n" * 20_000,
        "import sys\nx = '\ud800', sys.modules\n",
        "y = 1\n" * 200_000,
    ],
    ids=["a chain", "signs", "brackets", "a sum", "a circle", "a ladder", "counters", "long", "surrogates", "too long"],
)
def test_nothing_stops_it(source):
    began = time.process_time()
    found(source + "\ndef double(n): return 2 * n")
    found(function(""), source)
    assert time.process_time() - began < 20


SYNTAX = """
@(lambda f: f)
async def a(x, /, y: int = 1, *args: int, z, w=None, **more) -> None:
    async with x as (b, *c), y: pass
    async for d.e, [f[0], *g] in x: await d
    return [h async for h in x if h], {k: v for k, v in x}, {*x}, (yield)
class B(list, metaclass=type):
    i: int
    (j): int = 3
    k.l: int
    def m(self): nonlocal_ = super().m; del self.n, nonlocal_[0]; return lambda *, o=1: (p := o)
def q():
    global r, s
    for r in x: break
    else: import s
    with open(r) as s: pass
    match r:
        case {"t": [1, *u], **v} | B(w=3): pass
        case B() as r if r: raise X from None
        case [_, None, -1j, "a" "b"]: assert r, f"{r!r:>{s}}"
        case _: pass
    try: pass
    except* (A, B) as s: pass
    x[1:2, ::3] @= not ~-x if x else ...
    def t(): nonlocal y; y = yield from t(); next(); getattr(); setattr(1); exec(); print(*x, **y)
"""


@pytest.mark.parametrize("source", [SYNTAX, "def double(n):" + SYNTAX.replace("\n", "\n    "), "%%time" + SYNTAX])
def test_all_of_pythons_syntax_can_be_read(source):
    assert not any("could not" in line for line in [*found(source), *found(function(""), source)])
    assert not any(
        "could not" in line for line in found(source + "\nimport time\ndef double(n): return q() > time.time()")
    )
