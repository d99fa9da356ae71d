"""What films look, sound and feel like to small models, and two models of it.

    from tinyworld import senses
    eye = senses.load_eye()                             # the course's video model, frozen
    seen = senses.seen(eye, frames)                     # uint8 (n, 8, 64, 64, 3) -> float32 (n, 4, 256)
    heard = senses.heard(sounds)                        # float32 (n, samples) at 16 kHz -> (n, 64 a second, 48)
    felt = senses.felt(measured)                        # (n, 64, 6) of `films.imu` -> (n, 64, 6), squeezed
    senses.load_binder()(seen, heard, felt)             # unit vectors of each (n, 64), in one space
    senses.load_mood()(seen, heard)                     # scores of MOODS (n, 4): of each sense, early and late

`Binder` binds sound and IMU to pictures as ImageBind does (Girdhar et al. 2023): the two were never paired in training.
`MoodClassifier` tells an acted mood from gait and voice, by early and by late fusion.

The eye is shipped, the two others not yet: `python -m tinyworld.train binding` and `mood` make what is loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from transformers import VideoMAEForVideoClassification
from transformers.audio_utils import mel_filter_bank

from tinyworld.checkpoints import checkpoint
from tinyworld.films import MOODS
from tinyworld.sound import RATE

FRAMES, SLICES = 8, 4  # a tubelet is two frames deep
HOP, WINDOW, MELS = 250, 1024, 48  # samples; 64 frames a second
LOWEST, HIGHEST = 60.0, 4000.0  # Hz
FELT = (5.0, 5.0, 1.0, 1.0, 1.0, 3.0)  # m/s^2 and rad/s that count as one
VOICE = 5  # seconds of a voice; shorter ones end in silence
CHUNK = 64
HEADS = 4
Model = TypeVar("Model", bound=nn.Module)


def load_eye(folder: Path | None = None) -> VideoMAEForVideoClassification:
    """The classifier of motions, whose last layer sees for the models here. folder: of a checkpoint."""
    folder = folder or checkpoint("video")
    return VideoMAEForVideoClassification.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)


@torch.no_grad()
def seen(eye: VideoMAEForVideoClassification, frames: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Films, uint8 (n, 8, 64, 64, 3), to float32 (n, 4, 2 * width): mean and maximum of each slice of tubelets."""
    frames = torch.as_tensor(frames)
    if frames.ndim != 5 or frames.shape[1:] != (FRAMES, 64, 64, 3) or frames.dtype != torch.uint8:
        raise ValueError(f"films are uint8 (n, 8, 64, 64, 3), got {frames.dtype} {tuple(frames.shape)}")
    found = []
    for part in frames.split(CHUNK):
        states = eye.videomae(part.permute(0, 1, 4, 2, 3).float() / 127.5 - 1).last_hidden_state
        slices = states.unflatten(1, (SLICES, -1))
        found.append(torch.cat([slices.mean(2), slices.amax(2)], dim=-1))
    return torch.cat(found)


def heard(sounds: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Sounds, float32 (n, samples) at 16 kHz, to log-mel spectrograms, float32 (n, samples // 250, 48)."""
    waves = torch.as_tensor(sounds).float()
    if waves.ndim != 2:
        raise ValueError(f"sounds are float32 (n, samples), got {tuple(waves.shape)}")
    padded = F.pad(waves, (WINDOW // 2, WINDOW // 2))
    spectrum = torch.stft(padded, WINDOW, HOP, window=torch.hann_window(WINDOW), center=False, return_complex=True)
    power = spectrum.abs().square()[..., : waves.shape[1] // HOP]
    return (torch.log10((_filters() @ power).clamp(min=1e-6)) / 2 + 0.5).transpose(1, 2)


def felt(measured: np.ndarray | torch.Tensor) -> torch.Tensor:
    """What IMUs measure, (n, 64, 6) in m/s^2 and rad/s, in units of FELT, with spikes squeezed by a logarithm."""
    return torch.asinh(torch.as_tensor(measured).float() / torch.tensor(FELT))


def voice(audio: np.ndarray) -> np.ndarray:
    """A voice, float32 (samples,), cut or followed by silence to five seconds."""
    made = np.zeros(VOICE * RATE, np.float32)
    made[: len(audio)] = audio[: len(made)]
    return made


class Tower(nn.Module):
    """A sense's frames to tokens, by so many convolutions that halve them, and one layer of attention.

    forward: float (n, frames, inputs) to (n, frames / 2^halvings, width).
    """

    def __init__(self, inputs: int, width: int, frames: int, halvings: int, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [inputs] + [width] * halvings
        self.halve = nn.ModuleList(nn.Conv1d(a, width, 4, 2, 1) for a in sizes[:-1])
        self.widen = nn.Identity() if halvings else nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, width))
        self.position = nn.Parameter(0.3 * torch.randn(frames >> halvings, width))
        self.layer = nn.TransformerEncoderLayer(
            width, HEADS, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        tokens = frames
        for convolution in self.halve:
            tokens = F.gelu(convolution(tokens.transpose(1, 2))).transpose(1, 2)
        return self.layer(self.widen(tokens) + self.position)


class Binder(nn.Module):
    """Pictures, sounds and IMU in one space.

    forward: `seen`, `heard` and `felt` of films, any of them None, to unit vectors (n, 64) of each by its name.
    """

    def __init__(self, seen: int = 192, width: int = 96, space: int = 64) -> None:
        super().__init__()
        self.settings = {"seen": seen, "width": width, "space": space}
        self.towers = nn.ModuleDict(
            {
                "seen": Tower(seen, width, SLICES, 0),
                "heard": Tower(MELS, width, RATE // HOP, 2),
                "felt": Tower(6, width, 64, 2),
            }
        )
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, space)) for name in self.towers}
        )
        self.scale = nn.ParameterDict({name: nn.Parameter(torch.tensor(2.6)) for name in ("heard", "felt")})

    def forward(
        self, seen: torch.Tensor | None = None, heard: torch.Tensor | None = None, felt: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        found = {}
        for name, frames in (("seen", seen), ("heard", heard), ("felt", felt)):
            if frames is not None:
                tokens = self.towers[name](frames)
                pooled = torch.cat([tokens.mean(1), tokens.amax(1)], dim=-1)
                found[name] = F.normalize(self.heads[name](pooled), dim=-1)
        return found


class MoodClassifier(nn.Module):
    """An acted mood from gait and voice.

    forward: `seen` (n, 4, 256) and `heard` (n, 320, 48) of five seconds to scores (n, 4) of MOODS by name: "seen" and
    "heard" by one sense alone, "late" the mean of the two's log probabilities, "early" of one transformer over both.
    """

    def __init__(self, seen: int = 192, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.settings = {"seen": seen, "width": width}
        self.eye = Tower(seen, width, SLICES, 0, dropout)
        self.ear = Tower(MELS, width, VOICE * RATE // HOP, 4, dropout)
        self.both = nn.TransformerEncoderLayer(
            width, HEADS, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, len(MOODS)))
                for name in ("seen", "heard", "early")
            }
        )

    def forward(self, seen: torch.Tensor, heard: torch.Tensor) -> dict[str, torch.Tensor]:
        shown, said = self.eye(seen), self.ear(heard)
        tokens = {"seen": shown, "heard": said, "early": self.both(torch.cat([shown, said], dim=1))}
        found = {name: self.heads[name](torch.cat([t.mean(1), t.amax(1)], dim=-1)) for name, t in tokens.items()}
        found["late"] = (found["seen"].log_softmax(-1) + found["heard"].log_softmax(-1)) / 2
        return found


def load_binder(folder: Path | None = None) -> Binder:
    """The binder of a checkpoint, in float32 and eval mode."""
    folder = folder or checkpoint("binding")
    return _filled(Binder(**_settings(folder)), folder)


def load_mood(folder: Path | None = None) -> MoodClassifier:
    """The classifier of moods of a checkpoint, in float32 and eval mode."""
    folder = folder or checkpoint("mood")
    return _filled(MoodClassifier(**_settings(folder)), folder)


def _settings(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())["model"]


def _filled(model: Model, folder: Path) -> Model:
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({key: weight.float() for key, weight in weights.items()})
    return model.eval()


def _filters() -> torch.Tensor:
    """Triangles on the mel scale, (48, 513)."""
    bank = mel_filter_bank(WINDOW // 2 + 1, MELS, LOWEST, HIGHEST, RATE, norm=None, mel_scale="htk")
    return torch.tensor(bank.T, dtype=torch.float32)
