"""The recordings of nine voices that no model hears in training: enrolment, test, and four acted styles.

No two recordings of different splits say the same, and no training sentence says it either.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinyworld.train.speech.recipe import write_entries, write_ogg
from tinyworld.train.voices.corpus import Take, speak, text, voices
from tinyworld.voices import FOLDER, SPLITS, STYLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--enrolment", type=int, default=3, help="sentences a voice (default: %(default)s)")
    parser.add_argument("--test", type=int, default=5, help="sentences a voice (default: %(default)s)")
    parser.add_argument(
        "--styles", type=int, default=2, help="sentences a voice, in every style (default: %(default)s)"
    )
    parser.add_argument("--bitrate", type=int, default=28, help="kbit/s of Opus, 6 to 256 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder (default: in the package)")


def run(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng((args.seed, 4))
    said: set[str] = set()
    for split in SPLITS:
        takes = recordings(split, getattr(args, split), said, rng)
        path = args.out / f"nine_{split}.ogg"
        spans = write_ogg(path, [take.audio for take in takes], args.bitrate)
        names = [voice.speaker for voice in voices("test")]
        entries = [
            {
                "start": start,
                "stop": stop,
                "text": take.text,
                "voice": names[take.voice],
                "style": take.style,
                "phones": [[p.name, round(p.start, 4), round(p.end, 4)] for p in take.phones],
            }
            for take, (start, stop) in zip(takes, spans, strict=True)
        ]
        write_entries(path.with_suffix(".json"), entries)
    size = sum(f.stat().st_size for f in args.out.glob("nine_*"))
    print(f"wrote {args.out}/nine_*: {size / 1e6:.2f} MB")


def recordings(split: str, n: int, said: set[str], rng: np.random.Generator) -> list[Take]:
    """`n` new sentences of every test voice, in each of a split's styles. said: what was used, and is from now on."""
    styles = STYLES if split == "styles" else STYLES[:1]
    takes = []
    for number, voice in enumerate(voices("test")):
        chosen: list[str] = []
        while len(chosen) < n:
            new = text("test", rng, salad=0)
            if new not in said and len(new.split()) >= 5:
                chosen.append(new)
                said.add(new)
        takes += [speak(t, voice, number, style, rng, varied=False) for t in chosen for style in styles]
    return takes
