"""Each shipped card is what its recipe writes, to the byte, from the figures beside it."""

import json
import re
from argparse import Namespace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

import tinyworld
from tinyworld.train.__main__ import RECIPES, parse
from tinyworld.train.blip import card as blip
from tinyworld.train.blip.recipe import QUESTIONS
from tinyworld.train.clap import card as clap
from tinyworld.train.clip import card as clip
from tinyworld.train.clip.clock import TwoStageClock
from tinyworld.train.codec import card as codec
from tinyworld.train.codec_lm import card as codec_lm
from tinyworld.train.connectors import card as connectors
from tinyworld.train.diffusion import card as diffusion
from tinyworld.train.flamingo import card as flamingo
from tinyworld.train.judge import card as judge
from tinyworld.train.llava import card as llava
from tinyworld.train.llava.recipe import DRAWN
from tinyworld.train.loop import Clock
from tinyworld.train.masked import card as masked
from tinyworld.train.programs import card as programs
from tinyworld.train.reader import card as reader
from tinyworld.train.speaker import card as speaker
from tinyworld.train.talker import card as talker
from tinyworld.train.token_lm import card as token_lm
from tinyworld.train.trimodal import card as trimodal
from tinyworld.train.trimodal.recipe import NAMES
from tinyworld.train.video import card as video
from tinyworld.train.vocoder import card as vocoder
from tinyworld.train.vq import card as vq
from tinyworld.train.whisper import card as whisper

# What a shipped run took, which is written nowhere but on its card. In CPU-minutes, of each stage or model.
MINUTES = {"judge": [5], "diffusion": [31, 205], "blip": [69], "whisper": [54], "llava": [46]}
MINUTES |= {"connectors": [10, 9, 9], "flamingo": [52], "trimodal": [9, 6, 7, 7]}
ON_ONE_THREAD = (
    "whisper",
    "speaker",
    "vocoder",
    "talker",
    "codec",
    "clap",
    "reader",
    "codec_lm",
)  # what the others had is on no card
MINUTES |= {"speaker": [17], "vocoder": [22], "talker": [18], "codec": [0.3], "clap": [3], "reader": [15]}
MINUTES |= {"codec_lm": [29]}
MINUTES |= {"video": [67]}
MINUTES |= {"vq": [8], "token_lm": [45], "masked": [23], "programs": [5]}


def text(name: str) -> str:
    return (tinyworld.checkpoint(name) / "README.md").read_text()


def figures(name: str) -> dict[str, float]:
    return json.loads((tinyworld.checkpoint(name) / "figures.json").read_text())


def command(name: str) -> Namespace:
    """The options of the command on a card."""
    (found,) = re.findall(rf"^`python -m tinyworld.train ({name} [^`]+)`$", text(name), re.M)
    return parse([*found.split(), *(["--threads", "1"] if name in ON_ONE_THREAD else [])])


def written(name: str, args: Namespace) -> str:
    """The card that a recipe would write of the shipped checkpoint."""
    folder, measured, minutes = tinyworld.checkpoint(name), figures(name), MINUTES[name]

    def clock(minutes: float, steps: int = 0) -> Clock:
        steps = steps or (args.rounds if name == "codec" else args.steps)
        return Clock(steps, step=steps, cpu_seconds=60 * minutes, samples=steps * getattr(args, "batch", 0))

    if name == "diffusion":
        first, second = minutes
        return diffusion.card(folder, measured, args, clock(first, args.autoencoder_steps), clock(second))
    if name in ("connectors", "trimodal"):
        kinds = args.kinds if name == "connectors" else NAMES
        clocks = dict(zip(kinds, map(clock, minutes), strict=True))
        return {"connectors": connectors, "trimodal": trimodal}[name].card(folder, measured, args, clocks)
    (once,) = map(clock, minutes)
    if name == "blip":
        return blip.card(folder, measured, args, once, QUESTIONS)
    if name == "llava":
        return llava.card(folder, measured, args, once, DRAWN + 1)
    others = {"judge": judge, "whisper": whisper, "flamingo": flamingo}
    others |= {"speaker": speaker, "vocoder": vocoder, "talker": talker, "codec": codec, "clap": clap}
    others |= {"reader": reader, "codec_lm": codec_lm}
    others |= {"video": video}
    others |= {"vq": vq, "token_lm": token_lm, "masked": masked, "programs": programs}
    return others[name].card(folder, measured, args, once)


@pytest.mark.parametrize("name", MINUTES)
def test_a_card_is_what_its_recipe_writes(name):
    assert written(name, command(name)) == text(name)


def test_the_card_of_clip_is_what_run_and_mean_write(tmp_path):
    """The shipped one is of the mean of two runs: its head is the first run's, which is not shipped."""
    folder, measured = tinyworld.checkpoint("clip"), figures("clip")
    first, _, second = re.findall(r"python -m tinyworld.train (.+)", text("clip"))
    args = parse([*first.split(), "--threads", "1", "--device", "cpu"])
    clock = TwoStageClock(
        args.steps, None, step=1810, samples=308_864, seconds=33 * 60, cpu_seconds=26 * 60, first_stage=1207
    )
    plain = clip.card(folder, measured, args, clock)
    assert f"`python -m tinyworld.train clip --steps 1810 --see {args.see} --batch 256 " in plain
    (tmp_path / "README.md").write_text(plain)
    names = "test/choice of two: relation", "test/choice of four relations"
    ends = [
        {name: float(share) / 100 for name, share in zip(names, row, strict=True)}
        for end in ("plain", "ordered")
        for row in re.findall(rf"^\| `{end}` \| ([0-9.]+) % \| ([0-9.]+) % \|$", text("clip"), re.M)
    ]
    mean = parse(second.split())
    assert clip.blended(tmp_path, measured, ends, mean.share, mean.scenes) == text("clip")


@pytest.mark.parametrize("name", ["clip", *MINUTES])
def test_the_hub_reads_a_cards_metadata(name):
    about = ModelCard.load(tinyworld.checkpoint(name) / "README.md").data
    assert about.license == "mit" and about.library_name in ("transformers", "diffusers", "pytorch")


def test_every_model_has_a_folder_with_recipe_card_and_measure():
    """Who knows a model's name finds all three at once."""
    made = Path(next(iter(tinyworld.__path__))) / "train"
    for folder in (p for p in Path(tinyworld.checkpoint("clip")).parent.iterdir() if (p / "README.md").is_file()):
        assert {"recipe.py", "card.py", "measure.py"} <= {p.name for p in (made / folder.name).iterdir()}, folder.name
    assert {m.__name__.split(".")[2] for m in RECIPES.values()} == {p.parent.name for p in made.glob("*/recipe.py")}
