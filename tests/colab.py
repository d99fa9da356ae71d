"""Run the weeks as Colab would: with what it preinstalls, and what each week's own set-up cell installs on top.

    python tests/colab.py [WEEK ...] [--venv DIR] [--python PYTHON] [--pins FILE]

Any Python from 3.11 starts it. The weeks run on Colab's, 3.13, where that is installed, or on the one named. It makes
an environment of its own (about 6 GB: Colab's torch is a CUDA build) with what they need of Colab's packages, in the
versions there.

For each week it installs what the released notebook's set-up cell says, from this tree in place of its repository, and
executes the instructor's notebook; every check must pass. Needs a package index; CI need not run it every time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = Path(__file__).with_name("colab-versions.txt")
RUNNER = ["ipykernel", "nbclient"]  # what runs a notebook without a browser
GPU = re.compile(r"(nvidia|cuda|triton)(-|$)")  # the index's build of torch brings its own; Colab's is another build
SLACK = 120  # seconds for the kernel to start and end
# In the environment: executes a notebook, and tells of the cell that stopped it.
EXECUTE = """
import json, sys
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

source, out, seconds = sys.argv[1:]
notebook, last = nbformat.read(source, as_version=4), [0]
client = NotebookClient(notebook, kernel_name="python3", timeout=int(seconds))
client.on_cell_start = lambda cell, cell_index, **_: last.__setitem__(0, cell_index)
told = {}
try:
    client.execute()
except CellExecutionError as error:
    told = {"cell": last[0] + 1, "error": f"{error.ename}: {error.evalue}", "trace": error.traceback}
except Exception as error:
    told = {"cell": last[0] + 1, "error": f"{type(error).__name__}: {error}", "trace": ""}
if told:
    told["source"] = notebook.cells[last[0]].source
json.dump({"stopped": told, "cells": notebook.cells}, open(out, "w"))
"""


def name(requirement: str) -> str:
    """The canonical name of the package that a requirement is for."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def pinned(lines: Iterable[str]) -> dict[str, str]:
    """{package: version} of lines like "torch==2.11.0"."""
    found = (line.partition("#")[0].partition(";")[0].strip() for line in lines)
    return {name(one): one.partition("==")[2].strip() for one in found if "==" in one}


def code_cells(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def set_up(slug: str, root: Path = ROOT) -> list[str]:
    """The arguments of the released notebook's `%pip install`, with this tree in place of the course's repository."""
    code = "\n".join(code_cells(root / "weeks" / slug / f"{slug}.ipynb"))
    lines = re.findall(r"^\s*[%!]pip install (.+)$", code, re.MULTILINE)
    if len(lines) != 1:
        sys.exit(f"{slug}: {len(lines)} lines of the released notebook install something; one was expected")
    return [str(root) if word.startswith("git+") else word for word in shlex.split(lines[0])]


def brought(slug: str, root: Path = ROOT) -> list[str]:
    """The packages that the set-up cell installs besides the course."""
    return [word for word in set_up(slug, root) if not word.startswith("-") and word != str(root)]


def budget(slug: str, root: Path = ROOT) -> dict[str, int]:
    """Seconds that a cell and a notebook of the week may take."""
    table = tomllib.loads((root / "weeks" / "course.toml").read_text(encoding="utf-8"))
    return {**table["course"]["budget"], **table["weeks"][slug].get("budget", {})}


def split(needed: dict[str, str], colab: dict[str, str], here: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Of the packages that the weeks need: those that Colab has, in its versions; and those that nothing brings.

    here: what set-up cells install.
    """
    preinstalled = {package: colab[package] for package in needed if package in colab and not GPU.match(package)}
    preinstalled |= {package: version for package, version in needed.items() if GPU.match(package)}
    given = {*preinstalled, *map(name, here), "crossmodal"}
    return preinstalled, sorted(set(needed) - given)


def run(command: list[object], why: str, **more: object) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"{why} failed:\n{done.stderr.strip()}")
    return done.stdout


def colab_s_python() -> str:
    """The command of Colab's Python, where this machine has it; else this one's."""
    for command in ("python3.13", sys.executable):
        found = shutil.which(command)
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:  # it may be a mere shim
            return found
    return sys.executable


def make_environment(folder: Path, base: str, weeks: Iterable[str], work: Path, pins: Path = PINS) -> Path:
    """An environment of the Python `base` with those of Colab's packages that the weeks need. Returns its Python.

    pins: the list of what Colab has.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        run([base, "-m", "venv", folder], "making an environment")
        run([python, "-m", "pip", "install", "--quiet", "uv"], "installing uv")
    uv, colab = [python, "-m", "uv", "pip"], pinned(pins.read_text(encoding="utf-8").splitlines())
    wanted = {word for slug in weeks for word in brought(slug)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = "\n".join([*project["dependencies"], *wanted, *RUNNER])
    limits = work / "colab.txt"
    limits.write_text("".join(f"{one}=={version}\n" for one, version in colab.items() if not GPU.match(one)))
    compile_ = [*uv, "compile", "--quiet", "--no-header", "--no-annotate", "--python", python, "-c", limits, "-"]
    needed = pinned(run(compile_, "working out what the weeks need", input=asked).splitlines())
    preinstalled, lacking = split(needed, colab, wanted)
    exact = work / "preinstalled.txt"
    exact.write_text("".join(f"{package}=={version}\n" for package, version in preinstalled.items()))
    run([*uv, "install", "--quiet", "--python", python, "--no-deps", "-r", exact], "installing what Colab has")
    version = run([python, "-c", "import sys; print(sys.version.split()[0])"], "starting Python").strip()
    print(
        f"Python {version}, {len(preinstalled)} packages as Colab has them"
        + (f"; neither it nor a cell has {', '.join(lacking)}" if lacking else "")
    )
    return python


def run_week(python: Path, slug: str, work: Path, root: Path = ROOT) -> list[str]:
    """Install what the week's set-up cell says, and execute the instructor's notebook. Returns what went wrong."""
    added = work / f"{slug}-packages"
    uv = [python, "-m", "uv", "pip", "install", "--python", python, "--target", added]
    run([*uv, *set_up(slug, root)], f"the set-up cell of {slug}")
    return execute(python, root / "solutions" / slug / f"{slug}.ipynb", work, budget(slug, root), [added])


def execute(python: Path, source: Path, work: Path, budget: dict[str, int], packages: Iterable[Path] = ()) -> list[str]:
    """Execute a notebook with a Python that has nbclient. Returns what went wrong, in lines.

    packages: folders to import from first.
    """
    out = work / f"{source.stem}.json"
    out.unlink(missing_ok=True)
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "VIRTUAL_ENV", "JUPYTER_PATH")}
    env |= {"HF_HUB_OFFLINE": "1", "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    # else a kernel of this name in the user's own folder would run it
    env |= {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_DATA_DIR": str(work / "jupyter")}
    env["OMP_WAIT_POLICY"] = "PASSIVE"  # as while grading: else threads that wait hold up all on a busy machine
    env["PYTHONPATH"] = os.pathsep.join(map(str, packages))
    command = [python, "-c", EXECUTE, source, out, str(budget["cell"])]
    try:
        done = subprocess.run(
            command, cwd=work, env=env, capture_output=True, text=True, timeout=budget["notebook"] + SLACK
        )
    except subprocess.TimeoutExpired:
        return [f"it took longer than {budget['notebook'] + SLACK} s"]
    if not out.is_file():
        return ["it could not be executed:", *done.stderr.strip().splitlines()[-20:]]
    told = json.loads(out.read_text(encoding="utf-8"))
    return [*stopped(told["stopped"]), *failing(told["cells"])]


def stopped(told: dict[str, object]) -> list[str]:
    """The cell that stopped a notebook, and why; nothing where none did."""
    if not told:
        return []
    trace = re.sub(r"\x1b\[[\d;]*m", "", str(told["trace"])).strip().splitlines()
    code = [f"    {line}" for line in str(told["source"]).splitlines()[:12]]
    error = str(told["error"]).partition("\n")[0]
    return [f"cell {told['cell']} stopped it: {error}", *code, *[f"    {line}" for line in trace[-15:]]]


def failing(cells: Iterable[dict]) -> list[str]:
    """What the checks that ran and did not pass printed."""
    wrong = []
    for cell in cells:
        if cell["cell_type"] == "code" and cell["source"].startswith("check(") and cell.get("execution_count"):
            text = "".join(output.get("text", "") for output in cell["outputs"])
            if "all right" not in text and not any(output["output_type"] == "error" for output in cell["outputs"]):
                wrong.append(text.strip() or f"{cell['source']} printed nothing")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weeks", nargs="*", default=sorted(p.stem for p in (ROOT / "solutions").glob("*/*.ipynb")))
    parser.add_argument("--venv", type=Path, help="keep the environment here, for the next time")
    parser.add_argument("--python", default=colab_s_python(), help="run the weeks on this one")
    parser.add_argument("--pins", type=Path, default=PINS, help="the list of what Colab has, as `pip freeze` gives it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        python = make_environment((args.venv or work / "venv").resolve(), args.python, args.weeks, work, args.pins)
        failed = False
        for slug in args.weeks:
            wrong = run_week(python, slug, work)
            failed |= bool(wrong)
            print(f"{slug}: " + ("every check passes" if not wrong else "\n  ".join(["", *wrong])), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
