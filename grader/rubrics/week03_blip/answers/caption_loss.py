# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `caption_loss`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("caption_loss")

LOSS = "def caption_loss(scores, ids, pad):"
LOSS_TAIL = """
with needs("caption_loss"):
    batch_scenes = caption_lab.sample_scenes(8, 2, seed=23)
    batch_losses, pupil = caption_lab.overfit(captioner, batch_scenes, caption_loss, steps=60, seed=SEED)
    batch_captions = caption_lab.captions(pupil, caption_lab.pictures(batch_scenes))
"""


def _loss(body: str) -> str:
    return cell(function(LOSS, body), LOSS_TAIL)


ANSWERS.right(
    "log-probabilities picked",
    _loss("""
logp = torch.log_softmax(scores[:, :-1], dim=-1)
wanted = ids[:, 1:]
mine = logp.gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
real = (wanted != pad).float()
return -(mine * real).sum() / real.sum()
"""),
)
ANSWERS.right(
    "only the real ones",
    _loss("""
wanted, said = ids[:, 1:].reshape(-1), scores[:, :-1].reshape(-1, scores.shape[-1])
keep = wanted != pad
return (torch.logsumexp(said[keep], -1) - said[keep, wanted[keep]]).mean()
"""),
)
ANSWERS.wrong(
    "not shifted",
    _loss("return F.cross_entropy(scores.transpose(1, 2), ids, ignore_index=pad)"),
    "charges each place for the token it has just read",
    slip="not shifted",
)
ANSWERS.wrong(
    "shifted back",
    _loss("return F.cross_entropy(scores[:, 1:].transpose(1, 2), ids[:, :-1], ignore_index=pad)"),
    "shifts the wrong way",
    slip="shifted the wrong way",
)
ANSWERS.wrong(
    "padding counts",
    _loss("return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:])"),
    "pays for padding",
    slip="padding counts",
)
ANSWERS.wrong(
    "summed",
    _loss('return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=pad, reduction="sum")'),
    "takes the sum",
    slip="summed: take the mean",
)
ANSWERS.wrong(
    "caption by caption",
    _loss("""
each = [F.cross_entropy(s[:-1], i[1:], ignore_index=pad) for s, i in zip(scores, ids)]
return torch.stack(each).mean()
"""),
    "takes the mean of the captions' means",
    slip="the mean of each caption's mean",
)
ANSWERS.wrong(
    "cut off",
    _loss("return torch.tensor(F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=pad).item())"),
    ".item() cuts the gradient",
    slip="does not depend on the inputs any more",
)
ANSWERS.wrong(
    "padding is 0",
    _loss("return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=0)"),
    "ignores `pad`",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "log of softmax",
    _loss("""
chance = scores[:, :-1].softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
return -chance.log()[ids[:, 1:] != pad].mean()
"""),
    "takes the logarithm of a softmax that may be 0",
    visible_passes=True,
    slip="",
)
