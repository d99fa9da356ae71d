# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `mean_colour`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("mean_colour")

TAIL = """
with needs("mean_colour"):
    colours = [mean_colour(picture) for picture in pictures]
"""


def _mean_colour(body: str) -> str:
    return cell(function("def mean_colour(picture):", body), TAIL)


ANSWERS.right(
    "a sum over the number of pixels",
    _mean_colour(
        """
pixels = np.asarray(picture).reshape(-1, 3)
return pixels.sum(axis=0) / (255 * len(pixels))
"""
    ),
)
ANSWERS.right(
    "in PyTorch",
    _mean_colour(
        """
import torch
return torch.from_numpy(np.array(picture)).double().mean(dim=(0, 1)).numpy() / 255
"""
    ),
)

ANSWERS.wrong(
    "from 0 to 255",
    _mean_colour("return np.asarray(picture).mean(axis=(0, 1))"),
    "The channels are not divided by 255.",
)
ANSWERS.wrong(
    "one number for all channels",
    _mean_colour("return np.full(3, np.asarray(picture).mean() / 255)"),
    "The mean runs over the channels too.",
)
ANSWERS.wrong(
    "blue, green, red",
    _mean_colour("return np.asarray(picture)[..., ::-1].mean(axis=(0, 1)) / 255"),
    "The channels are in OpenCV's order.",
)
ANSWERS.wrong(
    "the pixel in the middle",
    _mean_colour("return np.asarray(picture)[picture.height // 2, picture.width // 2] / 255"),
    "One pixel stands for all.",
    visible_passes=True,
)
ANSWERS.wrong(
    "the median",
    _mean_colour("return np.median(np.asarray(picture), axis=(0, 1)) / 255"),
    "Half of the pixels could change without being noticed.",
    visible_passes=True,
)
