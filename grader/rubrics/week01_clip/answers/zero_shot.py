# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `zero_shot`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("zero_shot")

ZERO_SHOT = "def zero_shot(images, prompts, scale=100.0):"
ZERO_SHOT_TAIL = """
with clip_lab.needs("zero_shot"):
    shape_probabilities = zero_shot(single_vectors, prompt_vectors["shape"])
"""


def _zero_shot(body: str, tail: str = ZERO_SHOT_TAIL) -> str:
    return cell(function(ZERO_SHOT, body), tail)


ANSWERS.right(
    "numpy and scipy",
    _zero_shot(
        """
from scipy.special import softmax

classes = prompts.numpy().sum(axis=1)  # the sum has the direction of the mean
classes = classes / np.linalg.norm(classes, axis=1, keepdims=True)
return torch.from_numpy(softmax(scale * (images.numpy() @ classes.T), axis=1))
"""
    ),
)
ANSWERS.right(
    "safe softmax by hand",
    _zero_shot(
        """
classes = torch.stack([p.mean(0) / p.mean(0).norm() for p in prompts])
logits = scale * images @ classes.T
weights = (logits - logits.max(dim=1, keepdim=True).values).exp()
return weights / weights.sum(dim=1, keepdim=True)
"""
    ),
)
ANSWERS.wrong(
    "softmax over the pictures",
    _zero_shot("return (scale * images @ F.normalize(prompts.mean(1), dim=-1).T).softmax(dim=0)"),
    "the wrong axis",
    slip="runs over the images",
)
ANSWERS.wrong(
    "no scale",
    _zero_shot("return (images @ F.normalize(prompts.mean(1), dim=-1).T).softmax(dim=-1)"),
    "a softmax of bare cosines",
    slip="the scale is missing",
)
ANSWERS.wrong(
    "cosines, no softmax",
    _zero_shot("return images @ F.normalize(prompts.mean(1), dim=-1).T"),
    "returns similarities",
    slip="is there a softmax",
)
ANSWERS.wrong(
    "not normalised after the mean",
    _zero_shot("return (scale * images @ prompts.mean(dim=1).T).softmax(dim=-1)"),
    "a class whose prompts disagree has a short average",
    slip="made unit vectors again",
)
ANSWERS.wrong(
    "mean of probabilities",
    _zero_shot("return torch.stack([(scale * images @ p.T).softmax(-1) for p in prompts.unbind(1)]).mean(0)"),
    "ensembles after the softmax",
    slip="the probabilities were averaged",
)
ANSWERS.wrong(
    "scale fixed at 100",
    _zero_shot("return (100 * images @ F.normalize(prompts.mean(1), dim=-1).T).softmax(dim=-1)"),
    "ignores its argument",
    slip="`scale` is not used",
)
ANSWERS.wrong(
    "exp overflows",
    _zero_shot(
        """
e = torch.exp(scale * images.float() @ F.normalize(prompts.mean(1), dim=-1).T - 20)
return e / e.sum(dim=1, keepdim=True)
"""
    ),
    "exp without subtracting the maximum",
    visible_passes=True,
    slip="",
)
