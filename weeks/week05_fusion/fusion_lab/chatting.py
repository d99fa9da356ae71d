"""The library's LLaVA and Flamingo, whole and piece by piece."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from transformers import IdeficsForVisionText2Text, LlavaProcessor

import tinyworld
from coursekit.models import Loaded
from fusion_lab.data import Asked
from tinyworld.scene import Scene

if TYPE_CHECKING:
    from tinyworld.train.flamingo.measure import Reader

CHUNK = 64
SIDE = 4  # patches along a side of the picture


class Inputs(NamedTuple):
    """What LLaVA reads of a picture and a question, taken apart, and what the library makes of it.

    ids: int64 (1, length).   image: the placeholder's id.   words: float (1, length, d), the embeddings of `ids`.
    features: float (1, patches, width), CLIP's.   projector: its four tensors, as `project` takes them.
    logits: float (1, length, vocabulary).
    """

    ids: torch.Tensor
    image: int
    words: torch.Tensor
    features: torch.Tensor
    projector: tuple[torch.Tensor, ...]
    logits: torch.Tensor


def flamingo() -> Loaded:
    """The course's Flamingo and its processor. It is small in every profile."""
    folder = tinyworld.checkpoint("flamingo")
    model = IdeficsForVisionText2Text.from_pretrained(folder, dtype=torch.float32)
    return Loaded(model.eval(), LlavaProcessor.from_pretrained(folder))


def reader(loaded: Loaded, last_picture: Callable[..., torch.Tensor] | None = None) -> Reader:
    """A Flamingo that answers questions about albums. A notebook that is graded cannot import what it takes.

    last_picture: which picture each word may ask, as in the exercise; None: the recipe's own.
    """
    from tinyworld.train.flamingo.measure import Reader

    return Reader(loaded.model, loaded.processor, last_picture)


def prompt(llava: Loaded, question: str) -> str:
    """The text that a question about one picture becomes."""
    content = [{"type": "image"}, {"type": "text", "text": question}]
    return llava.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)


def process(llava: Loaded, pictures: Sequence[Image.Image], texts: Sequence[str]) -> Any:
    """What the model reads of pictures and texts, the texts filled up on their left."""
    return llava.processor(
        images=list(pictures), text=list(texts), padding=True, padding_side="left", return_tensors="pt"
    ).to(llava.model.device)


@torch.inference_mode()
def answers(llava: Loaded, pictures: Sequence[Image.Image], asked: Sequence[str]) -> list[str]:
    """The answer to each question about its picture, by greedy decoding."""
    out = []
    for i in range(0, len(asked), CHUNK):
        inputs = process(llava, pictures[i : i + CHUNK], [prompt(llava, text) for text in asked[i : i + CHUNK]])
        ids = llava.model.generate(**inputs, max_new_tokens=24, do_sample=False)
        said = ids[:, inputs["input_ids"].shape[1] :]
        out += [t.strip() for t in llava.processor.tokenizer.batch_decode(said, skip_special_tokens=True)]
    return out


def accuracy(llava: Loaded, asked: Sequence[Asked]) -> float:
    """The share of questions that are answered word for word."""
    said = answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    return sum(a == q.answer for a, q in zip(said, asked, strict=True)) / len(asked)


@torch.no_grad()
def inputs(llava: Loaded, scene: Scene, question: str) -> Inputs:
    """What LLaVA reads of a scene and a question, piece by piece."""
    made = process(llava, [scene.render(64)], [prompt(llava, question)])
    model = llava.model
    return Inputs(
        ids=made["input_ids"],
        image=model.config.image_token_id,
        words=model.get_input_embeddings()(made["input_ids"]),
        features=features(llava, made["pixel_values"]),
        projector=tuple(connector(llava).parameters()),
        logits=model(**made).logits,
    )


@torch.no_grad()
def features(llava: Loaded, pixels: torch.Tensor) -> torch.Tensor:
    """The patches as CLIP's vision tower sees them, without the class token: float (n, patches, width)."""
    return llava.model.model.vision_tower(pixels).last_hidden_state[:, 1:]


def read(llava: Loaded, embedded: torch.Tensor) -> torch.Tensor:
    """What the language model says of a spliced sequence (n, length, d): scores (n, length, vocabulary)."""
    states = llava.model.model.language_model(inputs_embeds=embedded).last_hidden_state
    return llava.model.lm_head(states)


def connector(llava: Loaded) -> torch.nn.Module:
    """The projector."""
    return llava.model.model.multi_modal_projector


@torch.no_grad()
def blind(llava: Loaded, seed: int = 0) -> Loaded:
    """A LLaVA whose projector has forgotten everything: a copy with random numbers in its place."""
    forgetful = Loaded(copy.deepcopy(llava.model), llava.processor)
    generator = torch.Generator().manual_seed(seed)
    for weight in connector(forgetful).parameters():
        spread = weight.std() if weight.dim() > 1 else torch.zeros(())
        weight.copy_(spread * torch.randn(weight.shape, generator=generator))
    return forgetful


def batches(llava: Loaded, steps: int, size: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """Batches for stage one, as the model takes them: questions about training scenes with labels on the answers."""
    rng, tokenizer, out = np.random.default_rng(seed), llava.processor.tokenizer, []
    drawn = tinyworld.scenes("train", steps * size, seed)
    assistant = tokenizer.convert_tokens_to_ids("<|assistant|>")
    for i in range(0, len(drawn), size):
        part = drawn[i : i + size]
        turns = [s.questions(rng)[0] for s in part]
        texts = [f"{prompt(llava, t.text)}{t.answer}{tokenizer.eos_token}" for t in turns]
        made = dict(process(llava, [s.render(64) for s in part], texts))
        said = (made["input_ids"] == assistant).cumsum(1) - (made["input_ids"] == assistant).long() > 0
        out.append(made | {"labels": made["input_ids"].masked_fill(~said, -100)})
    return out


def taught(llava: Loaded, stage_one: Callable[..., list[float]], seed: int = 0) -> list[float]:
    """The losses of stage one as the notebook has it: a blind LLaVA, 120 batches. stage_one: as the exercise has it."""
    pupil = blind(llava, seed)
    return stage_one(pupil.model, connector(pupil), batches(pupil, 120, 16, seed))


@torch.no_grad()
def chances(
    llava: Loaded, asked: Sequence[Asked], patches: torch.Tensor, splice: Callable[..., torch.Tensor]
) -> torch.Tensor:
    """The probability of each token as the first of each answer, float (n, vocabulary), when the projected patches,
    (n, patches, d), are these, and `splice` (see the exercise) puts them into the text."""
    texts = [prompt(llava, q.text) for q in asked]
    made = process(llava, [q.scene.render(64) for q in asked], texts)
    words = llava.model.get_input_embeddings()(made["input_ids"])
    spliced = splice(words, made["input_ids"], llava.model.config.image_token_id, patches)
    states = llava.model.model.language_model(inputs_embeds=spliced, attention_mask=made["attention_mask"])
    return llava.model.lm_head(states.last_hidden_state[:, -1]).softmax(-1)


@torch.no_grad()
def attentions(llava: Loaded, asked: Asked) -> tuple[torch.Tensor, int]:
    """All attention of a question, float (layers, heads, length, length), and where the patches begin."""
    made = process(llava, [asked.scene.render(64)], [prompt(llava, asked.text)])
    found = llava.model(**made, output_attentions=True).attentions
    first = int((made["input_ids"][0] == llava.model.config.image_token_id).nonzero()[0])
    return torch.cat(found), first
