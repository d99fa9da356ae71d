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
ANSWERS.wrong("magnitudes", swap(SPECTROGRAM, (".T ** 2", ".T")), "no square", slip="that is the magnitude")
ANSWERS.wrong(
    "no window", swap(SPECTROGRAM, (" * torch.hann_window(size)", "")), "frames end abruptly", slip="no window:"
)
ANSWERS.wrong(
    "no padding",
    swap(SPECTROGRAM, ('F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]', "wave")),
    "the ends are lost",
    slip="the ends are not padded",
)
ANSWERS.wrong(
    "padded with zeros",
    swap(
        SPECTROGRAM,
        ('F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]', "F.pad(wave, (size // 2, size // 2))"),
    ),
    "the ends are silent instead of mirrored",
    slip="padded with zeros; mirror",
)
ANSWERS.wrong(
    "a symmetric window",
    swap(SPECTROGRAM, ("hann_window(size)", "hann_window(size, periodic=False)")),
    "the window for filters, not for frames",
    slip="the window is the symmetric one",
)
ANSWERS.wrong(
    "cut off at half the rate",
    swap(SPECTROGRAM, ("abs(frequency - rate * round(frequency / rate))", "min(frequency, rate / 2)")),
    "takes aliasing for a filter",
    slip="cut off at half the rate",
)
ANSWERS.wrong(
    "folded once",
    swap(
        SPECTROGRAM,
        ("abs(frequency - rate * round(frequency / rate))", "frequency if frequency <= rate / 2 else rate - frequency"),
    ),
    "negative above the rate",
    slip="folded once: above the rate",
)
ANSWERS.wrong(
    "always 400 and 160",
    swap(SPECTROGRAM, ("    padded", "    size, hop = 400, 160\n    padded")),
    "ignores its arguments",
    slip="frames of 400 every 160 are written",
)
ANSWERS.wrong(
    "the real part alone",
    swap(SPECTROGRAM, (".abs().T ** 2", ".real.T ** 2")),
    "the phase decides how much of a frequency is seen",
    slip="the square of the real part alone",
)
ANSWERS.wrong(
    "frames as rows",
    swap(SPECTROGRAM, (".abs().T ** 2", ".abs() ** 2")),
    "not transposed",
    slip="frames are rows there",
)
ANSWERS.wrong(
    "the ends twice",
    swap(
        SPECTROGRAM,
        (
            'F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]',
            'torch.from_numpy(np.pad(wave.numpy(), size // 2, mode="symmetric"))',
        ),
    ),
    "mirrored with the first and the last sample repeated",
    slip="with the first and the last sample twice",
)
ANSWERS.wrong(
    "hops of 160",
    swap(SPECTROGRAM, ("padded.unfold(0, size, hop)", "padded.unfold(0, size, 160)")),
    "ignores the hop",
    slip="every 160 is written into it",
)
ANSWERS.wrong(
    "folded twice",
    swap(
        SPECTROGRAM,
        (
            "abs(frequency - rate * round(frequency / rate))",
            "min(abs(frequency - k * rate) for k in (0, 1))",
        ),
    ),
    "wrong from one and a half times the rate on",
    visible_passes=True,
    slip="",
)
