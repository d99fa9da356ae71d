"""What a release says of itself: the version that pyproject.toml names, and its section of CHANGELOG.md.

    python .ci/notes.py v0.1.0

prints the section. Exits with 1 where the tag is not the version's, or the section is missing or empty.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """The text of the release that a tag such as "v0.1.0" is for. Raises ValueError, which says what is wrong."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag {tag} is not v{version}, the version in pyproject.toml")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    found = [one for one in sections if one.startswith(f"[{version}]")]
    if len(found) != 1:
        raise ValueError(f"CHANGELOG.md has {len(found)} sections [{version}]; write one in place of [Unreleased]")
    heading, _, text = found[0].partition("\n")
    if not re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", heading.strip()):
        raise ValueError(f"the section's heading is {heading.strip()!r}; it is like [{version}] - 2026-12-24")
    if not text.strip():
        raise ValueError(f"the section [{version}] of CHANGELOG.md is empty")
    return text.strip() + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        sys.stdout.write(notes(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
