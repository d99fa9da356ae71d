# CROSSMODAL-RUBRIC: must never reach students
"""Answers of week 3 whose verdict is known: right in other ways than ours, and wrong in ways that real students are."""

from __future__ import annotations

from textwrap import indent

from grader.authoring.known_answers import Answers

ANSWERS = Answers()
_right, _wrong = ANSWERS.right, ANSWERS.wrong


def _function(head: str, body: str) -> str:
    """A function's source: its first line and its body."""
    return f"{head}\n{indent(body.strip(chr(10)), '    ')}\n"


def _cell(*parts: str) -> str:
    """The source of an answer cell."""
    return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"


# --- 1 patch_embed --------------------------------------------------------------------------------------------------

PATCHES = """
def patches(pixels, side):
    n, c, h, w = pixels.shape
    grid = pixels.reshape(n, c, h // side, side, w // side, side)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * side * side)
"""
TOKENS = """
def patch_tokens(pixels, kernel, bias, first, positions):
    seen = patches(pixels, kernel.shape[-1]) @ kernel.flatten(1).T + bias
    return torch.cat([first.expand(len(pixels), 1, -1), seen], dim=1) + positions
"""
PATCH_TAIL = """
with needs("patch_embed"):
    eyes = captioner.model.vision_model.embeddings
    opening_pixels = caption_lab.pixels(captioner, opening_pictures)
    with torch.no_grad():
        parts = eyes.patch_embedding.weight, eyes.patch_embedding.bias, eyes.class_embedding[0, 0]
        parts = [part.clone() for part in (*parts, eyes.position_embedding[0])]  # copies: BLIP stays whole
        my_tokens = patch_tokens(opening_pixels, *parts)
"""


def _patch(cut: str = PATCHES, tokens: str = TOKENS) -> str:
    return _cell(cut, tokens, PATCH_TAIL)


_right(
    "patch_embed",
    "unfold and a convolution",
    _patch(
        """
def patches(pixels, side):
    return F.unfold(pixels, side, stride=side).transpose(1, 2)
""",
        """
def patch_tokens(pixels, kernel, bias, first, positions):
    seen = F.conv2d(pixels, kernel, bias, stride=kernel.shape[-1]).flatten(2).mT
    start = first.reshape(1, 1, -1).repeat(pixels.shape[0], 1, 1)
    return torch.cat((start, seen), 1) + positions[None]
""",
    ),
)
_right(
    "patch_embed",
    "loops",
    _patch(
        """
def patches(pixels, side):
    rows = []
    for top in range(0, pixels.shape[2], side):
        for left in range(0, pixels.shape[3], side):
            rows.append(pixels[:, :, top : top + side, left : left + side].flatten(1))
    return torch.stack(rows, dim=1)
""",
        """
def patch_tokens(pixels, kernel, bias, first, positions):
    cut = patches(pixels, kernel.shape[2])
    out = torch.zeros(cut.shape[0], cut.shape[1] + 1, kernel.shape[0])
    out[:, 0] = first
    out[:, 1:] = torch.einsum("npk,dk->npd", cut, kernel.reshape(len(kernel), -1)) + bias
    return out + positions
""",
    ),
)
_wrong(
    "patch_embed",
    "cut like a ribbon",
    _patch(PATCHES.replace("return grid.permute(0, 2, 4, 1, 3, 5)", "return pixels")),
    "reshapes without a permute: strips of pixels instead of squares",
)
_wrong(
    "patch_embed",
    "column by column",
    _patch(PATCHES.replace("permute(0, 2, 4, 1, 3, 5)", "permute(0, 4, 2, 1, 3, 5)")),
    "reads the grid column by column",
)
_wrong(
    "patch_embed",
    "colour last",
    _patch(PATCHES.replace("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 3, 5, 1)")),
    "puts the colour last within a patch",
)
_wrong(
    "patch_embed",
    "class token at the end",
    _patch(
        tokens=TOKENS.replace("[first.expand(len(pixels), 1, -1), seen]", "[seen, first.expand(len(pixels), 1, -1)]")
    ),
    "appends the class token",
)
_wrong("patch_embed", "no positions", _patch(tokens=TOKENS.replace(" + positions", "")), "forgets the positions")
_wrong(
    "patch_embed",
    "squares only",
    _patch(
        """
def patches(pixels, side):
    n, c, h, w = pixels.shape
    g = h // side
    return pixels.reshape(n, c, g, side, g, side).permute(0, 2, 4, 1, 3, 5).reshape(n, g * g, c * side * side)
"""
    ),
    "takes every picture for a square",
    visible_passes=True,
)
_wrong(
    "patch_embed",
    "written into the positions",
    _patch(
        tokens="""
def patch_tokens(pixels, kernel, bias, first, positions):
    bias += 0.0
    positions[0] += first
    seen = patches(pixels, kernel.shape[-1]) @ kernel.flatten(1).T + bias
    return torch.cat([torch.zeros(len(pixels), 1, len(first)), seen], dim=1) + positions
"""
    ),
    "adds the class token into the caller's positions",
    visible_passes=True,
)

# --- 2 attend -------------------------------------------------------------------------------------------------------

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
    return _cell(causal, attend, ATTEND_TAIL)


_right(
    "attend",
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
_right(
    "attend",
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
_wrong("attend", "no root", _attend(ATTEND.replace(" / q.shape[-1] ** 0.5", "")), "forgets the root of d")
_wrong(
    "attend",
    "root of all",
    _attend(ATTEND.replace("q.shape[-1] ** 0.5", "queries.shape[-1] ** 0.5")),
    "divides by the root of the whole width",
)
_wrong(
    "attend", "over the queries", _attend(ATTEND.replace("softmax(dim=-1)", "softmax(dim=-2)")), "softmax over queries"
)
_wrong(
    "attend",
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
)
_wrong(
    "attend",
    "closed the open",
    _attend(ATTEND.replace("masked_fill(~allowed", "masked_fill(allowed")),
    "takes True for closed",
)
_wrong(
    "attend",
    "heads not put back",
    _attend(
        ATTEND.replace(
            "(weights @ v).transpose(1, 2).flatten(2)", "(weights @ v).reshape(len(queries), -1, queries.shape[-1])"
        )
    ),
    "does not transpose before flattening the heads",
)
_wrong("attend", "future open", _attend(causal=CAUSAL.replace("tril", "triu")), "the wrong triangle")
_wrong("attend", "blind to itself", _attend(causal=CAUSAL.replace("tril()", "tril(-1)")), "closes the diagonal")
_wrong(
    "attend",
    "closed a little",
    _attend(ATTEND.replace("-torch.inf", "-30.0")),
    "closes with -30, which loud scores drown",
    visible_passes=True,
)
_wrong(
    "attend",
    "exp by hand",
    _attend(
        ATTEND.replace(
            "weights = scores.softmax(dim=-1)", "weights = scores.exp() / scores.exp().sum(-1, keepdim=True)"
        )
    ),
    "overflows for loud scores",
    visible_passes=True,
)

# --- 3 caption_loss -------------------------------------------------------------------------------------------------

LOSS = "def caption_loss(scores, ids, pad):"
LOSS_TAIL = """
with needs("caption_loss"):
    batch_scenes = caption_lab.told(8, 2, seed=23)
    batch_losses, pupil = caption_lab.overfit(captioner, batch_scenes, caption_loss, steps=60, seed=SEED)
    batch_captions = caption_lab.captions(pupil, caption_lab.pictures(batch_scenes))
"""


def _loss(body: str) -> str:
    return _cell(_function(LOSS, body), LOSS_TAIL)


_right(
    "caption_loss",
    "log-probabilities picked",
    _loss("""
logp = torch.log_softmax(scores[:, :-1], dim=-1)
wanted = ids[:, 1:]
mine = logp.gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
real = (wanted != pad).float()
return -(mine * real).sum() / real.sum()
"""),
)
_right(
    "caption_loss",
    "only the real ones",
    _loss("""
wanted, said = ids[:, 1:].reshape(-1), scores[:, :-1].reshape(-1, scores.shape[-1])
keep = wanted != pad
return (torch.logsumexp(said[keep], -1) - said[keep, wanted[keep]]).mean()
"""),
)
_wrong(
    "caption_loss",
    "not shifted",
    _loss("return F.cross_entropy(scores.transpose(1, 2), ids, ignore_index=pad)"),
    "charges each place for the token it has just read",
)
_wrong(
    "caption_loss",
    "shifted back",
    _loss("return F.cross_entropy(scores[:, 1:].transpose(1, 2), ids[:, :-1], ignore_index=pad)"),
    "shifts the wrong way",
)
_wrong(
    "caption_loss",
    "padding counts",
    _loss("return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:])"),
    "pays for padding",
)
_wrong(
    "caption_loss",
    "summed",
    _loss('return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=pad, reduction="sum")'),
    "takes the sum",
)
_wrong(
    "caption_loss",
    "caption by caption",
    _loss("""
each = [F.cross_entropy(s[:-1], i[1:], ignore_index=pad) for s, i in zip(scores, ids)]
return torch.stack(each).mean()
"""),
    "takes the mean of the captions' means",
)
_wrong(
    "caption_loss",
    "cut off",
    _loss("return torch.tensor(F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=pad).item())"),
    ".item() cuts the gradient",
)
_wrong(
    "caption_loss",
    "padding is 0",
    _loss("return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=0)"),
    "ignores `pad`",
    visible_passes=True,
)
_wrong(
    "caption_loss",
    "log of softmax",
    _loss("""
chance = scores[:, :-1].softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
return -chance.log()[ids[:, 1:] != pad].mean()
"""),
    "takes the logarithm of a softmax that may be 0",
    visible_passes=True,
)

# --- 4 greedy -------------------------------------------------------------------------------------------------------

GREEDY = "def greedy(step, n, start, end, longest, pad=0):"
GREEDY_TAIL = """
with needs("greedy"):
    step = caption_lab.stepper(captioner, opening_pictures)
    my_captions = caption_lab.texts(captioner, greedy(step, len(opening_pictures), start, end, 40, pad))
"""
GREEDY_BODY = """
ids = torch.full((n, 1), start, dtype=torch.int64)
ended = torch.zeros(n, dtype=torch.bool)
for _ in range(longest):
    best = step(ids).argmax(dim=-1).masked_fill(ended, pad)
    ids = torch.cat([ids, best[:, None]], dim=1)
    ended |= best == end
    if ended.all():
        break
return ids
"""


def _greedy(body: str = GREEDY_BODY) -> str:
    return _cell(_function(GREEDY, body), GREEDY_TAIL)


_right(
    "greedy",
    "lists of lists",
    _greedy("""
rows, done = [[start] for _ in range(n)], [False] * n
while not all(done) and len(rows[0]) <= longest:
    for i, s in enumerate(step(torch.tensor(rows)).tolist()):
        rows[i].append(pad if done[i] else s.index(max(s)))
        done[i] = done[i] or rows[i][-1] == end
return torch.tensor(rows)
"""),
)
_right(
    "greedy",
    "a table filled in",
    _greedy("""
ids = torch.full((n, longest + 1), pad)
ids[:, 0] = start
alive = torch.ones(n, dtype=torch.bool)
for t in range(1, longest + 1):
    best = step(ids[:, :t]).max(dim=1).indices
    ids[alive, t] = best[alive]
    alive = alive & (best != end)
    if not alive.any():
        return ids[:, : t + 1]
return ids
"""),
)
_wrong("greedy", "no start", _greedy(GREEDY_BODY.replace("return ids", "return ids[:, 1:]")), "drops the start token")
_wrong(
    "greedy",
    "on after the end",
    _greedy(GREEDY_BODY.replace(".masked_fill(ended, pad)", "")),
    "goes on after the end token",
)
_wrong(
    "greedy",
    "never stops",
    _greedy(GREEDY_BODY.replace("    if ended.all():\n        break\n", "")),
    "walks on to the longest, all padding",
)
_wrong(
    "greedy",
    "the first end stops all",
    _greedy(GREEDY_BODY.replace("if ended.all()", "if ended.any()")),
    "stops the batch when one caption has ended",
)
_wrong(
    "greedy",
    "the end lost",
    _greedy(
        GREEDY_BODY.replace(
            "best = step(ids).argmax(dim=-1).masked_fill(ended, pad)", "best = step(ids).argmax(dim=-1)"
        )
        .replace(
            "    ids = torch.cat",
            "    ended |= best == end\n    best = best.masked_fill(ended, pad)\n    ids = torch.cat",
        )
        .replace("    ended |= best == end\n    if", "    if")
    ),
    "writes padding over the end token",
)
_wrong(
    "greedy",
    "padding is 0",
    _greedy(GREEDY_BODY.replace("masked_fill(ended, pad)", "masked_fill(ended, 0)")),
    "ignores `pad`",
    visible_passes=True,
)
_wrong(
    "greedy",
    "the start may be the end",
    _greedy(GREEDY_BODY.replace("ended |= best == end", "ended = (ids == end).any(dim=1)")),
    "takes a start token for an end where both have one id",
    visible_passes=True,
)

# --- 4 beam_search --------------------------------------------------------------------------------------------------

BEAM = "def beam_search(step, start, end, longest, beams=3, length_penalty=1.0):"
BEAM_TAIL = """
with needs("beam_search"):
    my_beams = []
    for picture in opening_pictures[4:]:
        found, score = beam_search(caption_lab.stepper(captioner, [picture]), start, end, 40, beams=4)
        my_beams.append(caption_lab.texts(captioner, [found])[0])
"""
BEAM_BODY = """
begun, sums = torch.tensor([[start]]), torch.zeros(1)
finished = []
for length in range(1, longest + 1):
    extended = sums[:, None] + step(begun).log_softmax(dim=-1)
    best, places = extended.flatten().topk(2 * beams)
    rows, tokens = places // extended.shape[1], places % extended.shape[1]
    grown = torch.cat([begun[rows], tokens[:, None]], dim=1)
    ends = (tokens == end) | (length == longest)
    for i in range(beams):
        if ends[i]:
            finished.append((float(best[i]) / length**length_penalty, grown[i, 1:].tolist()))
    begun, sums = grown[~ends][:beams], best[~ends][:beams]
score, ids = max(finished)
return ids, score
"""


def _beam(body: str = BEAM_BODY) -> str:
    return _cell(_function(BEAM, body), BEAM_TAIL)


_right(
    "beam_search",
    "plain Python",
    _beam("""
alive, done = [(0.0, [])], []
for t in range(1, longest + 1):
    logp = step(torch.tensor([[start] + ids for _, ids in alive])).double().log_softmax(-1).tolist()
    grown = [(s + p, ids + [i]) for (s, ids), row in zip(alive, logp) for i, p in enumerate(row)]
    grown.sort(key=lambda pair: -pair[0])
    alive = []
    for place, (s, ids) in enumerate(grown[: 2 * beams]):
        if ids[-1] == end or t == longest:
            if place < beams:
                done.append((s / t**length_penalty, ids))
        elif len(alive) < beams:
            alive.append((s, ids))
best = max(done, key=lambda pair: pair[0])
return best[1], best[0]
"""),
)
_right(
    "beam_search",
    "stops when nothing can get better",
    _beam(
        BEAM_BODY.replace(
            "score, ids = max(finished)",
            "    if finished and len(begun) and max(finished)[0] >= float(sums.max()) / longest**length_penalty:\n"
            "        break\nscore, ids = max(finished)",
        )
    ),
)
_wrong("beam_search", "greedy", _beam(BEAM_BODY.replace("[:beams]", "[:1]")), "keeps one beginning only")
_wrong(
    "beam_search",
    "no penalty",
    _beam(BEAM_BODY.replace(" / length**length_penalty", "")),
    "ignores the length penalty",
)
_wrong(
    "beam_search",
    "the end does not count",
    _beam(BEAM_BODY.replace("length**length_penalty", "max(length - 1, 1) ** length_penalty")),
    "the length leaves the end token out",
)
_wrong(
    "beam_search",
    "with the start",
    _beam(BEAM_BODY.replace("grown[i, 1:]", "grown[i]")),
    "returns the start token too",
)
_wrong(
    "beam_search",
    "without the end",
    _beam(BEAM_BODY.replace("return ids, score", "return [i for i in ids if i != end], score")),
    "drops the end token",
)
_wrong(
    "beam_search",
    "no log-softmax",
    _beam(BEAM_BODY.replace(".log_softmax(dim=-1)", "")),
    "sums raw scores, which are no log-probabilities",
)
_wrong(
    "beam_search",
    "the first to finish",
    _beam(BEAM_BODY.replace("score, ids = max(finished)", "score, ids = finished[0]")),
    "returns the first finished caption",
)
_wrong(
    "beam_search",
    "must end",
    _beam(
        BEAM_BODY.replace("ends = (tokens == end) | (length == longest)", "ends = tokens == end").replace(
            "score, ids = max(finished)",
            "score, ids = max(finished) if finished else (float(sums[0]), begun[0, 1:].tolist())",
        )
    ),
    "never finishes captions that are cut off by the longest",
)
_wrong(
    "beam_search",
    "beams used up",
    _beam(
        BEAM_BODY.replace("grown[~ends][:beams], best[~ends][:beams]", "grown[~ends][:left], best[~ends][:left]")
        .replace("    begun, sums =", "    left = max(beams - len(finished), 0)\n    begun, sums =")
        .replace("score, ids = max(finished)", "    if not left:\n        break\nscore, ids = max(finished)")
    ),
    "every finished caption takes a beam away from the others",
)
_wrong(
    "beam_search",
    "the best B only",
    _beam(
        BEAM_BODY.replace("topk(2 * beams)", "topk(min(beams, extended.numel()))")
        .replace("for i in range(beams):", "for i in range(len(ends)):")
        .replace("begun, sums = grown", "if ends.all():\n        break\n    begun, sums = grown")
    ),
    "takes the best B extensions, not 2 B: those that end cost beams",
)
_wrong(
    "beam_search",
    "any of the 2 B finishes",
    _beam(BEAM_BODY.replace("for i in range(beams):", "for i in range(2 * beams):")),
    "finishes captions that are not among the best B",
)
_wrong(
    "beam_search",
    "enough is enough",
    _beam(
        BEAM_BODY.replace(
            "score, ids = max(finished)", "    if len(finished) >= beams:\n        break\nscore, ids = max(finished)"
        )
    ),
    "stops once B captions are finished",
)
_wrong(
    "beam_search",
    "ends with a full stop",
    _beam(
        BEAM_BODY.replace("score, ids = max(finished)", "    if ends[0]:\n        break\nscore, ids = max(finished)")
    ),
    "stops as soon as the best extension ends",
)
_wrong(
    "beam_search",
    "the sum for a score",
    _beam(
        BEAM_BODY.replace("score, ids = max(finished)", "score, ids = max(finished)\nscore *= len(ids)**length_penalty")
    ),
    "finds the right caption and gives its plain sum",
)
_wrong(
    "beam_search",
    "the start counts",
    _beam(BEAM_BODY.replace("length**length_penalty", "(length + 1) ** length_penalty")),
    "the length counts the start token too",
)
_wrong(
    "beam_search",
    "two beams at least",
    _beam("beams = max(beams, 2)\n" + BEAM_BODY.lstrip("\n")),
    "one beam is made two",
    visible_passes=True,
)

# --- 4 sampling -----------------------------------------------------------------------------------------------------

FILTERED = """
def filtered(scores, temperature=1.0, top_k=None, top_p=None):
    scores = scores / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        scores = scores.masked_fill(scores < scores.topk(top_k).values[:, -1:], -torch.inf)
    if top_p is not None:
        chances, order = scores.softmax(dim=-1).sort(dim=-1, descending=True)
        enough = chances.cumsum(dim=-1) - chances >= top_p
        scores = scores.masked_fill(torch.zeros_like(enough).scatter(-1, order, enough), -torch.inf)
    return scores.softmax(dim=-1)
"""
SAMPLE = """
def sample(scores, temperature=1.0, top_k=None, top_p=None):
    return torch.multinomial(filtered(scores, temperature, top_k, top_p), 1)[:, 0]
"""


def _sampling(filtered: str = FILTERED, sample: str = SAMPLE) -> str:
    return _cell(filtered, sample)


_right(
    "sampling",
    "row by row in NumPy",
    _sampling(
        """
def filtered(scores, temperature=1.0, top_k=None, top_p=None):
    out = np.zeros(scores.shape)
    for i, row in enumerate(scores.double().numpy() / temperature):
        p = np.exp(row - row.max())
        p /= p.sum()
        order = np.argsort(-p)
        order = order[:top_k] if top_k is not None else order
        p_left = p[order] / p[order].sum()
        if top_p is not None:
            count = int(np.searchsorted(np.cumsum(p_left), top_p - 1e-12)) + 1
            order, p_left = order[:count], p_left[:count]
        out[i, order] = p_left / p_left.sum()
    return torch.from_numpy(out)
""",
        """
def sample(scores, temperature=1.0, top_k=None, top_p=None):
    rng = np.random.default_rng()
    chances = filtered(scores, temperature, top_k, top_p).numpy()
    return torch.tensor([int(rng.choice(len(row), p=row / row.sum())) for row in chances])
""",
    ),
)
_right(
    "sampling",
    "Gumbel's trick",
    _sampling(
        sample="""
def sample(scores, temperature=1.0, top_k=None, top_p=None):
    log = filtered(scores, temperature, top_k, top_p).double().log()
    noise = -torch.log(-torch.log(torch.rand(log.shape, dtype=torch.float64).clamp(1e-300, 1 - 1e-16)))
    return (log + noise).argmax(dim=-1)
"""
    ),
)
_right(
    "sampling",
    "the library's filters",
    _sampling(
        """
def filtered(scores, temperature=1.0, top_k=None, top_p=None):
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    out = TemperatureLogitsWarper(float(temperature))(None, scores)
    out = TopKLogitsWarper(top_k)(None, out) if top_k else out
    return (TopPLogitsWarper(top_p)(None, out) if top_p and top_p < 1 else out).softmax(-1)
"""
    ),
)
_wrong(
    "sampling",
    "not made to sum to 1",
    _sampling(
        FILTERED.replace("    return scores.softmax(dim=-1)", "    return before * (scores > -torch.inf)").replace(
            "    scores = scores / temperature\n",
            "    scores = scores / temperature\n    before = scores.softmax(dim=-1)\n",
        )
    ),
    "filters the probabilities and leaves them",
)
_wrong(
    "sampling",
    "hotter is colder",
    _sampling(FILTERED.replace("scores / temperature", "scores * temperature")),
    "multiplies by the temperature",
)
_wrong(
    "sampling",
    "one too few",
    _sampling(
        FILTERED.replace(
            "enough = chances.cumsum(dim=-1) - chances >= top_p",
            "enough = chances.cumsum(dim=-1) > top_p\n        enough[:, 0] = False",
        )
    ),
    "drops the token that reaches top_p",
)
_wrong(
    "sampling",
    "a floor for each",
    _sampling(
        FILTERED.replace(
            "enough = chances.cumsum(dim=-1) - chances >= top_p",
            "enough = chances < top_p\n        enough[:, 0] = False",
        )
    ),
    "takes top_p for the least probability of a token",
)
_wrong(
    "sampling",
    "not sorted back",
    _sampling(FILTERED.replace("torch.zeros_like(enough).scatter(-1, order, enough)", "enough")),
    "applies the sorted mask to the unsorted scores",
)
_wrong(
    "sampling",
    "always the best",
    _sampling(
        sample=SAMPLE.replace(
            "torch.multinomial(filtered(scores, temperature, top_k, top_p), 1)[:, 0]",
            "filtered(scores, temperature, top_k, top_p).argmax(-1)",
        )
    ),
    "does not draw",
)
_wrong(
    "sampling",
    "drawn unfiltered",
    _sampling(sample=SAMPLE.replace("filtered(scores, temperature, top_k, top_p)", "scores.softmax(-1)")),
    "draws without the filters",
)
_wrong(
    "sampling",
    "the nucleus of what was before",
    _sampling(
        FILTERED.replace(
            "    scores = scores / temperature\n",
            "    scores = scores / temperature\n    before = scores.softmax(-1)\n",
        ).replace(
            "chances, order = scores.softmax(dim=-1).sort(dim=-1, descending=True)",
            "chances, order = before.sort(dim=-1, descending=True)",
        )
    ),
    "measures the nucleus before top-k",
)
_wrong(
    "sampling",
    "a seed inside",
    _sampling(sample=SAMPLE.replace("    return", "    torch.manual_seed(0)\n    return")),
    "draws the same at every call",
    visible_passes=True,
)

# --- 5 matching -----------------------------------------------------------------------------------------------------

MINE = """
def hard_negatives(similarity, same):
    open_ones = similarity.masked_fill(same, -torch.inf)
    captions, pictures = (torch.multinomial(s.softmax(dim=1), 1)[:, 0] for s in (open_ones, open_ones.T))
    return captions, pictures
"""
MATCH = """
def match(model, processor, pictures, captions):
    inputs = processor(images=pictures, text=captions, padding=True, return_tensors="pt").to(model.device)
    with torch.no_grad():
        return model(**inputs).itm_score.softmax(dim=-1)[:, 1].float().cpu()
"""
MATCH_TAIL = """
with needs("matching"):
    reranked = []
    for picture, some in zip(doubtful_pictures, guesses, strict=True):
        chance = match(matcher.model, matcher.processor, [picture] * len(some), some)
        reranked.append(some[int(chance.argmax())])
"""


def _matching(mine: str = MINE, match: str = MATCH) -> str:
    return _cell(mine, match, MATCH_TAIL)


_right(
    "matching",
    "by hand and one at a time",
    _matching(
        """
def hard_negatives(similarity, same):
    def draw(scores, closed):
        rng, out = np.random.default_rng(), []
        for row, shut in zip(scores.double().numpy(), closed.numpy()):
            p = np.where(shut, 0.0, np.exp(row - row[~shut].max()))
            out.append(int(rng.choice(len(row), p=p / p.sum())))
        return torch.tensor(out)

    return draw(similarity, same), draw(similarity.T, same.T)
""",
        """
def match(model, processor, pictures, captions):
    out = []
    for picture, caption in zip(pictures, captions):
        with torch.no_grad():
            a, b = model(**processor(images=picture, text=caption, return_tensors="pt")).itm_score[0]
        out.append(torch.sigmoid(b - a))
    return torch.stack(out)
""",
    ),
)
_right(
    "matching",
    "categorical",
    _matching(
        """
def hard_negatives(similarity, same):
    from torch.distributions import Categorical

    shut = torch.where(same, float("-inf"), similarity)
    return Categorical(logits=shut).sample(), Categorical(logits=shut.mT).sample()
""",
        """
@torch.inference_mode()
def match(model, processor, pictures, captions):
    seen = processor(images=pictures, return_tensors="pt")
    read = processor.tokenizer(captions, padding=True, return_tensors="pt")
    out = model(pixel_values=seen["pixel_values"], input_ids=read["input_ids"], attention_mask=read["attention_mask"])
    return torch.softmax(out.itm_score, -1)[:, 1].clone()
""",
    ),
)
_wrong(
    "matching",
    "the hardest for ever",
    _matching("""
def hard_negatives(similarity, same):
    shut = similarity.masked_fill(same, -torch.inf)
    return shut.argmax(1), shut.argmax(0)
"""),
    "takes the most similar instead of drawing",
)
_wrong(
    "matching",
    "the diagonal only",
    _matching(MINE.replace("masked_fill(same,", "masked_fill(torch.eye(len(same), dtype=torch.bool),")),
    "draws captions that are true of the picture as well",
)
_wrong(
    "matching",
    "all alike",
    _matching(MINE.replace("similarity.masked_fill", "torch.zeros_like(similarity).masked_fill")),
    "does not use the similarity",
)
_wrong(
    "matching",
    "rows for columns",
    _matching(MINE.replace("(open_ones, open_ones.T)", "(open_ones.T, open_ones)")),
    "exchanges pictures and captions",
)
_wrong(
    "matching",
    "the first score",
    _matching(match=MATCH.replace("[:, 1]", "[:, 0]")),
    "returns the probability of no match",
)
_wrong(
    "matching",
    "no softmax",
    _matching(match=MATCH.replace(".softmax(dim=-1)", "")),
    "returns a score",
)
_wrong(
    "matching",
    "cosines",
    _matching(
        match=MATCH.replace(
            "model(**inputs).itm_score.softmax(dim=-1)[:, 1]",
            "model(**inputs, use_itm_head=False).itm_score.diagonal()",
        )
    ),
    "asks the ITC heads",
)
_wrong(
    "matching",
    "a global matcher",
    _matching(
        match=MATCH.replace("model(**inputs)", "matcher.model(**inputs)").replace(
            "model.device", "matcher.model.device"
        )
    ),
    "asks the notebook's matcher, whatever model it is given",
    visible_passes=True,
)
_wrong(
    "matching",
    "exp by hand",
    _matching("""
def hard_negatives(similarity, same):
    p = torch.exp(similarity) * ~same
    return torch.multinomial(p, 1)[:, 0], torch.multinomial(p.T, 1)[:, 0]
"""),
    "overflows for loud similarities",
    visible_passes=True,
)

# --- 6 prefix_loss --------------------------------------------------------------------------------------------------

PREFIX = "def prefix_loss(gpt, prefix, ids, pad):"
PREFIX_TAIL = """
with needs("prefix_loss"):
    my_map = caption_lab.clipcap.mapper(clip_width, SEED)
    map_losses = caption_lab.clipcap.train(gpt, my_map, prefix_loss, steps=100, seed=SEED)
"""
PREFIX_BODY = """
embedded = torch.cat([prefix, gpt.get_input_embeddings()(ids)], dim=1)
scores = gpt(inputs_embeds=embedded).logits[:, prefix.shape[1] - 1 : -1]
return F.cross_entropy(scores.transpose(1, 2), ids, ignore_index=pad)
"""


def _prefix(body: str = PREFIX_BODY) -> str:
    return _cell(_function(PREFIX, body), PREFIX_TAIL)


_right(
    "prefix_loss",
    "the library's labels",
    _prefix("""
x = torch.cat([prefix, gpt.transformer.wte(ids)], dim=1)
labels = torch.cat([torch.full(prefix.shape[:2], -100), torch.where(ids == pad, -100, ids)], dim=1)
return gpt(inputs_embeds=x, labels=labels).loss
"""),
)
_right(
    "prefix_loss",
    "one place at a time",
    _prefix("""
x = torch.cat([prefix, gpt.get_input_embeddings()(ids)], dim=1)
logp = gpt(inputs_embeds=x).logits.log_softmax(-1)
total, count = 0.0, 0
for t in range(ids.shape[1]):
    real = ids[:, t] != pad
    total = total - logp[real, prefix.shape[1] + t - 1, ids[real, t]].sum()
    count = count + real.sum()
return total / count
"""),
)
_wrong(
    "prefix_loss",
    "off by one",
    _prefix(PREFIX_BODY.replace("prefix.shape[1] - 1 : -1", "prefix.shape[1] :")),
    "reads the scores one place late",
)
_wrong(
    "prefix_loss",
    "the first word for nothing",
    _prefix(
        PREFIX_BODY.replace("prefix.shape[1] - 1 : -1", "prefix.shape[1] : -1").replace(
            "scores.transpose(1, 2), ids,", "scores.transpose(1, 2), ids[:, 1:],"
        )
    ),
    "does not charge the first word",
)
_wrong("prefix_loss", "padding counts", _prefix(PREFIX_BODY.replace(", ignore_index=pad", "")), "pays for padding")
_wrong(
    "prefix_loss",
    "no prefix",
    _prefix("""
scores = gpt(input_ids=ids).logits + 0 * prefix.sum()
return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=pad)
"""),
    "leaves the prefix out",
)
_wrong(
    "prefix_loss",
    "detached",
    _prefix(PREFIX_BODY.replace("torch.cat([prefix,", "torch.cat([prefix.detach() + 0 * prefix,")),
    "cuts the gradient to the map",
)
_wrong(
    "prefix_loss",
    "four tokens for ever",
    _prefix(PREFIX_BODY.replace("prefix.shape[1] - 1 : -1", "3 : 3 + ids.shape[1]")),
    "takes every prefix for one of four tokens",
    visible_passes=True,
)
_wrong(
    "prefix_loss",
    "padding is 0",
    _prefix(PREFIX_BODY.replace("ignore_index=pad", "ignore_index=0")),
    "ignores `pad`",
    visible_passes=True,
)

# --- 7 bleu ---------------------------------------------------------------------------------------------------------

BLEU = "def bleu(candidates, references, n=4):"
BLEU_TAIL = """
with needs("bleu"):
    judged = caption_lab.told(48, 2, seed=29)
    judged_captions = caption_lab.captions(captioner, caption_lab.pictures(judged))
    judged_references = [scene.captions(4, seed=i) for i, scene in enumerate(judged)]
    my_bleu = bleu(judged_captions, judged_references)
"""
BLEU_BODY = """
def grams(text, size):
    words = text.split()
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))

ours = theirs = 0
hits, total = [0] * n, [0] * n
for candidate, some in zip(candidates, references):
    length = len(candidate.split())
    ours += length
    theirs += min((len(r.split()) for r in some), key=lambda other: (abs(other - length), other))
    for k in range(n):
        count, most = grams(candidate, k + 1), Counter()
        for reference in some:
            most |= grams(reference, k + 1)
        hits[k] += (count & most).total()
        total[k] += count.total()
if min(hits) == 0:
    return 0.0
brevity = min(1.0, float(np.exp(1 - theirs / ours)))
return 100 * brevity * float(np.exp(np.mean([np.log(h / t) for h, t in zip(hits, total)])))
"""


def _bleu(body: str = BLEU_BODY) -> str:
    return _cell(_function(BLEU, body), BLEU_TAIL)


_right(
    "bleu",
    "plain dicts",
    _bleu("""
import math

def count(words, k):
    seen = {}
    for i in range(len(words) - k + 1):
        seen[" ".join(words[i : i + k])] = seen.get(" ".join(words[i : i + k]), 0) + 1
    return seen

c = r = 0
log = 0.0
for text, refs in zip(candidates, references):
    long = len(text.split())
    c += long
    lengths = sorted(len(x.split()) for x in refs)
    r += sorted(lengths, key=lambda x: abs(x - long))[0]
for k in range(1, n + 1):
    hit = all_ = 0
    for text, refs in zip(candidates, references):
        mine = count(text.split(), k)
        theirs = [count(x.split(), k) for x in refs]
        all_ += sum(mine.values())
        hit += sum(min(m, max(t.get(g, 0) for t in theirs)) for g, m in mine.items())
    if hit == 0:
        return 0.0
    log += math.log(hit / all_) / n
return 100 * math.exp(log) * (1 if c > r else math.exp(1 - r / c))
"""),
)
_right(
    "bleu",
    "sacrebleu itself",
    _bleu("""
from sacrebleu.metrics import BLEU

most = max(map(len, references))
streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
scorer = BLEU(tokenize="none", smooth_method="none", max_ngram_order=n, force=True)
return scorer.corpus_score(candidates, streams).score
"""),
)
_wrong("bleu", "no brevity", _bleu(BLEU_BODY.replace("100 * brevity *", "100 *")), "forgets the brevity penalty")
_wrong(
    "bleu",
    "arithmetic",
    _bleu(
        BLEU_BODY.replace(
            "float(np.exp(np.mean([np.log(h / t) for h, t in zip(hits, total)])))",
            "float(np.mean([h / t for h, t in zip(hits, total)]))",
        )
    ),
    "takes the arithmetic mean",
)
_wrong(
    "bleu",
    "unclipped",
    _bleu(BLEU_BODY.replace("(count & most).total()", "sum(c for gram, c in count.items() if gram in most)")),
    "does not clip: in this world's captions an article repeated more often than in a reference is paid for",
)
_wrong(
    "bleu",
    "first reference",
    _bleu(BLEU_BODY.replace("for reference in some:", "for reference in some[:1]:")),
    "one reference only",
)
_wrong(
    "bleu",
    "always the shortest",
    _bleu(
        BLEU_BODY.replace(
            "min((len(r.split()) for r in some), key=lambda other: (abs(other - length), other))",
            "min(len(r.split()) for r in some)",
        )
    ),
    "r is the shortest reference's length",
)
_wrong(
    "bleu",
    "mean of sentences",
    _cell(
        _function("def _corpus(candidates, references, n=4):", BLEU_BODY),
        _function(BLEU, "return float(np.mean([_corpus([c], [r], n) for c, r in zip(candidates, references)]))"),
        BLEU_TAIL,
    ),
    "averages sentence scores",
)
_wrong("bleu", "in [0, 1]", _bleu(BLEU_BODY.replace("return 100 * brevity", "return brevity")), "in [0, 1]")
_wrong(
    "bleu",
    "references added up",
    _bleu(BLEU_BODY.replace("most |= grams", "most += grams")),
    "sums the references' counts instead of taking the largest",
)
_wrong(
    "bleu",
    "of ties the longer",
    _bleu(BLEU_BODY.replace("(abs(other - length), other)", "(abs(other - length), -other)")),
    "of two lengths as close takes the longer",
)
_wrong(
    "bleu",
    "four for ever",
    _bleu("n = 4\n" + BLEU_BODY.lstrip("\n")),
    "ignores n",
    visible_passes=True,
)
_wrong(
    "bleu",
    "nothing raises",
    _bleu(
        BLEU_BODY.replace("if min(hits) == 0:\n    return 0.0\n", "import math\n").replace(
            "np.log(h / t)", "math.log(h / t)"
        )
    ),
    "takes the logarithm of 0 where no n-gram is shared",
    visible_passes=True,
)

# --- 7 consensus ----------------------------------------------------------------------------------------------------

ROUGE = """
def rouge_l(candidate, references):
    def longest(a, b):
        table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
        return int(table[-1, -1])

    words = candidate.split()
    return max(2 * longest(words, r.split()) / (len(words) + len(r.split())) for r in references)
"""
CIDER = """
def cider(candidates, references):
    def grams(text, size):
        words = text.split()
        return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))

    def cosine(a, b):
        long = sum(x * x for x in a.values()) * sum(x * x for x in b.values())
        return sum(x * b.get(key, 0.0) for key, x in a.items()) / long**0.5 if long > 0 else 0.0

    scores = [0.0] * len(candidates)
    for size in range(1, 5):
        told = [[grams(r, size) for r in some] for some in references]
        there = Counter(gram for some in told for gram in set().union(*some))
        weigh = lambda count: {g: h * np.log(len(candidates) / max(1, there[g])) for g, h in count.items()}
        for i, candidate in enumerate(candidates):
            mine = weigh(grams(candidate, size))
            scores[i] += 10 / 4 * float(np.mean([cosine(mine, weigh(count)) for count in told[i]]))
    return scores
"""


def _consensus(rouge: str = ROUGE, cider: str = CIDER) -> str:
    return _cell(rouge, cider)


_right(
    "consensus",
    "recursion and vectors",
    _consensus(
        """
def rouge_l(candidate, references):
    from functools import lru_cache

    def shared(a, b):
        @lru_cache(None)
        def go(i, j):
            if i == len(a) or j == len(b):
                return 0
            return 1 + go(i + 1, j + 1) if a[i] == b[j] else max(go(i + 1, j), go(i, j + 1))

        return go(0, 0)

    best = 0.0
    for reference in references:
        a, b = candidate.split(), reference.split()
        n = shared(a, b)
        if n:
            p, r = n / len(a), n / len(b)
            best = max(best, 2 * p * r / (p + r))
    return best
""",
        """
def cider(candidates, references):
    m = len(candidates)
    out = np.zeros(m)
    for n in (1, 2, 3, 4):
        cut = lambda text: [" ".join(text.split()[i : i + n]) for i in range(len(text.split()) - n + 1)]
        words = sorted({g for some in [*references, candidates] for text in some for g in cut(text)})
        if not words:
            continue
        place = {g: i for i, g in enumerate(words)}
        df = np.zeros(len(words))
        for some in references:
            for g in {g for text in some for g in cut(text)}:
                df[place[g]] += 1
        idf = np.log(m) - np.log(np.maximum(df, 1))

        def vector(text):
            v = np.zeros(len(words))
            for g in cut(text):
                v[place[g]] += 1 / max(len(cut(text)), 1)
            return v * idf

        for i in range(m):
            a = vector(candidates[i])
            sims = []
            for text in references[i]:
                b = vector(text)
                norm = np.linalg.norm(a) * np.linalg.norm(b)
                sims.append(a @ b / norm if norm > 1e-12 else 0.0)
            out[i] += np.mean(sims)
    return (out / 4 * 10).tolist()
""",
    ),
)
_right(
    "consensus",
    "an array of scores",
    _consensus(cider=CIDER.replace("return scores", "return np.array(scores)")),
)
_wrong(
    "consensus",
    "the mean reference",
    _consensus(
        ROUGE.replace("return max(", "return float(np.mean([").replace("for r in references)", "for r in references]))")
    ),
    "averages over references",
)
_wrong(
    "consensus",
    "recall",
    _consensus(
        ROUGE.replace(
            "2 * longest(words, r.split()) / (len(words) + len(r.split()))",
            "longest(words, r.split()) / len(r.split())",
        )
    ),
    "recall alone",
)
_wrong(
    "consensus",
    "a bag of words",
    _consensus(ROUGE.replace("longest(words, r.split()) /", "(Counter(words) & Counter(r.split())).total() /")),
    "ignores the order",
)
_wrong("consensus", "not times ten", _consensus(cider=CIDER.replace("10 / 4", "1 / 4")), "forgets the 10")
_wrong(
    "consensus",
    "no weights",
    _consensus(cider=CIDER.replace("h * np.log(len(candidates) / max(1, there[g]))", "float(h)")),
    "no idf",
)
_wrong(
    "consensus",
    "counted in references",
    _consensus(cider=CIDER.replace("set().union(*some)", "[g for one in some for g in one]")),
    "counts references instead of pictures",
)
_wrong(
    "consensus",
    "counted in references, both",
    _consensus(
        cider=CIDER.replace("set().union(*some)", "[g for one in some for g in one]").replace(
            "np.log(len(candidates) /", "np.log(sum(map(len, references)) /"
        )
    ),
    "counts references instead of pictures, in both places",
)
_wrong(
    "consensus",
    "the best reference",
    _consensus(cider=CIDER.replace("float(np.mean([cosine", "float(max([cosine")),
    "takes the best reference, not their mean",
)
_wrong(
    "consensus",
    "the contiguous run",
    _consensus(
        ROUGE.replace("else max(table[i, j + 1], table[i + 1, j])", "else 0").replace(
            "int(table[-1, -1])", "int(table.max())"
        )
    ),
    "the longest run of words without gaps",
)
_wrong(
    "consensus",
    "nan where nothing tells",
    _consensus(cider=CIDER.replace(" if long > 0 else 0.0", "").replace("long**0.5", "np.float64(long) ** 0.5")),
    "divides by the length of a zero vector",
    visible_passes=True,
)
_wrong(
    "consensus",
    "three references for ever",
    _consensus(
        cider=CIDER.replace("for count in told[i]", "for count in (told[i] * 3)[:3]")
        .replace("float(np.mean([", "float(sum([")
        .replace("(told[i] * 3)[:3]]))", "told[i]]) / 3)")
    ),
    "takes every picture to have three references",
    visible_passes=True,
)

# --- 8 word_maps ----------------------------------------------------------------------------------------------------

MAPS = "def word_maps(weights):"
MAPS_TAIL = """
with needs("word_maps"):
    watched = caption_lab.told(1, 2, seed=33)[0]
    watched_words, watched_weights = caption_lab.looks(captioner, watched.render(), watched.caption())
    my_maps = word_maps(watched_weights)
"""
MAPS_BODY = """
mean = torch.stack(list(weights)).mean(dim=(0, 1))[:-1, 1:]
mean = mean / mean.sum(dim=1, keepdim=True)
side = round(mean.shape[1] ** 0.5)
return mean.reshape(-1, side, side)
"""


def _maps(body: str = MAPS_BODY) -> str:
    return _cell(_function(MAPS, body), MAPS_TAIL)


_right(
    "word_maps",
    "sums and a loop",
    _maps("""
total = sum(w.sum(0) for w in weights)
out = []
for row in total[: len(total) - 1]:
    patches = row[1:]
    g = int(len(patches) ** 0.5 + 0.5)
    out.append((patches / patches.sum()).view(g, g))
return torch.stack(out)
"""),
)
_right(
    "word_maps",
    "NumPy",
    _maps("""
mean = np.stack([w.numpy() for w in weights]).mean((0, 1))[:-1, 1:]
g = int(round(np.sqrt(mean.shape[-1])))
maps = mean.reshape(len(mean), g, g)
return torch.from_numpy(maps / maps.sum((1, 2), keepdims=True))
"""),
)
_wrong("word_maps", "the step that reads", _maps(MAPS_BODY.replace("[:-1, 1:]", "[1:, 1:]")), "shifted by one word")
_wrong("word_maps", "all steps", _maps(MAPS_BODY.replace("[:-1, 1:]", "[:, 1:]")), "keeps the last step")
_wrong(
    "word_maps", "the last column left out", _maps(MAPS_BODY.replace("[:-1, 1:]", "[:-1, :-1]")), "drops the last patch"
)
_wrong(
    "word_maps",
    "not scaled",
    _maps(MAPS_BODY.replace("mean = mean / mean.sum(dim=1, keepdim=True)\n", "")),
    "sums below 1",
)
_wrong(
    "word_maps",
    "turned",
    _maps(MAPS_BODY.replace("reshape(-1, side, side)", "reshape(-1, side, side).mT")),
    "turned over",
)
_wrong(
    "word_maps",
    "last layer",
    _maps(MAPS_BODY.replace("torch.stack(list(weights)).mean(dim=(0, 1))", "weights[-1].mean(0)")),
    "one layer",
)
_wrong(
    "word_maps",
    "a grid of four",
    _maps(MAPS_BODY.replace("side = round(mean.shape[1] ** 0.5)", "side = 4")),
    "takes every grid for one of 4 x 4",
    visible_passes=True,
)
_wrong(
    "word_maps",
    "written into the weights",
    _maps("""
total = weights[0]
for w in weights[1:]:
    total += w
mean = total.mean(0)[:-1, 1:]
side = round(mean.shape[1] ** 0.5)
return (mean / mean.sum(dim=1, keepdim=True)).reshape(-1, side, side)
"""),
    "adds the layers into the caller's first one",
    visible_passes=True,
)

# --- 9 fine_tune ----------------------------------------------------------------------------------------------------

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
    return _cell(_function(TUNE, body), TUNE_TAIL)


_right(
    "fine_tune",
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
_right(
    "fine_tune",
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
_wrong(
    "fine_tune",
    "no zero_grad",
    _tune(TUNE_BODY.replace("    optimiser.zero_grad()\n", "")),
    "gradients add up",
)
_wrong(
    "fine_tune", "no replay", _tune(TUNE_BODY.replace("again = round(replay * batch)", "again = 0")), "ignores replay"
)
_wrong(
    "fine_tune",
    "parts exchanged",
    _tune(TUNE_BODY.replace("again = round(replay * batch)", "again = batch - round(replay * batch)")),
    "replay is the part of new examples",
)
_wrong(
    "fine_tune",
    "one batch for ever",
    _tune(
        TUNE_BODY.replace("for _ in range(steps):\n    examples =", "examples =").replace(
            "    loss = loss_of", "for _ in range(steps):\n    loss = loss_of"
        )
    ),
    "draws one batch before the loop",
)
_wrong("fine_tune", "asleep", _tune(TUNE_BODY.replace("model.train()", "model.eval()")), "learns in evaluation mode")
_wrong("fine_tune", "no step", _tune(TUNE_BODY.replace("    optimiser.step()\n", "")), "never takes a step")
_wrong(
    "fine_tune",
    "plain descent",
    _tune(
        TUNE_BODY.replace(
            "torch.optim.AdamW(model.parameters(), lr=rate)", "torch.optim.SGD(model.parameters(), lr=rate)"
        )
    ),
    "uses SGD",
    visible_passes=True,
)
_wrong(
    "fine_tune",
    "the seed ignored",
    _tune(TUNE_BODY.replace("random.Random(seed)", "random.Random()")),
    "every run draws other batches",
)
_wrong(
    "fine_tune",
    "the global generator",
    _tune(TUNE_BODY.replace("rng, losses = random.Random(seed), []", "rng, losses = random, []")),
    "draws from the global generator, which nobody seeds",
)
_wrong(
    "fine_tune",
    "a seed of its own",
    _tune(TUNE_BODY.replace("random.Random(seed)", "random.Random(0)")),
    "draws the same whatever the seed",
)
_wrong(
    "fine_tune",
    "a rate of its own",
    _tune(TUNE_BODY.replace("lr=rate", "lr=0.05")),
    "ignores `rate`",
    visible_passes=True,
)
