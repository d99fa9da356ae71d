# CROSSMODAL-RUBRIC: must never reach students
"""Answers of week 1 whose verdict is known: right in other ways than ours, and wrong in ways that real students are."""

from __future__ import annotations

from textwrap import indent

from grader.authoring.known_answers import Answers

ANSWERS = Answers()
_right, _wrong = ANSWERS.right, ANSWERS.wrong


def _cell(head: str, body: str, tail: str = "") -> str:
    """The source of an answer cell: a function's first line, its body, and what the notebook runs with it."""
    return f"{head}\n{indent(body.strip(chr(10)), '    ')}\n" + (f"\n\n{tail.strip(chr(10))}\n" if tail else "")


# --- 1 embed --------------------------------------------------------------------------------------------------------

EMBED = "def embed(model, processor, images, texts):"
EMBED_TAIL = """
with clip_lab.needs("embed"):
    image_embeddings, text_embeddings = embed(clip.model, clip.processor, album.pictures[:48], album.captions[:48])
"""
EMBED_BODY = """
inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.no_grad():
    u = models.features(model.get_image_features(pixel_values=inputs["pixel_values"]))
    v = models.features(model.get_text_features(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]))
"""


def _embed(body: str, tail: str = EMBED_TAIL) -> str:
    return _cell(EMBED, body, tail)


_right(
    "embed",
    "the whole model at once",
    _embed(
        """
inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.inference_mode():
    out = model(**inputs)
return out.image_embeds.float().cpu().clone(), out.text_embeds.float().cpu().clone()
"""
    ),
)
_right(
    "embed",
    "tower by tower, one by one",
    _embed(
        """
u, v = [], []
with torch.no_grad():
    for image in images:
        pixels = processor(images=image, return_tensors="pt")["pixel_values"].to(model.device)
        u.append(model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)[0])
    for text in texts:
        ids = processor(text=[text], return_tensors="pt", truncation=True)["input_ids"].to(model.device)
        v.append(model.text_projection(model.text_model(input_ids=ids).pooler_output)[0])
u, v = torch.stack(u).cpu(), torch.stack(v).cpu()
return u / u.norm(dim=1, keepdim=True), v / v.norm(dim=1, keepdim=True)
"""
    ),
)
_wrong("embed", "not normalised", _embed(EMBED_BODY + "return u.cpu(), v.cpu()"), "forgot to divide by the lengths")
_wrong(
    "embed",
    "normalised along the wrong axis",
    _embed(EMBED_BODY + "return F.normalize(u, dim=0).cpu(), F.normalize(v, dim=0).cpu()"),
    "dim=0 normalises each feature over the batch",
)
_wrong(
    "embed",
    "exchanged",
    _embed(EMBED_BODY + "return F.normalize(v, dim=-1).cpu(), F.normalize(u, dim=-1).cpu()"),
    "returns texts first",
)
_wrong(
    "embed",
    "without the projection",
    _embed(
        """
inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.no_grad():
    u = model.vision_model(pixel_values=inputs["pixel_values"]).pooler_output
    v = model.text_model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).pooler_output
return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()
"""
    ),
    "takes the towers' own features, before they enter the shared space",
)
_wrong(
    "embed",
    "pixels by hand",
    _embed(
        """
side = model.config.vision_config.image_size
small = [np.array(image.resize((side, side))) for image in images]
pixels = torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in small])
inputs = processor(text=texts, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.no_grad():
    u = models.features(model.get_image_features(pixel_values=pixels.to(model.device)))
    v = models.features(model.get_text_features(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]))
return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()
"""
    ),
    "scales the pixels to [0, 1] but does not standardise them as in training",
)
_wrong(
    "embed",
    "squeezed",
    _embed(EMBED_BODY + "return F.normalize(u, dim=-1).squeeze().cpu(), F.normalize(v, dim=-1).squeeze().cpu()"),
    "squeeze() drops the batch's axis when there is one picture",
    visible_passes=True,
)
_wrong(
    "embed",
    "the global model",
    _embed(
        EMBED_BODY.replace("model.", "clip.model.")
        + "return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()"
    ),
    "uses the notebook's model instead of the argument",
    visible_passes=True,
)
_wrong(
    "embed",
    "made-up arrays",
    _embed(
        EMBED_BODY + "return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()",
        "image_embeddings = F.normalize(torch.randn(48, clip.model.config.projection_dim), dim=-1)\n"
        "text_embeddings = F.normalize(image_embeddings + 0.1 * torch.randn_like(image_embeddings), dim=-1)",
    ),
    "the function is right, but the album's embeddings were invented",
    visible_passes=True,
)

# --- 2 cosine_similarity --------------------------------------------------------------------------------------------

COSINE = "def cosine_similarity(images, texts):"


def _cosine(body: str) -> str:
    return _cell(COSINE, body)


_right("cosine_similarity", "broadcast", _cosine("return F.cosine_similarity(images[:, None], texts[None], dim=-1)"))
_right(
    "cosine_similarity",
    "norms and nan_to_num",
    _cosine(
        """
lengths = images.norm(dim=1)[:, None] * texts.norm(dim=1)[None, :]
return torch.nan_to_num(torch.einsum("nd,md->nm", images, texts) / lengths, nan=0.0)
"""
    ),
)
_wrong("cosine_similarity", "dot products", _cosine("return images @ texts.T"), "did not divide by the lengths")
_wrong(
    "cosine_similarity",
    "wrong axis",
    _cosine("return F.normalize(images, dim=0) @ F.normalize(texts, dim=0).T"),
    "normalises the columns",
)
_wrong(
    "cosine_similarity",
    "transposed",
    _cosine("return F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T"),
    "rows belong to texts",
)
_wrong(
    "cosine_similarity",
    "nan for zero vectors",
    _cosine("return (images / images.norm(dim=1, keepdim=True)) @ (texts / texts.norm(dim=1, keepdim=True)).T"),
    "divides 0 by 0",
)
_wrong(
    "cosine_similarity",
    "large epsilon",
    _cosine("return images @ texts.T / (images.norm(dim=1)[:, None] * texts.norm(dim=1) + 1e-6)"),
    "the epsilon outweighs the product of two short lengths",
    visible_passes=True,
)
_wrong(
    "cosine_similarity",
    "in place",
    _cosine(
        """
images /= images.norm(dim=1, keepdim=True).clamp(min=1e-12)
texts /= texts.norm(dim=1, keepdim=True).clamp(min=1e-12)
return images @ texts.T
"""
    ),
    "writes into the caller's tensors",
    visible_passes=True,
)

# --- 3 zero_shot ----------------------------------------------------------------------------------------------------

ZERO_SHOT = "def zero_shot(images, prompts, scale=100.0):"
ZERO_SHOT_TAIL = """
with clip_lab.needs("zero_shot"):
    shape_probabilities = zero_shot(single_vectors, prompt_vectors["shape"])
"""


def _zero_shot(body: str, tail: str = ZERO_SHOT_TAIL) -> str:
    return _cell(ZERO_SHOT, body, tail)


_right(
    "zero_shot",
    "numpy and scipy",
    _zero_shot(
        """
from scipy.special import softmax

classes = prompts.numpy().sum(axis=1)  # the sum has the direction of the mean
classes = classes / np.linalg.norm(classes, axis=1, keepdims=True)
return torch.from_numpy(softmax(scale * (images.numpy() @ classes.T), axis=1))
"""
    ),
)
_right(
    "zero_shot",
    "safe softmax by hand",
    _zero_shot(
        """
classes = torch.stack([p.mean(0) / p.mean(0).norm() for p in prompts])
logits = scale * images @ classes.T
weights = (logits - logits.max(dim=1, keepdim=True).values).exp()
return weights / weights.sum(dim=1, keepdim=True)
"""
    ),
)
_wrong(
    "zero_shot",
    "softmax over the pictures",
    _zero_shot("return (scale * images @ F.normalize(prompts.mean(1), dim=-1).T).softmax(dim=0)"),
    "the wrong axis",
)
_wrong(
    "zero_shot",
    "no scale",
    _zero_shot("return (images @ F.normalize(prompts.mean(1), dim=-1).T).softmax(dim=-1)"),
    "a softmax of bare cosines",
)
_wrong(
    "zero_shot",
    "cosines, no softmax",
    _zero_shot("return images @ F.normalize(prompts.mean(1), dim=-1).T"),
    "returns similarities",
)
_wrong(
    "zero_shot",
    "not normalised after the mean",
    _zero_shot("return (scale * images @ prompts.mean(dim=1).T).softmax(dim=-1)"),
    "a class whose prompts disagree has a short average",
    visible_passes=True,
)
_wrong(
    "zero_shot",
    "mean of probabilities",
    _zero_shot("return torch.stack([(scale * images @ p.T).softmax(-1) for p in prompts.unbind(1)]).mean(0)"),
    "ensembles after the softmax",
    visible_passes=True,
)
_wrong(
    "zero_shot",
    "scale fixed at 100",
    _zero_shot("return (100 * images @ F.normalize(prompts.mean(1), dim=-1).T).softmax(dim=-1)"),
    "ignores its argument",
    visible_passes=True,
)
_wrong(
    "zero_shot",
    "exp overflows",
    _zero_shot(
        """
e = torch.exp(scale * images.float() @ F.normalize(prompts.mean(1), dim=-1).T - 20)
return e / e.sum(dim=1, keepdim=True)
"""
    ),
    "exp without subtracting the maximum",
    visible_passes=True,
)

# --- 4 recall_at_k --------------------------------------------------------------------------------------------------

RECALL = "def recall_at_k(similarity, answers, k):"
RECALL_TAIL = """
with clip_lab.needs("recall_at_k"):
    scores, own = text_vectors @ image_vectors.T, torch.arange(len(album))
    recalls = {
        "pictures, searched with words": [recall_at_k(scores, own, k) for k in (1, 5, 10)],
        "captions, searched with a picture": [recall_at_k(scores.T, own, k) for k in (1, 5, 10)],
    }
"""


def _recall(body: str, tail: str = RECALL_TAIL) -> str:
    return _cell(RECALL, body, tail)


_right(
    "recall_at_k",
    "a loop",
    _recall(
        """
hits = 0
for row, answer in zip(similarity.tolist(), answers.tolist()):
    ahead = sum(score >= row[answer] for j, score in enumerate(row) if j != answer)
    hits += ahead < k
return hits / len(similarity)
"""
    ),
)
_right(
    "recall_at_k",
    "sorting, ties behind",
    _recall(
        """
lowered = similarity.clone()
rows = torch.arange(len(similarity))
own = lowered[rows, answers]
lowered[rows, answers] = -float("inf")
best = lowered.sort(dim=1, descending=True).values
if k > best.shape[1] - 1:
    return 1.0
return float((best[:, k - 1] < own).double().mean())
"""
    ),
)
_wrong(
    "recall_at_k",
    "off by one",
    _recall(
        """
right = similarity.gather(1, answers[:, None])
return ((similarity >= right).sum(dim=1) - 1 <= k).float().mean().item()
"""
    ),
    "rank 0 is the best, so rank < k",
)
_wrong(
    "recall_at_k",
    "ascending",
    _recall("return (similarity.argsort(dim=1)[:, :k] == answers[:, None]).any(dim=1).float().mean().item()"),
    "argsort without descending=True looks at the worst",
)
_wrong(
    "recall_at_k",
    "columns",
    _recall(
        "return (similarity.argsort(dim=0, descending=True)[:k] == answers[None, :]).any(dim=0).float().mean().item()"
    ),
    "sorts the columns",
)
_wrong(
    "recall_at_k",
    "per cent",
    _recall(
        """
right = similarity.gather(1, answers[:, None])
return 100 * ((similarity >= right).sum(dim=1) <= k).float().mean().item()
"""
    ),
    "a percentage",
)
_wrong(
    "recall_at_k",
    "topk",
    _recall("return (similarity.topk(k, dim=1).indices == answers[:, None]).any(dim=1).float().mean().item()"),
    "ties count for the model, and topk cannot go beyond the candidates",
    visible_passes=True,
)
_wrong(
    "recall_at_k",
    "ties in favour",
    _recall(
        """
right = similarity.gather(1, answers[:, None])
return ((similarity > right).sum(dim=1) < k).float().mean().item()
"""
    ),
    "a constant score would be perfect",
    visible_passes=True,
)
_wrong(
    "recall_at_k",
    "the diagonal",
    _recall(
        """
right = similarity.diagonal()[:, None]
return ((similarity >= right).sum(dim=1) <= k).float().mean().item()
"""
    ),
    "ignores the answers it is given",
    visible_passes=True,
)

# --- 5 info_nce -----------------------------------------------------------------------------------------------------

INFO_NCE = "def info_nce(images, texts, scale):"


def _info_nce(body: str) -> str:
    return _cell(INFO_NCE, body)


_right(
    "info_nce",
    "logsumexp",
    _info_nce(
        """
logits = scale * (images @ texts.t())
right = logits.diagonal()
return (torch.logsumexp(logits, 1) - right).mean() / 2 + (torch.logsumexp(logits, 0) - right).mean() / 2
"""
    ),
)
_right(
    "info_nce",
    "nll of log_softmax",
    _info_nce(
        """
logits = torch.einsum("id,jd->ij", images, texts) * scale
labels = torch.arange(images.shape[0], device=images.device)
by_image = F.nll_loss(F.log_softmax(logits, dim=1), labels)
by_text = F.nll_loss(F.log_softmax(logits, dim=0).T, labels)
return 0.5 * (by_image + by_text)
"""
    ),
)
_wrong(
    "info_nce",
    "one direction",
    _info_nce("return F.cross_entropy(scale * images @ texts.T, torch.arange(len(images)))"),
    "only the pictures sit the exam",
)
_wrong(
    "info_nce",
    "summed halves",
    _info_nce(
        """
logits, own = scale * images @ texts.T, torch.arange(len(images))
return F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)
"""
    ),
    "forgot to halve",
)
_wrong(
    "info_nce",
    "no scale",
    _info_nce(
        """
logits, own = images @ texts.T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "forgot the temperature",
)
_wrong(
    "info_nce",
    "divided by the scale",
    _info_nce(
        """
logits, own = images @ texts.T / scale, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "took the scale for the temperature",
)
_wrong(
    "info_nce",
    "normalised again",
    _info_nce(
        """
logits, own = scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "the same value on unit vectors, but other gradients",
    visible_passes=True,
)
_wrong(
    "info_nce",
    "log of softmax",
    _info_nce(
        """
logits = scale * images @ texts.T
by_image = -logits.softmax(dim=1).diagonal().log().mean()
by_text = -logits.softmax(dim=0).diagonal().log().mean()
return (by_image + by_text) / 2
"""
    ),
    "log 0 at large scales",
    visible_passes=True,
)
_wrong(
    "info_nce",
    "float(scale)",
    _info_nce(
        """
logits, own = float(scale) * images @ texts.T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "the temperature could never learn",
    visible_passes=True,
)

# --- 6 temperature --------------------------------------------------------------------------------------------------


def _temperature(init: str, forward: str) -> str:
    head = "class Temperature(torch.nn.Module):\n    def __init__(self, start=0.07):\n        super().__init__()\n"
    return head + indent(init, " " * 8) + "\n\n    def forward(self):\n" + indent(forward, " " * 8) + "\n"


_right(
    "temperature",
    "math and minimum",
    _temperature(
        "import math\n\nself.log_scale = torch.nn.Parameter(torch.tensor(-math.log(start)))",
        "return torch.minimum(self.log_scale.exp(), torch.tensor(100.0, device=self.log_scale.device))",
    ),
)
_right(
    "temperature",
    "capped in the exponent",
    _temperature(
        "self.register_parameter('log_scale', torch.nn.Parameter(torch.ones([]) * np.log(1 / start)))",
        "return torch.exp(torch.clamp(self.log_scale, max=float(np.log(100.0))))",
    ),
)
_wrong(
    "temperature",
    "the scale itself",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start))", "return self.log_scale.clamp(max=100.0)"
    ),
    "learns the scale, not its logarithm",
)
_wrong(
    "temperature",
    "not a parameter",
    _temperature("self.log_scale = torch.tensor(1 / start).log()", "return self.log_scale.exp().clamp(max=100.0)"),
    "no optimiser sees it",
)
_wrong(
    "temperature",
    "the temperature, not the scale",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(start).log())", "return self.log_scale.exp().clamp(max=100.0)"
    ),
    "upside down",
)
_wrong(
    "temperature",
    "item()",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())",
        "return torch.tensor(min(self.log_scale.exp().item(), 100.0))",
    ),
    "cuts the gradient",
)
_wrong(
    "temperature",
    "no cap",
    _temperature("self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())", "return self.log_scale.exp()"),
    "may run away",
    visible_passes=True,
)
_wrong(
    "temperature",
    "cap on the logarithm",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())",
        "return self.log_scale.clamp(max=100.0).exp()",
    ),
    "a cap of e^100",
    visible_passes=True,
)
_wrong(
    "temperature",
    "0.07 whatever start is",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / 0.07).log())",
        "return self.log_scale.exp().clamp(max=100.0)",
    ),
    "ignores its argument",
    visible_passes=True,
)

# --- 7 training_step ------------------------------------------------------------------------------------------------

STEP = "def training_step(model, optimiser, pictures, tokens):"
STEP_TAIL = """
with clip_lab.needs("training_step"):
    small_clip = clip_lab.small.build(SEED).to(session.device)
    history = clip_lab.small.train(small_clip, training_step, steps=45, seed=SEED)
    stray_clip = clip_lab.small.build(SEED).to(session.device)
    control = clip_lab.small.train(stray_clip, training_step, steps=20, seed=SEED, shuffled=True)
"""


def _step(body: str, tail: str = STEP_TAIL) -> str:
    return _cell(STEP, body, tail)


_right(
    "training_step",
    "its own loss, cap by fill",
    _step(
        """
model.train()
u, v, scale = model(pictures, tokens)
logits = scale * u @ v.T
labels = torch.arange(len(u), device=logits.device)
loss = 0.5 * F.cross_entropy(logits, labels) + 0.5 * F.cross_entropy(logits.T, labels)
optimiser.zero_grad(set_to_none=True)
loss.backward()
optimiser.step()
model.logit_scale.data = model.logit_scale.data.clamp(max=float(np.log(100)))
return float(loss.detach())
"""
    ),
)
_right(
    "training_step",
    "clears afterwards",
    _step(
        """
from open_clip.loss import ClipLoss

model.zero_grad()
features = dict(zip(("image_features", "text_features", "logit_scale"), model(pictures, tokens)))
loss = ClipLoss()(**features)
loss.backward()
optimiser.step()
optimiser.zero_grad()
with torch.no_grad():
    model.logit_scale.clamp_(0, np.log(100))
return loss.item()
"""
    ),
)
_STEP_BODY = """
from open_clip.loss import ClipLoss

optimiser.zero_grad()
loss = ClipLoss()(*model(pictures, tokens))
loss.backward()
optimiser.step()
with torch.no_grad():
    model.logit_scale.clamp_(max=np.log(100))
return loss.item()
"""
_wrong("training_step", "no step", _step(_STEP_BODY.replace("optimiser.step()\n", "")), "the weights never move")
_wrong(
    "training_step",
    "returns a tensor",
    _step(_STEP_BODY.replace("loss.item()", "loss")),
    "keeps the graph of every step alive",
)
_wrong(
    "training_step",
    "one direction",
    _step(
        """
u, v, scale = model(pictures, tokens)
loss = F.cross_entropy(scale * u @ v.T, torch.arange(len(u), device=u.device))
optimiser.zero_grad()
loss.backward()
optimiser.step()
with torch.no_grad():
    model.logit_scale.clamp_(max=np.log(100))
return loss.item()
"""
    ),
    "half of the loss",
)
_wrong(
    "training_step",
    "no scale",
    _step(
        """
u, v, _ = model(pictures, tokens)
logits, own = u @ v.T, torch.arange(len(u), device=u.device)
loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
optimiser.zero_grad()
loss.backward()
optimiser.step()
return loss.item()
"""
    ),
    "forgot the scale that the model returns",
)
_wrong(
    "training_step",
    "gradients not cleared",
    _step(_STEP_BODY.replace("optimiser.zero_grad()\n", "")),
    "old gradients add up",
)
_wrong(
    "training_step",
    "no cap",
    _step(_STEP_BODY.replace("with torch.no_grad():\n    model.logit_scale.clamp_(max=np.log(100))\n", "")),
    "the scale may run away",
    visible_passes=True,
)
_wrong(
    "training_step",
    "cap of 100 on the logarithm",
    _step(_STEP_BODY.replace("max=np.log(100)", "max=100")),
    "logit_scale is the logarithm",
    visible_passes=True,
)
_wrong(
    "training_step",
    "a control that is none",
    _step(_STEP_BODY, STEP_TAIL.replace(", shuffled=True", "")),
    "trained the control on true captions",
    visible_passes=True,
)

# --- 8 modality_gap -------------------------------------------------------------------------------------------------

GAP_TAIL = """
with clip_lab.needs("modality_gap"):
    shifted_images, shifted_texts = close_gap(image_vectors, text_vectors)
    gap_before = modality_gap(image_vectors, text_vectors).norm().item()
    gap_after = modality_gap(shifted_images, shifted_texts).norm().item()
"""
_GAP = "return images.mean(dim=0) - texts.mean(dim=0)"
_CLOSE = """
gap = images.mean(dim=0) - texts.mean(dim=0)
return F.normalize(images - amount * gap, dim=-1), F.normalize(texts + amount * gap, dim=-1)
"""


def _gap(gap: str = _GAP, close: str = _CLOSE, tail: str = GAP_TAIL) -> str:
    first = _cell("def modality_gap(images, texts):", gap)
    return first + "\n\n" + _cell("def close_gap(images, texts, amount=0.5):", close, tail)


_right(
    "modality_gap",
    "sums",
    _gap(
        "return images.sum(0) / len(images) - texts.sum(0) / len(texts)",
        """
step = amount * modality_gap(images, texts)
moved = images - step, texts + step
return tuple(x / x.norm(dim=1, keepdim=True) for x in moved)
""",
    ),
)
_right(
    "modality_gap",
    "numpy",
    _gap(
        "return torch.from_numpy(np.mean(images.numpy(), axis=0) - np.mean(texts.numpy(), axis=0))",
        """
u, v = images.numpy(), texts.numpy()
gap = u.mean(axis=0) - v.mean(axis=0)
u, v = u - amount * gap, v + amount * gap
u /= np.linalg.norm(u, axis=1, keepdims=True)
v /= np.linalg.norm(v, axis=1, keepdims=True)
return torch.from_numpy(u), torch.from_numpy(v)
""",
    ),
)
_wrong(
    "modality_gap",
    "the wrong way",
    _gap(close=_CLOSE.replace("images - amount", "images + amount").replace("texts + amount", "texts - amount")),
    "moves the two apart",
)
_wrong(
    "modality_gap",
    "mean over the features",
    _gap("return images.mean(dim=1) - texts.mean(dim=1)"),
    "one number a row",
)
_wrong(
    "modality_gap",
    "off the sphere",
    _gap(close="gap = images.mean(dim=0) - texts.mean(dim=0)\nreturn images - amount * gap, texts + amount * gap"),
    "forgot to normalise after the move",
)
_wrong("modality_gap", "its length only", _gap("return (images.mean(dim=0) - texts.mean(dim=0)).norm()"), "a number")
_wrong(
    "modality_gap",
    "pairs subtracted",
    _gap(
        "return (images - texts).mean(dim=0)",
        """
gap = (images - texts).mean(dim=0)
return F.normalize(images - amount * gap, dim=-1), F.normalize(texts + amount * gap, dim=-1)
""",
    ),
    "needs as many texts as images",
    visible_passes=True,
)
_wrong(
    "modality_gap",
    "amount ignored",
    _gap(close=_CLOSE.replace("amount * gap", "0.5 * gap")),
    "always half",
    visible_passes=True,
)
_wrong(
    "modality_gap",
    "only the pictures move",
    _gap(
        close="""
gap = images.mean(dim=0) - texts.mean(dim=0)
return F.normalize(images - 2 * amount * gap, dim=-1), texts
"""
    ),
    "all the way on one side",
    visible_passes=True,
)
_wrong(
    "modality_gap",
    "each side centred",
    _gap(
        close="""
return F.normalize(images - images.mean(dim=0), dim=-1), F.normalize(texts - texts.mean(dim=0), dim=-1)
"""
    ),
    "also closes the gap, but is another method",
    visible_passes=True,
)

# --- 9 winoground ---------------------------------------------------------------------------------------------------

WINOGROUND = "def winoground(similarity):"
WINOGROUND_TAIL = """
with clip_lab.needs("winoground"):
    winoground_scores = {kind: winoground(similarity) for kind, similarity in probes.items()}
"""


def _winoground(body: str, tail: str = WINOGROUND_TAIL) -> str:
    return _cell(WINOGROUND, body, tail)


_WINOGROUND_BODY = """
s00, s01, s10, s11 = similarity[:, 0, 0], similarity[:, 0, 1], similarity[:, 1, 0], similarity[:, 1, 1]
text = (s00 > s01) & (s11 > s10)
image = (s00 > s10) & (s11 > s01)
group = text & image
return {"text": text.float().mean().item(), "image": image.float().mean().item(), "group": group.float().mean().item()}
"""
_right(
    "winoground",
    "a loop",
    _winoground(
        """
text = image = group = 0
for s in similarity.tolist():
    t = s[0][0] > s[0][1] and s[1][1] > s[1][0]
    i = s[0][0] > s[1][0] and s[1][1] > s[0][1]
    text, image, group = text + t, image + i, group + (t and i)
n = len(similarity)
return {"group": group / n, "image": image / n, "text": text / n}
"""
    ),
)
_right(
    "winoground",
    "numpy",
    _winoground(
        """
s = similarity.numpy()
right, wrong = s[:, [0, 1], [0, 1]], s[:, [0, 1], [1, 0]]
text = (right > wrong).all(axis=1)
image = (right > wrong[:, ::-1]).all(axis=1)
return {"text": float(text.mean()), "image": float(image.mean()), "group": float((text & image).mean())}
"""
    ),
)
_wrong(
    "winoground",
    "exchanged",
    _winoground(_WINOGROUND_BODY.replace('"text": text', '"text": image').replace('"image": image', '"image": text')),
    "took axis 1 for the captions",
)
_wrong(
    "winoground",
    "a tensor of three",
    _winoground(_WINOGROUND_BODY.split("return")[0] + "return torch.stack([text, image, group]).float().mean(1)"),
    "not a dict",
)
_wrong(
    "winoground",
    "ties pass",
    _winoground(_WINOGROUND_BODY.replace(">", ">=")),
    "whoever cannot tell wins",
    visible_passes=True,
)
_wrong(
    "winoground",
    "either will do",
    _winoground(_WINOGROUND_BODY.replace(") & (", ") | (")),
    "one right choice of two passes",
)
_wrong(
    "winoground",
    "single choices",
    _winoground(
        """
s = similarity
text = ((s[:, 0, 0] > s[:, 0, 1]).float() + (s[:, 1, 1] > s[:, 1, 0]).float()) / 2
image = ((s[:, 0, 0] > s[:, 1, 0]).float() + (s[:, 1, 1] > s[:, 0, 1]).float()) / 2
group = torch.minimum(text, image).floor()
return {"text": text.mean().item(), "image": image.mean().item(), "group": group.mean().item()}
"""
    ),
    "counts halves of pairs",
)
_wrong(
    "winoground",
    "group as product",
    _winoground(
        _WINOGROUND_BODY.replace("group.float().mean().item()", "(text.float().mean() * image.float().mean()).item()")
    ),
    "as if the two were independent",
    visible_passes=True,
)
_wrong(
    "winoground",
    "group as minimum",
    _winoground(
        _WINOGROUND_BODY.replace(
            "group.float().mean().item()", "min(text.float().mean().item(), image.float().mean().item())"
        )
    ),
    "the smaller of the two scores",
    visible_passes=True,
)

# --- 10 fusion ------------------------------------------------------------------------------------------------------

FUSION = "def fuse_and_classify(images, texts, labels, test_images, test_texts):"
FUSION_TAIL = """
with clip_lab.needs("fusion"):
    fusion_guesses = fuse_and_classify(train_u, train_v, train_labels, test_u, test_v)
    deal = torch.randperm(len(train_labels), generator=torch.Generator().manual_seed(SEED))
    control_guesses = fuse_and_classify(train_u, train_v[deal], train_labels, test_u, test_v.roll(1, dims=0))
"""


def _fusion(body: str, tail: str = FUSION_TAIL) -> str:
    return _cell(FUSION, body, tail)


def _fit(features: str) -> str:
    return f"""
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

fuse = lambda u, v: {features}
classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
classifier.fit(fuse(images, texts).numpy(), labels.numpy())
return torch.from_numpy(classifier.predict(fuse(test_images, test_texts).numpy()))
"""


_right("fusion", "with the difference too", _fusion(_fit("torch.cat([u, v, u * v, (u - v).abs()], dim=1)")))
_right(
    "fusion",
    "torch, full batch",
    _fusion(
        """
train, test = (torch.cat([u, v, u * v], 1) for u, v in ((images, texts), (test_images, test_texts)))
middle, spread = train.mean(0), train.std(0) + 1e-6
train, test = (train - middle) / spread, (test - middle) / spread
with torch.enable_grad():
    w = torch.zeros(train.shape[1], requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([w, b], lr=0.02)
    for _ in range(300):
        loss = F.binary_cross_entropy_with_logits(train @ w + b, labels.float()) + 0.005 * w.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
return (test @ w.detach() + b.detach() > 0).long()
"""
    ),
)
_wrong(
    "fusion", "concatenation", _fusion(_fit("torch.cat([u, v], dim=1)")), "has all the information and cannot use it"
)
_wrong("fusion", "the picture alone", _fusion(_fit("u")), "never looks at the caption")
_wrong("fusion", "the sum", _fusion(_fit("u + v")), "a linear function of a sum has no interaction either")
_wrong(
    "fusion",
    "tested on the training pairs",
    _fusion(_fit("torch.cat([u, v, u * v], dim=1)").replace("fuse(test_images, test_texts)", "fuse(images, texts)")),
    "predicts the pairs it was trained on",
)
_wrong(
    "fusion",
    "the product alone",
    _fusion(_fit("u * v")),
    "cannot learn what hangs on one side",
    visible_passes=True,
)
_wrong(
    "fusion",
    "a threshold on the cosine",
    _fusion(
        """
cosine = (images * texts).sum(dim=1)
candidates = cosine.sort().values
right = torch.stack([((cosine > t).long() == labels).float().mean() for t in candidates])
return ((test_images * test_texts).sum(dim=1) > candidates[right.argmax()]).long()
"""
    ),
    "one number for the agreement, and only one direction of it",
    visible_passes=True,
)
_wrong(
    "fusion",
    "made-up control",
    _fusion(
        _fit("torch.cat([u, v, u * v], dim=1)"),
        FUSION_TAIL.replace(
            "fuse_and_classify(train_u, train_v[deal], train_labels, test_u, test_v.roll(1, dims=0))",
            "1 - fusion_guesses",
        ),
    ),
    "the control is not chance but the opposite",
    visible_passes=True,
)
