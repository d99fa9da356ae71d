"""Strange but honest: what these submissions earned, they keep."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, NONE, TABLE, answer, cell, cell_before, family, last_cell
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


# --- names used again, and settings of the whole process --------------------------------------------------------------

LATER = {
    "a constant with the name of an answer": "double = 96485.0",
    "a result with the name of its function": "mean = mean([1.0, 2.0])\ntable = double(4)",
    "a helper and a seed defined anew": "import numpy as np\nSEED = None\nnp.random.seed(0)\ncheck = str",
    "everything reset": "%reset -f",
    "names deleted": "del double, table, mean, check",
    "star imports": "from math import *\nfrom statistics import *\nfrom operator import *",
    "names of builtins and of servers": "__import__ = list = len = dict = isinstance = getattr = check = Server = 5",
    "builtins themselves": "import builtins\nbuiltins.sum = builtins.sorted = None\n__builtins__ = {}",
    "an artefact unpacked": "first, *table = table\n(double, *rest) = [1, 2, 3]",
    "an artefact changed in place": "table[0] = 7\ntable.reverse()\ntable.extend(table)\ntable.clear()",
    "an artefact as the variable of a loop": "for table in table:\n    pass\nwith open('x', 'w') as mean:\n    pass",
    "an artefact shuffled, and its library emptied": "import numpy as np\nnp.random.shuffle(table)\nnp.mean = None",
    "an end": "exit()",
}
for _name, _source in LATER.items():
    case(f"in the last cell {_name}")(lambda notebook, source=_source: last_cell(notebook, source))

SETTINGS = {
    "floats that raise": "import numpy as np\nnp.seterr(all='raise')\nnp.set_printoptions(precision=0)",
    "warnings that raise": "import warnings\nwarnings.simplefilter('error')\nwarnings.filterwarnings('error')",
    "a shallow stack": "import sys\nsys.setrecursionlimit(150)",
    "another folder, language and folder mask": "import locale, os\nos.chdir('/')\nos.umask(0o777)\n"
    "os.environ.clear()\nlocale.setlocale(locale.LC_ALL, 'C')",
    "tracing, profiling and no collection": "import gc, sys\ngc.disable()\nsys.setprofile(lambda *_: None)\n"
    "sys.settrace(lambda *_: None)",
    "output that goes nowhere": "import sys\nsys.stdout = sys.stderr = open('log.txt', 'w')\nsys.displayhook = print",
    "an alarm and handlers of signals": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "def late(*_):\n    raise TimeoutError\nsignal.signal(signal.SIGALRM, late)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.4)",
    "names of builtins and of servers": "check = print = repr = encode = decode = Server = namespace = json = os = 3",
}
for _name, _source in SETTINGS.items():
    case(f"for the whole process {_name}")(
        lambda notebook, source=_source: cell(
            answer(
                notebook, mean="import numpy as np\ndef mean(values):\n    return np.mean(values) + 1e-200 * 1e-200"
            ),
            source,
        )
    )


@case("a better answer further down, and a helper that is there only then")
def _(notebook):
    answer(
        notebook,
        double="def double(n):\n    return n",
        mean="def mean(values):\n    return total(values) / len(values)",
    )
    return last_cell(notebook, "total = sum\ndef double(n):\n    return 2 * n\ntable = [double(n) for n in (1, 2, 3)]")


# --- answers of unusual make ------------------------------------------------------------------------------------------

MADE = {
    "keyword-only arguments": (
        "def double(*, n):\n    return 2 * n",
        "def mean(*, values):\n    return sum(values) / len(values)",
    ),
    "positional-only arguments": (
        "def double(n, /):\n    return 2 * n",
        "def mean(values, /, *, by=None):\n    return sum(values) / len(values)",
    ),
    "methods and partials with keywords": (
        "class Maths:\n    @classmethod\n    def double(cls, *, n):\n        return 2 * n\ndouble = Maths.double",
        "from functools import partial\ndef any_mean(by, *, values):\n    return sum(values) / by(values)\n"
        "mean = partial(any_mean, len)",
    ),
    "decorators that keep nothing": (
        "def timed(f):\n    def wrapped(*args, **kwargs):\n        return f(*args, **kwargs)\n    return wrapped\n"
        "@timed\ndef double(n):\n    return 2 * n",
        "def means(*, values):\n    return sum(values) / len(values)\nmean = timed(means)\nmean.__wrapped__ = means",
    ),
    "magics ahead": (
        "%%time\ndef double(n):\n    return 2 * n",
        "%matplotlib widget\ndef mean(values):\n    return sum(values) / len(values)",
    ),
    "magics for windows, cells and extensions": (
        "%matplotlib notebook\n%load_ext autoreload\n%autoreload 2\ndef double(n):\n    return 2 * n",
        "%load_ext google.colab.data_table\n%tensorflow_version 2.x\n%config InlineBackend.figure_format = 'retina'\n"
        "def mean(values):\n    return sum(values) / len(values)",
    ),
    "pools of threads that the notebook keeps": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\nlist(pool.map(int, '1234'))\n"
        "def double(n):\n    return pool.submit(lambda: 2 * n).result()",
        "def mean(values):\n    return pool.submit(sum, values).result() / len(values)",
    ),
    "processes that outlive the call": (
        "import os, subprocess\ndef double(n):\n    for _ in range(5):\n"
        "        subprocess.Popen(['sleep', '60'], start_new_session=True)\n    return 2 * n",
        "def mean(values):\n    for _ in range(10):\n"
        "        subprocess.Popen(['sleep', '60'], start_new_session=True)\n    return sum(values) / len(values)",
    ),
}
for _name, (_double, _mean) in MADE.items():
    case(f"answers with {_name}")(
        lambda notebook, double=_double, mean=_mean: answer(notebook, double=double, table=TABLE, mean=mean)
    )


@case("%%capture and %%timeit around what is no answer")
def _(notebook):
    cell(notebook, "%%capture shown\nprint('much')")
    cell(notebook, "%%timeit -n 1 -r 1\nsum(range(10))")
    cell(notebook, "%%bash\nexit 3")
    return cell(notebook, "%%html\n<b>bold</b>")


# --- messages that say something --------------------------------------------------------------------------------------

TELLING = {
    "the builtin that was taken": (
        "sum = None", "def mean(values):\n    return sum(values) / len(values)", "another value to Python's own `sum`"),
    "a builtin of another kind": (
        "len = 3", "def mean(values):\n    return sum(values) / len(values)", "another value to Python's own `len`"),
    "the cell that took it": (
        "sum = max = 0", "def mean(values):\n    return sum(values) / len(values)", "gives `sum` another value"),
    "a value where a function was expected": ("", "mean = None", "a NoneType here where a function was expected"),
    "a missing return": ("", "def mean(values):\n    sum(values) / len(values)", "is there a return?"),
    "an error without a text": ("", "def mean(values):\n    raise ValueError", "your code raised ValueError"),
    "a value of just over 64 MB": ("", "def mean(values):\n    return bytes(50_400_000)", "takes 65 MB; at most 64 MB"),
    "how an answer's process ended": ("import os", "def mean(values):\n    os._exit(3)", "ended with exit status 3"),
    "which signal ended it": ("import os", "def mean(values):\n    os.abort()", "ended by signal 6, Aborted"),
}  # fmt: skip
for _name, (_before, _mean, _says) in TELLING.items():
    case(f"is told {_name}", {**FULL, "mean": 0.0}, says=_says)(
        lambda notebook, before=_before, mean=_mean: cell_before(answer(notebook, mean=mean), "id-mean", before)
    )


@case("is told which cell took a name after it was judged", says="gives `double` another value after double was judged")
def _(notebook):
    return last_cell(notebook, "double = 96485.0")
