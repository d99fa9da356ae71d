"""A tiny WavLM with an x-vector head (Snyder et al. 2018; Chen et al. 2022): who is speaking.

It learns to tell the voices of the training apart with an additive margin (Wang et al. 2018), on pieces of a second
in all styles, in some noise and through some microphone; what is left of the classes is an embedding in which voices
that it never heard are told apart by their angle. In the last third half of the pieces have lost their phase: they come
out of their mel spectrogram by Griffin-Lim, so that what a vocoder makes is heard as who it is. The last linear layer
of the class is the identity: the margin is put on what `embeddings` gives.
"""

from __future__ import annotations

import argparse
import shutil

import numpy as np
import torch
from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

from tinyworld import sound
from tinyworld.checkpoints import FOLDER
from tinyworld.sound import RATE
from tinyworld.train import loop
from tinyworld.train.speaker import measure
from tinyworld.train.speaker.card import card
from tinyworld.train.speaker.settings import MARGIN, SECONDS, WIDTH
from tinyworld.train.vocoder.spectra import griffin_lim
from tinyworld.train.voices.corpus import Takes, crops, voices
from tinyworld.train.voices.mel import log_mel

LATE = 2 / 3  # of the steps: from then on half of the pieces are rephased


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=3600, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="pieces a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=800, help="takes spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=8, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=96, help="of the transformer (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "speaker")
    parser.add_argument("--scenes", type=int, help="recordings of each split for the card (default: all)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=400, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    model = build_model(len(voices("train")), args.width).to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    training = loop.Training(args.runs / "speaker", model, optimizer, loop.Average(model), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, model, args, device)
    export(loop.averaged(model, training.average), args, training.clock)


def train(training: loop.Training, model: WavLMForXVector, args: argparse.Namespace, device: torch.device) -> None:
    """Train to the end from wherever it stands."""
    data = Takes(args.batch, args.pool, args.uses, args.seed)
    held = Takes(96, 96, 1, args.seed + 1, "validation")(0)[0]
    extractor = build_extractor()

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        takes, rng = data(i)
        pieces = crops(takes, int(SECONDS * RATE), rng)
        if i >= LATE * args.steps:
            pieces[::2] = rephased(pieces[::2], rng)
        heard = [recorded(piece, rng) for piece in pieces]
        inputs = extractor(heard, sampling_rate=RATE, return_tensors="pt").input_values.to(device)
        labels = torch.tensor([take.voice for take in takes], device=device)
        out = model(inputs, labels=labels)
        with torch.no_grad():
            weight = torch.nn.functional.normalize(model.objective.weight, dim=0)
            right = ((out.logits @ weight).argmax(1) == labels).float().mean().item()
        return out.loss, {"right": right}

    def look() -> str:
        embedded = measure.embed(loop.averaged(model, training.average), extractor, [take.audio for take in held])
        rate = measure.equal_error_rate(*measure.pairs(embedded, [take.voice for take in held]))
        return f"validation: equal error rate {100 * rate:.1f} %"

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.05, 0.4)

    model.train()
    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


def rephased(pieces: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sounds (n, samples) out of their mel spectrograms, with a phase that was found in a few rounds or many."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    made = griffin_lim(log_mel(torch.from_numpy(pieces)), int(rng.choice((2, 5, 12))), generator).numpy()
    return np.pad(made, ((0, 0), (0, pieces.shape[1] - made.shape[1])))


def recorded(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As some microphone would hear it."""
    if rng.random() < 0.4:
        audio = np.append(audio[:1], audio[1:] - np.float32(rng.uniform(-0.5, 0.7)) * audio[:-1])
    if rng.random() < 0.6 and audio.any():
        audio = sound.in_noise(audio, float(rng.uniform(10, 45)), rng, str(rng.choice(list(sound.COLOURS))))
    return audio


def build_extractor() -> Wav2Vec2FeatureExtractor:
    """Waves of mean 0 and variance 1, so that loudness tells nothing."""
    return Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=True, return_attention_mask=True)


def build_model(speakers: int, width: int = 96) -> WavLMForXVector:
    """One number of the convolutions is 20 ms, as in WavLM, but by four of them, not seven."""
    config = WavLMConfig(
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=2 * width,
        conv_dim=(32, 48, 64, 96),
        conv_kernel=(20, 8, 8, 4),
        conv_stride=(10, 4, 4, 2),
        conv_bias=True,
        feat_extract_norm="layer",
        num_feat_extract_layers=4,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=8,
        tdnn_dim=(128, 128, 192),
        tdnn_kernel=(5, 3, 1),
        tdnn_dilation=(1, 2, 1),
        xvector_output_dim=WIDTH,
        num_labels=speakers,
        apply_spec_augment=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
    )
    model = WavLMForXVector(config)
    model.objective.margin = MARGIN
    with torch.no_grad():
        model.classifier.weight.copy_(torch.eye(WIDTH))
        model.classifier.bias.zero_()
    model.classifier.requires_grad_(False)
    return model


def export(model: WavLMForXVector, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its extractor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    build_extractor().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
