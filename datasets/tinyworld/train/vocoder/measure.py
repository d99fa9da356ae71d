"""How much of a recording survives its mel spectrogram: words, voice and spectrum, beside Griffin-Lim."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import SpeechT5HifiGan

from tinyworld import voices
from tinyworld.checkpoints import checkpoint
from tinyworld.sound import RATE
from tinyworld.train.speaker import measure as speaker
from tinyworld.train.vocoder.spectra import distance, griffin_lim
from tinyworld.train.voices.mel import log_mel
from tinyworld.train.whisper import measure as whisper


def load(folder: Path) -> SpeechT5HifiGan:
    """The checkpoint in a folder, in single precision."""
    return SpeechT5HifiGan.from_pretrained(folder, dtype=torch.float32).eval()


@torch.inference_mode()
def vocode(model: SpeechT5HifiGan, mel: torch.Tensor) -> torch.Tensor:
    """A log mel spectrogram (frames, 80) to sound (256 * frames,)."""
    return model(mel).clone()


def copied(model: SpeechT5HifiGan, sounds: Sequence[np.ndarray], texts: list[str]) -> dict[str, float]:
    """Of copy synthesis: word error rate by the course's Whisper, and distance in dB. For looking on the way."""
    made = [vocode(model, log_mel(torch.tensor(s)[None])[0]) for s in sounds]
    heard = whisper.load(checkpoint("whisper")).write([m.numpy() for m in made], "en")
    off = [distance(m, torch.tensor(s)) for m, s in zip(made, sounds, strict=True)]
    return {"WER": whisper.wer(texts, heard), "dB": float(np.mean(off))}


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` shipped recordings of unheard voices, or all."""
    model, said = load(folder), voices.load("test")
    said = said[:: max(1, len(said) // n)] if n else said
    judge = Judge(said)
    figures = judge("recording", lambda mel, sound: sound)
    figures |= judge("HiFi-GAN", lambda mel, sound: vocode(model, mel))
    return figures | judge("Griffin-Lim", lambda mel, sound: griffin_lim(mel))


class Judge:
    """Measures copies of recordings: who says what, how far from the recording, how fast."""

    def __init__(self, said: list[voices.Recording]) -> None:
        self.said, self.heard = said, whisper.load(checkpoint("whisper"))
        self.sounds = [torch.tensor(r.audio) for r in said]
        self.mels = [log_mel(sound[None])[0] for sound in self.sounds]
        self.ear = speaker.load(checkpoint("speaker"))
        self.known = speaker.enrolled(*self.ear)

    def __call__(self, name: str, copy: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> dict[str, float]:
        """copy: from the mel spectrogram and the recording to what is to be measured."""
        start = time.perf_counter()
        made = [copy(mel, sound) for mel, sound in zip(self.mels, self.sounds, strict=True)]
        took = time.perf_counter() - start
        sounds = [sound.numpy() for sound in made]
        embedded = speaker.embed(*self.ear, sounds)
        copies = speaker.enrolled(*self.ear, lambda audio: _copy_of(torch.tensor(audio), copy).numpy())
        off = [distance(m, s) for m, s in zip(made, self.sounds, strict=True)]
        return {
            f"{name}/WER": whisper.wer([r.text for r in self.said], self.heard.write(sounds, "en")),
            f"{name}/nearest": self.right(speaker.nearest(embedded, self.known)),
            f"{name}/nearest copy": self.right(speaker.nearest(embedded, copies)),
            f"{name}/dB": float(np.mean(off)),
            f"{name}/real time": took * RATE / sum(len(sound) for sound in self.sounds),
        }

    def right(self, names: list[str]) -> float:
        """How many of the voices are named rightly."""
        return sum(name == r.voice for name, r in zip(names, self.said, strict=True)) / len(names)


def _copy_of(sound: torch.Tensor, copy: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> torch.Tensor:
    return copy(log_mel(sound[None])[0], sound)


NAMES = ("recording", "HiFi-GAN", "Griffin-Lim")


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | word error rate | nearest of nine | of nine copies | distance | real-time factor |"]
    lines.append("|---|---|---|---|---|---|")
    for name in NAMES:
        wrong, near, copy = (f"{100 * figures[f'{name}/{key}']:.1f} %" for key in ("WER", "nearest", "nearest copy"))
        took = "" if name == "recording" else f"{figures[f'{name}/real time']:.2f}"
        lines.append(f"| {name} | {wrong} | {near} | {copy} | {figures[f'{name}/dB']:.1f} dB | {took} |")
    return "\n".join(lines)
