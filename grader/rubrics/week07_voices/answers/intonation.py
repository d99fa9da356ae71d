# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `intonation`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("intonation")

INTONATION = """
def phone_pitch(track, durations):
    found = torch.zeros(len(durations))
    for i, part in enumerate(track.split(durations.tolist())):
        if (part > 0).any():
            found[i] = part[part > 0].mean()
    return found


def drawn_pitch(points, durations):
    ends = durations.cumsum(dim=0)
    middles = (ends - durations / 2) / ends[-1]
    at, up = np.array(points, dtype=float).T
    return torch.from_numpy(2 ** (np.interp(middles.numpy(), at, up) / 12)).float()
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(INTONATION, *pairs))


ANSWERS.right(
    "by hand",
    cell(
        """
def phone_pitch(track, durations):
    owner = torch.repeat_interleave(torch.arange(len(durations)), durations)
    voiced = (track > 0).float()
    total = torch.zeros(len(durations)).index_add(0, owner, track * voiced)
    count = torch.zeros(len(durations)).index_add(0, owner, voiced)
    return total / count.clamp(min=1)


def drawn_pitch(points, durations):
    found, start, whole = [], 0.0, float(durations.sum())
    for n in durations.tolist():
        x = (start + n / 2) / whole
        start += n
        if x <= points[0][0]:
            y = points[0][1]
        elif x >= points[-1][0]:
            y = points[-1][1]
        else:
            y = next(b + (x - a) / (c - a) * (d - b) for (a, b), (c, d) in zip(points, points[1:]) if a <= x <= c)
        found.append(2 ** (y / 12))
    return torch.tensor(found)
"""
    ),
)
ANSWERS.right(
    "phone after phone",
    cell(
        """
def phone_pitch(track, durations):
    found, start = [], 0
    for n in durations.tolist():
        voiced = [hertz for hertz in track[start : start + n].tolist() if hertz > 0]
        found.append(sum(voiced) / len(voiced) if voiced else 0.0)
        start += n
    return torch.tensor(found)


def drawn_pitch(points, durations):
    whole = int(durations.sum())
    ends = np.cumsum(durations.numpy())
    middles = ends / whole - durations.numpy() / (2 * whole)
    places = [place for place, _ in points]
    semitones = np.interp(middles, places, [up for _, up in points])
    return torch.tensor([math.pow(2, s / 12) for s in semitones])
"""
    ),
)
ANSWERS.wrong(
    "unvoiced as zero",
    answer(("part[part > 0].mean()", "part.mean()")),
    "lets frames without a voice into the mean",
    slip="frames without a voice count as 0 Hz",
)
ANSWERS.wrong(
    "nan for a whisper",
    answer(("        if (part > 0).any():\n            found[i]", "        found[i]")),
    "makes nan of phones without a voice",
    slip="a phone without a voice is nan",
)
ANSWERS.wrong(
    "median",
    answer(("part[part > 0].mean()", "torch.quantile(part[part > 0], 0.5)")),
    "takes the median",
    slip="those are medians",
)
ANSWERS.wrong(
    "sum",
    answer(("part[part > 0].mean()", "part[part > 0].sum()")),
    "takes the sum",
    slip="those are sums",
)
ANSWERS.wrong(
    "the mean of all",
    answer(
        (
            "found = torch.zeros(len(durations))",
            "found = torch.full((len(durations),), float(track[track > 0].double().mean()) if (track > "
            "0).any() else 0.0)",
        )
    ),
    "fills gaps with the mean of all",
    slip="got the mean of all",
)
ANSWERS.wrong(
    "for every frame",
    answer(("    return found\n\n\ndef", "    return found.repeat_interleave(durations)\n\n\ndef")),
    "gives a value for each frame",
    slip="a mean for each frame",
)
ANSWERS.wrong(
    "semitones",
    answer(("2 ** (np.interp(middles.numpy(), at, up) / 12)", "np.interp(middles.numpy(), at, up)")),
    "gives semitones",
    slip="those are semitones",
)
ANSWERS.wrong(
    "octaves",
    answer((" / 12)", ")")),
    "makes an octave of each semitone",
    slip="an octave for each semitone",
)
ANSWERS.wrong(
    "powers of e",
    answer(("2 ** (np.interp(middles.numpy(), at, up) / 12)", "np.exp(np.interp(middles.numpy(), at, up) / 12)")),
    "takes e for 2",
    slip="the power is of e",
)
ANSWERS.wrong(
    "beginnings",
    answer(("ends - durations / 2", "ends - durations")),
    "reads the line where phones begin",
    slip="at the beginnings",
)
ANSWERS.wrong(
    "ends",
    answer(("(ends - durations / 2)", "ends")),
    "reads the line where phones end",
    slip="at the ends",
)
ANSWERS.wrong(
    "equally long",
    answer(
        (
            "middles = (ends - durations / 2) / ends[-1]",
            "middles = (torch.arange(len(durations)) + 0.5) / len(durations)",
        )
    ),
    "takes all phones as equally long",
    slip="the phones were taken as equally long",
)
ANSWERS.wrong(
    "falls to nothing",
    answer(("at, up) / 12", "at, up, left=0, right=0) / 12")),
    "has nothing outside the points",
    slip="outside the drawn points",
)
ANSWERS.wrong(
    "two points at least",
    answer(
        ("    at, up =", "    points = list(points) if len(points) > 1 else [(0.0, 0.0), (1.0, 0.0)]\n    at, up =")
    ),
    "cannot draw with one point",
    visible_passes=True,
    slip="",
)
