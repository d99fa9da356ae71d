"""Windows of speech with their labels, made afresh from the number of a training step.

espeak-ng speaks a pool of sentences; each window puts one of them, or several in a row, into 5 seconds, in some room,
with some noise. A pool is used a few times, every time in other company.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import WhisperProcessor

from tinyworld import german, sound
from tinyworld.sentences import LANGUAGES, Sentence, sentence
from tinyworld.sound import RATE
from tinyworld.train import loop
from tinyworld.train.whisper import espeak
from tinyworld.train.whisper.listener import END, FRAMES, NO_SPEECH, PLAIN, SECONDS, START, words

LONGEST = 4.7  # seconds of an utterance
# Numbers come more often than in the recordings: nothing but the sound tells what the next one is.
MIX = {"caption": 0.4, "command": 0.2, "numbers": 0.3, "colours": 0.1}
GERMAN = 0.55  # the part of the pool: its words have more forms
TRANSLATE = {"en": 0.05, "de": 0.45}  # how often the task is translation
TIMED = 0.5  # how often timestamps are asked for
# How often a window holds one utterance, several from the first one's start, a cut from a longer recording, or none.
WINDOWS = {"one": 0.5, "several": 0.28, "cut": 0.18, "none": 0.04}
TOKENS = 44  # of a window at most
MISSING = -100  # a label that is not asked for


@dataclass(frozen=True, eq=False)
class Spoken:
    """A sentence and how it was said."""

    sentence: Sentence
    voice: str
    speech: espeak.Spoken


@dataclass
class Window:
    """Five seconds of sound and what is in them: frame by frame, and token by token."""

    audio: np.ndarray
    phones: np.ndarray
    words: np.ndarray
    tokens: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)  # of frames, for each token


def speak(said: Sentence, split: str, rng: np.random.Generator, varied: bool = True) -> Spoken:
    """Say a sentence with some speaker of a split; varied: at any pitch, speed and size that passes for a person."""
    accents, speakers = espeak.ACCENTS[said.language], espeak.speakers(split)
    voice = f"{accents[rng.integers(len(accents))]}+{speakers[rng.integers(len(speakers))]}"
    low, high = (20, 85) if varied else (35, 65)
    speed, pitch = int(rng.integers(150, 250)) if varied else int(rng.integers(160, 210)), int(rng.integers(low, high))
    spread = int(rng.integers(30, 80))
    stretch = float(rng.uniform(0.9, 1.12)) if varied else 1.0
    while True:
        speech = espeak.say(said.text, voice, speed, pitch, spread, stretch)
        if len(speech.audio) <= LONGEST * RATE:
            return Spoken(said, voice, speech)
        speed = int(1.15 * speed)


class Utterances:
    """Step -> batch of windows as tensors (see `batch`). pool: utterances spoken at once; uses: how often each."""

    def __init__(self, processor: WhisperProcessor, size: int, pool: int, uses: int, seed: int, split: str = "train"):
        self.processor, self.size, self.pool, self.seed, self.split = processor, size, pool, seed, split
        self.phones = phone_table()
        number = processor.tokenizer.convert_tokens_to_ids
        self.special = {
            name: number(name) for name in (START, END, NO_SPEECH, PLAIN, "<|translate|>", "<|transcribe|>")
        }
        self.special |= {f"<|{language}|>": number(f"<|{language}|>") for language in LANGUAGES}
        self.piece = {word: number(processor.tokenizer.tokenize(f" {word}"))[0] for word in words()}
        self.word = {word: 1 + i for i, word in enumerate(words())}
        self.pools = loop.Pool(self.spoken, size, pool, uses)

    def __call__(self, step: int, text: bool = True) -> dict[str, torch.Tensor]:
        """text: whether to ask for text; without it every window is full of speech, for the encoder alone."""
        pools, rng = self.pools(step), np.random.default_rng((self.seed, 1, step))
        return self.batch([self.window(pools, rng, text) for _ in range(self.size)], text)

    def spoken(self, number: int) -> dict[str, list[Spoken]]:
        """The pool with this number, by language."""
        rng = np.random.default_rng((self.seed, 0, number))
        split = self.split
        pool: dict[str, list[Spoken]] = {language: [] for language in LANGUAGES}
        for _ in range(self.pool):
            language = "de" if rng.random() < GERMAN else "en"
            pool[language].append(speak(sentence(split, language, rng, MIX), split, rng))
        return pool

    def window(self, pools: dict[str, list[Spoken]], rng: np.random.Generator, text: bool) -> Window:
        """A window of utterances of the pools, by language."""
        kind = str(rng.choice(list(WINDOWS), p=list(WINDOWS.values()))) if text else "cut"
        if kind == "none":
            return self.silence(rng)
        language = "de" if rng.random() < GERMAN else "en"
        pool = pools[language]
        track: list[tuple[float, Spoken]] = []  # when each begins, from the window's start
        if kind == "one":
            spoken = pool[rng.integers(len(pool))]
            room = SECONDS - len(spoken.speech.audio) / RATE
            track.append((min(float(rng.exponential(0.35)), room) if rng.random() < 0.75 else 0.0, spoken))
        else:
            at = 0.0 if kind == "several" else -float(rng.uniform(0, 4.5))
            at += float(rng.uniform(0, 0.4)) * (rng.random() < 0.7)
            while at < SECONDS - 0.2:
                spoken = pool[rng.integers(len(pool))]
                track.append((at, spoken))
                at += len(spoken.speech.audio) / RATE + float(rng.uniform(0.1, 0.6))
        window = self.place(track, rng)
        if text:
            timed = rng.random() < TIMED and kind != "cut"
            translate = rng.random() < TRANSLATE[language] and kind != "cut"
            self.write(window, track, language, timed, translate, whole=kind != "cut")
        return window

    def place(self, track: list[tuple[float, Spoken]], rng: np.random.Generator) -> Window:
        """The sound of the track in a window, and its labels frame by frame."""
        audio = np.zeros(SECONDS * RATE, np.float32)
        window = Window(audio, np.zeros(FRAMES, np.int64), np.zeros(FRAMES, np.int64))
        for at, spoken in track:
            first = int(at * RATE)
            source = spoken.speech.audio[max(0, -first) :][: len(audio) - max(0, first)]
            audio[max(0, first) : max(0, first) + len(source)] += source
            for name, start, end in spoken.speech.phones:
                a, b = frames(at + start, at + end)
                window.phones[a:b] = self.phones.get(name, 0)
            for text, (start, end) in zip(spoken.sentence.text.split(), spoken.speech.words, strict=True):
                a, b = frames(at + start, at + end)
                window.words[a:b] = self.word[text]
        last = min(SECONDS, max(at + len(spoken.speech.audio) / RATE for at, spoken in track))
        window.audio = recorded(audio, last, rng)
        return window

    def silence(self, rng: np.random.Generator) -> Window:
        """Nobody speaks: nothing but noise, or nothing at all."""
        audio = np.zeros(SECONDS * RATE, np.float32)
        if rng.random() < 0.8:
            colour = str(rng.choice(list(sound.COLOURS)))
            audio += sound.gain(sound.noise(len(audio), rng, colour), rng.uniform(-70, -15))
            if rng.random() < 0.5:
                audio[int(rng.uniform(0.3, 5) * RATE) :] = 0
        window = Window(audio, np.zeros(FRAMES, np.int64), np.zeros(FRAMES, np.int64))
        window.tokens = [self.special[START], self.special[NO_SPEECH], self.special[END]]
        window.spans = [(0, 0)] * 3
        return window

    def write(self, window: Window, track: list, language: str, timed: bool, translate: bool, whole: bool) -> None:
        """The tokens of what is said. whole: only utterances that end in the window, as Whisper's segments; of one
        that goes on there is but the first timestamp."""
        add = _Writer(window)
        add(self.special[START])
        add(self.special[f"<|{language}|>"])
        add(self.special["<|translate|>" if translate else "<|transcribe|>"])
        if not timed:
            add(self.special[PLAIN])
        for at, spoken in track:
            heard = spoken.speech.words
            start, end = at + heard[0][0], at + heard[-1][1]
            if whole and end > SECONDS:
                if timed and add.room(1):
                    add(self.stamp(start), *pointer(start))
                break
            units = [
                (pieces, at + heard[i][0], at + heard[j - 1][1])
                for pieces, i, j in self.units(spoken.sentence, translate)
            ]
            units = [u for u in units if min(u[2], SECONDS) - max(u[1], 0) > 0.6 * (u[2] - u[1])]
            if not add.room(sum(len(pieces) for pieces, _, _ in units) + 2):
                if timed:
                    add(self.stamp(start), *pointer(start))
                break
            if timed:
                add(self.stamp(start), *pointer(start))
            for pieces, a, b in units:
                for piece in pieces:
                    add(piece, *frames(a, b))
            if timed:
                add(self.stamp(end), *pointer(end))
        add(self.special[END])

    def units(self, said: Sentence, translate: bool) -> list[tuple[list[int], int, int]]:
        """Tokens with the words of the text that they stand for, from one to before another."""
        spelt = said.text.split()
        if not translate or said.language == "en":
            return [([self.piece[word]], i, i + 1) for i, word in enumerate(spelt)]
        found, at = [], 0
        for english, length in german.phrases(said.text):
            found.append(([self.piece[word] for word in english.split()], at, at + length))
            at += length
        return found

    def stamp(self, seconds: float) -> int:
        return self.special[PLAIN] + 1 + min(FRAMES, round(seconds / 0.02))

    def batch(self, windows: list[Window], text: bool) -> dict[str, torch.Tensor]:
        """features: float32 (n, 80, 500).   phones, words: int64 (n, 250), 0 for silence.

        With text, tokens: int64 (n, tokens), what the decoder reads; labels: what it is to say next, MISSING where it
        is not asked; spans: (n, tokens, 2), the frames in which that is spoken (see `Listener.attention`).
        """
        features = self.processor([w.audio for w in windows], sampling_rate=RATE, return_tensors="pt")["input_features"]
        batch = {"features": features}
        batch |= {name: torch.from_numpy(np.stack([getattr(w, name) for w in windows])) for name in ("phones", "words")}
        if not text:
            return batch
        longest = max(len(w.tokens) for w in windows) - 1
        tokens = torch.full((len(windows), longest), self.special[END])
        labels = torch.full((len(windows), longest), MISSING)
        spans = torch.zeros(len(windows), longest, 2, dtype=torch.int64)
        for i, w in enumerate(windows):
            n = len(w.tokens) - 1
            tokens[i, :n] = torch.tensor(w.tokens[:-1])
            labels[i, :n] = torch.tensor(w.tokens[1:])
            spans[i, :n] = torch.tensor(w.spans[1:])
            if n > 2:  # the task is given, and whether there are timestamps: neither can be heard
                labels[i, 1] = MISSING
                if w.tokens[3] == self.special[PLAIN]:
                    labels[i, 2] = MISSING
        return batch | {"tokens": tokens, "labels": labels, "spans": spans}


class _Writer:
    """Adds tokens to a window, with the frames that each is spoken in."""

    def __init__(self, window: Window) -> None:
        self.window = window

    def __call__(self, token: int, first: int = 0, end: int = 0) -> None:
        self.window.tokens.append(token)
        self.window.spans.append((first, end))

    def room(self, tokens: int) -> bool:
        return len(self.window.tokens) + tokens < TOKENS


def recorded(audio: np.ndarray, last: float, rng: np.random.Generator) -> np.ndarray:
    """As a microphone in some room would hear it. last: seconds after which nobody speaks."""
    if rng.random() < 0.25:
        audio = sound.reverberate(audio, float(rng.uniform(0.05, 0.6)), rng, float(rng.uniform(0.02, 0.5)))
    if rng.random() < 0.3:  # a microphone that prefers high sounds, or low ones
        audio[1:] -= np.float32(rng.uniform(-0.5, 0.7)) * audio[:-1].copy()
    if rng.random() < 0.65:
        end = len(audio) if rng.random() < 0.5 else min(len(audio), int((last + rng.uniform(0, 0.4)) * RATE))
        loud = float(np.sqrt(np.mean(audio[: int(last * RATE)] ** 2)))
        snr, colour = float(rng.uniform(4, 40)), str(rng.choice(list(sound.COLOURS), p=(0.5, 0.3, 0.2)))
        audio[:end] += loud * np.float32(10 ** (-snr / 20)) * sound.noise(end, rng, colour)
    return sound.gain(audio, float(rng.uniform(-20, 4)))


def frames(start: float, end: float) -> tuple[int, int]:
    """The encoder's frames from one time to before another, at least one, as much of them as is in the window."""
    first, last = round(start * FRAMES / SECONDS), round(end * FRAMES / SECONDS)
    return min(max(first, 0), FRAMES), min(max(last, first + 1, 0), FRAMES)


def pointer(seconds: float) -> tuple[int, int]:
    """The frames around a time."""
    at = min(round(seconds * FRAMES / SECONDS), FRAMES - 1)
    return max(0, at - 2), min(FRAMES, at + 3)


@functools.cache
def phone_table(n: int = 100) -> dict[str, int]:
    """A number from 1 for each phone that espeak-ng uses in some sentences of each accent."""
    rng, names = np.random.default_rng(0), set()
    for language, accents in espeak.ACCENTS.items():
        for i in range(n):
            said = sentence("train", language, rng)
            names |= {name for name, _, _ in espeak.say(said.text, f"{accents[i % len(accents)]}+m3", 300).phones}
    return {name: 1 + i for i, name in enumerate(sorted(names))}
