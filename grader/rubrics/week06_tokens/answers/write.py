# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `write`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("write")

PICK = """
def next_token(scores, allowed, temperature=1.0, top_k=None, generator=None):
    scores = scores.masked_fill(~allowed, -torch.inf)
    if temperature == 0:
        return scores.argmax(dim=-1)
    if top_k is not None:
        least = scores.topk(min(top_k, scores.shape[-1]), dim=-1).values[:, -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    return torch.multinomial((scores / temperature).softmax(dim=-1), 1, generator=generator)[:, 0]
"""
WRITE = """
@torch.no_grad()
def write(model, prompt, length, choose):
    written, cache, unread = [], None, prompt
    for _ in range(length):
        said = model(unread, past_key_values=cache, use_cache=True)
        cache = said.past_key_values
        written.append(choose(said.logits[:, -1]))
        unread = written[-1][:, None]
    return torch.stack(written, dim=1)
"""


def pick(*pairs: tuple[str, str]) -> str:
    return cell(swap(PICK, *pairs), WRITE)


def write(*pairs: tuple[str, str]) -> str:
    return cell(PICK, swap(WRITE, *pairs))


ANSWERS.right(
    "a cache of its own",
    cell(
        """
def next_token(scores, allowed, temperature=1.0, top_k=None, generator=None):
    closed = torch.where(allowed, scores, torch.full_like(scores, -torch.inf))
    if temperature == 0:
        return closed.max(dim=-1).indices
    chances = (closed / temperature).softmax(-1)
    if top_k is not None and top_k < scores.shape[-1]:
        kept = closed.topk(top_k, dim=-1).indices
        chances = torch.zeros_like(chances).scatter(1, kept, chances.gather(1, kept))
        chances = chances / chances.sum(-1, keepdim=True)
    return torch.multinomial(chances, num_samples=1, generator=generator).squeeze(1)
""",
        """
@torch.no_grad()
def write(model, prompt, length, choose):
    from transformers import DynamicCache

    cache = DynamicCache()
    out = model(input_ids=prompt, past_key_values=cache, use_cache=True)
    ids = choose(out.logits[:, -1, :]).unsqueeze(1)
    while ids.shape[1] < length:
        out = model(input_ids=ids[:, -1:], past_key_values=cache, use_cache=True)
        ids = torch.cat([ids, choose(out.logits[:, -1, :]).unsqueeze(1)], dim=1)
    return ids
""",
    ),
)
ANSWERS.right(
    "into a row that is there",
    cell(
        """
def next_token(scores, allowed, temperature=1.0, top_k=None, generator=None):
    scores = scores.clone()
    scores[:, ~allowed] = float("-inf")
    if not temperature:
        return scores.argmax(1)
    scores = scores / temperature
    if top_k:
        order = scores.argsort(dim=1, descending=True)
        scores.scatter_(1, order[:, top_k:], float("-inf"))
    return torch.multinomial(torch.softmax(scores, 1), 1, generator=generator).flatten()
""",
        """
@torch.inference_mode()
def write(model, prompt, length, choose):
    out = torch.empty(len(prompt), length, dtype=torch.int64)
    state = model(input_ids=prompt, use_cache=True)
    for i in range(length):
        if i:
            state = model(input_ids=out[:, i - 1 : i], past_key_values=state.past_key_values, use_cache=True)
        out[:, i] = choose(state.logits[:, -1])
    return out.clone()
""",
    ),
)
ANSWERS.wrong(
    "words in the picture",
    pick(("scores = scores.masked_fill(~allowed, -torch.inf)", "scores = scores.clone()")),
    "lets words through while it paints",
    slip="tokens are taken that may not be written",
)
ANSWERS.wrong(
    "temperature the other way round",
    pick(("scores / temperature", "scores * temperature")),
    "multiplies by the temperature",
    slip="multiplied by the temperature",
)
ANSWERS.wrong(
    "no temperature",
    pick(("(scores / temperature)", "scores")),
    "forgets the temperature",
    slip="the temperature is not used",
)
ANSWERS.wrong(
    "always the likeliest",
    pick(
        ("torch.multinomial((scores / temperature).softmax(dim=-1), 1, generator=generator)[:, 0]", "scores.argmax(-1)")
    ),
    "never draws",
    slip="always the most likely token",
)
ANSWERS.wrong(
    "no top-k",
    pick(("    if top_k is not None:\n", "    if False:\n")),
    "ignores top_k",
    slip="`top_k` is not used",
)
ANSWERS.wrong(
    "no cache",
    cell(
        PICK,
        """
@torch.no_grad()
def write(model, prompt, length, choose):
    ids = prompt
    for _ in range(length):
        ids = torch.cat([ids, choose(model(input_ids=ids).logits[:, -1])[:, None]], dim=1)
    return ids[:, prompt.shape[1] :]
""",
    ),
    "reads all anew for every token",
    slip="no cache is used",
)
ANSWERS.wrong(
    "all of it with a cache",
    write(("unread = written[-1][:, None]", "unread = torch.cat([unread, written[-1][:, None]], dim=1)")),
    "feeds the whole sequence to a model that remembers it",
    slip="with a cache only what is new is read",
)
ANSWERS.wrong(
    "forgets",
    write(("past_key_values=cache, use_cache=True", "use_cache=True")),
    "does not hand the cache on",
    slip="read without those before it",
)
ANSWERS.wrong(
    "one short",
    write(("range(length)", "range(length - 1)")),
    "stops a token short",
    slip="one token too few",
)
ANSWERS.wrong(
    "prompt and all",
    write(("return torch.stack(written, dim=1)", "return torch.cat([prompt, torch.stack(written, dim=1)], dim=1)")),
    "returns the prompt too",
    slip="the prompt is returned too",
)
ANSWERS.wrong(
    "top-k before the mask",
    cell(
        """
def next_token(scores, allowed, temperature=1.0, top_k=None, generator=None):
    if temperature == 0:
        return scores.masked_fill(~allowed, -torch.inf).argmax(dim=-1)
    if top_k is not None:
        inside = scores.masked_fill(~allowed, -1e9)
        least = inside.topk(top_k, dim=-1).values[:, -1:]
        scores = scores.masked_fill(inside < least, -1e9)
    scores = scores.masked_fill(~allowed, -1e9) if top_k is None or top_k < allowed.sum() else scores
    return torch.multinomial((scores / temperature).softmax(dim=-1), 1, generator=generator)[:, 0]
""",
        WRITE,
    ),
    "lets words through where top_k is larger than the number of codes",
    visible_passes=True,
    slip="",
)
