"""`python -m tinyworld.measure NAME`: measure a shipped checkpoint's card figures again."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from tinyworld.checkpoints import checkpoint
from tinyworld.train.binding import measure as binding
from tinyworld.train.blip import measure as blip
from tinyworld.train.clap import measure as clap
from tinyworld.train.clip import measure as clip
from tinyworld.train.codec import measure as codec
from tinyworld.train.codec_lm import measure as codec_lm
from tinyworld.train.connectors import measure as connectors
from tinyworld.train.diffusion import measure as diffusion
from tinyworld.train.flamingo import measure as flamingo
from tinyworld.train.judge import measure as judge
from tinyworld.train.llava import measure as llava
from tinyworld.train.masked import measure as masked
from tinyworld.train.mood import measure as mood
from tinyworld.train.motion import measure as motion
from tinyworld.train.programs import measure as programs
from tinyworld.train.reader import measure as reader
from tinyworld.train.speaker import measure as speaker
from tinyworld.train.talker import measure as talker
from tinyworld.train.token_lm import measure as token_lm
from tinyworld.train.trimodal import measure as trimodal
from tinyworld.train.video import measure as video
from tinyworld.train.vocoder import measure as vocoder
from tinyworld.train.vq import measure as vq
from tinyworld.train.whisper import measure as whisper

# With scenes a figure; a Whisper hears so many utterances at most.
MEASURES = {"clip": (clip, 2048), "judge": (judge, 2048), "diffusion": (diffusion, 256)}
MEASURES |= {"blip": (blip, 1024), "whisper": (whisper, 150), "trimodal": (trimodal, 1024)}
MEASURES |= {"llava": (llava, 512), "connectors": (connectors, 512), "flamingo": (flamingo, 400)}
MEASURES |= {"vq": (vq, 512), "token_lm": (token_lm, 256), "masked": (masked, 256), "programs": (programs, 512)}
# Of the nine voices: all their recordings; a CLAP plays its test sounds four times.
MEASURES |= {"speaker": (speaker, 100), "vocoder": (vocoder, 100), "talker": (talker, 36)}
MEASURES |= {"codec": (codec, 100), "codec_lm": (codec_lm, 100), "clap": (clap, 4), "reader": (reader, 100)}
MEASURES |= {"video": (video, 600), "motion": (motion, 200), "binding": (binding, 8), "mood": (mood, 72)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tinyworld.measure", description=__doc__)
    parser.add_argument("name", choices=MEASURES)
    parser.add_argument("--checkpoint", type=Path, help="another folder than the shipped one")
    parser.add_argument("--scenes", type=int, help="scenes per figure (default: as on the card)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = time.perf_counter()
    measure, usual = MEASURES[args.name]
    scenes = args.scenes or usual
    figures = measure.measure(args.checkpoint or checkpoint(args.name), scenes)
    print(measure.table(figures))
    print(f"{scenes} scenes a figure, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
