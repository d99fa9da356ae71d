# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `spectrogram`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("spectrogram")

SPECTROGRAM = """
def heard_frequency(frequency, rate):
    return abs(frequency - rate * round(frequency / rate))


def power_spectrogram(wave, size=400, hop=160):
    padded = F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]
    frames = padded.unfold(0, size, hop) * torch.hann_window(size)
    return torch.fft.rfft(frames).abs().T ** 2


with needs("spectrogram"):
    chirp_power = power_spectrogram(torch.from_numpy(chirp))
"""
ANSWERS.right(
    "sines and cosines by hand, frame by frame",
    """
def heard_frequency(frequency, rate):
    rest = frequency % rate
    return min(rest, rate - rest)


def power_spectrogram(wave, size=400, hop=160):
    half = size // 2
    samples = wave.double()
    padded = torch.cat([samples[1 : half + 1].flip(0), samples, samples[-half - 1 : -1].flip(0)])
    n = torch.arange(size).double()
    window = torch.sin(torch.pi * n / size) ** 2
    angles = 2 * torch.pi * torch.outer(torch.arange(half + 1).double(), n) / size
    columns = []
    for start in range(0, len(padded) - size + 1, hop):
        frame = padded[start : start + size] * window
        columns.append((torch.cos(angles) @ frame) ** 2 + (torch.sin(angles) @ frame) ** 2)
    return torch.stack(columns, dim=1).float()


with needs("spectrogram"):
    chirp_power = power_spectrogram(torch.from_numpy(chirp))
""",
)
ANSWERS.right(
    "NumPy",
    """
def heard_frequency(frequency, rate):
    return float(np.arccos(np.cos(2 * np.pi * frequency / rate)) * rate / (2 * np.pi))


def power_spectrogram(wave, size=400, hop=160):
    padded = np.pad(np.asarray(wave, dtype=np.float64), size // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    spectrum = np.fft.rfft(frames * window, axis=1).T
    return torch.from_numpy(spectrum.real**2 + spectrum.imag**2).float()


with needs("spectrogram"):
    chirp_power = power_spectrogram(torch.from_numpy(chirp))
""",
)
ANSWERS.right(
    "the library's own",
    swap(
        SPECTROGRAM,
        ('    padded = F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]\n', ""),
        ("    frames = padded.unfold(0, size, hop) * torch.hann_window(size)\n", ""),
        (
            "torch.fft.rfft(frames).abs().T ** 2",
            "torch.stft(wave, size, hop, window=torch.hann_window(size), return_complex=True).abs() ** 2",
        ),
    ),
)
ANSWERS.wrong("magnitudes", swap(SPECTROGRAM, (".T ** 2", ".T")), "no square")
ANSWERS.wrong("no window", swap(SPECTROGRAM, (" * torch.hann_window(size)", "")), "frames end abruptly")
ANSWERS.wrong(
    "no padding",
    swap(SPECTROGRAM, ('F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]', "wave")),
    "the ends are lost",
)
ANSWERS.wrong(
    "padded with zeros",
    swap(
        SPECTROGRAM,
        ('F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]', "F.pad(wave, (size // 2, size // 2))"),
    ),
    "the ends are silent instead of mirrored",
)
ANSWERS.wrong(
    "a symmetric window",
    swap(SPECTROGRAM, ("hann_window(size)", "hann_window(size, periodic=False)")),
    "the window for filters, not for frames",
)
ANSWERS.wrong(
    "cut off at half the rate",
    swap(SPECTROGRAM, ("abs(frequency - rate * round(frequency / rate))", "min(frequency, rate / 2)")),
    "takes aliasing for a filter",
)
ANSWERS.wrong(
    "folded once",
    swap(
        SPECTROGRAM,
        ("abs(frequency - rate * round(frequency / rate))", "frequency if frequency <= rate / 2 else rate - frequency"),
    ),
    "negative above the rate",
    visible_passes=True,
)
ANSWERS.wrong(
    "always 400 and 160",
    swap(SPECTROGRAM, ("    padded", "    size, hop = 400, 160\n    padded")),
    "ignores its arguments",
    visible_passes=True,
)
