# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `fine_tune`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("fine_tune")

TUNE = "def fine_tune(model, loss_of, new, old, steps=50, batch=16, replay=0.5, rate=1e-3, seed=0):"
TUNE_TAIL = """
with needs("fine_tune"):
    adapted = models.load("captioning")
    fine_tune(adapted.model, caption_lab.example_loss(adapted), new, old, steps=50, replay=0.5, seed=SEED)
"""
TUNE_BODY = """
rng, losses = random.Random(seed), []
again = round(replay * batch)
optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
model.train()
for _ in range(steps):
    examples = [rng.choice(old) for _ in range(again)] + [rng.choice(new) for _ in range(batch - again)]
    loss = loss_of(model, examples)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
model.eval()
return losses
"""


def _tune(body: str = TUNE_BODY) -> str:
    return cell(function(TUNE, body), TUNE_TAIL)


ANSWERS.right(
    "NumPy's generator, shuffled",
    _tune("""
rng = np.random.default_rng(seed)
k = round(replay * batch)
optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
model.train()
losses = []
for _ in range(steps):
    optimiser.zero_grad()
    some = [old[i] for i in rng.integers(len(old), size=k)] + [new[i] for i in rng.integers(len(new), size=batch - k)]
    some = [some[i] for i in rng.permutation(len(some))]
    loss = loss_of(model, some)
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
model.eval()
return losses
"""),
)
ANSWERS.right(
    "torch's generator, decks that are dealt",
    _tune("""
generator = torch.Generator().manual_seed(seed)
decks = {"new": [], "old": []}

def deal(name, cards, n):
    while len(decks[name]) < n:
        decks[name] += [cards[i] for i in torch.randperm(len(cards), generator=generator)]
    dealt, decks[name] = decks[name][:n], decks[name][n:]
    return dealt

k = round(replay * batch)
optimiser = torch.optim.AdamW(params=[p for p in model.parameters() if p.requires_grad], lr=rate)
losses = []
model.train()
for _ in range(steps):
    for p in model.parameters():
        p.grad = None
    loss = loss_of(model, (deal("new", new, batch - k) if k < batch else []) + (deal("old", old, k) if k else []))
    loss.backward()
    optimiser.step()
    losses.append(loss.detach().item())
model.eval()
return losses
"""),
)
ANSWERS.wrong(
    "no zero_grad",
    _tune(TUNE_BODY.replace("    optimiser.zero_grad()\n", "")),
    "gradients add up",
    slip="cleared before each (zero_grad)",
)
ANSWERS.wrong(
    "no replay",
    _tune(TUNE_BODY.replace("again = round(replay * batch)", "again = 0")),
    "ignores replay",
    slip="no old examples",
)
ANSWERS.wrong(
    "parts exchanged",
    _tune(TUNE_BODY.replace("again = round(replay * batch)", "again = batch - round(replay * batch)")),
    "replay is the part of new examples",
    slip="new and old are exchanged",
)
ANSWERS.wrong(
    "one batch for ever",
    _tune(
        TUNE_BODY.replace("for _ in range(steps):\n    examples =", "examples =").replace(
            "    loss = loss_of", "for _ in range(steps):\n    loss = loss_of"
        )
    ),
    "draws one batch before the loop",
    slip="every batch is the same",
)
ANSWERS.wrong(
    "asleep",
    _tune(TUNE_BODY.replace("model.train()", "model.eval()")),
    "learns in evaluation mode",
    slip="in evaluation mode",
)
ANSWERS.wrong(
    "no step",
    _tune(TUNE_BODY.replace("    optimiser.step()\n", "")),
    "never takes a step",
    slip="it did not move at all",
)
ANSWERS.wrong(
    "plain descent",
    _tune(
        TUNE_BODY.replace(
            "torch.optim.AdamW(model.parameters(), lr=rate)", "torch.optim.SGD(model.parameters(), lr=rate)"
        )
    ),
    "uses SGD",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "the seed ignored",
    _tune(TUNE_BODY.replace("random.Random(seed)", "random.Random()")),
    "every run draws other batches",
    slip="drew other batches",
)
ANSWERS.wrong(
    "the global generator",
    _tune(TUNE_BODY.replace("rng, losses = random.Random(seed), []", "rng, losses = random, []")),
    "draws from the global generator, which nobody seeds",
    slip="drew other batches",
)
ANSWERS.wrong(
    "a seed of its own",
    _tune(TUNE_BODY.replace("random.Random(seed)", "random.Random(0)")),
    "draws the same whatever the seed",
    slip="drew the same batches",
)
ANSWERS.wrong(
    "a rate of its own", _tune(TUNE_BODY.replace("lr=rate", "lr=0.05")), "ignores `rate`", visible_passes=True, slip=""
)
