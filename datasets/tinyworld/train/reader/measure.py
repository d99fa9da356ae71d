"""What the reader says of a text by the course's Whisper, and whether its attention goes through the text in order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import SpeechT5ForTextToSpeech

from tinyworld import voices
from tinyworld.checkpoints import checkpoint
from tinyworld.phones import Phones
from tinyworld.sound import RATE
from tinyworld.train.vocoder import measure as vocoder
from tinyworld.train.whisper import measure as whisper

SALADS = 36
LONGEST = 6.0  # frames a phone, after which it is stopped
THERE = 0.2  # of a step's attention that a phone must once have had to count as read


def load(folder: Path) -> tuple[SpeechT5ForTextToSpeech, Phones]:
    """The checkpoint in a folder, in single precision."""
    model = SpeechT5ForTextToSpeech.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), Phones.from_pretrained(folder)


@torch.inference_mode()
def read(model: SpeechT5ForTextToSpeech, phones: Phones, text: str, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A text: its mel spectrogram, float32 (frames, 80), and the mean attention of all heads, (steps, phones).

    seed: of the prenet's dropout, which the class keeps on.
    """
    ids = phones(text)["input_ids"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mel, attention = model.generate_speech(
            ids, torch.ones(1, 1), minlenratio=1.0, maxlenratio=LONGEST, output_cross_attentions=True
        )
    return mel.clone(), attention.mean(dim=(0, 1)).clone()


def followed(attention: torch.Tensor) -> dict[str, float]:
    """Of one text's attention (steps, phones): which phones were never read, and how often it went back.

    skipped: of the phones, those that no step gave `THERE` of its attention.   back: of the steps, those whose most
    attended phone lies more than one before the one of the step before.
    """
    peaks = attention.argmax(1)
    skipped = (attention.max(0).values < THERE).float().mean()
    return {"skipped": float(skipped), "back": float((peaks.diff() < -1).float().mean())}


def spoken(
    model: SpeechT5ForTextToSpeech, phones: Phones, texts: Sequence[str]
) -> tuple[list[np.ndarray], dict[str, float]]:
    """The sound of texts, and what `followed` says of them in the mean."""
    made = [read(model, phones, text, i) for i, text in enumerate(texts)]
    maker = vocoder.load(checkpoint("vocoder"))
    kept = [followed(attention) for _, attention in made]
    return [vocoder.vocode(maker, mel).numpy() for mel, _ in made], {
        key: float(np.mean([one[key] for one in kept])) for key in kept[0]
    }


def words(texts: Sequence[str], sounds: Sequence[np.ndarray]) -> float:
    """Word error rate."""
    heard = whisper.load(checkpoint("whisper")).write([sound[: 5 * RATE] for sound in sounds], "en")
    return whisper.wer(list(texts), heard)


def glance(model: SpeechT5ForTextToSpeech, phones: Phones, each: int) -> dict[str, float]:
    """The main figures, for looking on the way; `each`: one text in so many is read."""
    texts = [one.text for one in voices.load("test")][::each]
    sounds, kept = spoken(model, phones, texts)
    return {"WER": words(texts, sounds)} | kept


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` texts, or all. Shares are in [0, 1]."""
    model, phones = load(folder)
    texts = [one.text for one in voices.load("test")]
    texts = texts[:: max(1, len(texts) // n)] if n else texts
    salad = voices.word_salad(n or SALADS, 1)
    start = time.perf_counter()
    sounds, kept = spoken(model, phones, texts)
    took = time.perf_counter() - start
    return {
        "sentences/WER": words(texts, sounds),
        "salad/WER": words(salad, spoken(model, phones, salad)[0]),
        "wrong text/WER": words(texts[1:] + texts[:1], sounds),
        **kept,
        "real time": took * RATE / sum(map(len, sounds)),
    }


ROWS = {
    "sentences/WER": "read: word error rate",
    "salad/WER": "read: word error rate of words in no order",
    "wrong text/WER": "control: word error rate against another text",
    "skipped": "phones that attention skips",
    "back": "steps in which attention goes back",
}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | |", "|---|---|"]
    lines += [f"| {name} | {100 * figures[key]:.1f} % |" for key, name in ROWS.items()]
    return "\n".join(lines)
