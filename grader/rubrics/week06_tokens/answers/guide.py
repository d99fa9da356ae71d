# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `guide`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("guide")

GUIDED = """
def guided(both, scale):
    told, untold = both.chunk(2)
    return untold + scale * (told - untold)
"""
WRITE = """
@torch.no_grad()
def write_guided(model, prompts, nulls, length, choose, scale):
    written, cache, unread = [], None, torch.cat([prompts, nulls])
    for _ in range(length):
        said = model(unread, past_key_values=cache, use_cache=True)
        cache = said.past_key_values
        written.append(choose(guided(said.logits[:, -1], scale)))
        unread = written[-1][:, None].repeat(2, 1)
    return torch.stack(written, dim=1)
"""


def guided(*pairs: tuple[str, str]) -> str:
    return cell(swap(GUIDED, *pairs), WRITE)


def write(*pairs: tuple[str, str]) -> str:
    return cell(GUIDED, swap(WRITE, *pairs))


ANSWERS.right(
    "lerp",
    cell(
        """
def guided(both, scale):
    n = len(both) // 2
    return torch.lerp(both[n:], both[:n], scale)
""",
        """
@torch.no_grad()
def write_guided(model, prompts, nulls, length, choose, scale):
    state = model(input_ids=torch.cat((prompts, nulls), 0), use_cache=True)
    ids = choose(guided(state.logits[:, -1], scale)).reshape(-1, 1)
    for _ in range(length - 1):
        last = torch.cat((ids[:, -1:], ids[:, -1:]))
        state = model(input_ids=last, past_key_values=state.past_key_values, use_cache=True)
        ids = torch.cat((ids, choose(guided(state.logits[:, -1], scale)).reshape(-1, 1)), 1)
    return ids
""",
    ),
)
ANSWERS.right(
    "by halves",
    cell(
        """
def guided(both, scale):
    halves = both.reshape(2, -1, both.shape[-1])
    return scale * halves[0] + (1 - scale) * halves[1]
""",
        """
@torch.no_grad()
def write_guided(model, prompts, nulls, length, choose, scale):
    out = torch.zeros(len(prompts), length, dtype=torch.long)
    cache, read = None, torch.vstack([prompts, nulls])
    for i in range(length):
        answer = model(input_ids=read, past_key_values=cache, use_cache=True)
        cache = answer.past_key_values
        out[:, i] = choose(guided(answer.logits[:, -1], scale))
        read = torch.vstack([out[:, i : i + 1]] * 2)
    return out
""",
    ),
)
ANSWERS.wrong(
    "halves exchanged",
    guided(("told, untold = both", "untold, told = both")),
    "takes the halves in diffusers' order",
    slip="the halves are exchanged",
)
ANSWERS.wrong(
    "begins at the told",
    guided(("return untold + scale", "return told + scale")),
    "begins at the told scores",
    slip="begins at the told scores",
)
ANSWERS.wrong(
    "difference alone",
    guided(("return untold + scale", "return scale")),
    "forgets to add the untold scores",
    slip="the difference alone",
)
ANSWERS.wrong(
    "no scale",
    guided(("untold + scale * (told - untold)", "untold + (told - untold)")),
    "does not use the scale",
    slip="`scale` is not used",
)
ANSWERS.wrong(
    "every other row",
    guided(("told, untold = both.chunk(2)", "told, untold = both[::2], both[1::2]")),
    "takes every other row",
    slip="the halves do not alternate",
)
ANSWERS.wrong(
    "probabilities",
    guided(("both.chunk(2)", "both.softmax(dim=-1).chunk(2)")),
    "mixes probabilities",
    slip="probabilities are mixed",
)
ANSWERS.wrong(
    "prompts exchanged",
    write(("torch.cat([prompts, nulls])", "torch.cat([nulls, prompts])")),
    "reads the null captions first",
    slip="the two halves are exchanged",
)
ANSWERS.wrong(
    "two calls",
    cell(
        GUIDED,
        """
@torch.no_grad()
def write_guided(model, prompts, nulls, length, choose, scale):
    written, caches, unread = [], [None, None], [prompts, nulls]
    for _ in range(length):
        said = [model(ids, past_key_values=cache, use_cache=True) for ids, cache in zip(unread, caches)]
        caches = [one.past_key_values for one in said]
        written.append(choose(guided(torch.cat([one.logits[:, -1] for one in said]), scale)))
        unread = [written[-1][:, None]] * 2
    return torch.stack(written, dim=1)
""",
    ),
    "asks the model twice for a token",
    slip="are read in two calls",
)
ANSWERS.wrong(
    "the null caption never hears of it",
    cell(
        GUIDED,
        """
@torch.no_grad()
def write_guided(model, prompts, nulls, length, choose, scale):
    without = model(nulls).logits[:, -1]
    written, cache, unread = [], None, prompts
    for _ in range(length):
        said = model(unread, past_key_values=cache, use_cache=True)
        cache = said.past_key_values
        written.append(choose(guided(torch.cat([said.logits[:, -1], without]), scale)))
        unread = written[-1][:, None]
    return torch.stack(written, dim=1)
""",
    ),
    "writes behind the captions only",
    slip="behind the null captions too",
)
ANSWERS.wrong(
    "both halves",
    write(("return torch.stack(written, dim=1)", "return torch.stack(written, dim=1).repeat(2, 1)")),
    "returns both halves",
    slip="both halves are returned",
)
ANSWERS.wrong(
    "always the likeliest",
    write(("choose(guided(said.logits[:, -1], scale))", "guided(said.logits[:, -1], scale).argmax(dim=-1)")),
    "does not ask `choose`",
    visible_passes=True,
    slip="",
)
