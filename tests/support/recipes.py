"""What every recipe with a saved run has to do, tried on one in miniature."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tinyworld import sound
from tinyworld.train.__main__ import RECIPES, parse
from tinyworld.train.whisper import espeak

TONE = 0.12  # seconds a letter: an embedding wants a third of a second


def tones(text, voice, speed=175, pitch=50, pitch_range=50, stretch=1.0) -> espeak.Spoken:
    """What stands in for espeak-ng: each letter a tone of its own, and no pause between words."""
    letter, parts, phones, at = TONE * 175 / speed, [], [], 0.0
    for sign in text.replace(" ", ""):
        n = int(letter * sound.RATE)
        parts.append(0.3 * np.sin(np.arange(n) * (0.05 + 0.01 * (ord(sign) % 64))))
        phones.append((sign, at, at + letter))
        at += letter
    return espeak.Spoken(np.concatenate(parts).astype(np.float32), (), tuple(phones))


def goes_on(name: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was stopped in its third step ends as if nothing had happened, and exports what was saved.

    arguments: of the command line, the recipe's name first; at least four steps, each of them saved.
    """
    recipe, ended = RECIPES[name], []

    def keep(model, *_):
        ended.append({key: value.clone() for key, value in model.state_dict().items()})

    monkeypatch.setattr(recipe, "export", keep)
    recipe.run(parse([*arguments, "--runs", str(tmp_path / "whole")]))
    shown = []

    def interrupt(self, progress, text):
        shown.append(progress)
        if len(shown) == 3:
            raise KeyboardInterrupt

    halves = [*arguments, "--runs", str(tmp_path / "halves"), "--resume"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tinyworld.train.loop.Progress.show", interrupt)
        recipe.run(parse(halves))
    assert json.loads((tmp_path / f"halves/{name}/counters.json").read_text())["step"] == 2
    recipe.run(parse(halves))
    recipe.run(parse([*halves, "--export"]))
    whole, resumed, exported = ended
    assert all(torch.equal(whole[key], resumed[key]) and torch.equal(whole[key], exported[key]) for key in whole)


def names_what_is_missing(arguments: list[str], tmp_path: Path) -> None:
    """Without a saved run there is nothing to export, and it says so."""
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        RECIPES[arguments[0]].run(parse([*arguments, "--runs", str(tmp_path), "--export"]))
