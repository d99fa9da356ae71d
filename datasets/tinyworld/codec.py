"""A neural codec of mel frames: residual vector quantisation between SpeechT5's mel spectrogram and a vocoder.

    codec = MelCodec.from_pretrained(tinyworld.checkpoint("codec"))
    codes = codec.encode(audio, books=2)        # int64 (2, frames), 62.5 frames a second
    codec.decode(codes)                         # float32 (256 * frames,)

The quantiser is EnCodec's (`EncodecResidualVectorQuantizer`); what the codes cannot say, the vocoder makes up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import EncodecConfig, SpeechT5FeatureExtractor, SpeechT5HifiGan
from transformers.models.encodec.modeling_encodec import EncodecResidualVectorQuantizer

from tinyworld.checkpoints import checkpoint
from tinyworld.sound import RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

BANDS, HOP, QUIET = 80, 256, -5.0  # log10 of a mel amplitude below QUIET is taken for it
FRAME_RATE = RATE / HOP  # 62.5 frames a second


class MelCodec(nn.Module):
    """mean, scale: float32 (80,), of each mel band over speech.   quantizer: its `layers[i].codebook.embed` is a book.

    vocoder: what makes sound of mel frames; it is read from its own checkpoint.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, vocoder: SpeechT5HifiGan, books: int = 4, codes: int = 1024) -> None:
        super().__init__()
        bits = (codes - 1).bit_length()
        rate = -(-RATE // HOP)  # the class counts whole frames a second
        config = EncodecConfig(
            sampling_rate=RATE,
            upsampling_ratios=[HOP],
            codebook_size=codes,
            codebook_dim=BANDS,
            hidden_size=BANDS,
            target_bandwidths=[rate * bits * (i + 1) / 1000 for i in range(books)],
        )
        self.quantizer = EncodecResidualVectorQuantizer(config)
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("scale", torch.ones(BANDS))
        self.vocoder = vocoder
        self.extractor = SpeechT5FeatureExtractor()

    @property
    def books(self) -> int:
        return len(self.quantizer.layers)

    @property
    def bits(self) -> int:
        """Of one code."""
        return (self.quantizer.codebook_size - 1).bit_length()

    def bitrate(self, books: int) -> float:
        """kbit/s of so many books."""
        return books * self.bits * FRAME_RATE / 1000

    def frames(self, audio: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Sound (samples,) to what is quantised: mel frames of mean 0 and variance 1, float32 (frames, 80)."""
        found = self.extractor(audio_target=np.asarray(audio), sampling_rate=RATE, return_tensors="pt")
        mel = found["input_values"][0].to(self.mean.device)
        return (mel.clamp(min=QUIET) - self.mean) / self.scale

    @torch.inference_mode()
    def encode(self, audio: np.ndarray | torch.Tensor, books: int | None = None) -> torch.Tensor:
        """Sound float32 (samples,) at 16 kHz to codes, int64 (books, frames). books: how many of them, or all."""
        if books is not None and not 1 <= books <= self.books:
            raise ValueError(f"books must be from 1 to {self.books}, got {books}")
        left, codes = self.frames(audio).T[None], []
        for layer in self.quantizer.layers[:books]:
            codes.append(layer.encode(left))
            left = left - layer.decode(codes[-1])
        return torch.cat(codes).clone()

    @torch.inference_mode()
    def mel(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes (books, frames) to the log mel spectrogram that they stand for, float32 (frames, 80)."""
        if codes.ndim != 2 or not 1 <= len(codes) <= self.books:
            raise ValueError(f"codes must be (1 to {self.books} books, frames), got {tuple(codes.shape)}")
        return self.quantizer.decode(codes[:, None])[0].T * self.scale + self.mean

    @torch.inference_mode()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes (books, frames) to sound, float32 (256 * frames,)."""
        return self.vocoder(self.mel(codes)).clone()

    @torch.no_grad()
    def fill(self, books: Sequence[torch.Tensor]) -> None:
        """Put codebooks (codes, 80) into their places."""
        for layer, book in zip(self.quantizer.layers, books, strict=True):
            layer.codebook.embed.copy_(book)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the books, mean and scale into a folder, in half precision."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"book{i}": layer.codebook.embed for i, layer in enumerate(self.quantizer.layers)}
        tensors |= {"mean": self.mean, "scale": self.scale}
        save_file({k: v.half().contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
        config = {"books": self.books, "codes": self.quantizer.codebook_size}
        (folder / "config.json").write_text(json.dumps(config) + "\n")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> MelCodec:
        """What `save_pretrained` wrote, in single precision, with the shipped vocoder."""
        vocoder = SpeechT5HifiGan.from_pretrained(checkpoint("vocoder"), dtype=torch.float32)
        codec = cls(vocoder, **json.loads((Path(folder) / "config.json").read_text()))
        stored = {name: value.float() for name, value in load_file(Path(folder) / "model.safetensors").items()}
        codec.mean.copy_(stored["mean"])
        codec.scale.copy_(stored["scale"])
        codec.fill([stored[f"book{i}"] for i in range(codec.books)])
        return codec.eval()
