"""A task for three senses: a picture of two objects, a written word for a place, a spoken word for a colour.

"the left shape", and someone says "red": which shape is meant? The picture is needed, and one of the two words is
enough: each tells which object is meant, so the one can be missing, and when they contradict each other it shows whom
a model believes. Sounds are colours cut out of the course's recordings (`tinyworld.speech`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from tinyworld.objects import direction
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.vocabulary import COLOURS, SHAPES

MODALITIES: tuple[str, ...] = ("image", "text", "audio")
SIDES: dict[str, str] = {"left of": "left", "right of": "right", "above": "upper", "below": "lower"}
WORDS: tuple[str, ...] = ("the", "left", "right", "upper", "lower", "shape", "object", "one", "on", "side")
TEMPLATES: tuple[str, ...] = ("the {} shape", "the {} one", "the {} object", "the one on the {} side")
LENGTH = 6  # words of a text at most

RATE = 16000
SECONDS = 0.56  # of a spoken word at most
HOP, WINDOW, MELS = 160, 400, 40
FRAMES = int(SECONDS * RATE / HOP)
TOGETHER = 8  # frames of one audio token
# Whose recordings: new voices are heard in none of the first.
RECORDINGS = {"train": ("train", "test"), "test": ("voices",)}


@dataclass(frozen=True)
class Pointed:
    """A picture, which of its two objects is meant, and the words for it: the place written, the colour spoken."""

    scene: Scene
    meant: int
    text: str
    colour: str

    @property
    def shape(self) -> str:
        """The right answer."""
        return self.scene.objects[self.meant].shape

    @property
    def other(self) -> str:
        """The shape that is not meant."""
        return self.scene.objects[1 - self.meant].shape


def pointed(split: str, n: int, seed: int = 0) -> list[Pointed]:
    """`n` tasks of a split; the two objects differ in colour and in shape."""
    rng, out = np.random.default_rng((seed, len(split))), []
    for scene in scenes(split, 2 * n, seed, objects=2):
        first, second = scene.objects
        if first.colour == second.colour or first.shape == second.shape:
            continue
        meant = int(rng.integers(2))
        out.append(Pointed(scene, meant, place(scene, meant, rng), scene.objects[meant].colour))
    return out[:n]


def place(scene: Scene, which: int, rng: np.random.Generator) -> str:
    """A text that says where the one object of two is: "the left shape"."""
    relation = direction(scene.objects[which], scene.objects[1 - which])
    return TEMPLATES[int(rng.integers(len(TEMPLATES)))].format(SIDES[relation])


def token_ids(texts: list[str]) -> torch.Tensor:
    """Texts to word numbers, int64 (n, LENGTH), 0 after the end."""
    ids = torch.zeros(len(texts), LENGTH, dtype=torch.long)
    for i, text in enumerate(texts):
        known = [1 + WORDS.index(word) for word in text.split()]
        ids[i, : len(known)] = torch.tensor(known)
    return ids


@functools.cache
def spoken(split: str) -> dict[str, tuple[np.ndarray, ...]]:
    """The colours as they are spoken in the course's English recordings, float32 (samples,) at 16 kHz each.

    split: "train", or "test" for voices that are heard in none of the first.
    """
    if split not in RECORDINGS:
        raise ValueError(f"split must be one of {', '.join(RECORDINGS)}; got {split!r}")
    try:
        from tinyworld import speech
    except ImportError as error:
        raise RuntimeError("spoken words come from tinyworld's recordings, which this copy lacks") from error
    found: dict[str, list[np.ndarray]] = {colour: [] for colour in COLOURS}
    for part in RECORDINGS[split]:
        for utterance in speech.load(part, "en"):
            for word in utterance.words:
                if word.text in found:
                    start, end = int((word.start - 0.02) * RATE), int((word.end + 0.02) * RATE)
                    found[word.text].append(utterance.audio[max(start, 0) : end][: int(SECONDS * RATE)])
    return {colour: tuple(sounds) for colour, sounds in found.items()}


def say(colours: list[str], split: str, rng: np.random.Generator, noise: float | None = 20.0) -> torch.Tensor:
    """Spoken colours as waves, float32 (n, SECONDS * RATE): some recording of each, somewhere in the time there is.

    noise: signal-to-noise ratio in dB of the white noise on top; None for none.
    """
    waves, length = np.zeros((len(colours), int(SECONDS * RATE)), dtype=np.float32), int(SECONDS * RATE)
    for wave, colour in zip(waves, colours, strict=True):
        several = spoken(split)[colour]
        sound = several[int(rng.integers(len(several)))]
        start = int(rng.integers(length - len(sound) + 1))
        sound = sound / max(float(np.sqrt(np.mean(sound**2))), 1e-6)
        wave[start : start + len(sound)] = sound
        if noise is not None:
            wave += 10 ** (-noise / 20) * rng.standard_normal(length).astype(np.float32)
    return torch.from_numpy(waves)


def audio_tokens(waves: torch.Tensor) -> torch.Tensor:
    """Waves (n, samples) to log-mel tokens, float32 (n, FRAMES / TOGETHER, TOGETHER * MELS), of mean about 0."""
    spectrum = torch.stft(waves, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True).abs()[..., :FRAMES]
    mel = torch.einsum("fm,nft->ntm", _filters(), spectrum**2)
    loud = mel.clamp(min=1e-2).log10()
    return (loud - 1.0).reshape(len(waves), FRAMES // TOGETHER, TOGETHER * MELS)


@functools.cache
def _filters() -> torch.Tensor:
    bank = mel_filter_bank(1 + WINDOW // 2, MELS, 50.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney")
    return 100 * torch.from_numpy(bank).float()


def labels(tasks: list[Pointed]) -> torch.Tensor:
    """The right answers, int64 (n,), as in SHAPES."""
    return torch.tensor([SHAPES.index(task.shape) for task in tasks])
