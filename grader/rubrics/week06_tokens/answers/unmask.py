# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `unmask`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("unmask")

UNMASK = """
def unmask(scores, tokens, mask, step, steps, temperature, generator):
    unknown, chances = tokens == mask, scores.softmax(dim=-1)
    drawn = torch.multinomial(chances.flatten(0, 1), 1, generator=generator).view(tokens.shape)
    drawn = torch.where(unknown, drawn, tokens)
    if step == steps - 1:
        return drawn
    u = torch.rand(tokens.shape, generator=generator)
    sure = chances.gather(2, drawn[..., None])[..., 0].log() - temperature * torch.log(-torch.log(u))
    sure = sure.masked_fill(~unknown, torch.inf)
    left = math.floor(tokens.shape[1] * math.cos(math.pi / 2 * (step + 1) / steps))
    left = torch.full((len(tokens),), left).minimum(unknown.sum(dim=1) - 1).clamp(min=1)
    rank = sure.argsort(dim=1).argsort(dim=1)
    return drawn.masked_fill(rank < left[:, None], mask)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(UNMASK, *pairs))


ANSWERS.right(
    "row by row",
    cell(
        """
def unmask(scores, tokens, mask, step, steps, temperature, generator):
    n, length, k = scores.shape
    p = torch.softmax(scores, dim=2)
    code = torch.multinomial(p.reshape(n * length, k), num_samples=1, generator=generator).reshape(n, length)
    out = tokens.clone()
    out[tokens == mask] = code[tokens == mask]
    if step + 1 == steps:
        return out
    gumbel = -torch.log(-torch.log(torch.rand((n, length), generator=generator)))
    after = out.clone()
    for i in range(n):
        hidden = (tokens[i] == mask).nonzero().flatten()
        number = int(length * math.cos((step + 1) / steps * math.pi / 2))
        number = max(min(number, len(hidden) - 1), 1)
        trust = p[i, hidden, out[i, hidden]].log() + temperature * gumbel[i, hidden]
        after[i, hidden[trust.argsort()[:number]]] = mask
    return after
"""
    ),
)
ANSWERS.right(
    "by a threshold",
    cell(
        """
def unmask(scores, tokens, mask, step, steps, temperature, generator):
    known = tokens != mask
    logs = scores.log_softmax(-1)
    drawn = torch.multinomial(logs.exp().flatten(0, 1), 1, generator=generator)[:, 0].reshape(tokens.shape)
    drawn = torch.where(known, tokens, drawn)
    if step == steps - 1:
        return drawn
    noise = torch.zeros(tokens.shape).uniform_(0, 1, generator=generator)
    index = drawn.clamp(max=scores.shape[-1] - 1).unsqueeze(-1)
    trust = logs.gather(-1, index).squeeze(-1) - temperature * (-noise.log()).log()
    trust[known] = float("inf")
    part = math.cos(math.pi * (step + 1) / (2 * steps))
    number = ((~known).sum(1) - 1).clamp(max=int(tokens.shape[1] * part)).clamp(min=1)
    edge = trust.sort(dim=1).values.gather(1, number[:, None])
    return torch.where(trust < edge, torch.full_like(drawn, mask), drawn)
"""
    ),
)
ANSWERS.wrong(
    "a step behind",
    answer(("(step + 1) / steps))\n    left = torch", "step / steps))\n    left = torch")),
    "takes the cosine of step, not of step + 1",
    slip="it is that of step + 1",
)
ANSWERS.wrong(
    "forgets what is known",
    answer(("    sure = sure.masked_fill(~unknown, torch.inf)\n", "")),
    "masks known tokens again",
    slip="tokens that were known are masked again",
)
ANSWERS.wrong(
    "masks the sure",
    answer(("sure.masked_fill(~unknown, torch.inf)", "(-sure).masked_fill(~unknown, torch.inf)")),
    "masks the most certain places",
    slip="the most certain places are masked",
)
ANSWERS.wrong(
    "noise first",
    answer(
        ("    u = torch.rand(tokens.shape, generator=generator)\n", ""),
        (
            "    drawn = torch.multinomial",
            "    u = torch.rand(tokens.shape, generator=generator)\n    drawn = torch.multinomial",
        ),
    ),
    "draws the noise before the codes",
    slip="drawn before the codes",
)
ANSWERS.wrong(
    "no noise",
    answer((" - temperature * torch.log(-torch.log(u))", "")),
    "adds no noise",
    slip="no noise is added",
)
ANSWERS.wrong(
    "probability for its logarithm",
    answer(("[..., 0].log()", "[..., 0]")),
    "adds noise to the probability itself",
    slip="here it is the probability itself",
)
ANSWERS.wrong(
    "always the likeliest",
    answer(
        (
            "torch.multinomial(chances.flatten(0, 1), 1, generator=generator).view(tokens.shape)",
            "chances.argmax(dim=-1)",
        )
    ),
    "never draws a code",
    slip="it has to be drawn",
)
ANSWERS.wrong(
    "a straight line",
    answer(("math.cos(math.pi / 2 * (step + 1) / steps)", "(1 - (step + 1) / steps)")),
    "follows a straight line",
    slip="falls in a straight line",
)
ANSWERS.wrong(
    "one is left over",
    answer(("    if step == steps - 1:\n        return drawn\n", "")),
    "masks one place again after the last pass",
    slip="one mask is left in each row",
)
ANSWERS.wrong(
    "masks more than there were",
    answer((".minimum(unknown.sum(dim=1) - 1)", "")),
    "may mask as many as before",
    visible_passes=True,
    slip="",
)
