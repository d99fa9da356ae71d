# CROSSMODAL-RUBRIC: must never reach students
"""Answers of week 5 whose verdict is known: right in other ways than ours, and wrong in ways that real students are."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers()
_right, _wrong = ANSWERS.right, ANSWERS.wrong


def _cell(*parts: str) -> str:
    """The source of an answer cell."""
    return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"


# --- 1 sequence -----------------------------------------------------------------------------------------------------

JOIN = """
def join(parts, modality, positions):
    tokens = [part + modality[i] + positions[: part.shape[1]] for i, part in enumerate(parts)]
    segments = [torch.full((part.shape[1],), i) for i, part in enumerate(parts)]
    return torch.cat(tokens, dim=1), torch.cat(segments)
"""
_right(
    "sequence",
    "loops over tokens",
    _cell(
        """
def join(parts, modality, positions):
    rows, kinds = [], []
    for i in range(len(parts)):
        for j in range(parts[i].shape[1]):
            rows.append(parts[i][:, j] + positions[j] + modality[i])
            kinds.append(i)
    return torch.stack(rows, 1), torch.tensor(kinds)
"""
    ),
)
_right(
    "sequence",
    "repeat_interleave",
    _cell(
        """
def join(parts, modality, positions):
    lengths = torch.tensor([p.size(1) for p in parts])
    segments = torch.arange(len(parts)).repeat_interleave(lengths)
    places = torch.cat([torch.arange(n) for n in lengths.tolist()])
    return torch.cat(list(parts), 1) + modality[segments] + positions[places], segments
"""
    ),
)
_wrong(
    "sequence",
    "positions run on",
    _cell(
        """
def join(parts, modality, positions):
    segments = torch.cat([torch.full((p.shape[1],), i) for i, p in enumerate(parts)])
    return torch.cat(parts, 1) + modality[segments] + positions[: len(segments)], segments
"""
    ),
    "counts positions over the whole sequence",
)
_wrong("sequence", "no modality", _cell(swap(JOIN, (" + modality[i]", ""))), "forgets the modality vectors")
_wrong("sequence", "no positions", _cell(swap(JOIN, (" + positions[: part.shape[1]]", ""))), "forgets the positions")
_wrong("sequence", "segments from one", _cell(swap(JOIN, ("), i)", "), i + 1)"))), "counts the parts from 1")
_wrong(
    "sequence",
    "three parts",
    _cell(
        """
def join(parts, modality, positions):
    first, second, third = parts
    out = [p + modality[i] + positions[: p.shape[1]] for i, p in enumerate((first, second, third))]
    segments = [torch.full((p.shape[1],), i) for i, p in enumerate(parts)]
    return torch.cat(out, dim=1), torch.cat(segments)
"""
    ),
    "takes it that there are always three modalities",
    visible_passes=True,
)
_wrong(
    "sequence",
    "writes into the parts",
    _cell(
        """
def join(parts, modality, positions):
    for i, part in enumerate(parts):
        part += modality[i] + positions[: part.shape[1]]
    segments = [torch.full((p.shape[1],), i) for i, p in enumerate(parts)]
    return torch.cat(parts, dim=1), torch.cat(segments)
"""
    ),
    "changes its arguments",
    visible_passes=True,
)

# --- 2 fusion -------------------------------------------------------------------------------------------------------

LATE = """
def late(scores, there):
    kept = scores.masked_fill(~there[..., None], 0)
    return kept.sum(dim=1) / there.sum(dim=1, keepdim=True).clamp(min=1)
"""
CROSS = """
def cross(asking, asked, query, key, value, there):
    scores = (asking @ query) @ (asked @ key).transpose(1, 2) / asking.shape[-1] ** 0.5
    weights = scores.masked_fill(~there[:, None], -torch.inf).softmax(dim=-1).nan_to_num(0.0)
    return asking + weights @ (asked @ value)
"""
_right(
    "fusion",
    "where and the library's attention",
    _cell(
        """
def late(scores, there):
    kept = torch.where(there[:, :, None], scores, torch.zeros_like(scores))
    return kept.sum(1) / torch.maximum(there.sum(1), torch.tensor(1))[:, None]
""",
        """
def cross(asking, asked, query, key, value, there):
    looked = F.scaled_dot_product_attention(asking @ query, asked @ key, asked @ value, attn_mask=there[:, None, :])
    return asking + torch.where(there.any(1)[:, None, None], looked, torch.zeros_like(looked))
""",
    ),
)
_right(
    "fusion",
    "row by row",
    _cell(
        """
def late(scores, there):
    rows = [s[t].mean(0) if t.any() else torch.zeros(s.shape[-1]) for s, t in zip(scores, there)]
    return torch.stack(rows)
""",
        """
def cross(asking, asked, query, key, value, there):
    out = asking.clone()
    for i in range(len(asking)):
        y = asked[i][there[i]]
        if len(y):
            weights = torch.softmax((asking[i] @ query) @ (y @ key).T / asking.shape[-1] ** 0.5, dim=-1)
            out[i] = asking[i] + weights @ (y @ value)
    return out
""",
    ),
)
_wrong(
    "fusion",
    "divides by all",
    _cell(swap(LATE, ("there.sum(dim=1, keepdim=True).clamp(min=1)", "3")), CROSS),
    "divides by all modalities",
)
_wrong(
    "fusion",
    "everybody votes",
    _cell("def late(scores, there):\n    return scores.mean(dim=1)", CROSS),
    "lets missing modalities vote",
)
_wrong(
    "fusion",
    "no residual",
    _cell(LATE, swap(CROSS, ("return asking + ", "return "))),
    "forgets the residual connection",
)
_wrong(
    "fusion",
    "no scale",
    _cell(LATE, swap(CROSS, (" / asking.shape[-1] ** 0.5", ""))),
    "does not divide by the root of d",
)
_wrong(
    "fusion",
    "nan where nobody is",
    _cell(swap(LATE, (".clamp(min=1)", "")), CROSS),
    "divides by zero where no modality is there",
    visible_passes=True,
)
_wrong(
    "fusion",
    "closed after the softmax",
    _cell(
        LATE,
        """
def cross(asking, asked, query, key, value, there):
    scores = (asking @ query) @ (asked @ key).transpose(1, 2) / asking.shape[-1] ** 0.5
    return asking + (scores.softmax(dim=-1) * there[:, None]) @ (asked @ value)
""",
    ),
    "closes missing tokens after the softmax",
    visible_passes=True,
)
_wrong(
    "fusion",
    "the mask is forgotten",
    _cell(LATE, swap(CROSS, (".masked_fill(~there[:, None], -torch.inf)", ""))),
    "asks missing tokens too",
    visible_passes=True,
)

# --- 3 modality_dropout ---------------------------------------------------------------------------------------------

DROP = """
def drop_modalities(there, rates, seed):
    generator = torch.Generator().manual_seed(seed)
    kept = there & (torch.rand(there.shape, generator=generator) >= rates)
    return torch.where(kept.any(dim=1, keepdim=True), kept, there)
"""
BELIEVED = """
def believed(said, first, second):
    torn = [(s, a, b) for s, a, b in zip(said, first, second) if a != b]
    if not torn:
        return 0.0, 0.0
    return sum(s == a for s, a, _ in torn) / len(torn), sum(s == b for s, _, b in torn) / len(torn)
"""
_right(
    "modality_dropout",
    "bernoulli and a loop",
    _cell(
        """
def drop_modalities(there, rates, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    out = there.clone()
    for i in range(there.shape[1]):
        gone = torch.bernoulli(torch.full((len(there),), float(rates[i])), generator=g).bool()
        out[:, i] &= ~gone
    empty = ~out.any(1)
    out[empty] = there[empty]
    return out
""",
        """
def believed(said, first, second):
    n = a = b = 0
    for s, x, y in zip(said, first, second):
        if x != y:
            n, a, b = n + 1, a + (s == x), b + (s == y)
    return (a / n, b / n) if n else (0.0, 0.0)
""",
    ),
)
_right(
    "modality_dropout",
    "one forked generator",
    _cell(
        """
def drop_modalities(there, rates, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stays = torch.rand(there.shape) > rates.expand(there.shape)
    kept = stays & there
    return kept | (~kept.any(1, keepdim=True) & there)
""",
        BELIEVED,
    ),
)
_wrong(
    "modality_dropout",
    "rates of staying",
    _cell(swap(DROP, (">= rates", "< rates")), BELIEVED),
    "takes a rate for how likely a modality stays",
)
_wrong(
    "modality_dropout",
    "comes back",
    _cell(swap(DROP, ("kept = there & (", "kept = (")), BELIEVED),
    "brings missing modalities back",
)
_wrong(
    "modality_dropout",
    "no seed",
    _cell(swap(DROP, (".manual_seed(seed)", "")), BELIEVED).replace(
        "generator = torch.Generator()", "generator = None"
    ),
    "ignores the seed",
)
_wrong(
    "modality_dropout",
    "counts agreement too",
    _cell(DROP, swap(BELIEVED, (" if a != b]", "]"))),
    "counts places where both say the same",
)
_wrong(
    "modality_dropout",
    "a row may lose all",
    _cell(swap(DROP, ("return torch.where(kept.any(dim=1, keepdim=True), kept, there)", "return kept")), BELIEVED),
    "leaves rows with nothing",
    visible_passes=True,
)
_wrong(
    "modality_dropout",
    "one draw for all",
    _cell(
        swap(
            DROP, ("torch.rand(there.shape, generator=generator)", "torch.rand((len(there), 1), generator=generator)")
        ),
        BELIEVED,
    ),
    "draws once a row for all modalities",
    visible_passes=True,
)
_wrong(
    "modality_dropout",
    "the same for every row",
    _cell(
        swap(DROP, ("torch.rand(there.shape, generator=generator)", "torch.rand(there.shape[1], generator=generator)")),
        BELIEVED,
    ),
    "draws once for the whole batch",
    visible_passes=True,
)

# --- 4 splice -------------------------------------------------------------------------------------------------------

PROJECT = """
def project(features, first, first_bias, second, second_bias):
    return F.gelu(features @ first.T + first_bias) @ second.T + second_bias
"""
SPLICE = """
def splice(words, ids, image, patches):
    places = ids == image
    if not (places.sum(dim=1) == patches.shape[1]).all():
        raise ValueError("placeholders and patches differ in number")
    spliced = words.clone()
    spliced[places] = patches.flatten(0, 1)
    return spliced
"""
SPLICE_TAIL = """
with needs("splice"):
    asked = fusion_lab.inputs(llava, opening[0], "what colour is the star?")
    with torch.no_grad():
        seen = project(asked.features, *asked.projector)
        spliced = splice(asked.words, asked.ids, asked.image, seen)
        my_logits = fusion_lab.read(llava, spliced)
"""
_right(
    "splice",
    "masked_scatter",
    _cell(
        """
def project(features, first, first_bias, second, second_bias):
    inner = torch.nn.functional.linear(features, first, first_bias)
    inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
    return torch.einsum("npd,ed->npe", inner, second) + second_bias
""",
        """
def splice(words, ids, image, patches):
    mask = ids == image
    if mask.sum(1).ne(patches.shape[1]).any():
        raise ValueError("count")
    return words.masked_scatter(mask[..., None], patches)
""",
        SPLICE_TAIL,
    ),
)
_right(
    "splice",
    "row by row",
    _cell(
        PROJECT,
        """
def splice(words, ids, image, patches):
    rows = []
    for word, token, patch in zip(words, ids, patches):
        places = (token == image).nonzero()[:, 0]
        if len(places) != len(patch):
            raise ValueError(f"{len(places)} placeholders, {len(patch)} patches")
        rows.append(word.index_copy(0, places, patch))
    return torch.stack(rows)
""",
        SPLICE_TAIL,
    ),
)
_wrong(
    "splice", "relu", _cell(swap(PROJECT, ("F.gelu", "F.relu")), SPLICE, SPLICE_TAIL), "puts ReLU where GELU belongs"
)
_wrong(
    "splice",
    "tanh gelu",
    _cell(swap(PROJECT, ("+ first_bias)", '+ first_bias, approximate="tanh")')), SPLICE, SPLICE_TAIL),
    "takes the approximation of GELU",
)
_wrong(
    "splice",
    "adds",
    _cell(PROJECT, swap(SPLICE, ("spliced[places] =", "spliced[places] +=")), SPLICE_TAIL),
    "adds patches to the placeholders' embeddings",
)
_wrong(
    "splice",
    "writes into words",
    _cell(PROJECT, swap(SPLICE, ("words.clone()", "words")), SPLICE_TAIL),
    "changes its argument",
)
_wrong(
    "splice",
    "one row's places for all",
    _cell(
        PROJECT,
        """
def splice(words, ids, image, patches):
    places = ids == image
    if not (places.sum(dim=1) == patches.shape[1]).all():
        raise ValueError("placeholders and patches differ in number")
    out = words.clone()
    for i in range(len(ids)):
        start = int(places[i].nonzero()[0])
        out[i, start : start + patches.shape[1]] = patches[i]
    return out
""",
        SPLICE_TAIL,
    ),
    "takes it that placeholders stand side by side",
    visible_passes=True,
)
_wrong(
    "splice",
    "no error",
    _cell(
        PROJECT,
        """
def splice(words, ids, image, patches):
    return words.masked_scatter((ids == image)[..., None], patches)
""",
        SPLICE_TAIL,
    ),
    "says nothing where a row has too few placeholders",
    visible_passes=True,
)
_wrong(
    "splice",
    "counts the batch",
    _cell(
        PROJECT,
        swap(
            SPLICE,
            ("(places.sum(dim=1) == patches.shape[1]).all()", "places.sum() == patches.shape[0] * patches.shape[1]"),
        ),
        SPLICE_TAIL,
    ),
    "counts placeholders over the batch, not in each row",
    visible_passes=True,
)

# --- 4 answer_labels ------------------------------------------------------------------------------------------------

LABELS = """
def answer_labels(ids, assistant, end):
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(ids.tolist()):
        speaking = False
        for j, token in enumerate(row):
            if speaking:
                labels[i, j] = token
                speaking = token != end
            elif token == assistant:
                speaking = True
    return labels
"""
_right(
    "answer_labels",
    "by counting",
    _cell(
        """
def answer_labels(ids, assistant, end):
    opened = (ids == assistant).cumsum(1) - (ids == assistant).int()
    closed = (ids == end).cumsum(1) - (ids == end).int()
    # what closes nothing must not count: compare with the last mark before each token
    places = torch.arange(ids.shape[1]).expand_as(ids)
    def last(mark):
        at = torch.where(ids == mark, places, -1)
        return torch.cat([torch.full((len(ids), 1), -1), at.cummax(1).values[:, :-1]], 1)
    return torch.where(last(assistant) > last(end), ids, -100)
"""
    ),
)
_right(
    "answer_labels",
    "index by index",
    _cell(
        """
def answer_labels(ids, assistant, end):
    out = []
    for row in ids.tolist():
        labels, i = [-100] * len(row), 0
        while i < len(row):
            if row[i] == assistant:
                stop = row.index(end, i + 1) + 1 if end in row[i + 1 :] else len(row)
                labels[i + 1 : stop] = row[i + 1 : stop]
                i = stop
            else:
                i += 1
        out.append(labels)
    return torch.tensor(out)
"""
    ),
)
_wrong(
    "answer_labels",
    "no end",
    _cell(
        swap(
            LABELS,
            (
                "                labels[i, j] = token\n                speaking = token != end",
                "                speaking = token != end\n"
                "                if speaking:\n                    labels[i, j] = token",
            ),
        )
    ),
    "leaves the end out",
)
_wrong(
    "answer_labels",
    "opens too",
    _cell(
        swap(
            LABELS,
            (
                "                speaking = True",
                "                speaking = True\n                labels[i, j] = token",
            ),
        )
    ),
    "learns the opening token too",
)
_wrong(
    "answer_labels",
    "everything",
    _cell("def answer_labels(ids, assistant, end):\n    return ids.clone()"),
    "learns everything",
)
_wrong(
    "answer_labels",
    "shifted",
    _cell(
        swap(
            LABELS,
            ("    return labels", "    return torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], 1)"),
        )
    ),
    "shifts, which the library does itself",
)
_wrong(
    "answer_labels",
    "known marks",
    _cell(swap(swap(LABELS, ("token != end", "token != 4")), ("token == assistant", "token == 3"))),
    "has the marks' ids built in",
    visible_passes=True,
)
_wrong(
    "answer_labels",
    "only closed answers",
    _cell(
        """
def answer_labels(ids, assistant, end):
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(ids.tolist()):
        start = None
        for j, token in enumerate(row):
            if start is not None and token == end:
                labels[i, start : j + 1] = ids[i, start : j + 1]
                start = None
            elif token == assistant and start is None:
                start = j + 1
    return labels
"""
    ),
    "drops an answer that is never closed",
    visible_passes=True,
)

# --- 5 stage_one ----------------------------------------------------------------------------------------------------

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
_right(
    "stage_one",
    "only the optimiser knows",
    _cell(
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
_right(
    "stage_one",
    "gradients asked for by name",
    _cell(
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
_wrong(
    "stage_one",
    "everything learns",
    _cell(
        swap(swap(STAGE, ("    model.requires_grad_(False)\n", "")), ("connector.parameters()", "model.parameters()")),
        STAGE_TAIL,
    ),
    "trains the towers too",
)
_wrong("stage_one", "no step", _cell(swap(STAGE, ("        optimiser.step()\n", "")), STAGE_TAIL), "never takes a step")
_wrong(
    "stage_one",
    "losses that are tensors",
    _cell(swap(STAGE, ("losses.append(loss.item())", "losses.append(loss.detach())")), STAGE_TAIL),
    "returns tensors, not floats",
    visible_passes=True,
)
_wrong(
    "stage_one",
    "a rate of its own",
    _cell(swap(STAGE, ("lr=rate", "lr=2e-3")), STAGE_TAIL),
    "learns at the same rate whatever it is told",
)
_wrong(
    "stage_one",
    "one batch",
    _cell(swap(STAGE, ("for batch in batches:", "for batch in batches[:1]:")), STAGE_TAIL),
    "stops after a batch",
)
_wrong(
    "stage_one",
    "asks twice",
    _cell(swap(STAGE, ("losses.append(loss.item())", "losses.append(model(**batch).loss.item())")), STAGE_TAIL),
    "asks for the loss twice a step",
)
_wrong(
    "stage_one",
    "gradients add up",
    _cell(swap(STAGE, ("        optimiser.zero_grad()\n", "")), STAGE_TAIL),
    "never clears the gradients",
)
_wrong(
    "stage_one",
    "weight decay",
    _cell(swap(STAGE, (", weight_decay=0.0", ", weight_decay=0.5")), STAGE_TAIL),
    "lets the weights decay",
)
_wrong(
    "stage_one",
    "plain descent",
    _cell(
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
)

# --- 6 resample -----------------------------------------------------------------------------------------------------

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
_right(
    "resample",
    "latents first",
    _cell(
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
_right(
    "resample",
    "head by head",
    _cell(
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
_wrong(
    "resample",
    "no residual",
    _cell(swap(RESAMPLE, ("return latents + mixed", "return mixed"))),
    "forgets the residual connection",
)
_wrong(
    "resample",
    "patches alone",
    _cell(swap(RESAMPLE, ("torch.cat([seen, asking], dim=1)", "seen"))),
    "lets the latents ask the patches alone",
)
_wrong(
    "resample",
    "normed residual",
    _cell(swap(RESAMPLE, ("return latents + mixed", "return asking + mixed"))),
    "adds the normed latents",
)
_wrong(
    "resample",
    "scaled by the width",
    _cell(swap(RESAMPLE, ("q.shape[-1] ** 0.5", "d ** 0.5"))),
    "divides by the root of the whole width",
)
_wrong(
    "resample",
    "one norm",
    _cell(swap(RESAMPLE, ('weights["patches_norm"]', 'weights["latents_norm"]'))),
    "has one norm for both",
)
_wrong(
    "resample",
    "four heads",
    _cell(swap(RESAMPLE, ("(heads, -1)", "(4, -1)"))),
    "has the number of heads built in",
    visible_passes=True,
)

# --- 6 gated --------------------------------------------------------------------------------------------------------

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
_right(
    "gated",
    "the library's attention",
    _cell(
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
_right(
    "gated",
    "word by word",
    _cell(
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
_wrong(
    "gated", "gate without tanh", _cell(LAST, swap(GATED, ("torch.tanh(alpha)", "alpha"))), "multiplies by alpha itself"
)
_wrong(
    "gated",
    "sigmoid gate",
    _cell(LAST, swap(GATED, ("torch.tanh(alpha)", "torch.sigmoid(alpha)"))),
    "is half open at 0",
)
_wrong(
    "gated", "no residual", _cell(LAST, swap(GATED, ("return words + ", "return "))), "forgets the residual connection"
)
_wrong(
    "gated",
    "no mask",
    _cell(LAST, swap(GATED, (".masked_fill(~open_to, -torch.inf)", ""))),
    "lets every word ask every picture",
)
_wrong(
    "gated",
    "no norm",
    _cell(LAST, swap(GATED, ('F.rms_norm(words, words.shape[-1:], weights["norm"], eps=1e-6)', "words"))),
    "forgets the norm",
)
_wrong(
    "gated", "all so far", _cell(swap(LAST, ("== torch.arange", ">= torch.arange")), GATED), "opens all pictures so far"
)
_wrong(
    "gated",
    "nan before pictures",
    _cell(LAST, swap(GATED, (".nan_to_num(0.0)", ""))),
    "gives nan to a word before the first picture",
)
_wrong(
    "gated",
    "very small instead of closed",
    _cell(LAST, swap(swap(GATED, ("-torch.inf", "-1e4")), (".nan_to_num(0.0)", ""))),
    "lets a word before the first picture ask all of them",
    visible_passes=True,
)
_wrong(
    "gated",
    "four heads",
    _cell(LAST, swap(GATED, ("(heads, -1)", "(4, -1)"))),
    "has the number of heads built in",
    visible_passes=True,
)

# --- 7b boxes -------------------------------------------------------------------------------------------------------

TO = """
def to_bins(boxes, bins):
    return (boxes.clamp(0, 1) * (bins - 1)).round().long()
"""
FROM = """
def from_bins(tokens, bins):
    return tokens.float() / (bins - 1)
"""
IOU = """
def iou(first, second):
    near = torch.maximum(first[:, None, :2], second[None, :, :2])
    far = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (far - near).clamp(min=0).prod(dim=-1)
    one, other = ((b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=-1) for b in (first, second))
    union = one[:, None] + other[None] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-12), torch.zeros_like(union))
"""
_right(
    "boxes",
    "pair by pair",
    _cell(
        """
def to_bins(boxes, bins):
    return torch.floor(boxes.clip(0.0, 1.0) * (bins - 1) + 0.5).to(torch.int64)
""",
        """
def from_bins(tokens, bins):
    return torch.linspace(0, 1, bins)[tokens]
""",
        """
def iou(first, second):
    out = torch.zeros(len(first), len(second))
    area = lambda b: max(float(b[2] - b[0]), 0.0) * max(float(b[3] - b[1]), 0.0)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            meet = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
            both = area(meet)
            union = area(a) + area(b) - both
            out[i, j] = both / union if union > 0 else 0.0
    return out
""",
    ),
)
_right(
    "boxes",
    "width and height",
    _cell(
        TO,
        FROM,
        """
def iou(first, second):
    a, b = first.unsqueeze(1), second.unsqueeze(0)
    w = (torch.min(a[..., 2], b[..., 2]) - torch.max(a[..., 0], b[..., 0])).clamp(min=0)
    h = (torch.min(a[..., 3], b[..., 3]) - torch.max(a[..., 1], b[..., 1])).clamp(min=0)
    area = lambda x: (x[..., 2] - x[..., 0]).clamp(min=0) * (x[..., 3] - x[..., 1]).clamp(min=0)
    return (w * h / (area(a) + area(b) - w * h)).nan_to_num(0.0)
""",
    ),
)
_wrong("boxes", "cut off", _cell(swap(TO, (".round()", "")), FROM, IOU), "cuts the bins off")
_wrong(
    "boxes", "a bin too many", _cell(swap(TO, ("(bins - 1)", "bins")), FROM, IOU), "gives 1.0 a bin that does not exist"
)
_wrong(
    "boxes",
    "middle of a bin",
    _cell(TO, swap(FROM, ("tokens.float() / (bins - 1)", "(tokens.float() + 0.5) / bins")), IOU),
    "undoes another way of counting bins",
)
_wrong(
    "boxes",
    "negative overlaps",
    _cell(TO, FROM, swap(IOU, ("(far - near).clamp(min=0)", "(far - near)"))),
    "lets boxes that do not meet overlap",
)
_wrong(
    "boxes",
    "over the smaller",
    _cell(
        TO,
        FROM,
        swap(IOU, ("union = one[:, None] + other[None] - shared", "union = torch.minimum(one[:, None], other[None])")),
    ),
    "divides by the smaller box",
)
_wrong(
    "boxes",
    "nan of nothing",
    _cell(
        TO,
        FROM,
        swap(
            IOU,
            (
                "return torch.where(union > 0, shared / union.clamp(min=1e-12), torch.zeros_like(union))",
                "return shared / union",
            ),
        ),
    ),
    "divides zero by zero",
    visible_passes=True,
)
_wrong(
    "boxes",
    "outside",
    _cell(swap(TO, (".clamp(0, 1)", "")), FROM, IOU),
    "gives bins that do not exist to what lies outside",
    visible_passes=True,
)

# --- 8 looks --------------------------------------------------------------------------------------------------------

LOOK = """
def look_map(attentions, place, first, side):
    row = attentions.mean(dim=(0, 1))[place, first : first + side * side]
    return (row / row.sum()).reshape(side, side)
"""
ABLATE = """
def ablate(patches, weights, k, fill):
    replaced = patches.clone()
    replaced[weights.flatten().topk(k).indices] = fill
    return replaced
"""
_right(
    "looks",
    "sorted and stacked",
    _cell(
        """
def look_map(attentions, place, first, side):
    rows = [head[place][first : first + side**2] for layer in attentions for head in layer]
    mean = torch.stack(rows).mean(0).view(side, side)
    return mean / mean.sum()
""",
        """
def ablate(patches, weights, k, fill):
    order = weights.reshape(-1).sort(descending=True).indices[:k]
    keep = torch.ones(len(patches), dtype=torch.bool)
    keep[order] = False
    return torch.where(keep[:, None], patches, fill)
""",
    ),
)
_right(
    "looks",
    "einsum and rank",
    _cell(
        """
def look_map(attentions, place, first, side):
    total = torch.einsum("lhj->j", attentions[:, :, place])[first : first + side * side]
    return torch.nn.functional.normalize(total, p=1, dim=0).unflatten(0, (side, side))
""",
        """
def ablate(patches, weights, k, fill):
    rank = (-weights.flatten()).argsort().argsort()
    return torch.where((rank < k).unsqueeze(1), fill.expand_as(patches), patches)
""",
    ),
)
_wrong(
    "looks",
    "column",
    _cell(swap(LOOK, ("[place, first : first + side * side]", "[first : first + side * side, place]")), ABLATE),
    "takes who looks at the token",
)
_wrong("looks", "not scaled", _cell(swap(LOOK, ("(row / row.sum())", "row")), ABLATE), "does not scale the map")
_wrong(
    "looks",
    "transposed",
    _cell(swap(LOOK, (".reshape(side, side)", ".reshape(side, side).T")), ABLATE),
    "exchanges rows and columns",
)
_wrong("looks", "least", _cell(LOOK, swap(ABLATE, (".topk(k)", ".topk(k, largest=False)"))), "replaces the least")
_wrong("looks", "in place", _cell(LOOK, swap(ABLATE, ("patches.clone()", "patches"))), "changes its argument")
_wrong(
    "looks",
    "the last token",
    _cell(swap(LOOK, ("[place,", "[-1,")), ABLATE),
    "always takes the last token",
    visible_passes=True,
)
_wrong(
    "looks",
    "threshold",
    _cell(
        LOOK,
        """
def ablate(patches, weights, k, fill):
    limit = weights.flatten().sort(descending=True).values[max(k - 1, 0)]
    replaced = patches.clone()
    replaced[weights.flatten() >= limit] = fill
    return replaced
""",
    ),
    "replaces one where none was asked for",
    visible_passes=True,
)

# --- 9 quantise -----------------------------------------------------------------------------------------------------

QUANTISE = """
def quantise(weight):
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale
"""
RESTORE = """
def restore(q, scale):
    return q.float() * scale[:, None]
"""
CACHE = """
def cache_bytes(tokens, layers, heads, width, number=2):
    return 2 * tokens * layers * heads * width * number
"""
_right(
    "quantise",
    "row by row",
    _cell(
        """
def quantise(weight):
    scale, rows = torch.ones(len(weight)), []
    for i, row in enumerate(weight):
        top = row.abs().max()
        if top > 0:
            scale[i] = top / 127
        rows.append(torch.round(row / scale[i]))
    return torch.stack(rows).char(), scale
""",
        "def restore(q, scale):\n    return torch.einsum('ij,i->ij', q.to(scale.dtype), scale)",
        """
def cache_bytes(tokens, layers, heads, width, number=2):
    key = tokens * heads * width * number
    return layers * (key + key)
""",
    ),
)
_right(
    "quantise",
    "infinity norm",
    _cell(
        """
def quantise(weight):
    scale = torch.linalg.vector_norm(weight, ord=float("inf"), dim=1) / 127
    scale[scale == 0] = 1
    return torch.round(weight / scale.unsqueeze(1)).to(torch.int8), scale
""",
        "def restore(q, scale):\n    return (q.T * scale).T",
        CACHE,
    ),
)
_wrong(
    "quantise",
    "one scale",
    _cell(
        swap(QUANTISE, ("weight.abs().amax(dim=1) / 127", "(weight.abs().amax() / 127).expand(len(weight))")),
        RESTORE,
        CACHE,
    ),
    "has one scale for all rows",
)
_wrong(
    "quantise",
    "cut off",
    _cell(swap(QUANTISE, (".round()", ".trunc()")), RESTORE, CACHE),
    "cuts off instead of rounding",
)
_wrong("quantise", "by 128", _cell(swap(QUANTISE, ("/ 127", "/ 128")), RESTORE, CACHE), "divides by 128")
_wrong(
    "quantise",
    "no value cache",
    _cell(QUANTISE, RESTORE, swap(CACHE, ("return 2 * ", "return "))),
    "forgets the values",
)
_wrong(
    "quantise",
    "zeros",
    _cell(swap(QUANTISE, ("    scale = torch.where(scale > 0, scale, torch.ones_like(scale))\n", "")), RESTORE, CACHE),
    "divides a row of zeros by zero",
    visible_passes=True,
)
_wrong(
    "quantise",
    "always two bytes",
    _cell(QUANTISE, RESTORE, swap(CACHE, ("* number", "* 2"))),
    "has the bytes built in",
    visible_passes=True,
)

# --- 10 presence ----------------------------------------------------------------------------------------------------

PRESENCE = """
def presence_scores(said, wanted):
    yes = [text.strip().lower().startswith("yes") for text in said]
    true = [word == "yes" for word in wanted]
    hits = sum(a and b for a, b in zip(yes, true))
    right = sum(a == b for a, b in zip(yes, true))
    precision, recall = hits / max(sum(yes), 1), hits / max(sum(true), 1)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    shares = {"accuracy": right / len(yes), "precision": precision, "recall": recall, "f1": f1}
    return shares | {"yes": sum(yes) / len(yes)}
"""
_right(
    "presence",
    "counts",
    _cell(
        """
def presence_scores(said, wanted):
    tp = fp = fn = tn = 0
    for text, word in zip(said, wanted):
        is_yes = text.lower().strip()[:3] == "yes"
        if is_yes:
            tp, fp = tp + (word == "yes"), fp + (word != "yes")
        else:
            fn, tn = fn + (word == "yes"), tn + (word != "yes")
    div = lambda a, b: a / b if b else 0.0
    n = tp + fp + fn + tn
    return {"accuracy": div(tp + tn, n), "precision": div(tp, tp + fp), "recall": div(tp, tp + fn),
            "f1": div(2 * tp, 2 * tp + fp + fn), "yes": div(tp + fp, n)}
"""
    ),
)
_right(
    "presence",
    "tensors",
    _cell(
        """
def presence_scores(said, wanted):
    yes = torch.tensor([t.strip().casefold().startswith("yes") for t in said]).float()
    true = torch.tensor([w == "yes" for w in wanted]).float()
    hits = (yes * true).sum()
    p, r = hits / yes.sum().clamp(min=1), hits / true.sum().clamp(min=1)
    f = 2 * p * r / (p + r).clamp(min=1e-9)
    found = {"accuracy": (yes == true).float().mean(), "precision": p, "recall": r, "f1": f, "yes": yes.mean()}
    return {k: v.item() for k, v in found.items()}
"""
    ),
)
_wrong(
    "presence",
    "exchanged",
    _cell(
        swap(
            PRESENCE,
            (
                "precision, recall = hits / max(sum(yes), 1), hits / max(sum(true), 1)",
                "recall, precision = hits / max(sum(yes), 1), hits / max(sum(true), 1)",
            ),
        )
    ),
    "exchanges precision and recall",
)
_wrong(
    "presence",
    "mean for F1",
    _cell(
        swap(PRESENCE, ("2 * precision * recall / (precision + recall) if hits else 0.0", "(precision + recall) / 2"))
    ),
    "takes the arithmetic mean for F1",
)
_wrong(
    "presence",
    "no counts as yes",
    _cell(swap(PRESENCE, ('.startswith("yes")', '.startswith("no")'))),
    "counts the noes",
)
_wrong(
    "presence",
    "share of true yes",
    _cell(swap(PRESENCE, ('{"yes": sum(yes) / len(yes)}', '{"yes": sum(true) / len(true)}'))),
    "reports how often yes is right",
)
_wrong(
    "presence",
    "exact words",
    _cell(swap(PRESENCE, ('text.strip().lower().startswith("yes")', 'text == "yes"'))),
    "takes only the bare word for a yes",
    visible_passes=True,
)
_wrong(
    "presence",
    "anywhere",
    _cell(swap(PRESENCE, ('.startswith("yes")', '.count("yes") > 0'))),
    "takes a yes anywhere in the answer",
    visible_passes=True,
)
_wrong(
    "presence",
    "zero",
    _cell(swap(PRESENCE, ("hits / max(sum(yes), 1)", "hits / sum(yes)"))),
    "divides by zero where nothing is yes",
    visible_passes=True,
)
