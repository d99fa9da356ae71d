"""Look at the world: `python -m tinyworld gallery`, `python -m tinyworld films`, `python -m tinyworld speed`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tinyworld import gallery
from tinyworld.films import gallery as cinema
from tinyworld.sampling import SPLITS, scenes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tinyworld", description="A small world of coloured shapes.")
    commands = parser.add_subparsers(dest="command", required=True)
    draw = commands.add_parser("gallery", help="draw a labelled sheet of scenes")
    draw.add_argument("--out", default="tinyworld.png", help="the picture to write (default: %(default)s)")
    draw.add_argument("--split", default="train", choices=[*SPLITS, "alphabet"], help="alphabet: every shape and size")
    draw.add_argument("-n", type=int, default=40, help="how many scenes (default: %(default)s)")
    draw.add_argument("--seed", type=int, default=0)
    show = commands.add_parser("films", help="draw a film of each motion as an animation")
    show.add_argument("--out", default="films.gif", help="a GIF or WebP to write (default: %(default)s)")
    show.add_argument("--split", default="train", choices=SPLITS)
    show.add_argument("--seed", type=int, default=0)
    commands.add_parser("speed", help="scenes a second on one core")
    args = parser.parse_args()

    if args.command == "gallery":
        page = gallery.alphabet() if args.split == "alphabet" else gallery.sampled(args.split, args.n, args.seed)
        page.save(args.out)
        print(f"{args.out}: {page.width}x{page.height}")
    elif args.command == "films":
        shown = cinema.one_of_each(args.split, args.seed)
        cinema.save(shown, Path(args.out))
        print(f"{args.out}: {len(shown)} films")
    else:
        for split in SPLITS:
            start = time.process_time()
            drawn = scenes(split, 2000)
            sampled = time.process_time()
            for scene in drawn:
                scene.render(64)
            end = time.process_time()
            print(
                f"{split:14}{2000 / (end - start):7.0f} scenes a second "
                f"(sampling {(sampled - start) / 2:.2f} ms, drawing {(end - sampled) / 2:.2f} ms a scene)"
            )


if __name__ == "__main__":
    main()
