"""Whether the packages that a week needs are there, and new enough; where not, one line that says what to type.

The versions stand in pyproject.toml, and nowhere else: they are read from the installed course, or from the tree that
this file lies in. `python -m coursekit.versions` looks at all of them.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

COURSE = "crossmodal"
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@lru_cache(maxsize=1)
def wanted() -> dict[str, Requirement]:
    """{package, by its canonical name: what the course asks of it}; {} where nothing says so."""
    try:
        lines = metadata.requires(COURSE) or []
    except metadata.PackageNotFoundError:  # a tree that is not installed
        found = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")) if PYPROJECT.is_file() else {}
        lines = found.get("project", {}).get("dependencies", [])
    asked = map(Requirement, lines)
    return {canonicalize_name(one.name): one for one in asked if not one.marker or one.marker.evaluate({"extra": ""})}


def lacking(needed: Iterable[str] | None = None) -> dict[Requirement, str]:
    """{what the course asks: the version that is here instead, "" for none}.

    needed: packages that must be there; all that the course asks for where none are named. Of the others only those are
    looked at that are there: a week may do without.
    """
    must = set(wanted()) if needed is None else {canonicalize_name(name) for name in needed}
    found = {}
    for name, asked in wanted().items():
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name in must:
                found[asked] = ""
        else:
            if not asked.specifier.contains(here, prereleases=True):
                found[asked] = here
    return found


def advice(needed: Iterable[str] | None = None) -> str:
    """One line on what is missing or not of a version that the course asks for, with the command; "" where nothing is.

    needed: see `lacking`.
    """
    found = lacking(needed)
    if not found:
        return ""
    faults = ", ".join(f"{asked} ({f'here is {here}' if here else 'missing'})" for asked, here in found.items())
    words = " ".join(f'"{asked}"' for asked in found)
    return f"This course needs {faults}. Type in a cell: %pip install -U {words}  and then restart the kernel."


if __name__ == "__main__":
    told = advice()
    print(told or "All packages that the course needs are there.")
    sys.exit(bool(told))
