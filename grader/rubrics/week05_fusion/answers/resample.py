# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `resample`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("resample")

RESAMPLE = """
def resample(latents, patches, weights, heads):
    d = latents.shape[-1]
    asking = F.layer_norm(latents, (d,), *weights["latents_norm"])
    seen = F.layer_norm(patches, (d,), *weights["patches_norm"])
    asked = torch.cat([seen, asking], dim=1)
    q, k, v = asking @ weights["q"].T, asked @ weights["k"].T, asked @ weights["v"].T
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    mixed = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
    return latents + mixed @ weights["o"].T
"""
ANSWERS.right(
    "latents first",
    cell(
        """
def resample(latents, patches, weights, heads):
    n, m, d = latents.shape
    x = F.layer_norm(latents, (d,), weights["latents_norm"][0], weights["latents_norm"][1])
    y = torch.cat((x, F.layer_norm(patches, (d,), weights["patches_norm"][0], weights["patches_norm"][1])), 1)
    split = lambda t: t.reshape(n, -1, heads, d // heads).permute(0, 2, 1, 3)
    out = F.scaled_dot_product_attention(*(split(F.linear(z, weights[k])) for z, k in ((x, "q"), (y, "k"), (y, "v"))))
    return F.linear(out.permute(0, 2, 1, 3).reshape(n, m, d), weights["o"]) + latents
"""
    ),
)
ANSWERS.right(
    "head by head",
    cell(
        """
def resample(latents, patches, weights, heads):
    def norm(z, g):
        return (z - z.mean(-1, keepdim=True)) / (z.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt() * g[0] + g[1]
    x = norm(latents, weights["latents_norm"])
    y = torch.cat([norm(patches, weights["patches_norm"]), x], 1)
    size, out = latents.shape[-1] // heads, []
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        q, k, v = x @ weights["q"][part].T, y @ weights["k"][part].T, y @ weights["v"][part].T
        out.append(torch.softmax(q @ k.mT / size**0.5, -1) @ v)
    return latents + torch.cat(out, -1) @ weights["o"].T
"""
    ),
)
ANSWERS.wrong(
    "no residual",
    cell(swap(RESAMPLE, ("return latents + mixed", "return mixed"))),
    "forgets the residual connection",
    slip="the residual is missing",
)
ANSWERS.wrong(
    "patches alone",
    cell(swap(RESAMPLE, ("torch.cat([seen, asking], dim=1)", "seen"))),
    "lets the latents ask the patches alone",
    slip="the latents do not look at each other",
)
ANSWERS.wrong(
    "normed residual",
    cell(swap(RESAMPLE, ("return latents + mixed", "return asking + mixed"))),
    "adds the normed latents",
    slip="the residual is the normed latents",
)
ANSWERS.wrong(
    "scaled by the width",
    cell(swap(RESAMPLE, ("q.shape[-1] ** 0.5", "d ** 0.5"))),
    "divides by the root of the whole width",
    slip="divide by the root of a head's width",
)
ANSWERS.wrong(
    "one norm",
    cell(swap(RESAMPLE, ('weights["patches_norm"]', 'weights["latents_norm"]'))),
    "has one norm for both",
    slip="the patches have a norm of their own",
)
ANSWERS.wrong(
    "four heads",
    cell(swap(RESAMPLE, ("(heads, -1)", "(4, -1)"))),
    "has the number of heads built in",
    visible_passes=True,
    slip="",
)
