"""What a talker says: its words by the course's Whisper, its voice by the speaker embedding, its style by ear."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import FastSpeech2ConformerModel

from tinyworld import voices
from tinyworld.checkpoints import checkpoint
from tinyworld.phones import Phones
from tinyworld.sound import RATE
from tinyworld.train.speaker import measure as speaker
from tinyworld.train.talker.features import loudness
from tinyworld.train.vocoder import measure as vocoder
from tinyworld.train.voices.corpus import speak
from tinyworld.train.voices.corpus import voices as test_voices
from tinyworld.train.voices.mel import log_mel
from tinyworld.train.whisper import espeak
from tinyworld.train.whisper import measure as whisper
from tinyworld.voices import STYLES, VOICES

CHUNK = 8
SALADS = 36


def load(folder: Path) -> tuple[FastSpeech2ConformerModel, Phones]:
    """The checkpoint in a folder, in single precision."""
    model = FastSpeech2ConformerModel.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), Phones.from_pretrained(folder)


@torch.inference_mode()
def mels(model: FastSpeech2ConformerModel, phones: Phones, text: str, voice: torch.Tensor, style: int) -> torch.Tensor:
    """One sentence, float32 (frames, 80). voice: an embedding (64,).   style: index in STYLES."""
    out = model(**phones(text), speaker_embedding=voice[None], lang_ids=torch.tensor([[style]]))
    return out.spectrogram[0].clone()


class Sentence(NamedTuple):
    """What is to be said, by which of the nine voices and in which style; both as indices."""

    text: str
    voice: int
    style: int


class Studio:
    """A talker and all that it is heard with."""

    def __init__(self, model: FastSpeech2ConformerModel, phones: Phones) -> None:
        self.model, self.phones = model, phones
        self.vocoder = vocoder.load(checkpoint("vocoder"))
        self.heard = whisper.load(checkpoint("whisper"))
        self.ear = speaker.load(checkpoint("speaker"))
        self.known = speaker.enrolled(*self.ear)
        # Who it sounds like is asked among copies through the same vocoder, whose own sound would count otherwise.
        self.copies = speaker.enrolled(*self.ear, self.copy)

    def copy(self, audio: np.ndarray) -> np.ndarray:
        """A recording through the vocoder."""
        return vocoder.vocode(self.vocoder, log_mel(torch.tensor(audio)[None])[0]).numpy()

    def speak(self, those: list[Sentence], voices_of: torch.Tensor | None = None) -> list[np.ndarray]:
        """The sound of each sentence. voices_of: embeddings in the place of the nine enrolled ones."""
        who = self.known if voices_of is None else voices_of
        made = [mels(self.model, self.phones, s.text, who[s.voice], s.style) for s in those]
        return [vocoder.vocode(self.vocoder, mel).numpy() for mel in made]

    @torch.inference_mode()
    def melody(self, those: list[Sentence]) -> np.ndarray:
        """The mean and the spread of the pitch that each sentence is given, in octaves above 150 Hz; (n, 2)."""
        rows = []
        for s in those:
            style = torch.tensor([[s.style]])
            out = self.model(**self.phones(s.text), speaker_embedding=self.known[s.voice][None], lang_ids=style)
            pitch = out.pitch_outputs[0, :, 0].repeat_interleave(out.duration_outputs[0])  # of every frame
            rows.append((pitch.mean().item(), pitch.std().item()))
        return np.array(rows)

    def words(self, those: list[Sentence], sounds: list[np.ndarray]) -> float:
        """Word error rate."""
        return whisper.wer([s.text for s in those], self.heard.write(sounds, "en"))

    def picked(self, those: list[Sentence], sounds: list[np.ndarray]) -> float:
        """How often the voice that was asked for is the nearest of the nine."""
        found = speaker.nearest(speaker.embed(*self.ear, sounds), self.copies)
        return float(np.mean([name == VOICES[s.voice] for name, s in zip(found, those, strict=True)]))


def sentences(n: int | None = None) -> list[Sentence]:
    """The texts of the test recordings, each for its own voice, neutral; `n` of them, or all."""
    said = voices.load("test")
    said = said[:: max(1, len(said) // n)] if n else said
    return [Sentence(r.text, VOICES.index(r.voice), 0) for r in said]


def spoken(model: FastSpeech2ConformerModel, phones: Phones, each: int) -> dict[str, float]:
    """The main figures, for looking on the way; `each`: one sentence in so many is said."""
    studio, those = Studio(model, phones), sentences()[::each]
    sounds = studio.speak(those)
    return {"WER": studio.words(those, sounds), "picked": studio.picked(those, sounds)}


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` sentences, or all. Shares are in [0, 1]."""
    studio, those = Studio(*load(folder)), sentences(n)
    start = time.perf_counter()
    sounds = studio.speak(those)
    took = time.perf_counter() - start
    salad = [Sentence(t, i % len(VOICES), 0) for i, t in enumerate(voices.word_salad(n or SALADS, 1))]
    swapped = [s._replace(voice=(s.voice + 4) % len(VOICES)) for s in those]
    figures = {
        "sentences/WER": studio.words(those, sounds),
        "salad/WER": studio.words(salad, studio.speak(salad)),
        "wrong text/WER": studio.words(those[1:] + those[:1], sounds),
        "recordings/WER": studio.words(those, [_recording(s) for s in those]),
        "recordings/picked": studio.picked(those, [studio.copy(_recording(s)) for s in those]),
        "sentences/picked": studio.picked(those, sounds),
        "swapped/picked": studio.picked(those, studio.speak(swapped)),
        "real time": took * RATE / sum(map(len, sounds)),
    }
    if espeak.available():  # how much of it Whisper would have heard of the synthesiser that all learnt from
        figures["espeak salad/WER"] = studio.words(salad, [_by_espeak(s) for s in salad])
    return figures | acted(studio, those)


def _by_espeak(s: Sentence) -> np.ndarray:
    rng = np.random.default_rng(0)
    return speak(s.text, test_voices("test")[s.voice], s.voice, STYLES[s.style], rng, varied=False).audio


def _recording(s: Sentence) -> np.ndarray:
    return next(r.audio for r in voices.load("test") if r.text == s.text)


def acted(studio: Studio, those: list[Sentence]) -> dict[str, float]:
    """How each style differs from the neutral one: octaves, their spread, length and loudness; and words lost."""
    figures: dict[str, float] = {}
    plain = None
    for i, style in enumerate(STYLES):
        said = [s._replace(style=i) for s in those]
        sounds = studio.speak(said)
        shape = np.array(
            [
                *studio.melody(said).mean(0),
                np.mean([len(sound) / RATE for sound in sounds]),
                np.mean([20 * np.mean(loudness(sound)) for sound in sounds]),
            ]
        )
        plain = shape if plain is None else plain
        moved = [shape[0] - plain[0], shape[1] / plain[1], shape[2] / plain[2], shape[3] - plain[3]]
        figures |= {f"{style}/{key}": float(v) for key, v in zip(SHAPE, moved, strict=True)}
        figures[f"{style}/WER"] = studio.words(said, sounds)
    return figures


SHAPE = ("octaves", "range", "length", "dB")
ROWS = {
    "recordings/WER": "recordings: word error rate",
    "sentences/WER": "spoken: word error rate",
    "salad/WER": "spoken: word error rate of words in no order",
    "espeak salad/WER": "espeak-ng: word error rate of the same words in no order",
    "wrong text/WER": "control: word error rate against another text",
    "recordings/picked": "recordings through the vocoder: voice picked of nine",
    "sentences/picked": "spoken: voice picked of nine",
    "swapped/picked": "control: the same for another voice's embedding",
}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | |", "|---|---|"]
    lines += [f"| {name} | {100 * figures[key]:.1f} % |" for key, name in ROWS.items() if key in figures]
    lines += ["", "| style | pitch | its range | length | loudness | word error rate |", "|---|---|---|---|---|---|"]
    for style in STYLES:
        octaves, spread, length, loud = (figures[f"{style}/{key}"] for key in SHAPE)
        moved = f"{octaves:+.2f} octaves | x {spread:.2f} | x {length:.2f} | {loud:+.1f} dB"
        lines.append(f"| {style} | {moved} | {100 * figures[f'{style}/WER']:.1f} % |")
    return "\n".join(lines)
