"""A tiny FastSpeech 2 (Ren et al. 2021; Conformer: Guo et al. 2021): phones in, SpeechT5's mel spectrogram out.

Durations, pitch and energy are explicit: espeak-ng says when each phone was spoken, pitch and energy are measured in
the sound. The voice comes as an embedding of other sentences by it (`speaker`), the style in the slot that the class
has for languages. Only what goes through the model's own training loss is learnt; nothing is thrown away.
"""

from __future__ import annotations

import argparse
import shutil

import numpy as np
import torch
from transformers import FastSpeech2ConformerConfig, FastSpeech2ConformerModel

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.phones import Phones
from tinyworld.train import loop
from tinyworld.train.speaker import measure as speaker
from tinyworld.train.talker import measure
from tinyworld.train.talker.card import card
from tinyworld.train.talker.features import EACH, Features, build_phones, features
from tinyworld.train.voices.corpus import Take, Takes, speak, text
from tinyworld.voices import STYLES

PADDING = -100.0  # of a spectrogram; the class's loss leaves it out
KNOWN = 3  # sentences by which a voice is made known
BLUR = 0.03  # of each number of a voice's embedding, so that the talker knows the space between the voices


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=3000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=10, help="sentences a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=500, help="takes spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=8, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=2, help="of encoder and decoder each (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "talker")
    parser.add_argument("--scenes", type=int, help="sentences for the card (default: all)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=400, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    phones = build_phones()
    model = build_model(len(phones.names), args.width, args.layers).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    training = loop.Training(args.runs / "talker", model, optimizer, loop.Average(model), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, model, phones, args, device)
    export(loop.averaged(model, training.average), phones, args, training.clock)


def train(
    training: loop.Training,
    model: FastSpeech2ConformerModel,
    phones: Phones,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """Train to the end from wherever it stands."""
    data = Sentences(phones, Takes(args.batch, args.pool, args.uses, args.seed, each=EACH))

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        torch.manual_seed(args.seed * 10**9 + i)  # of dropout
        batch = {name: tensor.to(device) for name, tensor in data(i).items()}
        out = model.train()(**batch)
        with torch.no_grad():
            there = batch["spectrogram_labels"][..., 0] != PADDING
            off = (out.spectrogram - batch["spectrogram_labels"]).abs()[there].mean().item()
            mask = batch["attention_mask"].bool()
            high = (out.pitch_outputs - batch["pitch_labels"])[mask].abs().mean().item()
        return out.loss, {"mel": off, "pitch": high}

    def look() -> str:
        figures = measure.spoken(loop.averaged(model, training.average), phones, 2)
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.05, 0.4)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Sentences:
    """Step -> batch of sentences with all that the class's training asks for."""

    def __init__(self, phones: Phones, takes: Takes) -> None:
        self.phones, self.takes = phones, takes
        self._known: dict[int, torch.Tensor] = {}  # voice -> embeddings of some sentences, (KNOWN, 64)
        self._features: dict[int, tuple[Take, Features]] = {}
        self._ear = speaker.load(checkpoint("speaker"))

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        takes, rng = self.takes(step)
        return self.batch(takes, [self.features(take) for take in takes], [self.voice(t.voice, rng) for t in takes])

    def features(self, take: Take) -> Features:
        """Of a take; those of the pool in use are kept."""
        if len(self._features) > 2 * self.takes.pool:
            self._features.clear()
        if id(take) not in self._features:  # with the take itself, or another could come to its place and its id
            self._features[id(take)] = (take, features(take))
        return self._features[id(take)][1]

    def voice(self, number: int, rng: np.random.Generator) -> torch.Tensor:
        """The embedding of a voice by one to three of its neutral sentences, float32 (64,), a little blurred."""
        if number not in self._known:
            own = np.random.default_rng((self.takes.seed, 5, number))
            voice = self.takes.voices[number]
            said = [speak(text("train", own), voice, number, STYLES[0], own) for _ in range(KNOWN)]
            self._known[number] = speaker.embed(*self._ear, [take.audio for take in said])
        known = self._known[number]
        chosen = rng.permutation(len(known))[: int(rng.integers(1, len(known) + 1))]
        blur = torch.from_numpy(rng.normal(0, BLUR, known.shape[1])).float()
        return torch.nn.functional.normalize(known[chosen].mean(0), dim=0) + blur

    def batch(self, takes: list[Take], found: list[Features], who: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Filled up to the longest."""

        def padded(rows: list[torch.Tensor], value: float = 0) -> torch.Tensor:
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)

        ids = padded([torch.tensor(self.phones.encode(f.phones)) for f in found])
        return {
            "input_ids": ids,
            "attention_mask": (ids != 0).long(),
            "spectrogram_labels": padded([f.mel for f in found], PADDING),
            "duration_labels": padded([torch.from_numpy(f.durations) for f in found]),
            "pitch_labels": padded([torch.from_numpy(f.pitch) for f in found])[..., None],
            "energy_labels": padded([torch.from_numpy(f.energy) for f in found])[..., None],
            "speaker_embedding": torch.stack(who),
            "lang_ids": torch.tensor([[STYLES.index(take.style)] for take in takes]),
        }


def build_model(phones: int, width: int = 128, layers: int = 2) -> FastSpeech2ConformerModel:
    """Narrow, with little dropout: there is more speech than the model can learn by heart."""
    drop = 0.05
    config = FastSpeech2ConformerConfig(
        hidden_size=width,
        vocab_size=phones,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_linear_units=3 * width // 2,
        decoder_linear_units=3 * width // 2,
        positionwise_conv_kernel_size=1,
        encoder_kernel_size=7,
        decoder_kernel_size=15,
        speech_decoder_postnet_layers=2,
        speech_decoder_postnet_units=96,
        speech_decoder_postnet_dropout=0.0,
        duration_predictor_channels=3 * width // 4,
        pitch_predictor_channels=3 * width // 4,
        pitch_predictor_layers=3,
        energy_predictor_channels=3 * width // 4,
        num_languages=len(STYLES),
        speaker_embed_dim=64,
        max_source_positions=512,
        **{f"{part}_predictor_dropout": 0.2 for part in ("pitch", "energy")},
        duration_predictor_dropout_rate=0.2,
        **{
            f"{part}_{kind}dropout_rate": drop
            for part in ("encoder", "decoder")
            for kind in ("", "positional_", "attention_")
        },
    )
    model = FastSpeech2ConformerModel(config)
    with torch.no_grad():
        model.speech_decoder_postnet.feat_out.bias.fill_(-2.3)  # what speech is in the mean
    return model


def export(model: FastSpeech2ConformerModel, phones: Phones, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its phones, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    phones.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
