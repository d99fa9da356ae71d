"""`python -m tinyworld.train NAME`: train a shipped model from nothing, or go on where a run stopped."""

from __future__ import annotations

import argparse

from tinyworld.train import clip, open_clip

RECIPES = {"clip": clip, "open_clip": open_clip}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tinyworld.train", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, recipe in RECIPES.items():
        recipe.add_arguments(names.add_parser(name, help=recipe.__doc__.splitlines()[0]))
    args = parser.parse_args()
    RECIPES[args.name].run(args)


if __name__ == "__main__":
    main()
