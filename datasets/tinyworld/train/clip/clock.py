"""A clock for a run of two stages."""

from __future__ import annotations

from dataclasses import dataclass

from tinyworld.train import loop


@dataclass
class TwoStageClock(loop.Clock):
    """A clock that also counts how many of its steps were the first stage's: by minutes, nobody knows beforehand."""

    first_stage: int = 0
