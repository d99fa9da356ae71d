# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `divided`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("divided")

DIVIDED = """
def divided(states, frames, over_time, over_space):
    n, _, d = states.shape
    token, patches = states[:, :1], states[:, 1:]
    patches = patches + over_time(patches.reshape(-1, frames, d)).reshape(patches.shape)
    pages = patches.reshape(n, -1, frames, d).transpose(1, 2)
    pages = torch.cat([token[:, None].expand(-1, frames, -1, -1), pages], dim=2)
    found = over_space(pages.flatten(0, 1)).view(pages.shape)
    token = token + found[:, :, :1].mean(dim=1)
    return torch.cat([token, patches + found[:, :, 1:].transpose(1, 2).reshape(patches.shape)], dim=1)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(DIVIDED, *pairs))


ANSWERS.right(
    "as the library",
    cell(
        """
def divided(states, frames, over_time, over_space):
    n, length, d = states.shape
    p = (length - 1) // frames
    x = states[:, 1:, :]
    moved = over_time(x.reshape(n * p, frames, d)).reshape(n, p * frames, d)
    x = x + moved
    cls = states[:, :1].repeat(1, frames, 1).reshape(n * frames, 1, d)
    pages = x.reshape(n, p, frames, d).permute(0, 2, 1, 3).reshape(n * frames, p, d)
    res = over_space(torch.cat((cls, pages), 1))
    own = res[:, 0].reshape(n, frames, d).mean(1, keepdim=True)
    back = res[:, 1:].reshape(n, frames, p, d).permute(0, 2, 1, 3).reshape(n, p * frames, d)
    return torch.cat((states[:, :1], x), 1) + torch.cat((own, back), 1)
"""
    ),
)
ANSWERS.right(
    "in loops",
    cell(
        """
def divided(states, frames, over_time, over_space):
    states = states.clone()
    token = states[:, :1].clone()
    patches = (states.shape[1] - 1) // frames
    for p in range(patches):
        own = slice(1 + p * frames, 1 + (p + 1) * frames)
        states[:, own] += over_time(states[:, own].clone())
    after = states.clone()
    after[:, :1] = token
    for t in range(frames):
        page = states[:, 1 + t :: frames]
        found = over_space(torch.cat([token, page], dim=1))
        after[:, :1] += found[:, :1] / frames
        after[:, 1 + t :: frames] += found[:, 1:]
    return after
"""
    ),
)
ANSWERS.wrong(
    "frame by frame",
    answer(
        (
            "over_time(patches.reshape(-1, frames, d)).reshape(patches.shape)",
            "over_time(patches.view(n, frames, -1, d).transpose(1, 2).flatten(0, 1)).view(n, -1, frames, d)"
            ".transpose(1, 2).reshape(patches.shape)",
        ),
        ("patches.reshape(n, -1, frames, d).transpose(1, 2)", "patches.view(n, frames, -1, d)"),
        ("found[:, :, 1:].transpose(1, 2).reshape", "found[:, :, 1:].reshape"),
    ),
    "takes the tokens frame by frame",
    slip="tokens were taken frame by frame",
)
ANSWERS.wrong(
    "all at once",
    answer(("over_time(patches.reshape(-1, frames, d)).reshape(patches.shape)", "over_time(patches)")),
    "attends over all patches in time",
    slip="time attention saw all patches at once",
)
ANSWERS.wrong(
    "no residual",
    answer(("patches = patches + over_time", "patches = over_time")),
    "drops the patches after time",
    slip="was not added to the patches",
)
ANSWERS.wrong(
    "not updated",
    answer(
        (
            "    patches = patches + over_time(patches.reshape(-1, frames, d)).reshape(patches.shape)\n"
            "    pages = patches.reshape(n, -1, frames, d).transpose(1, 2)",
            "    pages = patches.reshape(n, -1, frames, d).transpose(1, 2)\n"
            "    patches = patches + over_time(patches.reshape(-1, frames, d)).reshape(patches.shape)",
        )
    ),
    "gives space the patches as they were before time",
    slip="space was given the patches as they were before time",
)
ANSWERS.wrong(
    "first frame's token",
    answer(("found[:, :, :1].mean(dim=1)", "found[:, 0, :1]")),
    "takes the class token of the first frame",
    slip="is the first frame's",
)
ANSWERS.wrong(
    "summed token",
    answer(("found[:, :, :1].mean(dim=1)", "found[:, :, :1].sum(dim=1)")),
    "sums the class token over the frames",
    slip="summed over the frames",
)
ANSWERS.wrong(
    "no class token",
    answer(
        ("    pages = torch.cat([token[:, None].expand(-1, frames, -1, -1), pages], dim=2)\n", ""),
        ("    token = token + found[:, :, :1].mean(dim=1)\n", ""),
        ("found[:, :, 1:]", "found"),
    ),
    "leaves the class token out of space",
    slip="the class token takes part in space",
)
ANSWERS.wrong(
    "left folded",
    answer(("found[:, :, 1:].transpose(1, 2).reshape", "found[:, :, 1:].reshape")),
    "leaves the patches frame by frame",
    slip="left frame by frame",
)
ANSWERS.wrong(
    "token in time",
    answer(
        (
            "    patches = patches + over_time(patches.reshape(-1, frames, d)).reshape(patches.shape)\n",
            "    lines = torch.cat([token[:, None].expand(-1, patches.shape[1] // frames, -1, -1),\n"
            "                       patches.reshape(n, -1, frames, d)], dim=2)\n"
            "    patches = patches + over_time(lines.flatten(0, 1))[:, 1:].reshape(patches.shape)\n",
        )
    ),
    "has the class token take part in time",
)
ANSWERS.wrong(
    "frames of a square",
    answer(
        ("    n, _, d = states.shape\n", "    n, _, d = states.shape\n    frames = min(frames, 4)\n"),
    ),
    "knows four frames at most",
    visible_passes=True,
    slip="",
)
