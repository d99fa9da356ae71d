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
from coursekit.notebook import oracle

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


@torch.no_grad()
def next_chances(loaded: Loaded, picture: Image.Image, **how: Any) -> torch.Tensor:
    """With which probabilities the library's `generate` draws the first token of a caption, float (vocabulary,).

    how: as for `generate`, such as temperature, top_k and top_p; all tokens, unless told otherwise.
    """
    how = {"do_sample": True, "top_k": 0, "max_new_tokens": 1} | how
    with torch.random.fork_rng():
        made = loaded.model.generate(
            pixel_values=pixels(loaded, [picture]), output_scores=True, return_dict_in_generate=True, **how
        )
    return made.scores[0][0].float().softmax(dim=-1).cpu()


# --- matching -------------------------------------------------------------------------------------------------------


def text_inputs(loaded: Loaded, said: Sequence[str]) -> dict[str, torch.Tensor]:
    """What the model reads of texts, on its device."""
    inputs = loaded.processor(text=list(said), padding=True, truncation=True, return_tensors="pt")
    return {name: inputs[name].to(loaded.model.device) for name in ("input_ids", "attention_mask")}


def itm(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> torch.Tensor:
    """The probability that each caption is true of its picture, by the ITM head: float (n,). For figures alone."""
    return oracle("caption_lab.checks.reference").library_match(loaded, pictures, said)


@torch.no_grad()
def vectors(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the ITC heads compare, each of length 1: of pictures float (n, d), of captions float (m, d)."""
    model = loaded.model
    seen = model.vision_proj(image_states(loaded, pictures)[:, 0])
    read = model.text_proj(model.text_encoder(**text_inputs(loaded, said))[0][:, 0])
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
        inputs = text_inputs(loaded, [questions[i] for i in places])
        seen = pixels(loaded, [pictures[i] for i in places])
        ids = loaded.model.generate(pixel_values=seen, max_new_tokens=8, num_beams=1, do_sample=False, **inputs)
        for i, text in zip(places, texts(loaded, ids), strict=True):
            found[i] = text
    return found


# --- where it looks -------------------------------------------------------------------------------------------------


Attend = Callable[..., tuple[torch.Tensor, torch.Tensor]]  # as the notebook's `attend`


@torch.no_grad()
def looks(
    loaded: Loaded, picture: Image.Image, caption: str, attend: Attend | None = None
) -> tuple[list[str], list[torch.Tensor]]:
    """Where the decoder looks while it reads a caption beside a picture.

    attend: what weighs the patches; BLIP's own layers where it is None.
    Returns the tokens from start to end as words, and for each layer its cross-attention, float (heads, tokens,
    1 + patches). Row i belongs to the step that reads token i, and writes token i + 1.
    """
    ids = tokens(loaded, [caption])
    layers = [layer.crossattention.self for layer in loaded.model.text_decoder.bert.encoder.layer]
    given = {"input_ids": ids, "encoder_hidden_states": image_states(loaded, [picture])}
    return words(loaded, ids[0].tolist()), _weights(loaded, layers, given, attend)


@torch.no_grad()
def self_attention(
    loaded: Loaded,
    picture: Image.Image,
    caption: str,
    attend: Attend | None = None,
    causal: Callable[[int], torch.Tensor] | None = None,
) -> torch.Tensor:
    """How strongly each token of a caption looks at each, float (tokens, tokens): layer 0, averaged over heads.

    attend, causal: as the notebook's, both or neither.
    """
    layer = loaded.model.text_decoder.bert.encoder.layer[0].attention.self
    ids = tokens(loaded, [caption])
    given = {"input_ids": ids, "encoder_hidden_states": image_states(loaded, [picture])}
    (weights,) = _weights(loaded, [layer], given, attend, causal(ids.shape[1]) if causal else None)
    return weights.mean(dim=0)


def _weights(
    loaded: Loaded,
    layers: Sequence[Any],
    given: dict[str, Any],
    attend: Attend | None,
    allowed: torch.Tensor | None = None,
) -> list[torch.Tensor]:
    """What attention layers of the decoder attend with, float (heads, queries, keys) each, in one pass."""
    kept: list[torch.Tensor] = []

    def keep(layer: Any, args: tuple[Any, ...], named: dict[str, Any], out: tuple[torch.Tensor, torch.Tensor]) -> None:
        if attend is None:
            kept.append(out[1])
            return
        asking = args[0] if args else named["hidden_states"]
        asked = named.get("encoder_hidden_states")
        asked = asking if asked is None else asked
        qkv = layer.query(asking).cpu(), layer.key(asked).cpu(), layer.value(asked).cpu()
        kept.append(attend(*qkv, layer.num_attention_heads, allowed)[1])

    hooks = [layer.register_forward_hook(keep, with_kwargs=True) for layer in layers]
    try:
        loaded.model.text_decoder(**given)
    finally:
        for hook in hooks:
            hook.remove()
    return [weights[0].float().cpu() for weights in kept]
