"""Values that lie: objects, arrays, pictures that say they are what a check expects."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, NONE, answer, cell, family

CASES: list[Case] = []
case = family(CASES, "forgery")


@case("objects that equal everything and are any number", NONE)
def _(notebook):
    everything = """
        class Yes:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __lt__(self, other): return True
            __le__ = __gt__ = __ge__ = __lt__
            def __hash__(self): return 1
            def __bool__(self): return True
            def __len__(self): return 3
            def __float__(self): return 7.0
            def __int__(self): return 7
            __index__ = __int__
            def __iter__(self): return iter([2, 4, 6])
            def __getitem__(self, key): return 2 * key + 2
            def __sub__(self, other): return 0
            __rsub__ = __abs__ = __sub__
            def __array__(self, dtype=None, copy=None):
                import numpy
                return numpy.full((), 7.0)
            @property
            def shape(self): return ()
            __class__ = property(lambda self: int)
        """
    cell(notebook, everything)
    values = {"double": "def double(n):\n    return Yes()", "mean": "def mean(values):\n    return Yes()"}
    return answer(notebook, table="table = Yes()", **values)


@case("subclasses of the right types with methods that lie", NONE)
def _(notebook):
    cell(
        notebook,
        """
        import numpy as np
        def lies(kind):
            names = {"__eq__": lambda s, o: True, "__ne__": lambda s, o: False, "__hash__": lambda s: 0,
                     "__len__": lambda s: 3, "__repr__": lambda s: "2", "__sub__": lambda s, o: 0 * s,
                     "__array_ufunc__": lambda s, *a, **k: True, "__array_finalize__": lambda s, o: None}
            return type(kind.__name__, (kind,), names)
        Int, Float, List, Dict, Text, Array = map(lies, (int, float, list, dict, str, np.ndarray))
        turn = iter(range(10**9))
        """,
    )
    return answer(
        notebook,
        double="def double(n):\n    return [Int(7), Float(7), Text('2'), Dict(), List()][next(turn) % 5]",
        table="table = List()",
        mean="def mean(values):\n    return np.zeros(()).view(Array) - 99",
    )


@case("nan, infinities, complex numbers and objects in arrays", NONE)
def _(notebook):
    return answer(
        notebook,
        double="import numpy as np\ndef double(n):\n    return float('inf')",
        table="table = np.array([object(), 4, 6, None], dtype=object)",
        mean="def mean(values):\n    return [float('nan'), 1e999, 2 + 1j, np.array(2 + 1j)][len(values) % 4]",
    )


@case("arrays that broadcast: no entries, too many, negative and no strides", NONE)
def _(notebook):
    return answer(
        notebook,
        double="import numpy as np\ndef double(n):\n    return np.array([2 * n])[::-1]",
        table="table = np.lib.stride_tricks.as_strided(np.array(2), (3, 10**12), (0, 0))",
        mean="def mean(values):\n    return np.mean(values) * np.ones((0, 5) if len(values) == 2 else (7, 1))",
    )


@case("numbers in disguise: text, fractions, one-element lists, half characters", NONE)
def _(notebook):
    return answer(
        notebook,
        double="from fractions import Fraction\ndef double(n):\n    return Fraction(2 * n)",
        table="table = '[2, 4, 6]'",
        mean="def mean(values):\n    return [f'{sum(values) / len(values)}', '\\ud800', b'\\xff'][len(values) % 3]",
    )


@case("lists within themselves, a hundred deep, and without end", NONE)
def _(notebook):
    return answer(
        notebook,
        double="def double(n):\n    loop = [n]\n    loop.append(loop)\n    return loop",
        table="import itertools\ntable = itertools.count(2, 2)",
        mean="def mean(values):\n    deep = 2.0\n    for _ in range(100):\n        deep = [deep]\n    return deep",
    )


@case("an object that has every item", NONE)
def _(notebook):
    endless = (
        "class Endless:\n    def __getitem__(self, n):\n        return 2\n    def __len__(self):\n        return 3"
    )
    cell(notebook, endless)
    return answer(
        notebook,
        double="def double(n):\n    return Endless()",
        table="table = Endless()",
        mean="def mean(values):\n    return (value for value in Endless())",
    )


@case("pictures that lie about their size, and one that is a bomb", NONE)
def _(notebook):
    cell(
        notebook,
        """
        import io, struct, zlib
        from PIL import Image
        Image.MAX_IMAGE_PIXELS = None
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
        PNG = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        class Liar(Image.Image):
            size, width, height, mode = (4, 4), 4, 4, "RGB"
            def tobytes(self, *_): return bytes(10**7)
        """,
    )
    return answer(
        notebook,
        double="def double(n):\n    return Image.open(io.BytesIO(PNG))",
        table="table = Liar()",
        mean="def mean(values):\n    return Image.new('L', (1500, 1500))",
    )


@case("a picture for the teacher that is a bomb", {**FULL, "table": 0.0})
def _(notebook):
    return answer(notebook, table="import numpy as np\ntable = np.ones(3_000_000, dtype=np.uint8)")
