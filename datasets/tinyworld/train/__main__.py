"""`python -m tinyworld.train NAME`: train a shipped model from nothing, or go on where a run stopped."""

from __future__ import annotations

import argparse

from tinyworld.train import (
    blend,
    blip,
    clip,
    connectors,
    diffusion,
    flamingo,
    judge,
    llava,
    open_clip,
    speech,
    trimodal,
    whisper,
)

RECIPES = {"clip": clip, "blend": blend, "open_clip": open_clip, "judge": judge, "diffusion": diffusion}
RECIPES |= {"blip": blip, "speech": speech, "whisper": whisper}
RECIPES |= {"llava": llava, "connectors": connectors, "flamingo": flamingo, "trimodal": trimodal}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tinyworld.train", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, recipe in RECIPES.items():
        recipe.add_arguments(names.add_parser(name, help=recipe.__doc__.splitlines()[0]))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    options = parse()
    RECIPES[options.name].run(options)
