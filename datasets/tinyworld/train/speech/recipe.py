"""The shipped recordings: sentences of the world, spoken by espeak-ng, as Ogg files with words and times beside them.

Test sentences say what no training sentence says, and the voices of the split "voices" are heard nowhere else.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import soundfile

from tinyworld.sentences import LANGUAGES, sentence
from tinyworld.sound import RATE
from tinyworld.speech import FOLDER
from tinyworld.train.whisper.utterances import Spoken, speak

# Split -> whose sentences, whose speakers.
SPLITS = {"train": ("train", "train"), "test": ("test", "train"), "voices": ("test", "test")}
LOUDEST = 0.7
PAUSE = 0.2  # seconds between two utterances of a file, where the codec may smear the one into the other


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--train", type=int, default=50, help="utterances a language (default: %(default)s)")
    parser.add_argument("--test", type=int, default=120, help="utterances a language (default: %(default)s)")
    parser.add_argument("--voices", type=int, default=100, help="utterances a language (default: %(default)s)")
    parser.add_argument("--bitrate", type=int, default=18, help="kbit/s of Opus, 6 to 256 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder (default: in the package)")


def run(args: argparse.Namespace) -> None:
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for number, (split, (sentences, voices)) in enumerate(SPLITS.items()):
        for language in LANGUAGES:
            rng = np.random.default_rng((args.seed, 3, number, LANGUAGES.index(language)))
            write(
                fresh / f"{split}_{language}", utterances(getattr(args, split), sentences, voices, language, rng), args
            )
    args.out.mkdir(parents=True, exist_ok=True)  # where there are recordings of other recipes, too
    for file in fresh.iterdir():
        file.replace(args.out / file.name)
    fresh.rmdir()
    size = sum(f.stat().st_size for name in SPLITS for f in args.out.glob(f"{name}_*"))
    print(f"wrote {args.out}: {size / 1e6:.2f} MB")


def utterances(n: int, sentences: str, voices: str, language: str, rng: np.random.Generator) -> list[Spoken]:
    """So many different sentences."""
    found: dict[str, Spoken] = {}
    while len(found) < n:
        said = sentence(sentences, language, rng)
        if said.text not in found:
            found[said.text] = speak(said, voices, rng, varied=False)
    return list(found.values())


def write(path: Path, said: list[Spoken], args: argparse.Namespace) -> None:
    """All utterances in one Ogg file, and beside it where each begins and what is said in it when."""
    sounds = [s.speech.audio * np.float32(LOUDEST / np.abs(s.speech.audio).max()) for s in said]
    entries = []
    for s, (start, stop) in zip(said, write_ogg(path.with_suffix(".ogg"), sounds, args.bitrate), strict=True):
        timed = zip(s.sentence.text.split(), s.speech.words, strict=True)
        entries.append(
            {
                "start": start,
                "stop": stop,
                "text": s.sentence.text,
                "translation": s.sentence.translation,
                "kind": s.sentence.kind,
                "voice": s.voice,
                "words": [[word, round(begin, 3), round(end, 3)] for word, (begin, end) in timed],
            }
        )
    write_entries(path.with_suffix(".json"), entries)


def write_ogg(path: Path, sounds: list[np.ndarray], bitrate: int) -> list[tuple[int, int]]:
    """Sounds one after the other as Opus of so many kbit/s; returns at which sample each begins and ends."""
    pause, at, spans = np.zeros(int(PAUSE * RATE), np.float32), 0, []
    level = 1 - (bitrate - 6) / 250  # libsndfile's scale: 0 is 256 kbit/s, 1 is 6
    with soundfile.SoundFile(path, "w", RATE, 1, "OPUS", compression_level=level) as file:
        for sound in sounds:  # its encoders crash on very long writes
            file.write(sound)
            file.write(pause)
            spans.append((at, at + len(sound)))
            at += len(sound) + len(pause)
    return spans


def write_entries(path: Path, entries: list[dict[str, object]]) -> None:
    """One line of JSON for each."""
    rows = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    path.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
