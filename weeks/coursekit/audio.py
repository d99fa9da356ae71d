"""Sound that can be heard: a player in the notebook, and a player with a spectrogram on a feedback page."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

RATE = 16_000  # samples a second
RATES, CHANNELS = (4_000, 192_000), 8  # that a file from outside may state: samples a second; at most so many channels
SHOWN = 8.0  # seconds that a feedback page plays of one sound


@dataclass(frozen=True)
class Sound:
    """One channel of sound. samples: int16 (n,).   rate: samples a second."""

    samples: np.ndarray
    rate: int

    def wav(self) -> bytes:
        """The sound as a WAV file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(self.rate)
            out.writeframes(self.samples.astype("<i2").tobytes())
        return file.getvalue()

    def picture(self, width: int = 480, height: int = 120) -> Image.Image:
        """Its spectrogram in decibels over 70: time to the right, frequency upwards to half the rate."""
        from matplotlib import colormaps

        size = 400
        samples = np.pad(self.samples / 32768, (0, max(0, size - len(self.samples))))
        starts = np.linspace(0, len(samples) - size, min(width, 1 + len(samples) // 80)).astype(int)
        frames = np.stack([samples[start : start + size] for start in starts]) * np.hanning(size)
        power = np.abs(np.fft.rfft(frames, axis=1).T[::-1]) ** 2
        level = 10 * np.log10(power + 1e-10)
        bright = np.clip((level - max(level.max(), -30) + 70) / 70, 0, 1)  # silence stays dark
        picture = Image.fromarray((255 * colormaps["magma"](bright)[..., :3]).astype(np.uint8))
        return picture.resize((width, height), Image.Resampling.BILINEAR)


def sound(samples: Any, rate: int = RATE, seconds: float = SHOWN) -> Sound:
    """A wave, floats (n,) in [-1, 1], as a Sound: its first `seconds`, clipped where it is louder; nan is silence.

    Raises ValueError where the rate is none of a sound that can be played: 4,000 to 192,000 samples a second.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"a rate of {rate} samples a second; a player takes {RATES[0]:,} to {RATES[1]:,}")
    part = np.nan_to_num(np.asarray(samples, dtype=np.float32)[: int(seconds * rate)])
    return Sound((np.clip(part, -1, 1) * 32767).round().astype(np.int16), int(rate))


def player(samples: Any, rate: int = RATE, seconds: float = 12.0) -> Any:
    """A player for the notebook, of 32 kB a second: 16 bits a sample, as loud as it is, and its first `seconds` only.

    IPython's own would make every sound as loud as possible, silence included.
    """
    from IPython.display import Audio

    return Audio(sound(samples, rate, seconds).wav())


def play(samples: Any, rate: int = RATE) -> None:
    """Show a player for a sound, as loud as it is; of a long one its first 12 seconds."""
    from IPython import display

    display.display(player(samples, rate))
