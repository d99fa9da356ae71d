# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `log_mel`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("log_mel")

LOG_MEL = """
def log_mel(wave, mels=80, low=80.0, high=7600.0):
    spectrum = torch.stft(wave, 1024, 256, window=torch.hann_window(1024), return_complex=True)
    filters = mel_filter_bank(513, mels, low, high, 16_000, norm="slaney", mel_scale="slaney")
    return (spectrum.abs().T @ torch.from_numpy(filters).float()).clamp(min=1e-10).log10()
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(LOG_MEL, *pairs))


ANSWERS.right(
    "by NumPy",
    cell(
        """
def log_mel(wave, mels=80, low=80.0, high=7600.0):
    x = np.pad(wave.numpy().astype(float), 512, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = np.stack([x[i : i + 1024] * window for i in range(0, len(x) - 1023, 256)])
    filters = mel_filter_bank(513, mels, low, high, 16_000, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(np.log10(np.maximum(abs(np.fft.rfft(frames)) @ filters, 1e-10))).float()
"""
    ),
)
ANSWERS.right(
    "by the triangles",
    cell(
        """
def log_mel(wave, mels=80, low=80.0, high=7600.0):
    def to_mel(f):
        return 3 * f / 200 if f < 1000 else 15 + 27 * math.log(f / 1000) / math.log(6.4)

    def to_hertz(m):
        return 200 * m / 3 if m < 15 else 1000 * math.exp(math.log(6.4) * (m - 15) / 27)

    edges = [to_hertz(float(m)) for m in torch.linspace(to_mel(low), to_mel(high), mels + 2, dtype=torch.float64)]
    f = torch.linspace(0, 8000, 513, dtype=torch.float64)
    columns = []
    for a, b, c in zip(edges, edges[1:], edges[2:]):
        triangle = torch.minimum((f - a) / (b - a), (c - f) / (c - b)).clamp(min=0)
        columns.append(2 * triangle / (c - a))
    size = torch.stft(wave, 1024, 256, window=torch.hann_window(1024), return_complex=True).abs().double()
    return torch.log10(torch.clamp(size.T @ torch.stack(columns, dim=1), min=1e-10)).float()
"""
    ),
)
ANSWERS.wrong(
    "natural logarithm",
    answer((".log10()", ".log()")),
    "takes the natural logarithm",
    slip="the logarithm is the natural one",
)
ANSWERS.wrong(
    "decibels",
    answer(("return (", "return 20 * (")),
    "gives decibels",
    slip="those are decibels",
)
ANSWERS.wrong(
    "HTK",
    answer(('mel_scale="slaney"', 'mel_scale="htk"')),
    "takes the mel scale of HTK",
    slip="HTK's",
)
ANSWERS.wrong(
    "no norm",
    answer(('norm="slaney"', "norm=None")),
    "does not normalise the filters",
    slip="the filters are not normalised",
)
ANSWERS.wrong(
    "power",
    answer(("spectrum.abs().T", "spectrum.abs().square().T")),
    "sends the power through the filters",
    slip="the power went into the filters",
)
ANSWERS.wrong(
    "all frequencies",
    answer(("mels, low, high", "mels, 0.0, 8000.0")),
    "ignores the limits",
    slip="the filters go from 0 to 8000 Hz",
)
ANSWERS.wrong(
    "on its side",
    answer((".log10()", ".log10().T")),
    "puts mels first",
    slip="frames and mels are exchanged",
)
ANSWERS.wrong(
    "Whisper's hop",
    answer(("1024, 256,", "1024, 160,")),
    "takes a frame every 160 samples",
    slip="a frame every 160 samples",
)
ANSWERS.wrong(
    "not centred",
    answer(("return_complex=True", "center=False, return_complex=True")),
    "does not centre the frames",
    slip="the frames are not centred",
)
ANSWERS.wrong(
    "no floor",
    answer((".clamp(min=1e-10)", "")),
    "has no floor",
    slip="the logarithm of 0 is infinite",
)
ANSWERS.wrong(
    "a high floor",
    answer(("1e-10", "1e-5")),
    "has a floor of 1e-5",
    slip="the floor is 1e-5",
)
ANSWERS.wrong(
    "eighty whatever",
    answer(("513, mels,", "513, 80,")),
    "makes 80 filters whatever is asked",
    visible_passes=True,
    slip="",
)
