"""`python -m tinyworld.train NAME`: train a shipped model from nothing, or go on where a run stopped."""

from __future__ import annotations

import argparse
from types import ModuleType

from tinyworld.train.binding import recipe as binding
from tinyworld.train.blip import recipe as blip
from tinyworld.train.clap import recipe as clap
from tinyworld.train.clip import blend
from tinyworld.train.clip import recipe as clip
from tinyworld.train.codec import recipe as codec
from tinyworld.train.codec_lm import recipe as codec_lm
from tinyworld.train.connectors import recipe as connectors
from tinyworld.train.diffusion import recipe as diffusion
from tinyworld.train.flamingo import recipe as flamingo
from tinyworld.train.judge import recipe as judge
from tinyworld.train.llava import recipe as llava
from tinyworld.train.masked import recipe as masked
from tinyworld.train.mood import recipe as mood
from tinyworld.train.motion import recipe as motion
from tinyworld.train.programs import recipe as programs
from tinyworld.train.reader import recipe as reader
from tinyworld.train.speaker import recipe as speaker
from tinyworld.train.speech import recipe as speech
from tinyworld.train.talker import recipe as talker
from tinyworld.train.token_lm import recipe as token_lm
from tinyworld.train.trimodal import recipe as trimodal
from tinyworld.train.video import recipe as video
from tinyworld.train.vocoder import recipe as vocoder
from tinyworld.train.voices import recipe as voices
from tinyworld.train.vq import recipe as vq
from tinyworld.train.whisper import recipe as whisper

RECIPES: dict[str, ModuleType] = {"clip": clip, "blend": blend, "judge": judge}
RECIPES |= {"diffusion": diffusion, "blip": blip, "speech": speech, "whisper": whisper}
RECIPES |= {"llava": llava, "connectors": connectors, "flamingo": flamingo, "trimodal": trimodal}
RECIPES |= {"vq": vq, "token_lm": token_lm, "masked": masked, "programs": programs}
RECIPES |= {"voices": voices, "speaker": speaker, "vocoder": vocoder, "talker": talker}
RECIPES |= {"codec": codec, "codec_lm": codec_lm, "clap": clap, "reader": reader}
RECIPES |= {"video": video, "motion": motion, "binding": binding, "mood": mood}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tinyworld.train", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, recipe in RECIPES.items():
        recipe.add_arguments(names.add_parser(name, help=(recipe.__doc__ or "").partition("\n")[0]))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    options = parse()
    RECIPES[options.name].run(options)
