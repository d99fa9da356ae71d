"""What datasets/README.md, which is of the whole tree and not of the package, says of a shipped model."""

import re
from pathlib import Path

DATASHEET = Path(__file__).parents[2] / "datasets" / "README.md"


def shown(model: str) -> dict[str, float]:
    """The figures in a model's row, in per cent, by name."""
    (line,) = [line for line in DATASHEET.read_text().splitlines() if f"checkpoints/{model}/README.md" in line]
    return {name.strip(): float(value) for name, value in re.findall(r"([a-zA-Z0-9@ ]+) ([0-9.]+) %", line)}
