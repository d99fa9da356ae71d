# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `add_noise`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("add_noise")

NOISE = """
def add_noise(speech, noise, snr):
    noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]
    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)
    return speech + noise * (ratio * 10 ** (-snr / 10)).sqrt()


with needs("add_noise"):
    hiss = torch.from_numpy(whisper_lab.noise("white", spoken.seconds, SEED))
    noisy = add_noise(torch.from_numpy(spoken.audio), hiss, 5.0)
"""
ANSWERS.right(
    "amplitudes and 20 logarithms",
    swap(
        NOISE,
        (
            "    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)\n"
            "    return speech + noise * (ratio * 10 ** (-snr / 10)).sqrt()",
            "    loud, soft = speech.norm(), noise.norm()\n"
            "    if soft == 0:\n        return speech.clone()\n"
            "    return speech + noise / soft * loud / 10 ** (snr / 20)",
        ),
    ),
)
ANSWERS.right(
    "NumPy",
    """
def add_noise(speech, noise, snr):
    s = np.asarray(speech, dtype=np.float64)
    n = np.resize(np.asarray(noise, dtype=np.float64), len(s))
    power = np.mean(n**2)
    gain = np.sqrt(np.mean(s**2) / power / 10 ** (snr / 10)) if power else 0.0
    return torch.from_numpy(s + gain * n).float()


with needs("add_noise"):
    hiss = torch.from_numpy(whisper_lab.noise("white", spoken.seconds, SEED))
    noisy = add_noise(torch.from_numpy(spoken.audio), hiss, 5.0)
""",
)
ANSWERS.wrong(
    "no root", swap(NOISE, (".sqrt()", "")), "scales the wave by a ratio of powers", slip="that factor is the power's"
)
ANSWERS.wrong(
    "a sign of the decibels",
    swap(NOISE, ("(-snr / 10)", "(snr / 10)")),
    "the noise is the louder one",
    slip="the louder of the two is the noise",
)
ANSWERS.wrong(
    "as loud as it came",
    swap(NOISE, ("(ratio * 10 ** (-snr / 10)).sqrt()", "10 ** (-snr / 20)")),
    "the noise's own loudness is ignored",
    slip="as loud as it came",
)
ANSWERS.wrong(
    "ten for twenty",
    swap(NOISE, ("(ratio * 10 ** (-snr / 10)).sqrt()", "ratio.sqrt() * 10 ** (-snr / 10)")),
    "half the decibels",
    slip="of its root in the wave",
)
ANSWERS.wrong(
    "loudness before cutting",
    swap(
        NOISE,
        (
            "    noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]\n"
            "    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)",
            "    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)\n"
            "    noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]",
        ),
    ),
    "measures noise that is not heard",
    slip="measured before it was repeated",
)
ANSWERS.wrong(
    "nan in silence",
    swap(NOISE, (".clamp(min=1e-20)", "")),
    "divides by the power of silence",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "the variance",
    swap(NOISE, ("noise.square().mean()", "noise.var(unbiased=False)")),
    "a constant has power too",
    slip="that is the variance of the noise",
)
ANSWERS.wrong(
    "peaks",
    swap(
        NOISE,
        (
            "speech.square().mean() / noise.square().mean().clamp(min=1e-20)",
            "speech.abs().max() ** 2 / noise.abs().max().clamp(min=1e-10) ** 2",
        ),
    ),
    "compares the loudest moments",
    slip="the peaks were compared",
)
ANSWERS.wrong(
    "silence after the noise",
    swap(
        NOISE,
        (
            "noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]",
            "noise = F.pad(noise[: len(speech)], (0, max(0, len(speech) - len(noise))))",
        ),
    ),
    "a short noise is not repeated",
    slip="the noise ended before the speech",
)
