"""A tiny codec language model (VALL-E: Wang et al. 2023): phones, how long each lasts and a voice in, codes out.

Durations are told, as in RALL-E (Xin et al. 2024): which frame says which phone need not be learnt. The voice comes as
an embedding of other sentences by it, as in the talker. One code in eight that it looks back on is another one, so that
a slip while it speaks is nothing new. To clone better it was also given 1,200 voices between two of espeak-ng's, their
files' numbers interpolated: after 2,600 steps 38 % of the clones were told, not 40 %, so it ships without.
"""

from __future__ import annotations

import argparse
import shutil
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.codec import MelCodec
from tinyworld.codec_lm import CODES, LONGEST, CodecLM
from tinyworld.phones import Phones
from tinyworld.train import loop
from tinyworld.train.codec_lm import measure
from tinyworld.train.codec_lm.card import card
from tinyworld.train.gpt2 import initialise
from tinyworld.train.talker import recipe as talker
from tinyworld.train.talker.features import EACH, lasting
from tinyworld.train.voices.corpus import Take, Takes
from tinyworld.voices import STYLES

NOTHING = -100  # where there is no code to be told
SLIPS = 1 / 8


class Said(NamedTuple):
    """ids, durations: int64 (phones,).   codes: int64 (frames,).   voice: its index.   style: of STYLES."""

    ids: torch.Tensor
    durations: torch.Tensor
    codes: torch.Tensor
    voice: int
    style: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=3000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=12, help="sentences a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=600, help="takes spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=8, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=160, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=4, help="(default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "codec_lm")
    parser.add_argument("--scenes", type=int, help="sentences for the card (default: all)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=400, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    phones = Phones.from_pretrained(checkpoint("talker"))
    model = build_model(len(phones.names), args).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.02)
    training = loop.Training(args.runs / "codec_lm", model, optimizer, loop.Average(model), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, model, phones, args, device)
    export(averaged(model, training.average), args, training.clock)


def train(
    training: loop.Training, model: CodecLM, phones: Phones, args: argparse.Namespace, device: torch.device
) -> None:
    """Train to the end from wherever it stands."""
    data = Sentences(phones, args)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        model.train()
        said, voices, rng = data(i)
        told = [
            model.asked(one.ids.to(device), one.durations.to(device), voice.to(device), one.style)
            for one, voice in zip(said, voices, strict=True)
        ]
        wanted = nn.utils.rnn.pad_sequence([one.codes for one in said], batch_first=True, padding_value=NOTHING)
        slipped = torch.from_numpy(rng.random(wanted.shape) < SLIPS)
        heard = torch.where(slipped, torch.from_numpy(rng.integers(CODES, size=wanted.shape)), wanted.clamp(min=0))
        scores = model(heard.to(device), nn.utils.rnn.pad_sequence(told, batch_first=True))
        wanted = wanted.to(device)
        loss = F.cross_entropy(scores.flatten(0, 1), wanted.flatten(), ignore_index=NOTHING)
        right = (scores.argmax(-1) == wanted)[wanted != NOTHING].float().mean()
        return loss, {"code": loss.item(), "right": right.item()}

    def look() -> str:
        figures = measure.glance(averaged(model, training.average), 2)
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.03, 0.4)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Sentences:
    """Step -> sentences in codes, the voices that say them, and random numbers for the rest."""

    def __init__(self, phones: Phones, args: argparse.Namespace) -> None:
        self.phones, self.seed, self.size = phones, args.seed, args.batch
        self.codec = MelCodec.from_pretrained(checkpoint("codec"))
        self.takes = Takes(args.batch, args.pool, args.uses, args.seed, each=EACH)
        self.voice = talker.Sentences(phones, self.takes).voice
        self.said = loop.Pool(self.spoken, args.batch, args.pool, args.uses)

    def __call__(self, step: int) -> tuple[list[Said], list[torch.Tensor], np.random.Generator]:
        said, rng = self.said(step), np.random.default_rng((self.seed, 1, step))
        first = int(rng.integers(max(1, len(said) - self.size + 1)))  # neighbours are as long, so little is filled up
        chosen = said[first : first + self.size]
        return chosen, [self.voice(one.voice, rng) for one in chosen], rng

    def spoken(self, number: int) -> list[Said]:
        """The pool with this number, the shortest first."""
        return sorted(map(self.coded, self.takes.spoken(number)), key=lambda one: len(one.codes))

    def coded(self, take: Take) -> Said:
        """What the model learns of a take."""
        codes = self.codec.encode(take.audio, 1)[0, :LONGEST]
        names, durations = lasting(take.phones, len(codes))
        ids = torch.tensor(self.phones.encode(names))
        return Said(ids, torch.from_numpy(durations), codes, take.voice, STYLES.index(take.style))


def build_model(phones: int, args: argparse.Namespace) -> CodecLM:
    """Started as the course's other GPT-2s, what is asked as large as the codes."""
    model = CodecLM(phones, args.width, args.layers)
    initialise(model.model)
    with torch.no_grad():
        for table in (model.here, model.before, model.after, model.style):
            table.weight.normal_(0, 0.1)
        model.voice.weight.normal_(0, 0.1)
    return model


def averaged(model: CodecLM, average: loop.Average) -> CodecLM:
    """A copy of the model with the averaged weights, on the CPU."""
    config = model.model.config
    copy = CodecLM(model.here.num_embeddings, config.n_embd, config.n_layer)
    copy.load_state_dict({k: v.cpu() for k, v in average.weights.items()}, strict=False)  # the output's are the codes'
    return copy.eval().requires_grad_(False)


def export(model: CodecLM, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
