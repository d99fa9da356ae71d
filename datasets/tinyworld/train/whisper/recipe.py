"""A tiny Whisper (Radford et al. 2022): write down speech in two languages, tell when each word is said, translate.

Two stages, under one learning rate:
1. Hear. The encoder alone learns which phone and which word each frame belongs to (`listener.py`).
2. Write. The decoder joins: language, words and timestamps; the frames' labels stay on.
Speech is synthesised along the way (`utterances.py`), so training needs espeak-ng; the shipped recordings do for the
rest. What is written is a moving average of the weights, in half precision, without the heads.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from tinyworld.checkpoints import FOLDER
from tinyworld.sentences import LANGUAGES, sentence
from tinyworld.sound import in_noise
from tinyworld.train import loop
from tinyworld.train.whisper import measure
from tinyworld.train.whisper.card import card
from tinyworld.train.whisper.listener import Listener, build_model, build_processor, words
from tinyworld.train.whisper.utterances import Utterances, phone_table, speak


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=5600, help="(default: %(default)s)")
    parser.add_argument("--hear", type=int, default=250, help="steps of the first stage (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=12, help="windows of 5 seconds a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=600, help="utterances spoken at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=4, help="how often each is used (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=3, help="of the encoder (default: %(default)s)")
    parser.add_argument("--decoder-layers", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "whisper")
    parser.add_argument("--scenes", type=int, help="utterances a figure on the card (default: all of a split)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=200, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    processor = build_processor()
    model = build_model(processor.tokenizer, args.width, args.layers, args.decoder_layers)
    learner = Listener(model, 1 + len(phone_table()), 1 + len(words())).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.02)
    average, clock = loop.Average(learner), loop.Clock(args.steps)
    training = loop.Training(args.runs / "whisper", learner, optimizer, average, clock)
    training.resume(args)
    if not args.export:
        data = Utterances(processor, args.batch, args.pool, args.uses, args.seed)
        held = Held(args.seed)

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            return learner({name: tensor.to(device) for name, tensor in data(i, text=i >= args.hear).items()})

        def look() -> str:
            if clock.step <= args.hear:
                return "only the encoder has learnt"
            figures = held.look(measure.Whisper(averaged(learner, average), processor))
            return ", ".join(f"{name} {100 * value:.1f} %" for name, value in figures.items())

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate)

        loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)
    export(averaged(learner, average), processor, args, clock)


class Held:
    """Validation sentences, by speakers of the training and by others, to look at on the way."""

    def __init__(self, seed: int, n: int = 20) -> None:
        rng = np.random.default_rng((seed, 2))
        self.said = {
            (language, voices): [speak(sentence("validation", language, rng), voices, rng, False) for _ in range(n)]
            for language in LANGUAGES
            for voices in ("train", "validation")
        }

    def look(self, heard: measure.Whisper) -> dict[str, float]:
        """Word error rates in each language, for known and for new voices and in noise, and the rest of the targets."""
        figures, right = {}, []
        for (language, voices), said in self.said.items():
            sounds, texts = [s.speech.audio for s in said], [s.sentence.text for s in said]
            name = f"{language}{'' if voices == 'train' else ', new voices'}"
            figures[name] = measure.wer(texts, heard.write(sounds, language))
            right += [code == language for code in heard.languages(sounds)]
            if voices == "train":
                loud = [in_noise(sound, 10, np.random.default_rng(i)) for i, sound in enumerate(sounds)]
                figures[f"{name}, 10 dB"] = measure.wer(texts, heard.write(loud, language))
                if language == "de":
                    meant = heard.write(sounds, language, "translate")
                    figures["translated"] = measure.share(
                        t == s.sentence.translation for t, s in zip(meant, said, strict=True)
                    )
        return figures | {"language": measure.share(right)}


def averaged(learner: Listener, average: loop.Average) -> WhisperForConditionalGeneration:
    """A copy of the model with the averaged weights, on the CPU."""
    model = WhisperForConditionalGeneration(learner.whisper.config)
    prefix = "whisper."
    weights = {k.removeprefix(prefix): v.cpu() for k, v in average.weights.items() if k.startswith(prefix)}
    model.load_state_dict(weights, strict=False)  # less the output's weights, which are the embedding's
    model.generation_config = learner.whisper.generation_config
    return model.eval()


def save(model: WhisperForConditionalGeneration, processor: WhisperProcessor, folder: Path) -> None:
    """Write a model with its weights in half precision, that loads in single precision unless told otherwise."""
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float32"}, indent=2) + "\n")


def export(
    model: WhisperForConditionalGeneration, processor: WhisperProcessor, args: argparse.Namespace, clock: loop.Clock
) -> None:
    """Write the checkpoint: weights in half precision, processor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save(model, processor, fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
