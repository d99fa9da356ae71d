"""What the course itself knows: answers taken from the references of the visible checks."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import NONE, answer, cell, family

CASES: list[Case] = []
case = family(CASES, "forgery")

# ways to the references of the visible checks; none is there in a graded kernel
BORROWED = {
    "imported": "import toy_lab.checks.reference as reference",
    "run from its file": """
        import importlib.util, pathlib, toy_lab
        path = pathlib.Path(toy_lab.__file__).parent / "checks" / "reference.py"
        spec = importlib.util.spec_from_file_location("reference", path)
        reference = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reference)
        """,
    "read as data": """
        import importlib.resources, pkgutil, types
        reference = types.SimpleNamespace()
        for read in (
            lambda: pkgutil.get_data("toy_lab", "checks/reference.py"),
            lambda: importlib.resources.files("toy_lab").joinpath("checks", "reference.py").read_bytes(),
            lambda: open("@ROOT@/weeks/week01_toy/toy_lab/checks/reference.py", "rb").read(),
        ):
            try:
                exec(read(), vars(reference))
            except OSError:
                pass
        """,
    "found in memory": """
        import gc, sys, types
        found = {}
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType) and "check" in str(thing.__module__) + thing.__code__.co_filename:
                found[thing.__name__] = thing
        for name, module in list(sys.modules.items()):
            if "reference" in name or name.endswith("_lab.checks"):
                found |= vars(module)
        reference = types.SimpleNamespace(**found)
        """,
    "found as bytecode": """
        import glob, importlib.machinery, importlib.util, os, sys
        for base in (*sys.path, "@ROOT@", "/tmp", "/usr/local/lib"):
            for path in glob.glob(base + "/**/reference*.pyc", recursive=True, include_hidden=True):
                if "site-packages" not in path:
                    loader = importlib.machinery.SourcelessFileLoader("reference", path)
                    reference = importlib.util.module_from_spec(importlib.util.spec_from_loader("reference", loader))
                    loader.exec_module(reference)
        """,
    "asked of a process without our environment": """
        import subprocess, sys, types
        ask = "import json, sys; from toy_lab.checks import reference as r; sys.path; print(r.double(int(sys.argv[1])))"
        def borrowed(n):
            env = {"PYTHONPATH": ":".join(sys.path)}
            done = subprocess.run([sys.executable, "-c", ask, str(n)], env=env, capture_output=True, text=True)
            return int(done.stdout)
        reference = types.SimpleNamespace(double=borrowed, table=[borrowed(n) for n in (1, 2, 3)], mean=None)
        """,
    "asked of check": """
        import os, types, toy_lab
        os.environ.pop("CROSSMODAL_GRADED", None)
        def tried(n):
            for guess in range(-2000, 2001):
                if toy_lab.check("double", {"double": lambda m: guess}).verdicts[0].passed:
                    return guess
        reference = types.SimpleNamespace(double=tried, table=toy_lab.check("table").verdicts[0].claim, mean=tried)
        """,
}


def _borrowed(way):
    def build(notebook):
        cell(notebook, way)
        functions = {name: f"{name} = reference.{name}" for name in ("double", "table", "mean")}
        return answer(notebook, **functions)

    return build


for _name, _way in BORROWED.items():
    case(f"the course's reference {_name}", NONE)(_borrowed(_way))
