"""What week 4's Whisper hears, and how much of it is right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from coursekit import models
from coursekit.models import Loaded

BATCH = 16


@cache
def whisper() -> Loaded:
    """The shipped Whisper of week 4."""
    return models.load("whisper", "tiny", "cpu")


def heard(waves: Sequence[Any]) -> list[str]:
    """What Whisper says to sounds at 16 kHz, in lower case and without punctuation."""
    from transformers.utils import logging

    model, extractor = whisper().model, whisper().processor.feature_extractor
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    found: list[str] = []
    try:
        for i in range(0, len(waves), BATCH):
            part = [np.asarray(wave, dtype=np.float32) for wave in waves[i : i + BATCH]]
            features = extractor(part, sampling_rate=16_000, return_tensors="pt").input_features
            mask = torch.ones_like(features[:, 0], dtype=torch.long)
            ids = model.generate(features, attention_mask=mask, language="en", task="transcribe", max_new_tokens=40)
            found += whisper().processor.batch_decode(ids, skip_special_tokens=True)
    finally:
        logging.set_verbosity(level)
    return [plain(text) for text in found]


def plain(text: str) -> str:
    """Text as it is compared."""
    return " ".join(re.sub(r"[^\w\s']", " ", text.lower()).split())


def word_errors(said: Sequence[str], found: Sequence[str]) -> float:
    """Word error rate: words put in, left out or exchanged, by the number of words said."""
    total = 0
    for text, other in zip(said, found, strict=True):
        row = np.arange(len(other.split()) + 1)
        for i, word in enumerate(plain(text).split(), 1):
            before, row = row, np.full_like(row, i)
            for j, name in enumerate(other.split(), 1):
                row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != name))
        total += int(row[-1])
    return total / max(1, sum(len(plain(text).split()) for text in said))
