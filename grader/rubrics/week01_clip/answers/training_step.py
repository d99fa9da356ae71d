# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `training_step`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("training_step")

STEP = "def training_step(model, optimiser, pictures, tokens):"
STEP_TAIL = """
with clip_lab.needs("training_step"):
    small_clip = clip_lab.small.build(SEED).to(session.device)
    history = clip_lab.small.train(small_clip, training_step, steps=45, seed=SEED)
    stray_clip = clip_lab.small.build(SEED).to(session.device)
    control = clip_lab.small.train(stray_clip, training_step, steps=20, seed=SEED, shuffled=True)
"""


def _step(body: str, tail: str = STEP_TAIL) -> str:
    return cell(function(STEP, body), tail)


ANSWERS.right(
    "its own loss, cap by fill",
    _step(
        """
model.train()
u, v, scale = model(pictures, tokens)
logits = scale * u @ v.T
labels = torch.arange(len(u), device=logits.device)
loss = 0.5 * F.cross_entropy(logits, labels) + 0.5 * F.cross_entropy(logits.T, labels)
optimiser.zero_grad(set_to_none=True)
loss.backward()
optimiser.step()
model.logit_scale.data = model.logit_scale.data.clamp(max=float(np.log(100)))
return float(loss.detach())
"""
    ),
)
ANSWERS.right(
    "clears afterwards",
    _step(
        """
from open_clip.loss import ClipLoss

model.zero_grad()
features = dict(zip(("image_features", "text_features", "logit_scale"), model(pictures, tokens)))
loss = ClipLoss()(**features)
loss.backward()
optimiser.step()
optimiser.zero_grad()
with torch.no_grad():
    model.logit_scale.clamp_(0, np.log(100))
return loss.item()
"""
    ),
)
_STEP_BODY = """
from open_clip.loss import ClipLoss

optimiser.zero_grad()
loss = ClipLoss()(*model(pictures, tokens))
loss.backward()
optimiser.step()
with torch.no_grad():
    model.logit_scale.clamp_(max=np.log(100))
return loss.item()
"""
ANSWERS.wrong(
    "no step",
    _step(_STEP_BODY.replace("optimiser.step()\n", "")),
    "the weights never move",
    slip="the weights have not moved",
)
ANSWERS.wrong(
    "returns a tensor",
    _step(_STEP_BODY.replace("loss.item()", "loss")),
    "keeps the graph of every step alive",
    slip="expected a float",
)
ANSWERS.wrong(
    "one direction",
    _step(
        """
u, v, scale = model(pictures, tokens)
loss = F.cross_entropy(scale * u @ v.T, torch.arange(len(u), device=u.device))
optimiser.zero_grad()
loss.backward()
optimiser.step()
with torch.no_grad():
    model.logit_scale.clamp_(max=np.log(100))
return loss.item()
"""
    ),
    "half of the loss",
    slip="only the pictures sit",
)
ANSWERS.wrong(
    "no scale",
    _step(
        """
u, v, _ = model(pictures, tokens)
logits, own = u @ v.T, torch.arange(len(u), device=u.device)
loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
optimiser.zero_grad()
loss.backward()
optimiser.step()
return loss.item()
"""
    ),
    "forgot the scale that the model returns",
    slip="the scale that the model returns",
)
ANSWERS.wrong(
    "gradients not cleared",
    _step(_STEP_BODY.replace("optimiser.zero_grad()\n", "")),
    "old gradients add up",
    slip="old gradients are still there",
)
ANSWERS.wrong(
    "no cap",
    _step(_STEP_BODY.replace("with torch.no_grad():\n    model.logit_scale.clamp_(max=np.log(100))\n", "")),
    "the scale may run away",
    slip="at most ln 100",
)
ANSWERS.wrong(
    "cap of 100 on the logarithm",
    _step(_STEP_BODY.replace("max=np.log(100)", "max=100")),
    "logit_scale is the logarithm",
    slip="at most ln 100",
)
ANSWERS.wrong(
    "a control that is none",
    _step(_STEP_BODY, STEP_TAIL.replace(", shuffled=True", "")),
    "trained the control on true captions",
    visible_passes=True,
    slip="",
)
