"""What every recipe needs: a budget, a learning rate, an average of the weights, and a run that survives a kill."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm
from transformers import PreTrainedModel

Made = TypeVar("Made")
Model = TypeVar("Model", bound=PreTrainedModel)


def pick_device(name: str) -> torch.device:
    """ "auto" is the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on a GPU and on a CPU that multiplies in it, float32 elsewhere."""
    able = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def add_arguments(parser: argparse.ArgumentParser, out: Path) -> None:
    """The options of every recipe. out: the folder that it writes by default."""
    parser.add_argument("--threads", type=int, default=2, help="of the CPU (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=out, help="what is shipped (default: in the package)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --runs, or begin one")
    parser.add_argument("--export", action="store_true", help="only write --out from the run in --runs, as it is")


@dataclass
class Clock:
    """How much of the budget is used: so many steps, or so many minutes of training. Survives a stop and a resume."""

    steps: int | None
    minutes: float | None = None
    step: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    samples: int = 0
    _last: tuple[float, float] = field(default=(0.0, 0.0), repr=False)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.steps:
            return min(1.0, self.step / self.steps)
        if self.minutes:
            return min(1.0, self.seconds / (60 * self.minutes))
        raise ValueError("a clock counts steps or minutes, and this one was given neither")

    def start(self) -> None:
        self._last = time.perf_counter(), time.process_time()

    def tick(self, samples: int) -> None:
        """One step is done."""
        now = time.perf_counter(), time.process_time()
        self.seconds += now[0] - self._last[0]
        self.cpu_seconds += now[1] - self._last[1]
        self._last = now
        self.step += 1
        self.samples += samples

    def counters(self) -> dict[str, float]:
        """All that it has counted, by name: what a resumed run goes on from."""
        counted = (f.name for f in fields(self) if f.name not in ("steps", "minutes", "_last"))
        return {name: getattr(self, name) for name in counted}


def cosine_rate(progress: float, peak: float, warm_up: float = 0.02, floor: float = 0.02) -> float:
    """Learning rate: up in a line, then down along half a cosine to `floor` of the peak."""
    if progress < warm_up:
        return peak * (0.05 + 0.95 * progress / warm_up)
    falling = (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2
    return peak * (floor + (1 - floor) * falling)


def steady_rate(progress: float, peak: float, warm_up: float = 0.01, fall: float = 0.2) -> float:
    """Learning rate: up in a line, then level, then down in a line for the last part `fall` of the steps.

    A run can be made longer after it has begun: what was learnt at the level rate is the same for any length.
    """
    return peak * min(1.0, 0.05 + progress / warm_up, 0.01 + (1 - progress) / fall)


class Pool(Generic[Made]):
    """Step -> what its samples are drawn from: `make(number)`, made anew when each of it was used a few times.

    size: samples a step.   pool: made at once.   uses: how often each of them is used, on average.
    """

    def __init__(self, make: Callable[[int], Made], size: int, pool: int, uses: int) -> None:
        self.make, self.size, self.drawn = make, size, pool * uses
        self._kept: tuple[int, Made] | None = None

    def __call__(self, step: int) -> Made:
        number = step * self.size // self.drawn
        if self._kept is None or self._kept[0] != number:
            self._kept = number, self.make(number)
        return self._kept[1]


class Average:
    """Exponential moving average of a module's weights: it smooths out the last steps' noise (Polyak and Juditsky).

    torch's `AveragedModel` would copy the whole learner, with the heads that are thrown away and the hooks that they
    read by; here only weights are copied.
    """

    def __init__(self, module: nn.Module, decay: float = 0.995) -> None:
        self.decay, self.updates = decay, 0
        self.weights = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))  # forget the start quickly
        for name, p in module.named_parameters():
            self.weights[name].lerp_(p, 1 - keep)


def averaged(model: Model, average: Average) -> Model:
    """A copy of a model of transformers' with the averaged weights, on the CPU."""
    copy = type(model)(model.config)
    copy.load_state_dict({k: v.cpu() for k, v in (model.state_dict() | average.weights).items()})
    return copy.eval()


@dataclass
class Training:
    """One training: all that it needs to go on after a stop, and the folder in which that is kept."""

    folder: Path
    learner: nn.Module
    optimizer: torch.optim.Optimizer
    average: Average
    clock: Clock

    def resume(self, args: argparse.Namespace) -> bool:
        """Load what was saved where the options want it, and say whether they did.

        --export needs a saved run; --resume takes one up where there is one. Raises FileNotFoundError for the former.
        """
        there = self.folder.exists() or _older(self.folder).exists()
        wanted = args.export or (args.resume and there)
        if wanted:
            self.load()
        return wanted

    def save(self) -> None:
        """Write all of it as safetensors and JSON. A kill while writing leaves what was saved before whole."""
        tensors = {f"module/{k}": v for k, v in self.learner.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.weights.items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{i}/{k}": v for k, v in moments.items()}
        fresh = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, fresh / "state.safetensors")
        counters = self.clock.counters() | {"updates": self.average.updates}
        (fresh / "counters.json").write_text(json.dumps(counters, indent=1))
        replace_folder(fresh, self.folder)

    def load(self) -> None:
        """Undo `save`. Raises FileNotFoundError when nothing was saved."""
        old = _older(self.folder)
        if old.exists() and not self.folder.exists():  # killed between the two renames of `replace_folder`
            old.rename(self.folder)
        if not (self.folder / "state.safetensors").is_file():
            raise FileNotFoundError(f"nothing to resume in {self.folder}: start without --export")
        tensors = load_file(self.folder / "state.safetensors")
        self.learner.load_state_dict(
            {k.removeprefix("module/"): v for k, v in tensors.items() if k.startswith("module/")}
        )
        for name, weight in self.average.weights.items():
            weight.copy_(tensors[f"average/{name}"])
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, i, name = key.split("/")
                moments.setdefault(int(i), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        counters = json.loads((self.folder / "counters.json").read_text())
        self.average.updates = counters["updates"]
        for name in self.clock.counters():  # runs saved earlier count more than this clock does
            setattr(self.clock, name, counters[name])


def _older(folder: Path) -> Path:
    """Where a folder lies for the moment in which `replace_folder` puts another in its place."""
    return folder.with_name(folder.name + ".old")


def replace_folder(fresh: Path, folder: Path) -> None:
    """Put a finished folder in the place of an older one; a reader sees the one or the other, never a half."""
    old = _older(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def publish(fresh: Path, out: Path, figures: dict[str, float], card: str, table: str) -> None:
    """Put the measured figures and the card beside the weights in `fresh`, make it `out`, and print the table."""
    (fresh / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    (fresh / "README.md").write_text(card)
    replace_folder(fresh, out)
    print(table)
    print(f"wrote {out}")


def fit(
    training: Training,
    step: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
    rate: Callable[[float], float],
    batch: int,
    save_every: float = 120,
    look: Callable[[], str] | None = None,
    look_every: int = 1000,
) -> None:
    """Train until the clock's steps are done, from wherever it stands.

    step: from a step's number to its loss and figures to print; with all its randomness drawn from that number, a run
    that was stopped goes on as if it had not been.   rate: from progress to the learning rate.   batch: samples a step.
    It is saved every `save_every` CPU-seconds, and `look()` is printed every `look_every` steps.
    """
    bar, clock = Progress(), training.clock
    saved = clock.cpu_seconds
    clock.start()
    while clock.progress < 1:
        for group in training.optimizer.param_groups:
            group["lr"] = rate(clock.progress)
        loss, figures = step(clock.step)
        training.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(training.learner.parameters(), 1.0)
        training.optimizer.step()
        training.average.update(training.learner)
        clock.tick(batch)
        bar.show(clock.progress, f"loss {loss.item():.3f}")
        if clock.cpu_seconds - saved > save_every or clock.progress == 1:
            saved = clock.cpu_seconds
            training.save()
            text = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
            bar.line(
                f"{100 * clock.progress:3.0f} % step {clock.step}, {clock.cpu_seconds:.0f} CPU-s, "
                f"loss {loss.item():.4f}: {text}"
            )
        if look and clock.step % look_every == 0:
            bar.line(f"      {look()}")
        clock.start()  # looking and saving are not training


class Progress:
    """A bar with the time left on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.bar = tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed}<{remaining} {postfix}", disable=None)

    def show(self, progress: float, text: str) -> None:
        self.bar.n = round(100 * progress, 1)
        self.bar.set_postfix_str(text)

    def line(self, text: str) -> None:
        if self.bar.disable:
            print(text, flush=True)
        else:
            self.bar.write(text, file=sys.stdout)
