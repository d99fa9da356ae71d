"""What the codec language model says: its words by the course's Whisper, its voice by the speaker embedding."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from tinyworld import voices
from tinyworld.checkpoints import checkpoint
from tinyworld.codec import MelCodec
from tinyworld.codec_lm import CodecLM
from tinyworld.sound import RATE
from tinyworld.train.speaker import measure as speaker
from tinyworld.train.talker import measure as talker
from tinyworld.train.talker.measure import Sentence, sentences
from tinyworld.voices import VOICES

SALADS = 36
CHUNK = 18
SECONDS = 3  # of a recording by which a voice is made known


def load(folder: Path) -> CodecLM:
    """The checkpoint in a folder, in single precision."""
    return CodecLM.from_pretrained(folder)


class Studio(talker.Studio):
    """The talker's, whose durations a codec language model takes. known: the nine voices by three seconds of each."""

    def __init__(self, language: CodecLM) -> None:
        self.language = language
        self.codec = MelCodec.from_pretrained(checkpoint("codec"))
        super().__init__(*talker.load(checkpoint("talker")))
        self.known = self.three_seconds()

    def copy(self, audio: np.ndarray) -> np.ndarray:
        """A recording through the codec's first book."""
        return self.codec.decode(self.codec.encode(audio, 1)).numpy()

    def three_seconds(self) -> torch.Tensor:
        """The embeddings of three seconds of each voice's enrolment, float32 (9, 64)."""
        said = voices.load("enrolment")
        pieces = [np.concatenate([r.audio for r in said if r.voice == name])[: SECONDS * RATE] for name in VOICES]
        return speaker.embed(*self.ear, pieces)

    @torch.inference_mode()
    def asked(self, s: Sentence, voice: torch.Tensor) -> torch.Tensor:
        """What each frame of a sentence is to be, with the talker's durations."""
        ids = self.phones(s.text)["input_ids"]
        out = self.model(ids, speaker_embedding=voice[None], lang_ids=torch.tensor([[s.style]]))
        return self.language.asked(ids[0], out.duration_outputs[0], voice, s.style)

    def speak(self, those: list[Sentence], voices_of: torch.Tensor | None = None) -> list[np.ndarray]:
        """The sound of each sentence. voices_of: embeddings in the place of the nine."""
        who = self.known if voices_of is None else voices_of
        generator, made = torch.Generator().manual_seed(0), []
        for i in range(0, len(those), CHUNK):
            told = [self.asked(s, who[s.voice]) for s in those[i : i + CHUNK]]
            made += [self.codec.decode(codes).numpy() for codes in self.language.speak(told, generator)]
        return made


def glance(model: CodecLM, each: int) -> dict[str, float]:
    """The main figures, for looking on the way; `each`: one sentence in so many is said."""
    studio, those = Studio(model), sentences()[::each]
    sounds = studio.speak(those)
    return {"WER": studio.words(those, sounds), "picked": studio.picked(those, sounds)}


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` sentences, or all. Shares are in [0, 1]."""
    studio, those = Studio(load(folder)), sentences(n)
    start = time.perf_counter()
    sounds = studio.speak(those)
    took = time.perf_counter() - start
    salad = [Sentence(t, i % len(VOICES), 0) for i, t in enumerate(voices.word_salad(n or SALADS, 1))]
    swapped = [s._replace(voice=(s.voice + 4) % len(VOICES)) for s in those]
    copies = [studio.copy(r.audio) for s in those for r in voices.load("test") if r.text == s.text]
    return {
        "copies/WER": studio.words(those, copies),
        "copies/picked": studio.picked(those, copies),
        "sentences/WER": studio.words(those, sounds),
        "salad/WER": studio.words(salad, studio.speak(salad)),
        "wrong text/WER": studio.words(those[1:] + those[:1], sounds),
        "sentences/picked": studio.picked(those, sounds),
        "swapped/picked": studio.picked(those, studio.speak(swapped)),
        "real time": took * RATE / sum(map(len, sounds)),
    }


ROWS = {
    "copies/WER": "recordings through the first book: word error rate",
    "sentences/WER": "spoken: word error rate",
    "salad/WER": "spoken: word error rate of words in no order",
    "wrong text/WER": "control: word error rate against another text",
    "copies/picked": "recordings through the first book: voice picked of nine",
    "sentences/picked": "spoken: voice picked of nine",
    "swapped/picked": "control: the same for another voice's three seconds",
}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | |", "|---|---|"]
    lines += [f"| {name} | {100 * figures[key]:.1f} % |" for key, name in ROWS.items()]
    return "\n".join(lines)
