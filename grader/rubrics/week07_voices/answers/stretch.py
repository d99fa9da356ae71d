# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `stretch`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("stretch")

STRETCH = """
def stretch(states, durations, speed=1.0):
    frames = torch.round(durations / speed).long().clamp(min=1) * (durations > 0)
    rows = [row.repeat_interleave(n, dim=0) for row, n in zip(states, frames)]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), frames.sum(dim=1)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(STRETCH, *pairs))


ANSWERS.right(
    "by places",
    cell(
        """
def stretch(states, durations, speed=1.0):
    frames = torch.where(durations > 0, (durations / speed).round().clamp(min=1), torch.zeros(())).long()
    ends = frames.cumsum(dim=1)
    t = torch.arange(int(ends[:, -1].max()))
    owner = (t[None, :, None] >= ends[:, None, :]).sum(dim=2)
    inside = (owner < states.shape[1])[..., None]
    found = states.gather(1, owner.clamp(max=states.shape[1] - 1)[..., None].expand(-1, -1, states.shape[2]))
    return found * inside, ends[:, -1]
"""
    ),
)
ANSWERS.right(
    "by loops",
    cell(
        """
def stretch(states, durations, speed=1.0):
    rows = []
    for row, counts in zip(states, durations.tolist()):
        rows.append(torch.stack([v for v, n in zip(row, counts) for _ in range(max(1, round(n / speed)) if n else 0)]))
    lengths = torch.tensor([len(row) for row in rows])
    out = states.new_zeros(len(rows), int(lengths.max()), states.shape[2])
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out, lengths
"""
    ),
)
ANSWERS.wrong(
    "multiplied",
    answer(("durations / speed", "durations * speed")),
    "multiplies durations by the speed",
    slip="the speed is turned round",
)
ANSWERS.wrong(
    "no speed",
    answer(("durations / speed", "durations / 1.0")),
    "does not use the speed",
    slip="speed is not used",
)
ANSWERS.wrong(
    "lost phones",
    answer((".long().clamp(min=1)", ".long()")),
    "lets short phones round to nothing",
    slip="short phones round to no frame",
)
ANSWERS.wrong(
    "rounded ends",
    answer(
        (
            "torch.round(durations / speed).long().clamp(min=1) * (durations > 0)",
            "torch.diff(torch.round(durations.cumsum(1) / speed).long(), dim=1, "
            "prepend=torch.zeros(len(durations), 1, dtype=torch.long))",
        )
    ),
    "rounds the ends",
    slip="the ends were rounded",
)
ANSWERS.wrong(
    "rounded down",
    answer(("torch.round(durations / speed)", "(durations / speed)")),
    "rounds down",
    slip="rounded down",
)
ANSWERS.wrong(
    "rounded up",
    answer(("torch.round", "torch.ceil")),
    "rounds up",
    slip="rounded up",
)
ANSWERS.wrong(
    "something for nothing",
    answer((" * (durations > 0)", "")),
    "gives a frame to what is not there",
    slip="a phone of no frames",
)
ANSWERS.wrong(
    "longest for all",
    answer(("frames.sum(dim=1)", "torch.full((len(frames),), int(frames.sum(dim=1).max()))")),
    "gives the longest length to all",
    slip="the lengths are those of the longest row",
)
ANSWERS.wrong(
    "phones counted",
    answer(("frames.sum(dim=1)", "(frames > 0).sum(dim=1)")),
    "counts phones",
    slip="those are numbers of phones",
)
ANSWERS.wrong(
    "evenly",
    answer(
        (
            "rows, batch_first=True)",
            '[F.interpolate(r.T[None], size=int(frames.sum(1).max()), mode="nearest")[0].T for r in '
            "states], batch_first=True)",
        )
    ),
    "makes all phones equally long",
    slip="all phones became equally long",
)
ANSWERS.wrong(
    "filled with the last",
    answer(
        (
            "return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), frames",
            "longest = max(len(row) for row in rows)\n"
            "    rows = [torch.cat([row, row[-1:].expand(longest - len(row), -1)]) for row in rows]\n"
            "    return torch.stack(rows), frames",
        )
    ),
    "holds the last phone where a row has ended",
    slip="",
)
ANSWERS.wrong(
    "ends at the first silence",
    answer(("* (durations > 0)", "* (durations > 0).cumprod(dim=1)")),
    "takes a phone of no frames for the end of its row",
    visible_passes=True,
)
