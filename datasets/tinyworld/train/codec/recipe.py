"""A tiny EnCodec (Défossez et al. 2022): sound to 50 frames a second of four codes each, and back.

At first encoder and decoder learn without a codebook between them; then k-means makes four codebooks, each of what the
ones before left over (Zeghidour et al. 2021), and they follow the encoder as moving averages. A step uses the first
one, two, three or four of them, so that fewer will do. There is no adversary.
"""

from __future__ import annotations

import argparse
import shutil

import torch
from torch import nn
from transformers import EncodecConfig, EncodecFeatureExtractor, EncodecModel

from tinyworld.checkpoints import FOLDER
from tinyworld.sound import RATE
from tinyworld.train import loop
from tinyworld.train.codec import measure
from tinyworld.train.codec.card import card
from tinyworld.train.vocoder.spectra import spectral_loss
from tinyworld.train.voices.corpus import Take, Takes, crops
from tinyworld.train.voices.mel import log_mel
from tinyworld.train.vq.codebook import Codebook, perplexity

BOOKS, CODES, WIDTH = 4, 1024, 32
SAMPLES = 10240  # of a piece
WHOLE = 0.15  # the part of the steps before there are codebooks
BEGIN = 400  # pieces for the first codes
COMMITMENT = 0.2
REVIVE_EVERY = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=3000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="pieces of 0.64 s a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=600, help="takes spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=8, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=10, help="channels at the sound's own rate (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "codec")
    parser.add_argument("--scenes", type=int, help="recordings for the card (default: all)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=400, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    learner = Coder(build_model(args.width)).to(device)
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=args.rate, betas=(0.8, 0.99), weight_decay=0.01)
    training = loop.Training(args.runs / "codec", learner, optimizer, loop.Average(learner), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, args, device)
    export(averaged(learner, training.average), args, training.clock)


def train(training: loop.Training, learner: Coder, args: argparse.Namespace, device: torch.device) -> None:
    """Train to the end from wherever it stands."""
    data = Takes(args.batch, args.pool, args.uses, args.seed)
    held = Takes(24, 24, 1, args.seed + 1, "validation")(0)[0]
    begins = round(WHOLE * args.steps)

    def pieces(takes: list[Take], rng) -> torch.Tensor:
        return torch.from_numpy(crops(takes, SAMPLES, rng))[:, None].to(device)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        takes, rng = data(i)
        if i == begins:
            pool = data.spoken(10**6)
            learner.begin(pieces((pool * (1 + BEGIN // len(pool)))[:BEGIN], rng), args.seed)
        generator = torch.Generator().manual_seed(args.seed * 10**9 + i)
        return learner(pieces(takes, rng), generator, i >= begins, revive=i % REVIVE_EVERY == 0)

    def look() -> str:
        if training.clock.step <= begins:
            return "no codebooks yet"
        figures = measure.coded(averaged(learner, training.average), [t.audio for t in held], [t.text for t in held])
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.03, 0.3)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


def build_model(width: int = 10) -> EncodecModel:
    """Small and not causal; 320 samples a frame."""
    config = EncodecConfig(
        sampling_rate=RATE,
        audio_channels=1,
        num_filters=width,
        hidden_size=WIDTH,
        codebook_dim=WIDTH,
        codebook_size=CODES,
        upsampling_ratios=[5, 4, 4, 4],
        target_bandwidths=[0.5, 1.0, 1.5, 2.0],
        num_lstm_layers=1,
        compress=1,
        use_causal_conv=False,
    )
    return EncodecModel(config)


class Coder(nn.Module):
    """The model and its codebooks, which in the class itself are not learnt."""

    def __init__(self, model: EncodecModel) -> None:
        super().__init__()
        self.model = model
        self.books = nn.ModuleList(Codebook(nn.Parameter(torch.zeros(CODES, WIDTH))) for _ in range(BOOKS))

    @torch.no_grad()
    def begin(self, audio: torch.Tensor, seed: int) -> None:
        """The first codes: k-means on what the books before leave of these pieces."""
        generator = torch.Generator().manual_seed(seed)
        left = torch.cat([self.model.encoder(part) for part in audio.split(16)]).transpose(1, 2).flatten(0, 1)
        for book in self.books:
            book.begin(left, generator, rounds=10)
            left = left - book.weight[book.nearest(left)]

    def forward(
        self, audio: torch.Tensor, generator: torch.Generator, coded: bool = True, revive: bool = False
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of sounds (n, 1, samples), and figures to print. coded: whether through the codebooks."""
        latents = self.model.encoder(audio)
        loss, figures = torch.zeros((), device=audio.device), {}
        passed = latents
        if coded:
            n = len(latents)
            cells = latents.transpose(1, 2).flatten(0, 1)
            used = torch.randint(1, BOOKS + 1, (n,), generator=generator).repeat_interleave(latents.shape[-1])
            used = used.to(audio.device)
            left, total = cells, torch.zeros_like(cells)
            for i, book in enumerate(self.books):
                index = book.nearest(left.detach())
                chosen = book.weight[index]
                loss = loss + COMMITMENT * ((left - chosen).square() * (used > i)[:, None]).mean()
                total = total + chosen * (used > i)[:, None]
                book.follow(left.detach(), index)
                if revive:
                    book.revive(left.detach(), generator)
                left = left - chosen
                figures[f"perplexity {i + 1}"] = perplexity(index, CODES)
            whole = cells + (total - cells).detach()  # straight through
            passed = whole.view(n, -1, WIDTH).transpose(1, 2)
        made = self.model.decoder(passed)[..., : audio.shape[-1]]
        heard = (log_mel(made[:, 0]) - log_mel(audio[:, 0])).clamp(min=-2, max=2).abs().mean()
        spectra, wave = spectral_loss(made[:, 0], audio[:, 0]), (made - audio).abs().mean()
        return loss + spectra + heard + wave, {"mel": heard.item(), "spectra": spectra.item()} | figures


def averaged(learner: Coder, average: loop.Average) -> EncodecModel:
    """A copy of the model with the averaged weights and the codebooks in their places, on the CPU."""
    model = EncodecModel(learner.model.config)
    weights = learner.model.state_dict()
    prefix = "model."
    weights |= {k.removeprefix(prefix): v for k, v in average.weights.items() if k.startswith(prefix)}
    model.load_state_dict({k: v.cpu() for k, v in weights.items()})
    for layer, book in zip(model.quantizer.layers, learner.books, strict=True):
        layer.codebook.embed.copy_(book.weight.detach().cpu())
        layer.codebook.embed_avg.copy_(book.weight.detach().cpu())
        layer.codebook.cluster_size.fill_(1)
    return model.eval().requires_grad_(False)


def export(model: EncodecModel, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its extractor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    EncodecFeatureExtractor(sampling_rate=RATE).save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
