"""Run the weeks with the package versions that Colab preinstalls, on this Python.

    python tests/colab.py [WEEK ...] [--venv DIR]

Makes an environment of its own (about 6 GB: Colab's torch is a CUDA build), installs the students' packages into it as
a student does, without changing any pinned version, executes the instructor notebooks there, and requires every check
to pass. Needs a package index; CI need not run it every time.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
PINS = Path(__file__).with_name("colab-versions.txt")
# what a student's set-up cell adds on Colab, and what runs a notebook without a browser
ADDED = ["open_clip_torch", "sacrebleu", "ipykernel", "nbclient"]
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
finally:
    nbformat.write(notebook, sys.argv[2])
"""


def make_environment(folder: Path) -> Path:
    """An environment with the pinned versions and the course. Returns its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    env = {**os.environ, "VIRTUAL_ENV": str(folder)}
    install = [python, "-m", "uv", "pip", "install", "--quiet"]
    subprocess.run([*install, "-r", PINS, *ADDED], env=env, check=True)
    subprocess.run([*install, "--no-deps", ROOT], env=env, check=True)
    subprocess.run([*install, "--dry-run", "-r", PINS], env=env, check=True)
    return python


def run_week(python: Path, slug: str, work: Path) -> list[str]:
    """Execute one instructor notebook. Returns what went wrong."""
    source, out = ROOT / "solutions" / slug / f"{slug}.ipynb", work / f"{slug}.ipynb"
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([python, "-c", EXECUTE, source, out], cwd=work, env=env, capture_output=True, text=True)
    if done.returncode:
        return [done.stderr.strip().splitlines()[-1]]
    wrong = []
    for cell in nbformat.read(out, as_version=4).cells:
        if cell.source.startswith("check("):
            text = "".join(output.get("text", "") for output in cell.outputs)
            if "all right" not in text:
                wrong.append(text.strip() or f"{cell.source} printed nothing")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weeks", nargs="*", default=sorted(p.name for p in (ROOT / "solutions").iterdir()))
    parser.add_argument("--venv", type=Path, help="keep the environment here, for the next time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        python = make_environment((args.venv or Path(scratch) / "venv").resolve())
        pins = dict(re.findall(r"^([\w-]+)==(\S+)$", PINS.read_text(), re.MULTILINE))
        print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version}" for name, version in pins.items()))
        failed = False
        for slug in args.weeks:
            wrong = run_week(python, slug, Path(scratch))
            failed |= bool(wrong)
            print(f"{slug}: " + ("every check passes" if not wrong else "\n  ".join(["", *wrong])))
    sys.exit(failed)


if __name__ == "__main__":
    main()
