"""A tiny HiFi-GAN (Kong et al. 2020) in SpeechT5's class: from SpeechT5's mel spectrogram back to sound.

It learns to sound like the recording through windows of four lengths (Yamamoto et al. 2020) and in the mel itself.
The adversary that gives HiFi-GAN its name is left out: it costs more minutes of a CPU than there are.
"""

from __future__ import annotations

import argparse
import shutil

import torch
from transformers import SpeechT5FeatureExtractor, SpeechT5HifiGan, SpeechT5HifiGanConfig

from tinyworld.checkpoints import FOLDER
from tinyworld.train import loop
from tinyworld.train.vocoder import measure
from tinyworld.train.vocoder.card import card
from tinyworld.train.vocoder.spectra import spectral_loss
from tinyworld.train.voices.corpus import Takes, crops
from tinyworld.train.voices.mel import HOP, log_mel

FRAMES = 32  # of a piece
BESIDE = 4  # frames on either side, so that the mel of a piece's end is as in the whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=3200, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="pieces of half a second a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=600, help="takes spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=8, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="channels before upsampling (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "vocoder")
    parser.add_argument("--scenes", type=int, help="recordings for the card (default: all)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=400, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    data = Takes(args.batch, args.pool, args.uses, args.seed)
    model = build_model(args.width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.8, 0.99), weight_decay=0.01)
    training = loop.Training(args.runs / "vocoder", model, optimizer, loop.Average(model), loop.Clock(args.steps))
    if not training.resume(args):
        standardise(model, data)
    model.to(device)
    if not args.export:
        train(training, model, data, args, device)
    export(loop.averaged(model, training.average), args, training.clock)


def train(
    training: loop.Training, model: SpeechT5HifiGan, data: Takes, args: argparse.Namespace, device: torch.device
) -> None:
    """Train to the end from wherever it stands."""
    held = Takes(24, 24, 1, args.seed + 1, "validation")(0)[0]

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        takes, rng = data(i)
        piece = torch.from_numpy(crops(takes, (FRAMES + 2 * BESIDE) * HOP, rng)).to(device)
        mel = log_mel(piece)[:, BESIDE : BESIDE + FRAMES]
        wanted = piece[:, BESIDE * HOP : (BESIDE + FRAMES) * HOP]
        made = model(mel)
        heard = (log_mel(made) - log_mel(wanted)).clamp(min=-2, max=2).abs().mean()
        spectra = spectral_loss(made, wanted)
        return spectra + heard, {"mel": heard.item(), "spectra": spectra.item()}

    def look() -> str:
        figures = measure.copied(
            loop.averaged(model, training.average), [t.audio for t in held], [t.text for t in held]
        )
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.03, 0.3)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


def build_model(width: int = 128) -> SpeechT5HifiGan:
    """Three upsamplings to 256 samples a frame, two residual blocks of different kernels after each."""
    config = SpeechT5HifiGanConfig(
        upsample_initial_channel=width,
        upsample_rates=[8, 8, 4],
        upsample_kernel_sizes=[16, 16, 8],
        resblock_kernel_sizes=[3, 7],
        resblock_dilation_sizes=[[1, 3], [1, 3]],
    )
    model = SpeechT5HifiGan(config)
    for layer in model.modules():  # the class is begun for weight norm, and would whisper without it
        if isinstance(layer, torch.nn.ConvTranspose1d):
            taps = layer.kernel_size[0] / layer.stride[0]
            torch.nn.init.normal_(layer.weight, std=(layer.in_channels * taps) ** -0.5)
        elif isinstance(layer, torch.nn.Conv1d):
            torch.nn.init.normal_(layer.weight, std=(layer.in_channels * layer.kernel_size[0]) ** -0.5)
    return model


def standardise(model: SpeechT5HifiGan, data: Takes) -> None:
    """Give the model the mean and the spread of each mel band over some speech."""
    mel = torch.cat([log_mel(torch.from_numpy(take.audio)[None])[0] for take in data.spoken(0)[:200]])
    model.mean.copy_(mel.mean(0))
    model.scale.copy_(mel.std(0))


def export(model: SpeechT5HifiGan, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its extractor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    SpeechT5FeatureExtractor().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
