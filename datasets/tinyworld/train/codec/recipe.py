"""The codebooks of the mel codec (`tinyworld.codec`): k-means, each book on what the ones before left over.

Residual quantisation as in SoundStream (Zeghidour et al. 2021, algorithm 1). Nothing else is learnt: the mel is the
encoder, the course's vocoder the decoder. An `EncodecModel` of a million parameters, whose encoder and decoder begin
from nothing, was tried first and after two minutes of a CPU gave nothing that one could hear words in.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.codec import BANDS, QUIET, MelCodec
from tinyworld.train import loop
from tinyworld.train.codec import measure
from tinyworld.train.codec.card import card
from tinyworld.train.vocoder import measure as vocoder
from tinyworld.train.voices.corpus import Takes
from tinyworld.train.voices.mel import log_mel
from tinyworld.train.vq.codebook import Codebook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--takes", type=int, default=400, help="sentences to learn from (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=24000, help="of them at most (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=12, help="of k-means for each book (default: %(default)s)")
    parser.add_argument("--codes", type=int, default=1024, help="of a book (default: %(default)s)")
    parser.add_argument("--books", type=int, default=4, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER / "codec", help="what is shipped (default: in the package)")
    parser.add_argument("--scenes", type=int, help="recordings for the card (default: all)")


def run(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    began = time.process_time()
    codec = learn(args)
    clock = loop.Clock(args.rounds, step=args.rounds, cpu_seconds=time.process_time() - began)
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    codec.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))


def learn(args: argparse.Namespace) -> MelCodec:
    """The codec with its books."""
    takes = Takes(args.takes, args.takes, 1, args.seed).spoken(0)
    mel = torch.cat([log_mel(torch.from_numpy(take.audio)[None])[0] for take in takes]).clamp(min=QUIET)
    codec = MelCodec(vocoder.load(checkpoint("vocoder")), args.books, args.codes)
    codec.mean.copy_(mel.mean(0))
    codec.scale.copy_(mel.std(0))
    chosen = np.random.default_rng(args.seed).permutation(len(mel))[: args.frames]
    codec.fill(books((mel[chosen] - codec.mean) / codec.scale, args))
    return codec.eval()


def books(frames: torch.Tensor, args: argparse.Namespace) -> list[torch.Tensor]:
    """Codebooks (codes, 80) for frames (n, 80): each by k-means on what the ones before leave."""
    generator, found = torch.Generator().manual_seed(args.seed), []
    for _ in range(args.books):
        book = Codebook(nn.Parameter(torch.zeros(args.codes, BANDS)))
        book.begin(frames, generator, rounds=args.rounds)
        found.append(book.weight.detach())
        frames = frames - book.weight[book.nearest(frames)]
    return found
