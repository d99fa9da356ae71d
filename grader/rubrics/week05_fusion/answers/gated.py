# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `gated`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("gated")

LAST = """
def last_picture(ids, image, pictures):
    last = (ids == image).cumsum(dim=1)
    return last[..., None] == torch.arange(1, pictures + 1)
"""
GATED = """
def gated(words, seen, allowed, weights, heads, alpha):
    asking = F.rms_norm(words, words.shape[-1:], weights["norm"], eps=1e-6)
    flat = seen.flatten(1, 2)
    q, k, v = asking @ weights["q"].T, flat @ weights["k"].T, flat @ weights["v"].T
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    open_to = allowed.repeat_interleave(seen.shape[2], dim=2)[:, None]
    scores = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~open_to, -torch.inf)
    mixed = (scores.softmax(dim=-1).nan_to_num(0.0) @ v).transpose(1, 2).flatten(2)
    return words + torch.tanh(alpha) * (mixed @ weights["o"].T)
"""
ANSWERS.right(
    "the library's attention",
    cell(
        """
def last_picture(ids, image, pictures):
    count = torch.cumsum((ids == image).long(), 1)
    return F.one_hot(count.clamp(max=pictures), pictures + 1)[..., 1:].bool() & (count <= pictures)[..., None]
""",
        """
def gated(words, seen, allowed, weights, heads, alpha):
    n, length, d = words.shape
    x = words * (words.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weights["norm"]
    y = seen.reshape(n, -1, d)
    split = lambda t: t.reshape(n, -1, heads, d // heads).transpose(1, 2)
    mask = allowed[..., None].expand(-1, -1, -1, seen.shape[2]).reshape(n, 1, length, -1)
    out = F.scaled_dot_product_attention(
        split(F.linear(x, weights["q"])), split(F.linear(y, weights["k"])), split(F.linear(y, weights["v"])), mask
    )
    out = F.linear(out.transpose(1, 2).reshape(n, length, d), weights["o"])
    return words + alpha.tanh() * torch.where(allowed.any(-1, keepdim=True), out, torch.zeros_like(out))
""",
    ),
)
ANSWERS.right(
    "word by word",
    cell(
        """
def last_picture(ids, image, pictures):
    out = torch.zeros(*ids.shape, pictures, dtype=torch.bool)
    for i in range(ids.shape[0]):
        at = -1
        for j in range(ids.shape[1]):
            if ids[i, j] == image:
                at += 1
            if 0 <= at < pictures:
                out[i, j, at] = True
    return out
""",
        """
def gated(words, seen, allowed, weights, heads, alpha):
    out, size = words.clone(), words.shape[-1] // heads
    for i in range(len(words)):
        for j in range(words.shape[1]):
            if not allowed[i, j].any():
                continue
            x = F.rms_norm(words[i, j], words.shape[-1:], weights["norm"], 1e-6)
            y = seen[i][allowed[i, j]].flatten(0, 1)
            q, k, v = weights["q"] @ x, y @ weights["k"].T, y @ weights["v"].T
            parts = []
            for h in range(heads):
                part = slice(h * size, (h + 1) * size)
                parts.append(torch.softmax(k[:, part] @ q[part] / size**0.5, 0) @ v[:, part])
            out[i, j] = words[i, j] + torch.tanh(alpha) * (weights["o"] @ torch.cat(parts))
    return out
""",
    ),
)
ANSWERS.wrong(
    "gate without tanh",
    cell(LAST, swap(GATED, ("torch.tanh(alpha)", "alpha"))),
    "multiplies by alpha itself",
    slip="the gate is alpha itself",
)
ANSWERS.wrong(
    "sigmoid gate",
    cell(LAST, swap(GATED, ("torch.tanh(alpha)", "torch.sigmoid(alpha)"))),
    "is half open at 0",
    slip="the gate is a sigmoid",
)
ANSWERS.wrong(
    "no residual",
    cell(LAST, swap(GATED, ("return words + ", "return "))),
    "forgets the residual connection",
    slip="the residual is missing",
)
ANSWERS.wrong(
    "no mask",
    cell(LAST, swap(GATED, (".masked_fill(~open_to, -torch.inf)", ""))),
    "lets every word ask every picture",
    slip="every word asks every picture",
)
ANSWERS.wrong(
    "no norm",
    cell(LAST, swap(GATED, ('F.rms_norm(words, words.shape[-1:], weights["norm"], eps=1e-6)', "words"))),
    "forgets the norm",
    slip="not normed where they ask",
)
ANSWERS.wrong(
    "all so far",
    cell(swap(LAST, ("== torch.arange", ">= torch.arange")), GATED),
    "opens all pictures so far",
    slip="all pictures so far are open",
)
ANSWERS.wrong(
    "nan before pictures",
    cell(LAST, swap(GATED, (".nan_to_num(0.0)", ""))),
    "gives nan to a word before the first picture",
    slip="a word that may ask no picture",
)
ANSWERS.wrong(
    "very small instead of closed",
    cell(LAST, swap(swap(GATED, ("-torch.inf", "-1e4")), (".nan_to_num(0.0)", ""))),
    "lets a word before the first picture ask all of them",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "four heads",
    cell(LAST, swap(GATED, ("(heads, -1)", "(4, -1)"))),
    "has the number of heads built in",
    visible_passes=True,
    slip="",
)
