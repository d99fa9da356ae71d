"""A tiny CLAP (Wu et al. 2023; Elizalde et al. 2023): sounds and what is said of them in one space.

A Swin transformer looks at the mel spectrogram, a RoBERTa reads the caption; both begin from nothing. The contrastive
loss is helped by heads that ask the sound's embedding for material, pitch, rhythm and mood and are thrown away.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import astuple

import numpy as np
import torch
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer

from tinyworld.checkpoints import FOLDER
from tinyworld.sound import RATE
from tinyworld.sounds import MATERIALS, MOODS, PITCHES, RHYTHMS, Sound, sounds
from tinyworld.train import loop
from tinyworld.train.clap import measure
from tinyworld.train.clap.card import card
from tinyworld.train.tokenizer import learn_merges

FACTS = (MATERIALS, PITCHES, RHYTHMS, MOODS)
WIDTH = 64  # of the common space
BANDS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=1500, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=48, help="sounds a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=960, help="sounds played at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=6, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=32, help="of the first stage (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "clap")
    parser.add_argument("--scenes", type=int, help="times that every test sound is played for the card (default: 4)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=300, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    processor = build_processor()
    learner = Learner(build_model(processor, args.width)).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    training = loop.Training(args.runs / "clap", learner, optimizer, loop.Average(learner), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, processor, args, device)
    export(averaged(learner, training.average), processor, args, training.clock)


def train(
    training: loop.Training, learner: Learner, processor: ClapProcessor, args: argparse.Namespace, device: torch.device
) -> None:
    """Train to the end from wherever it stands."""
    data = Played(processor, args.batch, args.pool, args.uses, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        torch.manual_seed(args.seed * 10**9 + i)
        return learner({name: tensor.to(device) for name, tensor in data(i).items()})

    def look() -> str:
        figures = measure.retrieval(averaged(learner, training.average), processor, 1)
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.05, 0.4)

    learner.train()
    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Played:
    """Step -> batch of sounds and captions as tensors; a pool of sounds is played anew when it was used a few times."""

    def __init__(self, processor: ClapProcessor, size: int, pool: int, uses: int, seed: int) -> None:
        self.processor, self.size, self.pool, self.seed = processor, size, pool, seed
        self.sounds = loop.Pool(self.played, size, pool, uses)

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        those, features = self.sounds(step)
        rng = np.random.default_rng((self.seed, 1, step))
        chosen: dict[Sound, int] = {}
        for i in rng.permutation(len(those)):  # no two of a kind: each would be wrong for the other
            if len(chosen) < self.size:
                chosen.setdefault(those[i], int(i))
        text = self.processor.tokenizer([s.caption(rng) for s in chosen], padding=True, return_tensors="pt")
        facts = [[known.index(f) for known, f in zip(FACTS, astuple(s), strict=True)] for s in chosen]
        louder = torch.from_numpy(rng.normal(0, 3, (len(chosen), 1, 1, 1))).float()  # dB
        return {
            "input_features": features[list(chosen.values())] + louder,
            "input_ids": text["input_ids"],
            "attention_mask": text["attention_mask"],
            "facts": torch.tensor(facts),
        }

    def played(self, number: int) -> tuple[list[Sound], torch.Tensor]:
        """The pool with this number, and its features."""
        rng = np.random.default_rng((self.seed, 0, number))
        those = sounds("train", self.pool, int(rng.integers(2**31)))
        return those, measure.features(self.processor, [s.play(rng) for s in those])


class Learner(nn.Module):
    """The model and the heads that are thrown away."""

    def __init__(self, model: ClapModel) -> None:
        super().__init__()
        self.model = model
        self.heads = nn.ModuleList(nn.Linear(model.config.audio_config.hidden_size, len(known)) for known in FACTS)

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch of `Played`, and figures to print."""
        facts = batch.pop("facts")
        out = self.model(**batch, return_loss=True)
        heard = out.audio_model_output.pooler_output
        told, right = torch.zeros((), device=facts.device), []
        for head, answers in zip(self.heads, facts.T, strict=True):
            scores = head(heard)
            told = told + nn.functional.cross_entropy(scores, answers)
            right.append((scores.argmax(1) == answers).float().mean())
        first = (out.logits_per_audio.argmax(1) == torch.arange(len(facts), device=facts.device)).float().mean()
        figures = {"R@1": first.item(), "facts": torch.stack(right).mean().item()}
        return out.loss + 0.5 * told, figures


def build_processor() -> ClapProcessor:
    """CLAP's feature extractor for two seconds at 16 kHz, and a byte-level BPE in which every word is one piece."""
    extractor = ClapFeatureExtractor(
        feature_size=BANDS,
        sampling_rate=RATE,
        hop_length=256,
        max_length_s=2,
        frequency_min=50,
        frequency_max=8000,
        truncation="rand_trunc",
        padding="pad",
    )
    rng = np.random.default_rng(0)
    texts = [s.caption(r) for s in sounds("train", 300) for r in (None, rng, rng)]
    counts: dict[str, int] = {}
    space = ByteLevel(add_prefix_space=True)
    for text in texts:
        for word, _ in space.pre_tokenize_str(text):
            counts[word] = counts.get(word, 0) + 1
    merges = learn_merges(counts, end="")  # type: ignore[arg-type]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens = [*special, *sorted(ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    tokenizer = RobertaTokenizer(
        vocab={token: i for i, token in enumerate(dict.fromkeys(tokens))},
        merges=merges,
        add_prefix_space=True,
        model_max_length=32,
    )
    return ClapProcessor(extractor, tokenizer)


def build_model(processor: ClapProcessor, width: int = 32) -> ClapModel:
    """Three stages of one layer each over 16 x 16 patches, and two layers of text."""
    config = ClapConfig(
        text_config={
            "vocab_size": len(processor.tokenizer),
            "hidden_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 192,
            "max_position_embeddings": 36,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        audio_config={
            "spec_size": 64,
            "num_mel_bins": BANDS,
            "window_size": 4,
            "patch_embeds_hidden_size": width,
            "hidden_size": 4 * width,
            "depths": [1, 2, 1],
            "num_attention_heads": [2, 4, 8],
            "mlp_ratio": 2.0,
            "hidden_dropout_prob": 0.0,
            "drop_path_rate": 0.0,
        },
        projection_dim=WIDTH,
    )
    return ClapModel(config)


def averaged(learner: Learner, average: loop.Average) -> ClapModel:
    """A copy of the model with the averaged weights, on the CPU."""
    model = ClapModel(learner.model.config)
    weights = learner.model.state_dict()
    prefix = "model."
    weights |= {k.removeprefix(prefix): v for k, v in average.weights.items() if k.startswith(prefix)}
    model.load_state_dict({k: v.cpu() for k, v in weights.items()})
    return model.eval()


def export(model: ClapModel, processor: ClapProcessor, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its processor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    processor.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
