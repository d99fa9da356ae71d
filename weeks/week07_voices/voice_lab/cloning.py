"""The shipped talker says a text in a voice that it was shown in three sentences, and networks say who it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from coursekit import models
from coursekit.models import Loaded
from coursekit.plots import Sheet
from voice_lab import data, hearing, plots, spectra

TEXTS = (
    "draw a small red star above a large blue ring",
    "a small blue circle on a black background",
    "paint a big purple ring on a striped background",
)
VOICELESS = {"_", "p", "t", "k", "f", "s", "S", "T", "h", "tS"}  # phones without a pitch, pauses among them
MIDDLE = 150.0  # Hz: the talker's pitch is in octaves above it
BATCH = 9


@cache
def _role(name: str) -> Loaded:
    return models.load(name, "tiny", "cpu")


@torch.no_grad()
def embedded(waves: Sequence[Any], by: Loaded | None = None) -> torch.Tensor:
    """What a WavLMForXVector makes of sounds: voices as unit vectors, (n, 64) of the shipped one. by: another."""
    loaded = by or _role("speaker")
    device, found = next(loaded.model.parameters()).device, []
    for i in range(0, len(waves), BATCH):
        part = [np.asarray(wave, dtype=np.float32) for wave in waves[i : i + BATCH]]
        given = loaded.processor(part, sampling_rate=spectra.RATE, padding=True, return_tensors="pt")
        with warnings.catch_warnings():  # of WavLM's two masks, one of numbers and one of truth values
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            found.append(F.normalize(loaded.model(**given.to(device)).embeddings.float().cpu(), dim=1))
    return torch.cat(found)


@cache
def enrolled() -> tuple[torch.Tensor, list[str]]:
    """The nine voices, each the mean of its enrolment's embeddings, of length 1: (9, 64); and their names."""
    said = data.spoken(split="enrolment")
    names = sorted({one.voice for one in said})
    found = embedded([one.audio for one in said])
    rows = [found[[i for i, one in enumerate(said) if one.voice == name]].mean(0) for name in names]
    return F.normalize(torch.stack(rows), dim=1), names


@torch.no_grad()
def say(text: str, voice: torch.Tensor, style: int = 0) -> torch.Tensor:
    """What the shipped FastSpeech2Conformer says in a voice (64,): its mel bands, on pulses at its own pitch."""
    talker = _role("talker")
    names = talker.processor.phones(text)
    given = talker.processor([text])
    found = talker.model(**given, speaker_embedding=voice[None], lang_ids=torch.tensor([[style]]))
    pitch = MIDDLE * 2 ** found.pitch_outputs[0, :, 0]
    pitch[[i for i, name in enumerate(names) if name in VOICELESS]] = 0
    return spectra.hummed(found.spectrogram[0], pitch.repeat_interleave(found.duration_outputs[0].long()))


class Cloned(NamedTuple):
    """words: WER.   own: how often the nearest of nine is the voice asked for.   swapped: how often the next one.
    sounds: the first text, by voice."""

    words: float
    own: float
    swapped: float
    sounds: dict[str, torch.Tensor]


def cloned(texts: Sequence[str] = TEXTS) -> Cloned:
    """Texts in all nine voices."""
    voices, names = enrolled()
    sounds = {name: [say(text, voice) for text in texts] for name, voice in zip(names, voices, strict=True)}
    every = [spectra.finished(wave) for made in sounds.values() for wave in made]
    words = hearing.word_errors(list(texts) * len(names), hearing.heard(every))
    nearest = (embedded(every) @ voices.T).argmax(1)
    meant = torch.arange(len(names)).repeat_interleave(len(texts))
    own, other = ((nearest == (meant + by) % len(names)).float().mean() for by in (0, 1))
    return Cloned(words, float(own), float(other), {name: made[0] for name, made in sounds.items()})


def show_clones() -> Cloned:
    """One sentence in three of nine voices to be heard, and who is heard in all nine."""
    found = cloned()
    plots.hear({name: found.sounds[name] for name in ("Andrea", "Lee", "Michael")}, TEXTS[0])
    sheet = Sheet(480, 84)
    lines = (
        ("words that Whisper mishears", found.words),
        ("the nearest of nine is the voice that was asked for", found.own),
        ("control: it is the next one's", found.swapped),
    )
    for i, (name, value) in enumerate(lines):
        sheet.text(name, 8, 16 + 24 * i, "lm")
        sheet.text(f"{value:.0%}", 470, 16 + 24 * i, "rm", bold=True)
    sheet.show("; ".join(f"{name}: {value:.0%}" for name, value in lines))
    return found


@torch.no_grad()
def show_real(speaker: Loaded, vocoder: Loaded, mel_of: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, float]:
    """A recording and its copy by a vocoder, and how like a speaker's network finds voices: cosines, by pair.

    speaker, vocoder: `models.load` of these roles, in any profile.   mel_of: as `log_mel` of the notebook.
    """
    one, again, *_ = [r for r in data.spoken() if r.voice == data.sentence().voice]
    other = next(r for r in data.spoken() if r.voice != one.voice)
    wave = data.wave_of(one)
    mel = mel_of(wave).to(next(vocoder.model.parameters()).device)
    copy = vocoder.model(mel).float().cpu()
    plots.hear({"recorded": wave, "from its mel bands": copy}, one.text)
    found = embedded([one.audio, copy.numpy(), again.audio, other.audio], speaker)
    names = ("its copy", "the same voice in another sentence", "another voice")
    cosines = {name: float(found[0] @ row) for name, row in zip(names, found[1:], strict=True)}
    for name, cosine in cosines.items():
        print(f"{cosine:6.2f}  the recording and {name}")
    return cosines
