# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `stage_one`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("stage_one")

STAGE = """
def stage_one(model, connector, batches, rate=2e-3):
    model.requires_grad_(False)
    connector.requires_grad_(True)
    optimiser = torch.optim.AdamW(connector.parameters(), lr=rate, weight_decay=0.0)
    losses = []
    for batch in batches:
        loss = model(**batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses
"""
STAGE_TAIL = """
with needs("stage_one"):
    pupil = fusion_lab.blind(llava, SEED)
    before = fusion_lab.accuracy(pupil, fusion_lab.questions(48, seed=7))
    stage_losses = stage_one(pupil.model, fusion_lab.connector(pupil), fusion_lab.batches(pupil, 120, 16, seed=SEED))
    after = fusion_lab.accuracy(pupil, fusion_lab.questions(48, seed=7))
"""
ANSWERS.right(
    "only the optimiser knows",
    cell(
        """
def stage_one(model, connector, batches, rate=2e-3):
    optimiser = torch.optim.AdamW(list(connector.parameters()), rate, weight_decay=0)
    history = []
    for batch in batches:
        model.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    return history
""",
        STAGE_TAIL,
    ),
)
ANSWERS.right(
    "gradients asked for by name",
    cell(
        """
def stage_one(model, connector, batches, rate=2e-3):
    weights = list(connector.parameters())
    for weight in weights:
        weight.requires_grad_(True)
    optimiser, out = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0), []
    for batch in batches:
        loss = model(**batch).loss
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights)):
            weight.grad = gradient
        optimiser.step()
        out.append(loss.item())
    return out
""",
        STAGE_TAIL,
    ),
)
ANSWERS.wrong(
    "everything learns",
    cell(
        swap(swap(STAGE, ("    model.requires_grad_(False)\n", "")), ("connector.parameters()", "model.parameters()")),
        STAGE_TAIL,
    ),
    "trains the towers too",
    slip="weights outside the connector moved",
)
ANSWERS.wrong(
    "no step",
    cell(swap(STAGE, ("        optimiser.step()\n", "")), STAGE_TAIL),
    "never takes a step",
    slip="nothing learns",
)
ANSWERS.wrong(
    "losses that are tensors",
    cell(swap(STAGE, ("losses.append(loss.item())", "losses.append(loss.detach())")), STAGE_TAIL),
    "returns tensors, not floats",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "a rate of its own",
    cell(swap(STAGE, ("lr=rate", "lr=2e-3")), STAGE_TAIL),
    "learns at the same rate whatever it is told",
    slip="`rate` was ignored",
)
ANSWERS.wrong(
    "one batch",
    cell(swap(STAGE, ("for batch in batches:", "for batch in batches[:1]:")), STAGE_TAIL),
    "stops after a batch",
    slip="the number of losses is 1",
)
ANSWERS.wrong(
    "asks twice",
    cell(swap(STAGE, ("losses.append(loss.item())", "losses.append(model(**batch).loss.item())")), STAGE_TAIL),
    "asks for the loss twice a step",
    slip="how often the model was asked",
)
ANSWERS.wrong(
    "gradients add up",
    cell(swap(STAGE, ("        optimiser.zero_grad()\n", "")), STAGE_TAIL),
    "never clears the gradients",
    slip="gradients add up",
)
ANSWERS.wrong(
    "weight decay",
    cell(swap(STAGE, (", weight_decay=0.0", ", weight_decay=0.5")), STAGE_TAIL),
    "lets the weights decay",
    slip="",
)
ANSWERS.wrong(
    "plain descent",
    cell(
        swap(
            STAGE,
            (
                "torch.optim.AdamW(connector.parameters(), lr=rate, weight_decay=0.0)",
                "torch.optim.SGD(connector.parameters(), lr=30 * rate)",
            ),
        ),
        STAGE_TAIL,
    ),
    "is not AdamW",
    slip="",
)
