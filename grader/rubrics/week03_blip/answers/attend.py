# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `attend`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell

ANSWERS = Answers("attend")

CAUSAL = """
def causal(length):
    return torch.ones(length, length, dtype=torch.bool).tril()
"""
ATTEND = """
def attend(queries, keys, values, heads, allowed=None):
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys, values))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    weights = scores.softmax(dim=-1)
    return (weights @ v).transpose(1, 2).flatten(2), weights
"""
ATTEND_TAIL = """
with needs("attend"):
    layer = captioner.model.text_decoder.bert.encoder.layer[0]
    read = layer.crossattention.self
    with torch.no_grad():
        some_words = captioner.model.text_decoder.bert.embeddings(caption_lab.tokens(captioner, [opening[4].caption()]))
        patch_states = caption_lab.image_states(captioner, opening_pictures[4:5])
        qkv = read.query(some_words), read.key(patch_states), read.value(patch_states)
        my_output, my_weights = attend(*qkv, read.num_attention_heads)
"""


def _attend(attend: str = ATTEND, causal: str = CAUSAL) -> str:
    return cell(causal, attend, ATTEND_TAIL)


ANSWERS.right(
    "torch's own",
    _attend(
        """
def attend(queries, keys, values, heads, allowed=None):
    split = lambda x: x.reshape(*x.shape[:2], heads, -1).permute(0, 2, 1, 3)
    q, k, v = split(queries), split(keys), split(values)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    w = F.scaled_dot_product_attention(q, k, torch.eye(k.shape[2]).expand(*k.shape[:2], -1, -1), attn_mask=allowed)
    return out.permute(0, 2, 1, 3).reshape(queries.shape[0], queries.shape[1], -1), w
""",
        """
def causal(length):
    return torch.arange(length)[:, None] >= torch.arange(length)[None, :]
""",
    ),
)
ANSWERS.right(
    "head by head",
    _attend(
        """
def attend(queries, keys, values, heads, allowed=None):
    d = queries.shape[-1] // heads
    outs, all_weights = [], []
    if allowed is not None:
        allowed = allowed.expand(len(queries), heads, queries.shape[1], keys.shape[1])
    for h in range(heads):
        part = slice(h * d, (h + 1) * d)
        s = torch.einsum("nqd,nkd->nqk", queries[..., part], keys[..., part]) / np.sqrt(d)
        if allowed is not None:
            s = torch.where(allowed[:, h], s, torch.tensor(float("-inf")))
        e = torch.exp(s - s.max(dim=-1, keepdim=True).values)
        w = e / e.sum(-1, keepdim=True)
        outs.append(w @ values[..., part])
        all_weights.append(w)
    return torch.cat(outs, dim=-1), torch.stack(all_weights, dim=1)
""",
        """
def causal(length):
    return ~torch.triu(torch.ones(length, length), diagonal=1).bool()
""",
    ),
)
ANSWERS.wrong(
    "no root",
    _attend(ATTEND.replace(" / q.shape[-1] ** 0.5", "")),
    "forgets the root of d",
    slip="the root of d is missing",
)
ANSWERS.wrong(
    "root of all",
    _attend(ATTEND.replace("q.shape[-1] ** 0.5", "queries.shape[-1] ** 0.5")),
    "divides by the root of the whole width",
    slip="divided by the root of all features",
)
ANSWERS.wrong(
    "over the queries",
    _attend(ATTEND.replace("softmax(dim=-1)", "softmax(dim=-2)")),
    "softmax over queries",
    slip="the softmax runs over the queries",
)
ANSWERS.wrong(
    "closed afterwards",
    _attend(
        ATTEND.replace(
            "    if allowed is not None:\n        scores = scores.masked_fill(~allowed, -torch.inf)\n", ""
        ).replace(
            "weights = scores.softmax(dim=-1)",
            "weights = scores.softmax(dim=-1) * (1.0 if allowed is None else allowed.float())",
        )
    ),
    "masks after the softmax",
    slip="closed after the softmax",
)
ANSWERS.wrong(
    "closed the open",
    _attend(ATTEND.replace("masked_fill(~allowed", "masked_fill(allowed")),
    "takes True for closed",
    slip="In `allowed` True is open",
)
ANSWERS.wrong(
    "heads not put back",
    _attend(
        ATTEND.replace(
            "(weights @ v).transpose(1, 2).flatten(2)", "(weights @ v).reshape(len(queries), -1, queries.shape[-1])"
        )
    ),
    "does not transpose before flattening the heads",
    slip="heads and places are mixed up",
)
ANSWERS.wrong(
    "future open", _attend(causal=CAUSAL.replace("tril", "triu")), "the wrong triangle", slip="the wrong triangle"
)
ANSWERS.wrong(
    "blind to itself",
    _attend(causal=CAUSAL.replace("tril()", "tril(-1)")),
    "closes the diagonal",
    slip="the diagonal is open",
)
ANSWERS.wrong(
    "closed a little",
    _attend(ATTEND.replace("-torch.inf", "-30.0")),
    "closes with -30, which loud scores drown",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "exp by hand",
    _attend(
        ATTEND.replace(
            "weights = scores.softmax(dim=-1)", "weights = scores.exp() / scores.exp().sum(-1, keepdim=True)"
        )
    ),
    "overflows for loud scores",
    visible_passes=True,
    slip="",
)
