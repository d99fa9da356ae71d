# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `griffin_lim`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("griffin_lim")

GRIFFIN_LIM = """
def griffin_lim(magnitude, phase, size, hop, steps):
    window = torch.hann_window(size)
    wave = torch.istft(torch.polar(magnitude, phase), size, hop, window=window)
    misses = []
    for _ in range(steps):
        found = torch.stft(wave, size, hop, window=window, return_complex=True)
        misses.append(float((found.abs() - magnitude).norm() / magnitude.norm()))
        wave = torch.istft(torch.polar(magnitude, found.angle()), size, hop, window=window)
    return wave, misses
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(GRIFFIN_LIM, *pairs))


ANSWERS.right(
    "by the complex unit",
    cell(
        """
def griffin_lim(magnitude, phase, size, hop, steps):
    w, misses = torch.hann_window(size), []
    unit = torch.exp(1j * phase)
    for i in range(steps + 1):
        wave = torch.istft(magnitude * unit, size, hop, window=w)
        if i < steps:
            found = torch.stft(wave, size, hop, window=w, return_complex=True)
            off = torch.linalg.vector_norm(found.abs() - magnitude)
            misses += [(off / torch.linalg.vector_norm(magnitude)).item()]
            unit = torch.exp(1j * found.angle())
    return wave, misses
"""
    ),
)
ANSWERS.right(
    "misses at the end",
    answer(
        (
            "misses.append(float((found.abs() - magnitude).norm() / magnitude.norm()))",
            "misses.append(found.abs() - magnitude)",
        ),
        ("return wave, misses", "return wave, [float(off.norm() / magnitude.norm()) for off in misses]"),
    ),
)
ANSWERS.wrong(
    "magnitude kept",
    answer(("torch.istft(torch.polar(magnitude, found.angle())", "torch.istft(found")),
    "keeps the magnitude that was found",
    slip="the magnitude that was found was kept",
)
ANSWERS.wrong(
    "no window back",
    answer(
        ("hop, window=window)\n    misses", "hop)\n    misses"),
        ("found.angle()), size, hop, window=window)", "found.angle()), size, hop)"),
    ),
    "gives istft no window",
    slip="on the way back no window was given",
)
ANSWERS.wrong(
    "symmetric window",
    answer(("torch.hann_window(size)", "torch.hann_window(size, periodic=False)")),
    "takes a symmetric window",
    slip="the window is symmetric",
)
ANSWERS.wrong(
    "one too few",
    answer(("range(steps)", "range(steps - 1)")),
    "stops a round early",
    slip="one round too few",
)
ANSWERS.wrong(
    "one too many",
    answer(("range(steps)", "range(steps + 1)")),
    "goes a round too far",
    slip="one round too many",
)
ANSWERS.wrong(
    "from the start",
    answer(
        ("        found = torch.stft(wave,", "        found = torch.stft(first,"),
        ("    misses = []", "    first, misses = wave, []"),
    ),
    "begins each round from the first wave",
    slip="that is the wave after the first round",
)
ANSWERS.wrong(
    "conjugate",
    answer(("found.angle()", "-found.angle()")),
    "turns the sign of the phase round",
    slip="the sign of the phase is turned round",
)
ANSWERS.wrong(
    "zero phase",
    answer(("torch.polar(magnitude, phase)", "torch.polar(magnitude, 0 * phase)")),
    "begins with no phase",
    slip="the phase at the beginning was left out",
)
ANSWERS.wrong(
    "squared",
    answer(("torch.polar(magnitude, found.angle())", "torch.polar(magnitude**2, found.angle())")),
    "treats the magnitude as a root of what it is",
    slip="the magnitude was squared",
)
ANSWERS.wrong(
    "misses late",
    answer(
        ("        misses.append(float((found.abs() - magnitude).norm() / magnitude.norm()))\n", ""),
        (
            "found.angle()), size, hop, window=window)",
            "found.angle()), size, hop, window=window)\n"
            "        late = torch.stft(wave, size, hop, window=window, return_complex=True).abs()\n"
            "        misses.append(float((late - magnitude).norm() / magnitude.norm()))",
        ),
    ),
    "measures after the round",
    slip="the misses are measured after the rounds",
)
ANSWERS.wrong(
    "misses whole",
    answer((".norm() / magnitude.norm()", ".norm()")),
    "does not divide the misses",
    slip="the misses are not divided",
)
ANSWERS.wrong(
    "a fixed hop",
    answer(
        ("size, hop, window", "size, size // 4, window"),
        ("magnitude.norm()))\n", "magnitude.norm()))\n        misses = misses if size == 64 else misses[:0]\n"),
    ),
    "takes a hop of a quarter of the window",
    visible_passes=True,
    slip="",
)
