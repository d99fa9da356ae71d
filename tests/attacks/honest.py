"""Strange but honest: what these submissions earned, they keep."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, NONE, TABLE, answer, cell, family
from attacks.malformed import unanswered

CASES: list[Case] = []
case = family(CASES, "honest")


@case("prints to stderr and warns")
def _(notebook):
    cell(
        notebook,
        "import sys, warnings\nprint('deprecated!', file=sys.stderr)\nwarnings.warn('old', DeprecationWarning)",
    )
    return answer(
        notebook,
        double="""
            import logging, sys, warnings
            def double(n):
                warnings.warn("slow")
                print("called with", n, file=sys.stderr)
                logging.error("twice %s", n)
                return 2 * n
            """,
    )


@case("helpers in cells of their own, and names of their own")
def _(notebook):
    cell(
        notebook,
        "def twice(thing):\n    return thing + thing\n\nclass Maths:\n    @staticmethod\n    def mean(x):\n"
        "        return sum(x) / len(x)",
    )
    return answer(
        notebook,
        double="def double(the_number_i_was_given):\n    return twice(the_number_i_was_given)",
        table="doubled_numbers = [*map(double, range(1, 4))]\ntable = tuple(doubled_numbers)",
        mean="mean = Maths.mean",
    )


@case("other libraries imported, and results of their types")
def _(notebook):
    return answer(
        notebook,
        double="import numpy as np\nimport math, functools, operator\ndef double(n):\n    return np.int64(n) * 2",
        table="table = np.arange(1, 4) * 2",
        mean="import statistics\ndef mean(values):\n    return np.float32(statistics.fmean(values)).astype(float)"
        " if len(values) == 2 else np.asarray(values).mean(keepdims=False)",
    )


@case("only one question answered", {**NONE, "double": 4.0})
def _(notebook):
    double = next(one.source for one in notebook.cells if one.id == "id-double")
    return answer(unanswered(notebook), double=double)


@case("one wrong answer beside two right ones", {**FULL, "mean": 0.5})
def _(notebook):
    return answer(notebook, mean="def mean(values):\n    return sorted(values)[len(values) // 2]")


@case("errors in cells of one's own, and an answer that fails at the end of its cell")
def _(notebook):
    cell(notebook, "open('data.csv')")
    cell(notebook, "this is not Python")
    cell(notebook, "%no_such_magic\n!false")
    return answer(
        notebook, double="def double(n):\n    return n * 2\n\nassert double(2) == 5, 'I test myself, wrongly'"
    )


@case("decorators, caches, lambdas and globals that change")
def _(notebook):
    return answer(
        notebook,
        double="""
            import functools
            calls = 0
            @functools.lru_cache
            def double(n):
                global calls
                calls += 1
                return n << 1
            """,
        table="table = []\nfor n in (1, 2, 3):\n    table.append(double(n))",
        mean="mean = lambda values: (total := sum(values)) / len(values)",
    )


@case("files, folders, shell commands and processes of one's own")
def _(notebook):
    cell(
        notebook,
        """
        import os, pathlib, subprocess, tempfile, multiprocessing, threading
        pathlib.Path("notes.txt").write_text("hello")
        pathlib.Path("~/more/notes.txt").expanduser().parent.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "x").write_bytes(bytes(10_000_000))
        print(subprocess.run(["ls", "-la"], capture_output=True, text=True).stdout)
        os.environ["MY_SETTING"] = "1"
        """,
    )
    return answer(
        notebook,
        table="""
            from concurrent.futures import ThreadPoolExecutor
            def twice(n):
                return 2 * n
            with multiprocessing.get_context("fork").Pool(2) as pool:
                table = pool.map(twice, [1, 2, 3])
            with ThreadPoolExecutor(4) as pool:
                assert table == list(pool.map(twice, [1, 2, 3]))
            """,
    )


@case("a quarter of a gigabyte for a moment, and a second and a half of work")
def _(notebook):
    return answer(
        cell(notebook, "import time\nlarge = bytearray(b'x' * 250_000_000)\ndel large\ntime.sleep(1.5)"),
        mean="import time\ndef mean(values):\n    time.sleep(0.5)\n    return sum(values) / len(values)",
    )


@case("much output: progress bars, tables, a figure")
def _(notebook):
    return cell(
        notebook,
        """
        import matplotlib.pyplot as plt
        from IPython.display import HTML, Markdown, clear_output, display
        from tqdm.auto import tqdm
        for n in tqdm(range(2000)):
            pass
        for n in range(300):
            print("epoch", n, "loss", 1 / (n + 1))
        display(HTML("<b>bold</b>"), Markdown("*text*"), {"plain": "dict"})
        plt.plot([1, 2, 3])
        plt.title("Schöne Grüße, 你好")
        """,
    )


@case("exit() in a cell of one's own, and one that is too slow")
def _(notebook):
    cell(notebook, "import time\ntime.sleep(60)")
    return cell(notebook, "quit()")


@case("await, magics, generators and a class that looks like a function")
def _(notebook):
    cell(notebook, "import asyncio\nawait asyncio.sleep(0.01)\n%timeit -n 1 -r 1 sum(range(10))")
    return answer(
        notebook,
        double="""
            class Double:
                def __call__(self, n):
                    return sum(n for _ in range(2))
            double = Double()
            """,
        table="%%time\ntable = list(double(n) for n in (1, 2, 3))",
        mean="async def later(values):\n    return sum(values) / len(values)\n\n"
        "def mean(values):\n    coroutine = later(values)\n    try:\n        coroutine.send(None)\n"
        "    except StopIteration as done:\n        return done.value",
    )


@case("names of builtins taken, and the shell made one's own")
def _(notebook):
    cell(notebook, "list = [1, 2, 3]\nsum = 0\nprint = lambda *a, **k: None\nid = max = str = 7")
    cell(
        notebook,
        "shell = get_ipython()\nshell.ast_node_interactivity = 'all'\nshell.showtraceback = lambda *a, **k: None",
    )
    return answer(
        notebook,
        mean="import numpy\ndef mean(values):\n    return numpy.mean(values)",
        table=TABLE,
    )
