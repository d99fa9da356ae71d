"""What the models' cards have in common: sizes, and the command that makes the model again.

A card is Markdown after a few lines of metadata, as the Hub reads it; the text of each stands beside its recipe. They
are filled in by `str.format`: huggingface_hub's `ModelCard` would bring Jinja templates and write the metadata in its
own way, and save nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import nn


def millions(module: nn.Module) -> float:
    """How many million parameters a module has."""
    return sum(p.numel() for p in module.parameters()) / 1e6


def megabytes(folder: Path) -> float:
    """The size of all weights in a folder, in MB."""
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors")) / 1e6


def options(args: argparse.Namespace, names: tuple[str, ...], **others: object) -> str:
    """The named options of a recipe as they are written in its command; `others` in the place of what `args` says."""
    values = {name: getattr(args, name) for name in names} | others
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in values.items())
