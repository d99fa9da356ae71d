# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `log_mel`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("log_mel")

LOG_MEL = """
def mel_filters(count=80, size=400, rate=16_000):
    def mel(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)

    mels = np.linspace(0, mel(rate / 2), count + 2)
    corners = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    hertz = np.linspace(0, rate / 2, size // 2 + 1)[:, None]
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    triangles = np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle)).clip(min=0)
    return torch.from_numpy(triangles * 2 / (right - left)).float()


def log_mel(power, filters):
    mel = filters.T @ power[:, :-1]
    log = mel.clamp(min=1e-10).log10()
    return (log.clamp(min=log.max() - 8) + 4) / 4


with needs("log_mel"):
    padded = F.pad(torch.from_numpy(spoken.audio), (0, seconds * 16_000 - len(spoken.audio)))
    power = torch.stft(padded, 400, 160, window=torch.hann_window(400), return_complex=True).abs() ** 2
    my_features = log_mel(power, mel_filters(heard.shape[1]))
"""
ANSWERS.right(
    "filter by filter",
    swap(
        LOG_MEL,
        (
            "    left, middle, right = corners[:-2], corners[1:-1], corners[2:]\n"
            "    triangles = np.minimum("
            "(hertz - left) / (middle - left), (right - hertz) / (right - middle)).clip(min=0)\n"
            "    return torch.from_numpy(triangles * 2 / (right - left)).float()",
            "    columns = []\n"
            "    for a, b, c in zip(corners, corners[1:], corners[2:]):\n"
            "        columns.append(np.interp(hertz[:, 0], [a, b, c], [0, 2 / (c - a), 0], left=0, right=0))\n"
            "    return torch.tensor(np.stack(columns, axis=1), dtype=torch.float32)",
        ),
        (
            "    log = mel.clamp(min=1e-10).log10()\n    return (log.clamp(min=log.max() - 8) + 4) / 4",
            "    log = torch.log(torch.clamp(mel, 1e-10)) / np.log(10)\n"
            "    return torch.maximum(log, log.max() - 8) / 4 + 1",
        ),
    ),
)
ANSWERS.right(
    "the library's filters",
    swap(
        LOG_MEL,
        (
            LOG_MEL[LOG_MEL.index("    def mel(hertz)") : LOG_MEL.index("def log_mel")],
            "    from transformers.audio_utils import mel_filter_bank\n\n"
            "    made = mel_filter_bank(1 + size // 2, count, 0.0, rate / 2, rate, norm='slaney', mel_scale='slaney')\n"
            "    return torch.from_numpy(made).float()\n\n\n",
        ),
    ),
)
ANSWERS.wrong(
    "HTK's scale",
    swap(
        LOG_MEL,
        (
            "return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)",
            "return 2595 * np.log10(1 + hertz / 700)",
        ),
        (
            "np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))",
            "700 * (10 ** (mels / 2595) - 1)",
        ),
    ),
    "the mel scale of another toolkit",
    slip="another mel scale",
)
ANSWERS.wrong(
    "triangles of height 1",
    swap(LOG_MEL, ("triangles * 2 / (right - left)", "triangles")),
    "no norm",
    slip="the triangles have height 1",
)
ANSWERS.wrong(
    "the natural logarithm", swap(LOG_MEL, (".log10()", ".log()")), "another base", slip="that is the natural logarithm"
)
ANSWERS.wrong(
    "one frame too many",
    swap(LOG_MEL, ("power[:, :-1]", "power")),
    "Whisper drops the last frame",
    slip="the last frame is one too many",
)
ANSWERS.wrong(
    "a floor for each frame",
    swap(LOG_MEL, ("log.max() - 8", "log.max(dim=0).values - 8")),
    "each frame's own loudest, which lifts silence",
    slip="the loudest of each frame",
)
ANSWERS.wrong(
    "not scaled",
    swap(LOG_MEL, ("(log.clamp(min=log.max() - 8) + 4) / 4", "log.clamp(min=log.max() - 8)")),
    "left as it is",
    slip="not scaled: add 4",
)
ANSWERS.wrong(
    "for 16 kHz only",
    swap(LOG_MEL, ("    def mel(hertz)", "    rate = 16_000\n\n    def mel(hertz)")),
    "ignores the rate",
    slip="16,000 samples a second are written",
)
ANSWERS.wrong(
    "a floor of its own for silence",
    swap(LOG_MEL, ("clamp(min=1e-10)", "clamp(min=1e-7)")),
    "silence is not as dark as Whisper's",
    slip="kept above 1e-7",
)
ANSWERS.wrong(
    "the loudest of all frames",
    swap(
        LOG_MEL,
        ("    mel = filters.T @ power[:, :-1]\n", "    mel = filters.T @ power\n"),
        (
            "    return (log.clamp(min=log.max() - 8) + 4) / 4",
            "    return (log.clamp(min=log.max() - 8)[:, :-1] + 4) / 4",
        ),
    ),
    "the floor hangs from the frame that is dropped",
    slip="the loudest frame was the last one",
)
ANSWERS.wrong(
    "nothing under the logarithm",
    swap(LOG_MEL, (".clamp(min=1e-10).log10()", ".log10()")),
    "the logarithm of silence is infinite",
    slip="the logarithm of nothing is -inf",
)
ANSWERS.wrong(
    "no floor",
    swap(LOG_MEL, ("(log.clamp(min=log.max() - 8) + 4) / 4", "(log + 4) / 4")),
    "silence is darker than Whisper's",
    slip="the floor is missing",
)
ANSWERS.wrong(
    "of magnitudes",
    swap(LOG_MEL, ("power[:, :-1]", "power[:, :-1].sqrt()")),
    "the root of the power",
    slip="the filters are applied to the magnitude",
)
ANSWERS.wrong(
    "the first frame dropped",
    swap(LOG_MEL, ("power[:, :-1]", "power[:, 1:]")),
    "the other end",
    slip="the first frame was dropped",
)
ANSWERS.wrong(
    "frames of 400 only",
    swap(LOG_MEL, ("np.linspace(0, rate / 2, size // 2 + 1)", "np.linspace(0, rate / 2, 201)")),
    "ignores the size",
    visible_passes=True,
    slip="",
)
