"""What the recipes of models of several senses share: the order of a run, and a checkpoint as they write it."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import torch
from safetensors.torch import save_file

from tinyworld import senses
from tinyworld.senses import Binder, MoodClassifier
from tinyworld.train import loop

Model = TypeVar("Model", Binder, MoodClassifier)


def trained(name: str, kind: type[Model], train: Callable[..., None], args: Namespace) -> tuple[Model, loop.Clock]:
    """A model that sees by the course's video model, trained unless only --export is asked for; and what it took.

    name: of the run's folder.   train: called with the training, the model, the options and the device.
    """
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    model = kind(2 * senses.load_eye().config.hidden_size, args.width).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.1)
    training = loop.Training(args.runs / name, model, optimizer, loop.Average(model), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, model, args, device)
    return averaged(model, training.average), training.clock


def averaged(model: Model, average: loop.Average) -> Model:
    """A copy of the model with the averaged weights, on the CPU."""
    copy = type(model)(**model.settings)
    copy.load_state_dict({key: weight.cpu() for key, weight in average.weights.items()})
    return copy.eval()


def export(model: Model, args: Namespace, clock: loop.Clock, measure: ModuleType, card: Callable[..., str]) -> None:
    """Write the checkpoint: the model in half precision, its settings, measured figures and the card with them."""
    fresh: Path = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    weights = {key: weight.half().contiguous() for key, weight in model.state_dict().items()}
    save_file(weights, fresh / "model.safetensors", {"format": "pt"})
    (fresh / "config.json").write_text(json.dumps({"model": model.settings}) + "\n")
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
