"""Run the steps of the Dockerfile in a clean folder, where there is no container daemon.

    python tests/dockerfile.py student [--build-arg TORCH_INDEX=] [--python PYTHON] [--cache DIR]
    python tests/dockerfile.py instructor

What is copied and run is what the Dockerfile says, at the same paths: bubblewrap shows a scratch folder's as /opt, /srv
and /home/jovyan, and all else of this machine read-only. Steps of root, which install packages of the image's Debian,
are not run, and are counted. In the end the image's promise is tried: the student's opens week 1 as far as its first
picture, the instructor's lists the grader's commands. Needs a package index; CI need not run it every time.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parent.parent
SHOWN = ("opt", "srv", "home/jovyan")  # folders of the image that its steps write to
CACHE = "/opt/image/cache"
NETWORK = ("PIP_", "UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")  # how this machine reaches an index
# In the student's image: from the first cell to the first picture, as Run All would.
FIRST_PICTURE = """
import sys, time
import nbformat
from nbclient import NotebookClient

began = time.monotonic()
notebook = nbformat.read("weeks/week01_clip/week01_clip.ipynb", as_version=4)
last = next(i for i, cell in enumerate(notebook.cells) if cell.id == "opening-picture")
notebook.cells = notebook.cells[: last + 1]
NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": "weeks/week01_clip"}}).execute()
pictures = [out for out in notebook.cells[-1].outputs if "image/png" in out.get("data", {})]
print(f"the first picture after {time.monotonic() - began:.0f} s" if pictures else "NO PICTURE")
sys.exit(not pictures)
"""
PROMISES = {
    "student": [["python", "-c", FIRST_PICTURE], ["jupyter", "lab", "--version"]],
    "instructor": [["grader", "--help"], ["grader", "doctor"]],
}
MAY_FAIL = {"grader doctor"}  # it says what a machine lacks, and this one is not the image


@dataclass
class Stage:
    """One stage of a Dockerfile with all that it stands on. steps: (instruction, value), in their order."""

    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(text: str) -> dict[str, Stage]:
    """{name: stage} of a Dockerfile whose stages all have names."""
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    found: dict[str, Stage] = {}
    for step in parser.structure:
        kind, value = step["instruction"], step["value"]
        if kind == "FROM":
            origin, _, name = value.partition(" AS ")
            found[name] = Stage(list(found[origin].steps) if origin in found else [])
            current = found[name]
        elif kind != "COMMENT" and found:
            current.steps.append((kind, value))
    return found


def context() -> list[str]:
    """The files that are sent to a builder: the tree's own, committed or not. .dockerignore keeps back no such file."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


class Image:
    """A folder in which steps are run as if it were an image."""

    def __init__(self, folder: Path, python: str, arguments: Mapping[str, str], cache: Path | None = None) -> None:
        self.folder, self.arguments, self.cache = folder, arguments, cache
        self.environment = {"HOME": "/home/jovyan", "LANG": "C.UTF-8"}
        self.environment |= {name: value for name, value in os.environ.items() if name.startswith(NETWORK)}
        self.place, self.user = "/", "root"
        self.skipped: list[str] = []
        for name in (*SHOWN, "tmp", CACHE.lstrip("/")):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "opt" / "image").mkdir(exist_ok=True)
        for name in ("python", "python3"):
            (folder / "opt" / "image" / name).symlink_to(python)
        self.path = f"/opt/image:{os.environ['PATH']}"

    def take(self, kind: str, value: str) -> None:
        """Do what one instruction says. Raises subprocess.CalledProcessError."""
        if kind == "ARG":
            name, _, usual = value.partition("=")
            self.environment[name] = self.arguments.get(name, usual)
        elif kind == "ENV":
            for name, _, said in (word.partition("=") for word in shlex.split(value)):
                self.environment[name] = said.replace("$PATH", self.path)
                self.path = self.environment[name] if name == "PATH" else self.path
        elif kind == "WORKDIR":
            self.place = value
            self._at(value).mkdir(parents=True, exist_ok=True)
        elif kind == "USER":
            self.user = value
        elif kind == "COPY":
            self._copy([word for word in value.split() if not word.startswith("--")])
        elif kind == "RUN" and self.user == "root":
            self.skipped.append(value)
        elif kind == "RUN":
            self.run(["bash", "-o", "pipefail", "-ec", value])

    def run(self, command: list[str], check: bool = True) -> int:
        boxed = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/home"]
        for name in (*SHOWN, "tmp"):
            boxed += ["--bind", str(self.folder / name), f"/{name}"]
        if self.cache:
            boxed += ["--bind", str(self.cache), CACHE]
        boxed += ["--unshare-user", "--uid", "1000", "--gid", "1000", "--chdir", self.place, "--", *command]
        environment = {**self.environment, "PATH": self.path}
        if self.cache:
            environment |= {"UV_NO_CACHE": "0", "UV_CACHE_DIR": CACHE}
        return subprocess.run(boxed, env=environment, check=check).returncode

    def _at(self, path: str) -> Path:
        """Where a path of the image is on this machine. Raises ValueError outside of what is shown."""
        whole = Path(self.place, path)
        if not any(whole.is_relative_to(f"/{name}") for name in SHOWN):
            raise ValueError(f"{whole} is not in a folder that this script shows: {', '.join(SHOWN)}")
        return self.folder / whole.relative_to("/")

    def _copy(self, words: list[str]) -> None:
        *sources, target = words
        there = self._at(target)
        for source in sources:
            files = [name for name in context() if source in (".", name) or name.startswith(f"{source}/")]
            if not files:
                raise FileNotFoundError(f"COPY {source}: no such file in the tree")
            for name in files:
                inside = name if source == "." else os.path.relpath(name, source)
                to = there / inside if inside != "." else there / name if target.endswith("/") else there
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, to)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=sorted(PROMISES))
    parser.add_argument("--build-arg", action="append", default=[], help="NAME=VALUE, as of docker build")
    parser.add_argument("--python", default=sys.executable, help="what stands for the image's own Python")
    parser.add_argument("--cache", type=Path, help="of uv, where packages may be already: `uv cache dir`")
    args = parser.parse_args()
    arguments = dict(word.split("=", 1) for word in args.build_arg)
    stage = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))[args.target]
    with tempfile.TemporaryDirectory(prefix="crossmodal-image-") as folder:
        image = Image(Path(folder), os.path.realpath(args.python), arguments, args.cache)
        for kind, value in stage.steps:
            began = time.monotonic()
            image.take(kind, value)
            if kind == "RUN":
                did = "not run, for it is root's" if image.user == "root" else f"{time.monotonic() - began:.0f} s"
                print(f"RUN {' '.join(value.split())[:90]}  ({did})", flush=True)
        for command in PROMISES[args.target]:
            image.run(command, check=" ".join(command) not in MAY_FAIL)
    print(f"{args.target}: every step of its own ran; {len(image.skipped)} of root's were not run")


if __name__ == "__main__":
    main()
