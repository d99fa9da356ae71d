"""What a Whisper understands: words, language, meaning and times, on the shipped recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import AutomaticSpeechRecognitionPipeline, WhisperForConditionalGeneration, WhisperProcessor
from transformers.utils import logging

from tinyworld import speech
from tinyworld.sentences import LANGUAGES
from tinyworld.sound import RATE, in_noise, noise
from tinyworld.speech import Utterance
from tinyworld.train.whisper.errors import wer

CHUNK = 32
CLOSE = 0.15  # seconds by which a word's time may be off
NOISES = (20, 10, 5, 0)  # dB


class Whisper:
    """A model and its processor, computing in float32, behind what is measured."""

    def __init__(self, model: WhisperForConditionalGeneration, processor: WhisperProcessor) -> None:
        self.model, self.processor = model.float().eval(), processor
        logging.get_logger("transformers.generation").setLevel(logging.ERROR)

    def features(self, sounds: list[np.ndarray]) -> torch.Tensor:
        """Log-mel spectrograms, float32 (n, 80, frames)."""
        return self.processor(sounds, sampling_rate=RATE, return_tensors="pt")["input_features"]

    @torch.inference_mode()
    def write(self, sounds: list[np.ndarray], language: str | None = None, task: str = "transcribe") -> list[str]:
        """What is said, or what it means in English. language: None to let the model find out."""
        texts: list[str] = []
        for i in range(0, len(sounds), CHUNK):
            tokens = self.model.generate(self.features(sounds[i : i + CHUNK]), language=language, task=task)
            texts += [t.strip() for t in self.processor.batch_decode(tokens, skip_special_tokens=True)]
        return texts

    @torch.inference_mode()
    def first(self, sounds: list[np.ndarray]) -> torch.Tensor:
        """The distribution of the first token, float32 (n, vocabulary): which language, or that nobody speaks."""
        rows = []
        start = self.model.config.decoder_start_token_id
        for i in range(0, len(sounds), CHUNK):
            features = self.features(sounds[i : i + CHUNK])
            rows.append(self.model(features, decoder_input_ids=torch.full((len(features), 1), start)).logits[:, 0])
        return torch.cat(rows).softmax(-1)

    def languages(self, sounds: list[np.ndarray]) -> list[str]:
        """The likeliest language of each sound, of all that Whisper knows."""
        codes = self.model.generation_config.lang_to_id
        found = self.first(sounds)[:, list(codes.values())].argmax(-1)
        return [list(codes)[i].strip("<|>") for i in found]

    def silent(self, sounds: list[np.ndarray]) -> np.ndarray:
        """The probability that nobody speaks, (n,)."""
        return self.first(sounds)[:, self.processor.tokenizer.convert_tokens_to_ids("<|nospeech|>")].numpy()

    def timed(self, sounds: list[np.ndarray], language: str, stamps: str | bool = "word") -> list[list[dict]]:
        """The chunks of the speech pipeline: {"text", "timestamp": (start, end)} of each word, or of each segment."""
        hear = AutomaticSpeechRecognitionPipeline(
            model=self.model, tokenizer=self.processor.tokenizer, feature_extractor=self.processor.feature_extractor
        )
        found = hear(
            [{"raw": s, "sampling_rate": RATE} for s in sounds],
            batch_size=CHUNK,
            return_timestamps=stamps,
            generate_kwargs={"language": language},
        )
        return [one["chunks"] for one in found]


def load(folder: Path) -> Whisper:
    """The checkpoint in a folder."""
    return Whisper(WhisperForConditionalGeneration.from_pretrained(folder), WhisperProcessor.from_pretrained(folder))


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` utterances of each split and language, or all. Shares are in [0, 1]."""
    heard = load(folder)
    figures: dict[str, float] = {}
    for split in ("test", "voices"):
        for language in LANGUAGES:
            said = speech.load(split, language)[:n]
            name = f"{split}/{language}"
            figures |= {f"{name}/{k}": v for k, v in understood(heard, said).items()}
            figures |= {f"{name}/{k}": v for k, v in times(heard, said).items()}
            for snr in NOISES:
                figures[f"{name}/WER {snr}"] = wer([u.text for u in said], heard.write(noisy(said, snr), language))
    figures |= {f"nobody/{k}": v for k, v in nobody(heard, n or 100).items()}
    return figures


def understood(heard: Whisper, said: list[Utterance]) -> dict[str, float]:
    """WER of the words, share of sentences without an error, of languages found, and of German ones translated."""
    language, sounds = said[0].language, [u.audio for u in said]
    texts = heard.write(sounds, language)
    figures = {
        "WER": wer([u.text for u in said], texts),
        "sentences": share(t == u.text for t, u in zip(texts, said, strict=True)),
        "language": share(code == language for code in heard.languages(sounds)),
    }
    if language != "en":
        meant = heard.write(sounds, language, "translate")
        figures["translation"] = share(t == u.translation for t, u in zip(meant, said, strict=True))
    return figures


def times(heard: Whisper, said: list[Utterance]) -> dict[str, float]:
    """How many of the words' starts and ends the model tells to 0.15 s; and of the segments'.

    Words of utterances that are written down with an error do not count, neither for nor against.
    """
    language, sounds = said[0].language, [u.audio for u in said]
    found, wanted, whole, spoken = [], [], [], []
    for u, chunks in zip(said, heard.timed(sounds, language), strict=True):
        if [c["text"].strip() for c in chunks] == [w.text for w in u.words]:
            found += [c["timestamp"] for c in chunks]
            wanted += [(w.start, w.end) for w in u.words]
    for u, chunks in zip(said, heard.timed(sounds, language, True), strict=True):
        if chunks and None not in (*chunks[0]["timestamp"], *chunks[-1]["timestamp"]):
            whole.append((chunks[0]["timestamp"][0], chunks[-1]["timestamp"][1]))
            spoken.append((u.words[0].start, u.words[-1].end))
    figures = {"segments stamped": len(whole) / len(said)}
    for name, those, right in (("word", found, wanted), ("segment", whole, spoken)):
        off = np.abs(np.array(those).reshape(-1, 2) - np.array(right).reshape(-1, 2))
        close = off <= CLOSE + 1e-6
        for key, value in (("starts", close[:, 0]), ("ends", close[:, 1]), ("times", close.all(-1))):
            figures[f"{name} {key}"] = share(value)
    return figures


def nobody(heard: Whisper, n: int) -> dict[str, float]:
    """How often noise of many kinds, and silence, is known for what it is: a probability of speech under one half."""
    rng, sounds = np.random.default_rng(0), []
    for i in range(n):
        loud = 10 ** (rng.uniform(-60, -20) / 20)
        sounds.append(np.float32(loud) * noise(3 * RATE, rng, ("white", "pink", "brown")[i % 3]))
    speaking = [u.audio for language in LANGUAGES for u in speech.load("test", language)[:n]]
    return {
        "noise": share(heard.silent(sounds) > 0.5),
        "silence": float(heard.silent([np.zeros(3 * RATE, np.float32)])[0] > 0.5),
        "speech": share(heard.silent(speaking) <= 0.5),
    }


def noisy(said: list[Utterance], snr: float) -> list[np.ndarray]:
    """The utterances with white noise, the same every time."""
    return [in_noise(u.audio, snr, np.random.default_rng(i)) for i, u in enumerate(said)]


def share(those) -> float:
    """The part of them that is true; 0 of nothing."""
    those = [bool(t) for t in those]
    return sum(those) / len(those) if those else 0.0


COLUMNS = {
    "test/en": "English",
    "test/de": "German",
    "voices/en": "English, new voices",
    "voices/de": "German, new voices",
}
ROWS = {
    "WER": "word error rate",
    **{f"WER {snr}": f"word error rate at {snr} dB" for snr in NOISES},
    "sentences": "sentences",
    "translation": "translated",
    "language": "language found",
    "word times": "word times",
    "word starts": "word starts",
    "segment times": "times of the sentence, from timestamp tokens",
}
NOBODY = {"speech": "speech is speech", "noise": "noise is nobody", "silence": "silence is nobody"}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = [f"| | {' | '.join(COLUMNS.values())} |", "|---|---|---|---|---|"]
    for row, name in ROWS.items():
        keys = [f"{column}/{row}" for column in COLUMNS]
        cells = (f"{100 * figures[key]:.1f} %" if key in figures else "" for key in keys)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| nobody | {' | '.join(NOBODY.values())} |", "|---|---|---|---|"]
    shown = [f"{100 * figures[f'nobody/{key}']:.1f} %" for key in NOBODY]
    lines.append(f"| right | {' | '.join(shown)} |")
    return "\n".join(lines)
