"""Has Colab's list of packages moved away from the one that the tests run with? What an issue would say of it.

    python tests/colab_moved.py pip-freeze.gpu.txt [os-info-gpu.txt]

compares Colab's own list (googlecolab/backend-info) with tests/colab-versions.txt, as far as students need its
packages: those that pyproject.toml asks for. Prints Markdown, and exits with 1 where one of them moved. What else moved
is counted. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import colab

KEPT_PYTHON = re.compile(r"Python (\d+\.\d+)")  # in the first line of colab-versions.txt


def needed(root: Path = colab.ROOT) -> set[str]:
    """The packages that the course asks of students, by their canonical names."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {colab.name(one) for one in project["dependencies"]}


def moved(kept: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """{package: (version kept here, Colab's version now)} of those that differ; "" where one list lacks it."""
    names = sorted({*kept, *now})
    return {name: (kept.get(name, ""), now.get(name, "")) for name in names if kept.get(name) != now.get(name)}


def report(kept: str, now: str, system: str = "", wanted: set[str] | None = None) -> tuple[str, bool]:
    """What to say in Markdown, and whether anything that matters moved. kept, now, system: the texts of the lists.

    Raises ValueError where `now` is no list of packages.
    """
    here, there = colab.pinned(kept.splitlines()), colab.pinned(now.splitlines())
    if len(there) < len(here) / 2:
        raise ValueError(f"only {len(there)} packages are in Colab's list, where {len(here)} were: is it the list?")
    wanted = needed() if wanted is None else wanted
    differs = moved(here, there)
    ours = {name: pair for name, pair in differs.items() if name in wanted}
    rows = [f"| {name} | {before or 'not there'} | {after or 'not there'} |" for name, (before, after) in ours.items()]
    pythons = [found[1] if (found := KEPT_PYTHON.search(text)) else "" for text in (kept, system)]
    if all(pythons) and pythons[0] != pythons[1]:
        rows.insert(0, f"| Python | {pythons[0]} | {pythons[1]} |")
    if not rows:
        others = f"; {len(differs)} others differ" if differs else ""
        return f"Colab has what `tests/colab-versions.txt` says of the course's packages{others}.\n", False
    table = ["| package | tests/colab-versions.txt | Colab now |", "|---|---|---|", *rows]
    what = [
        f"{len(rows)} of what students need moved, and {len(differs) - len(ours)} other packages.",
        "",
        *table,
        "",
        "Put Colab's list in place of `tests/colab-versions.txt`, under the comment at its top, and run "
        "`python tests/colab.py` and `pytest tests/repository/test_versions.py`.",
    ]
    return "\n".join(what) + "\n", True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path, help="Colab's pip-freeze.gpu.txt")
    parser.add_argument("system", type=Path, nargs="?", help="Colab's os-info-gpu.txt, which names its Python")
    args = parser.parse_args()
    system = args.system.read_text(encoding="utf-8") if args.system else ""
    kept = colab.PINS.read_text(encoding="utf-8")
    text, differs = report(kept, args.list.read_text(encoding="utf-8"), system)
    print(text, end="")
    sys.exit(differs)


if __name__ == "__main__":
    main()
