"""Where the shipped models are."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "checkpoints"


def checkpoint(name: str) -> Path:
    """The folder of a shipped checkpoint, for `from_pretrained`. Raises FileNotFoundError that says what there is."""
    folder = FOLDER / name
    if not name or not (folder / "config.json").is_file() and not (folder / "model_index.json").is_file():
        there = sorted(p.name for p in FOLDER.iterdir() if p.is_dir()) if FOLDER.is_dir() else []
        raise FileNotFoundError(
            f"no checkpoint {name!r} in tinyworld; there is {', '.join(there) or 'none'}. "
            f"A recipe makes one: python -m tinyworld.train {name or 'NAME'}"
        )
    return folder
