"""Three ways to bring picture, text and sound together (Baltrušaitis et al. 2019, section 6), on the task of
`tinyworld.pointing`.

- early: the tokens of all three stand in one sequence, and a transformer reads it.
- late: each modality has a transformer of its own that answers alone; the answers' scores are averaged.
- cross: text and sound stand in one sequence, and ask the picture by cross-attention.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from tinyworld.pointing import FRAMES, LENGTH, MELS, MODALITIES, TOGETHER, WORDS
from tinyworld.vocabulary import SHAPES

KINDS: tuple[str, ...] = ("early", "late", "cross")
PATCHES = 16
HEADS = 4


class Embedder(nn.Module):
    """What each modality gives, to tokens of one width that say of which modality they are and where they stand."""

    def __init__(self, width: int, seen: int) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.LayerNorm(seen), nn.Linear(seen, width))
        self.text = nn.Embedding(1 + len(WORDS), width)
        self.audio = nn.Linear(TOGETHER * MELS, width)
        self.modality = nn.Parameter(0.5 * torch.randn(len(MODALITIES), width))
        lengths = (PATCHES, LENGTH, FRAMES // TOGETHER)
        self.position = nn.ParameterList(nn.Parameter(0.5 * torch.randn(n, width)) for n in lengths)

    def forward(self, image: torch.Tensor, text: torch.Tensor, audio: torch.Tensor) -> list[torch.Tensor]:
        tokens = (self.image(image), self.text(text), self.audio(audio))
        return [t + m + p for t, m, p in zip(tokens, self.modality, self.position, strict=True)]


class Fusion(nn.Module):
    """A classifier of one of KINDS.

    forward: image, float (n, 16, seen), the patches' features; text, int64 (n, LENGTH); audio, float (n, tokens, bins);
    there, bool (n, 3), which of MODALITIES each task has. Returns scores (n, 6) of SHAPES.
    """

    def __init__(self, kind: str, width: int = 96, layers: int = 2, seen: int = 128) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"a fusion is one of {', '.join(KINDS)}; got {kind!r}")
        self.kind = kind
        self.settings: dict[str, Any] = {"kind": kind, "width": width, "layers": layers, "seen": seen}
        self.embed = Embedder(width, seen)
        parts = len(MODALITIES) if kind == "late" else 1
        self.start = nn.Parameter(torch.randn(parts, width))  # the token that the answer is read from
        shape: dict[str, Any] = {"d_model": width, "nhead": HEADS, "dim_feedforward": 3 * width, "dropout": 0.0}
        shape |= {"activation": "gelu", "batch_first": True, "norm_first": True}
        block = nn.TransformerDecoderLayer if kind == "cross" else nn.TransformerEncoderLayer
        self.layers = nn.ModuleList(nn.ModuleList(block(**shape) for _ in range(layers)) for _ in range(parts))
        heads = (nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(SHAPES))) for _ in range(parts))
        self.heads = nn.ModuleList(heads)
        self.nothing = nn.Parameter(torch.randn(1, width))  # what cross-attention finds where there is no picture
        self.combine: Callable[..., torch.Tensor] | None = None  # for figures: another's way to average late answers

    def forward(
        self, image: torch.Tensor, text: torch.Tensor, audio: torch.Tensor, there: torch.Tensor
    ) -> torch.Tensor:
        tokens = self.embed(image, text, audio)
        missing = [~there[:, i, None].expand(-1, t.shape[1]) for i, t in enumerate(tokens)]
        return {"early": self._early, "late": self._late, "cross": self._cross}[self.kind](tokens, missing, there)

    def _early(self, tokens: list, missing: list, there: torch.Tensor) -> torch.Tensor:
        return self._read(0, torch.cat(tokens, 1), torch.cat(missing, 1))

    def _late(self, tokens: list, missing: list, there: torch.Tensor) -> torch.Tensor:
        scores = torch.stack([self._read(i, t, m) for i, (t, m) in enumerate(zip(tokens, missing, strict=True))], 1)
        if self.combine is not None:
            return self.combine(scores, there)
        weight = there[..., None].float()
        return (scores * weight).sum(1) / weight.sum(1).clamp(min=1)

    def _cross(self, tokens: list, missing: list, there: torch.Tensor) -> torch.Tensor:
        n = len(there)
        asking = torch.cat([self.start[0].expand(n, 1, -1), *tokens[1:]], 1)
        absent = torch.cat([missing[0].new_zeros(n, 1), *missing[1:]], 1)
        asked = torch.cat([self.nothing.expand(n, 1, -1), tokens[0]], 1)
        unseen = torch.cat([missing[0].new_zeros(n, 1), missing[0]], 1)
        for layer in self.layers[0].children():
            asking = layer(asking, asked, tgt_key_padding_mask=absent, memory_key_padding_mask=unseen)
        return self.heads[0](asking[:, 0])

    def _read(self, part: int, tokens: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
        n = len(tokens)
        states = torch.cat([self.start[part].expand(n, 1, -1), tokens], 1)
        absent = torch.cat([missing.new_zeros(n, 1), missing], 1)
        for layer in self.layers[part].children():
            states = layer(states, src_key_padding_mask=absent)
        return self.heads[part](states[:, 0])


def load(folder: Path, name: str) -> Fusion:
    """A model that `python -m tinyworld.train trimodal` wrote, in float32 and in eval mode.

    name: one of KINDS, or "early, dropout", which was trained with modalities missing.
    """
    settings = json.loads((folder / "config.json").read_text())["models"]
    if name not in settings:
        raise KeyError(f"no fusion is called {name!r}; there are: {', '.join(settings)}")
    model = Fusion(**settings[name])
    weights = load_file(folder / f"{file_name(name)}.safetensors")
    model.load_state_dict({key: weight.float() for key, weight in weights.items()})
    return model.eval()


def file_name(name: str) -> str:
    """A model's name as that of a file, without its suffix."""
    return name.replace(", ", "_")
