"""A tiny SpeechT5 (Ao et al. 2022) that reads: phones in, mel spectrogram out, and nobody tells it which is where.

One voice, one pace, no style: enough to see an alignment being learnt. The guided attention of week 7 (Tachibana et al.
2018), on all heads, is strong at first and weak at the end; the rest is the class's own loss. Nine voices at once were
tried first: after twenty minutes of a CPU two words of three were lost, and more without the guide.
"""

from __future__ import annotations

import argparse
import shutil
from typing import NamedTuple

import numpy as np
import torch
from transformers import SpeechT5Config, SpeechT5ForTextToSpeech

from tinyworld.checkpoints import FOLDER
from tinyworld.phones import Phones
from tinyworld.train import loop
from tinyworld.train.reader import measure
from tinyworld.train.reader.card import LAST, card
from tinyworld.train.talker.features import build_phones
from tinyworld.train.voices.corpus import Voice, speak, text
from tinyworld.train.voices.mel import log_mel
from tinyworld.voices import STYLES

PADDING = -100.0  # of a spectrogram; the class's loss leaves it out
QUIET = -4.0  # log10 of a mel amplitude below it is taken for it
SHORTER = 0.75  # of its way after which it is there


class Said(NamedTuple):
    """ids: int64 (phones,).   mel: float32 (frames, 80)."""

    ids: torch.Tensor
    mel: torch.Tensor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=8000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=12, help="sentences a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=800, help="takes spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=20, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=2, help="of encoder and decoder each (default: %(default)s)")
    parser.add_argument("--reduction", type=int, default=3, help="frames a step of the decoder (default: %(default)s)")
    parser.add_argument("--guide", type=float, default=40.0, help="strength of the guide at first; 0: none")
    parser.add_argument("--sigma", type=float, default=0.12, help="its width (default: %(default)s)")
    parser.add_argument("--speaker", default="m3", help="espeak-ng's name of who is learnt (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "reader")
    parser.add_argument("--scenes", type=int, help="sentences for the card (default: all)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=500, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    phones = build_phones()
    model = build_model(len(phones.names), args).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    training = loop.Training(args.runs / "reader", model, optimizer, loop.Average(model), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, model, phones, args, device)
    export(loop.averaged(model, training.average), phones, args, training.clock)


def train(
    training: loop.Training,
    model: SpeechT5ForTextToSpeech,
    phones: Phones,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """Train to the end from wherever it stands."""
    data = Sentences(phones, args)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        torch.manual_seed(args.seed * 10**9 + i)  # of dropout
        done = min(1.0, i / args.steps / SHORTER)
        model.config.guided_attention_loss_scale = args.guide and args.guide + done * (LAST - args.guide)
        batch = {name: tensor.to(device) for name, tensor in data(i).items()}
        out = model.train()(**batch)
        with torch.no_grad():
            there = batch["labels"][..., 0] != PADDING
            off = (out.spectrogram - batch["labels"]).abs()[there].mean().item()
            sure = torch.cat(out.cross_attentions, dim=1).max(dim=3).values.mean().item()
        return out.loss, {"mel": off, "sure": sure}

    def look() -> str:
        figures = measure.glance(loop.averaged(model, training.average), phones, 4)
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.03, 0.4)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Sentences:
    """Step -> batch of sentences with all that the class's training asks for."""

    def __init__(self, phones: Phones, args: argparse.Namespace) -> None:
        self.phones, self.seed, self.size, self.pool = phones, args.seed, args.batch, args.pool
        self.reduction, self.who = args.reduction, Voice(args.speaker)
        self.said = loop.Pool(self.spoken, args.batch, args.pool, args.uses)

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        said, rng = self.said(step), np.random.default_rng((self.seed, 1, step))
        first = int(rng.integers(max(1, len(said) - self.size + 1)))  # neighbours are as long, so little is filled up
        return self.batch(said[first : first + self.size])

    def spoken(self, number: int) -> list[Said]:
        """The pool with this number, the shortest first."""
        rng, found = np.random.default_rng((self.seed, 0, number)), []
        for _ in range(self.pool):
            take = speak(text("train", rng), self.who, 0, STYLES[0], rng, varied=False)
            mel = log_mel(torch.from_numpy(take.audio)[None])[0].clamp(min=QUIET)
            found.append(Said(self.phones(take.text)["input_ids"][0], mel))
        return sorted(found, key=lambda one: len(one.mel))

    def batch(self, said: list[Said]) -> dict[str, torch.Tensor]:
        """Filled up to the longest, and that to whole steps of the decoder."""
        ids = torch.nn.utils.rnn.pad_sequence([one.ids for one in said], batch_first=True)
        mels = torch.nn.utils.rnn.pad_sequence([one.mel for one in said], batch_first=True, padding_value=PADDING)
        rest = -mels.shape[1] % self.reduction
        return {
            "input_ids": ids,
            "attention_mask": (ids != 0).long(),
            "labels": torch.nn.functional.pad(mels, (0, 0, 0, rest), value=PADDING),
            "speaker_embeddings": torch.ones(len(said), 1),
            "output_attentions": torch.tensor(True),
        }


def build_model(phones: int, args: argparse.Namespace) -> SpeechT5ForTextToSpeech:
    """Narrow, and every head is guided."""
    heads = 4
    parts = {
        f"{part}_{key}": value
        for part in ("encoder", "decoder")
        for key, value in {
            "layers": args.layers,
            "attention_heads": heads,
            "ffn_dim": 3 * args.width,
            "layerdrop": 0.0,
        }.items()
    }
    config = SpeechT5Config(
        vocab_size=phones,
        pad_token_id=0,
        hidden_size=args.width,
        speech_decoder_prenet_units=args.width,
        speech_decoder_postnet_layers=2,
        speech_decoder_postnet_units=64,
        speech_decoder_postnet_dropout=0.0,
        speaker_embedding_dim=1,
        reduction_factor=args.reduction,
        max_text_positions=120,
        max_speech_positions=400,
        encoder_max_relative_position=40,
        hidden_dropout=0.05,
        attention_dropout=0.0,
        activation_dropout=0.05,
        positional_dropout=0.05,
        use_guided_attention_loss=args.guide > 0,
        guided_attention_loss_num_heads=heads,
        guided_attention_loss_sigma=args.sigma,
        guided_attention_loss_scale=args.guide,
        **parts,
    )
    model = SpeechT5ForTextToSpeech(config)
    with torch.no_grad():
        model.speecht5.encoder.prenet.embed_tokens.weight[1:].normal_(0, 1)
        model.speech_decoder_postnet.feat_out.bias.fill_(-2.3)  # what speech is in the mean
    return model


def export(model: SpeechT5ForTextToSpeech, phones: Phones, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its phones, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    phones.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
