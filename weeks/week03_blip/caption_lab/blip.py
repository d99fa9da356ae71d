"""The library's BLIP, piece by piece: what the notebook builds on where an exercise is still open.

Every function takes what `models.load` returns, the model and its processor: "captioning", "retrieval" or "vqa".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image

from coursekit.models import Loaded

LONGEST = 40  # tokens of a caption
CHUNK = 64

Step = Callable[[torch.Tensor], torch.Tensor]


def pixels(loaded: Loaded, pictures: Sequence[Image.Image]) -> torch.Tensor:
    """What the model sees of pictures: float (n, 3, side, side) on its device."""
    inputs = loaded.processor(images=[p.convert("RGB") for p in pictures], return_tensors="pt")
    return inputs["pixel_values"].to(loaded.model.device, loaded.model.dtype)


@torch.no_grad()
def image_states(loaded: Loaded, pictures: Sequence[Image.Image]) -> torch.Tensor:
    """One state for the whole picture and one for each patch: float (n, 1 + patches, d)."""
    return loaded.model.vision_model(pixel_values=pixels(loaded, pictures)).last_hidden_state


def marks(loaded: Loaded) -> tuple[int, int, int]:
    """The token ids of start, end and padding."""
    config = loaded.model.config.text_config
    return config.bos_token_id, config.sep_token_id, config.pad_token_id


def tokens(loaded: Loaded, captions: Sequence[str]) -> torch.Tensor:
    """Captions as the decoder is taught them: int64 (n, length), from the start to the end token, padded."""
    ids = loaded.processor.tokenizer(list(captions), padding=True, truncation=True, return_tensors="pt")["input_ids"]
    ids[:, 0] = marks(loaded)[0]
    return ids.to(loaded.model.device)


def texts(loaded: Loaded, ids: torch.Tensor | Sequence[Sequence[int]]) -> list[str]:
    """Token ids (n, length) as text, without the marks of start, end and padding."""
    return [t.strip() for t in loaded.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)]


def words(loaded: Loaded, ids: Sequence[int]) -> list[str]:
    """Each token as a word."""
    return [loaded.processor.tokenizer.decode([int(i)]).strip() for i in ids]


def stepper(loaded: Loaded, pictures: Sequence[Image.Image]) -> Step:
    """step(ids): what the decoder makes of beginnings of captions.

    ids: int64 (n, length), the beginning of a caption for each of the n pictures; or (m, length), where there is one
    picture only.   Returns the scores of the next token, float (n, vocabulary).
    """
    states = image_states(loaded, pictures)

    @torch.no_grad()
    def step(ids: torch.Tensor) -> torch.Tensor:
        seen = states.expand(len(ids), -1, -1) if len(states) == 1 else states
        ids = torch.as_tensor(ids).to(states.device)
        return loaded.model.text_decoder(input_ids=ids, encoder_hidden_states=seen).logits[:, -1].float().cpu()

    return step


def captions(loaded: Loaded, pictures: Sequence[Image.Image], **how: Any) -> list[str]:
    """A caption for each picture by the library's `generate`, greedy unless `how` says otherwise."""
    how = {"max_new_tokens": LONGEST, "num_beams": 1, "do_sample": False} | how
    out: list[str] = []
    for i in range(0, len(pictures), CHUNK):
        out += texts(loaded, loaded.model.generate(pixel_values=pixels(loaded, pictures[i : i + CHUNK]), **how))
    return out


def candidates(loaded: Loaded, pictures: Sequence[Image.Image], n: int, seed: int = 0, **how: Any) -> list[list[str]]:
    """`n` sampled captions for each picture; some may be alike. The same for the same seed."""
    several = [picture for picture in pictures for _ in range(n)]
    how = {"do_sample": True} | how
    if how["do_sample"]:
        how = {"top_k": 0} | how  # all words, unless told otherwise
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = captions(loaded, several, **how)
    return [found[i : i + n] for i in range(0, len(found), n)]


@torch.no_grad()
def log_likelihood(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> torch.Tensor:
    """How likely the decoder takes each caption for, beside its picture: the logarithm, float (n,)."""
    out = []
    for i in range(0, len(said), CHUNK):
        ids = tokens(loaded, said[i : i + CHUNK])
        states = image_states(loaded, pictures[i : i + CHUNK])
        scores = loaded.model.text_decoder(
            input_ids=ids, attention_mask=(ids != marks(loaded)[2]).long(), encoder_hidden_states=states
        ).logits
        each = -F.cross_entropy(
            scores[:, :-1].float().transpose(1, 2), ids[:, 1:], ignore_index=marks(loaded)[2], reduction="none"
        )
        out.append(each.sum(dim=1).cpu())
    return torch.cat(out)


def library_caption_loss(scores: torch.Tensor, ids: torch.Tensor, pad: int) -> torch.Tensor:
    """What `caption_loss` of the notebook returns."""
    return F.cross_entropy(scores[:, :-1].flatten(0, 1), ids[:, 1:].masked_fill(ids[:, 1:] == pad, -100).flatten())


def library_filtered(
    scores: torch.Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> torch.Tensor:
    """What `filtered` of the notebook returns, by the library's own filters."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    scores = TemperatureLogitsWarper(float(temperature))(None, scores.clone())
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None and top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return scores.softmax(dim=-1)


# --- matching -------------------------------------------------------------------------------------------------------


def _text_inputs(loaded: Loaded, said: Sequence[str]) -> dict[str, torch.Tensor]:
    inputs = loaded.processor(text=list(said), padding=True, truncation=True, return_tensors="pt")
    return {name: inputs[name].to(loaded.model.device) for name in ("input_ids", "attention_mask")}


@torch.no_grad()
def match(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> torch.Tensor:
    """The probability that each caption is true of its picture, by the ITM head: float (n,) in [0, 1]."""
    out = []
    for i in range(0, len(said), CHUNK):
        inputs = _text_inputs(loaded, said[i : i + CHUNK])
        scores = loaded.model(pixel_values=pixels(loaded, pictures[i : i + CHUNK]), **inputs).itm_score
        out.append(scores.float().softmax(dim=-1)[:, 1].cpu())
    return torch.cat(out)


@torch.no_grad()
def vectors(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the ITC heads compare, each of length 1: of pictures float (n, d), of captions float (m, d)."""
    model = loaded.model
    seen = model.vision_proj(image_states(loaded, pictures)[:, 0])
    read = model.text_proj(model.text_encoder(**_text_inputs(loaded, said))[0][:, 0])
    return F.normalize(seen.float().cpu(), dim=-1), F.normalize(read.float().cpu(), dim=-1)


def cosines(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> torch.Tensor:
    """Cosines of all pictures with all captions, by the ITC heads: float (n, m)."""
    seen, read = vectors(loaded, pictures, said)
    return seen @ read.T


# --- questions ------------------------------------------------------------------------------------------------------


def answers(loaded: Loaded, pictures: Sequence[Image.Image], questions: Sequence[str]) -> list[str]:
    """The answer to each question about its picture."""
    # generate() attends to the padding of a question, so questions of one length go together
    alike: dict[int, list[int]] = defaultdict(list)
    for i, question in enumerate(questions):
        alike[len(loaded.processor.tokenizer(question)["input_ids"])].append(i)
    found = [""] * len(questions)
    for places in alike.values():
        inputs = _text_inputs(loaded, [questions[i] for i in places])
        seen = pixels(loaded, [pictures[i] for i in places])
        ids = loaded.model.generate(pixel_values=seen, max_new_tokens=8, num_beams=1, do_sample=False, **inputs)
        for i, text in zip(places, texts(loaded, ids), strict=True):
            found[i] = text
    return found


# --- where it looks -------------------------------------------------------------------------------------------------


@torch.no_grad()
def looks(loaded: Loaded, picture: Image.Image, caption: str) -> tuple[list[str], list[torch.Tensor]]:
    """Where the decoder looks while it reads a caption beside a picture.

    Returns the tokens from start to end as words, and for each layer its cross-attention, float (heads, tokens,
    1 + patches). Row i belongs to the step that reads token i, and writes token i + 1.
    """
    ids = tokens(loaded, [caption])
    layers = [layer.crossattention.self for layer in loaded.model.text_decoder.bert.encoder.layer]
    queries: list[torch.Tensor] = []
    keys: list[torch.Tensor] = []
    hooks = [layer.query.register_forward_hook(lambda _, __, out: queries.append(out)) for layer in layers]
    hooks += [layer.key.register_forward_hook(lambda _, __, out: keys.append(out)) for layer in layers]
    try:
        loaded.model.text_decoder(input_ids=ids, encoder_hidden_states=image_states(loaded, [picture]))
    finally:
        for hook in hooks:
            hook.remove()
    heads = loaded.model.config.text_config.num_attention_heads
    weights = [library_attention(q, k, k, heads)[1][0].float().cpu() for q, k in zip(queries, keys, strict=True)]
    return words(loaded, ids[0].tolist()), weights


@torch.no_grad()
def self_attention(loaded: Loaded, picture: Image.Image, caption: str) -> torch.Tensor:
    """How strongly each token of a caption looks at each, float (tokens, tokens): layer 0, averaged over heads."""
    ids, kept = tokens(loaded, [caption]), []
    layer = loaded.model.text_decoder.bert.encoder.layer[0].attention.self
    hooks = [part.register_forward_hook(lambda _, __, out: kept.append(out)) for part in (layer.query, layer.key)]
    try:
        loaded.model.text_decoder(input_ids=ids, encoder_hidden_states=image_states(loaded, [picture]))
    finally:
        for hook in hooks:
            hook.remove()
    queries, keys = kept
    behind = torch.ones((ids.shape[1],) * 2, dtype=torch.bool, device=ids.device).tril()
    heads = loaded.model.config.text_config.num_attention_heads
    return library_attention(queries, keys, keys, heads, behind)[1][0].mean(dim=0).float().cpu()


def library_attention(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, heads: int, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `attend` of the notebook returns, by torch's own attention; the weights with an identity for values."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys, values))
    ones = torch.eye(keys.shape[1], dtype=q.dtype, device=q.device).expand(*k.shape[:3], keys.shape[1])
    mixed, weights = (F.scaled_dot_product_attention(q, k, x, attn_mask=allowed) for x in (v, ones))
    return mixed.transpose(1, 2).flatten(2), weights
