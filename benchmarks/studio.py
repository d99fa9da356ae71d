"""From a spoken wish to the right picture, end to end, and how long each step takes.

    python benchmarks/studio.py [--wishes 50] [--out results.md]

Held-out recordings that ask for one object go through the studio as the app uses it: the file is decoded, Whisper
writes it down, diffusion paints candidates, CLIP ranks them, BLIP describes the best one and says whether it matches. A
classifier that none of these models has seen (`tinyworld.judge`) reads the picture. It is right where background,
colour, shape and size are those of the sentence, and nothing else is there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measure import machine

from studio_lab import data, measuring
from studio_lab.studio import Models, Studio
from tinyworld import parse_caption

STEPS, GUIDANCE, CANDIDATES = 20, 3.0, 3  # what the app begins with


def spread(every: Sequence[data.Wish], n: int) -> list[data.Wish]:
    """`n` of the wishes, evenly from all, without drawing lots."""
    return [every[i] for i in np.linspace(0, len(every) - 1, min(n, len(every))).astype(int)]


def measure(wishes: Sequence[data.Wish], models: Models) -> tuple[dict[str, list[bool]], dict[str, list[float]]]:
    """What was right of every wish, and the seconds of each step."""
    right: dict[str, list[bool]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(models, Path(folder) / "history.db", "benchmark")
        settings = {"candidates": CANDIDATES, "steps": STEPS, "guidance": GUIDANCE}
        for i, wish in enumerate(wishes):
            file = data.sound_file(wish.audio)
            began = time.perf_counter()
            text, _ = studio.hear(file)
            heard = time.perf_counter()
            found = studio.create(text, {**settings, "seed": CANDIDATES * i})
            done = time.perf_counter()
            best = found["works"][0]
            seconds["speech to prompt"].append(heard - began)
            seconds["prompt to picture, caption and history"].append(done - heard)
            pictures = {work["seed"]: work["picture"] for work in found["works"]}
            first, chosen = measuring.read([pictures[CANDIDATES * i], best["picture"]])
            right["heard right"].append(_same(text, wish))
            right["picture right, the first candidate"].append(measuring.shows(wish.facts, first)["all"])
            for name, held in measuring.shows(wish.facts, chosen).items():
                if name != "relation":
                    right[f"picture right, CLIP's choice: {name}"].append(held)
            right["BLIP's verdict agrees with the judge"].append(
                (best["match"] >= 0.5) == measuring.shows(wish.facts, chosen)["all"]
            )
    return right, seconds


def _same(text: str, wish: data.Wish) -> bool:
    try:
        return parse_caption(text) == wish.facts
    except ValueError:
        return False


def table(right: dict[str, list[bool]], seconds: dict[str, list[float]]) -> str:
    """Both as Markdown."""
    lines = ["| | right | of |", "|---|---|---|"]
    lines += [f"| {name} | {np.mean(held):.0%} | {len(held)} |" for name, held in right.items()]
    lines += ["", "| seconds, after warm-up | median | 95th percentile |", "|---|---|---|"]
    lines += [f"| {name} | {np.median(took):.2f} | {np.quantile(took, 0.95):.2f} |" for name, took in seconds.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wishes", type=int, default=50, help="of each language")
    parser.add_argument("--out", type=Path, help="write the page here too")
    args = parser.parse_args()
    models = Models("tiny", "cpu")
    every = data.wishes("en")
    measure(every[:1], models)  # warm-up: everything is loaded
    page = [
        "# From a spoken wish to a picture",
        f"Made by `python benchmarks/studio.py`. {machine()} {CANDIDATES} candidates of "
        f"{STEPS} steps, guidance {GUIDANCE:g}, torch {torch.__version__} with {torch.get_num_threads()} threads.",
    ]
    for language in ("en", "de"):
        wishes = spread(data.wishes(language), args.wishes)
        page += [f"## {language}: {len(wishes)} held-out recordings of one object", table(*measure(wishes, models))]
        print(page[-2], page[-1], sep="\n\n", flush=True)
    if args.out:
        args.out.write_text("\n\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
