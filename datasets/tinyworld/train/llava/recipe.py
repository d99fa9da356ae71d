"""A tiny LLaVA (Liu et al. 2023): the course's CLIP sees, two layers project, a small Llama talks.

The vision tower stays as it is; projector and language model learn together, from conversations about pictures that
are never seen twice: questions and answers turn by turn, captions, and boxes in location tokens. The loss is the
library's own, on the assistant's words alone. What a question asks for is a needle among sixteen patches, and one word
of answer says little about where to look. So heads that are thrown away in the end ask the state of every phrase that
speaks of objects ("the red star") how many of these there are, and what and where the one is; and one attention head
is drawn to the patches that the phrase speaks of.
What is written is a moving average of the weights, in half precision.
"""

from __future__ import annotations

import argparse
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset
from transformers import CLIPModel, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.conversations import Turn, conversation, mentions
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train import loop
from tinyworld.train.batches import CHANGES, tensors, variant
from tinyworld.train.dense import PatchLabels
from tinyworld.train.language import (
    ASSISTANT,
    END,
    IGNORED,
    IMAGE,
    USER,
    build_config,
    build_processor,
    build_tokenizer,
    image_tokens,
    initialise,
)
from tinyworld.train.llava import measure
from tinyworld.train.llava.card import card
from tinyworld.train.towers import normalise
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

DRAWN = 1  # the layer with the head that is drawn to what a phrase speaks of, from 0
TOLD = 2  # so many layers before the last, the heads ask
MOST = 3  # objects of a scene


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=2800, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="conversations a step (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=7, help="of a conversation (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="of the language model (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=6, help="of the language model (default: %(default)s)")
    parser.add_argument("--meaning", type=float, default=0.3, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--drawing", type=float, default=0.1, help="weight of the drawn head's (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "llava")
    parser.add_argument("--scenes", type=int, default=512, help="scenes a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=250, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    tokenizer = build_tokenizer()
    learner = Learner(build_config(tokenizer, args.width, args.layers), args.meaning, args.drawing)
    learner.start()
    learner.to(device)
    optimizer = torch.optim.AdamW(learner.learning(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    average, clock = loop.Average(learner), loop.Clock(args.steps)
    training = loop.Training(args.runs / "llava", learner, optimizer, average, clock)
    training.resume(args)
    if not args.export:
        data = Batches(args.batch, args.turns, args.seed, tokenizer, image_tokens())

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            return learner({name: tensor.to(device) for name, tensor in data[i].items()})

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate, fall=0.3)

        def look() -> str:
            folder = args.runs / "llava-look"
            save(learner, average, tokenizer, folder)
            return ", ".join(f"{name} {100 * value:.0f} %" for name, value in measure.glance(folder).items())

        loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)
    export(learner, average, tokenizer, args, clock)


# --- data -----------------------------------------------------------------------------------------------------------


class Text(NamedTuple):
    """A conversation written out.

    said: (start, end) in the text of what the assistant says, END included.
    spoken: (place in the text of a phrase's last letter, the objects that it fits).
    """

    text: str
    said: list[tuple[int, int]]
    spoken: list[tuple[int, list[int]]]


def write(scene: Scene, turns: list[Turn], tokens: int) -> Text:
    """A conversation as the chat template writes it, with `tokens` placeholders for the picture in the first turn."""
    text, said, spoken = "", [], []
    for turn in turns:
        text += USER + ("" if text else IMAGE * tokens)
        spoken += [(len(text) + m.end - 1, m.of(scene)) for m in mentions(turn.question)]
        text += turn.question + ASSISTANT
        start = len(text)
        spoken += [(start + m.end - 1, m.of(scene)) for m in mentions(turn.answer)]
        text += turn.answer + END
        said.append((start, len(text)))
    return Text(text, said, spoken)


class Batches(Dataset):
    """Item `i` is the batch of step `i`: `batches.tensors` of n = `size` scenes, the second half of which are
    near-twins of the first, and

    input_ids, attention_mask, labels: int64 (n, length), a conversation each; labels are IGNORED but for what the
    assistant says.
    row, column: int64 (phrases,), where in the batch the last token of each phrase that speaks of objects is.
    fits: bool (phrases, MOST), which objects it fits.
    turn, reply: int64 (turns,), where in the batch the token is that begins each answer.
    """

    def __init__(self, size: int, turns: int, seed: int, tokenizer: PreTrainedTokenizerFast, tokens: int) -> None:
        self.size, self.turns, self.seed, self.tokenizer, self.tokens = size, turns, seed, tokenizer, tokens

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        drawn, rng = draw(self.size, self.seed * 10**9 + step)
        texts = [write(scene, conversation(scene, rng, self.turns), self.tokens) for scene in drawn]
        return tensors(drawn) | encode(texts, self.tokenizer)


def draw(size: int, seed: int) -> tuple[list[Scene], np.random.Generator]:
    """Scenes, half of them near-twins of the others, and a source for what is said about them."""
    half, rng = size // 2, random.Random(seed)
    first = scenes("train", half // 2, seed) + scenes("train", half - half // 2, seed, objects=2)
    return first + [variant(scene, rng, CHANGES) for scene in first], np.random.default_rng(seed)


def encode(texts: list[Text], tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """The tokens of conversations with labels and phrases, as `Batches` describes them."""
    batch = tokenizer([one.text for one in texts], padding=True, return_tensors="pt")
    labels = torch.full_like(batch["input_ids"], IGNORED)
    rows, columns, fits, turns, replies = [], [], [], [], []
    for i, one in enumerate(texts):
        for start, end in one.said:
            first, last = batch.char_to_token(i, start), batch.char_to_token(i, end - 1)
            labels[i, first : last + 1] = batch["input_ids"][i, first : last + 1]
            turns.append(i)
            replies.append(first - 1)
        for place, objects in one.spoken:
            rows.append(i)
            columns.append(batch.char_to_token(i, place))
            fits.append([j in objects for j in range(MOST)])
    return {
        "input_ids": batch["input_ids"],
        "attention_mask": batch["attention_mask"],
        "labels": labels,
        "row": torch.tensor(rows, dtype=torch.long),
        "column": torch.tensor(columns, dtype=torch.long),
        "fits": torch.tensor(fits, dtype=torch.bool).view(-1, MOST),
        "turn": torch.tensor(turns, dtype=torch.long),
        "reply": torch.tensor(replies, dtype=torch.long),
    }


# --- the model ------------------------------------------------------------------------------------------------------


class MeaningHeads(nn.Module):
    """Throw-away heads on the states of a language model; `forward` gives one loss.

    On a phrase that speaks of objects: how many fit it; and where just one does, its shape, colour and size and where
    it is. On the token that begins an answer: the background, of which no phrase speaks.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.number = nn.Linear(width, MOST + 1)
        self.attributes = nn.ModuleList(nn.Linear(width, len(values)) for values in (SHAPES, COLOURS, SIZES))
        self.place = nn.Linear(width, 2)
        self.background = nn.Linear(width, len(BACKGROUNDS))

    def forward(self, hidden: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """hidden: (n, length, width). Returns the loss and figures to print."""
        hidden = self.norm(hidden)
        states, fits = hidden[batch["row"], batch["column"]], batch["fits"]
        number, wanted = self.number(states), fits.sum(1)
        figures = {"number right": (number.argmax(1) == wanted).float().mean().item()}
        loss = F.cross_entropy(number, wanted)
        behind = self.background(hidden[batch["turn"], batch["reply"]])
        background = batch["background"][batch["turn"]]
        figures["background right"] = (behind.argmax(1) == background).float().mean().item()
        loss = loss + F.cross_entropy(behind, background)
        one = wanted == 1
        rows, which = batch["row"][one], fits[one].long().argmax(1)
        objects, centres = batch["objects"][rows, which], batch["centres"][rows, which]
        for head, value, name in zip(self.attributes, objects.T, ("shape", "colour", "size"), strict=True):
            scores = head(states[one])
            loss = loss + F.cross_entropy(scores, value)
            figures[f"{name} right"] = (scores.argmax(1) == value).float().mean().item()
        # in quarters of the picture's side, as `dense.py` measures places
        return loss + F.smooth_l1_loss(self.place(states[one]), 4 * (centres - 0.5)), figures


class Learner(nn.Module):
    """The model and the heads that are thrown away. meaning, drawing: weights of the losses beside the library's."""

    def __init__(self, config: LlavaConfig, meaning: float, drawing: float) -> None:
        super().__init__()
        self.llava = LlavaForConditionalGeneration(config)
        self.llava.set_attn_implementation("eager")  # which gives its weights away
        self.heads = MeaningHeads(config.text_config.hidden_size)
        self.meaning, self.drawing = meaning, drawing
        self.patch = config.vision_config.patch_size

    @torch.no_grad()
    def start(self) -> None:
        """CLIP's eyes, which stay shut to learning; a projector and a language model that are ready to learn."""
        model = self.llava.model
        initialise(model.language_model)
        # what comes out of the projector is about as large as the embeddings of words
        features = open_eyes(self.llava)
        first, second = model.multi_modal_projector.linear_1, model.multi_modal_projector.linear_2
        first.weight.normal_(0, (features * first.in_features**0.5) ** -1)
        second.weight.normal_(0, 0.2 * second.in_features**-0.5)
        first.bias.zero_(), second.bias.zero_()

    def learning(self) -> list[nn.Parameter]:
        """The parameters that are not frozen."""
        return [p for p in self.parameters() if p.requires_grad]

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and figures to print."""
        seen = self.llava(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            pixel_values=normalise(batch["pixels"]),
            labels=batch["labels"],
            output_hidden_states=True,
            output_attentions=True,
        )
        meaning, figures = self.heads(seen.hidden_states[-1 - TOLD], batch)
        drawing = self.drawn(seen.attentions[DRAWN], batch)
        figures |= {"LM": seen.loss.item(), "meaning": meaning.item(), "drawing": drawing.item()}
        return seen.loss + self.meaning * meaning + self.drawing * drawing, figures

    def drawn(self, attention: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """How little the first head of a layer, (n, heads, length, length), looks at what phrases speak of."""
        labels, row = PatchLabels(batch, self.patch), batch["row"]
        shown = F.one_hot(labels.which, MOST).bool() & labels.covered[..., None]  # (n, patches, objects)
        wanted = (shown[row] & batch["fits"][:, None]).any(-1)  # (phrases, patches)
        some = wanted.any(1)
        begins = 1  # the picture follows the user's token
        looked = attention[row[some], 0, batch["column"][some], begins : begins + wanted.shape[1]]
        return -(looked * wanted[some]).sum(1).clamp(min=1e-6).log().mean()


@torch.no_grad()
def open_eyes(llava: LlavaForConditionalGeneration) -> float:
    """Give a LLaVA the vision tower of the course's CLIP, and freeze it. Returns how large its features are: their
    standard deviation."""
    clip = CLIPModel.from_pretrained(checkpoint("clip"), dtype=torch.float32).vision_model
    tower = llava.model.vision_tower
    own = getattr(tower, "vision_model", tower)  # versions differ in whether a tower of its own wraps the model
    own.load_state_dict(clip.state_dict())
    tower.requires_grad_(False)
    pixels = normalise(tensors(scenes("train", 64))["pixels"])
    return clip(pixel_values=pixels).last_hidden_state[:, 1:].std().item()


# --- the checkpoint -------------------------------------------------------------------------------------------------


def averaged(learner: nn.Module, average: loop.Average, config: LlavaConfig) -> LlavaForConditionalGeneration:
    """A copy of the model with the averaged weights, on the CPU."""
    model = LlavaForConditionalGeneration(config)
    weights = {k.removeprefix("llava."): v.cpu() for k, v in average.weights.items() if k.startswith("llava.")}
    model.load_state_dict(weights, strict=False)  # tied weights have one name of two
    model.tie_weights()
    return model.eval()


def save(learner: Learner, average: loop.Average, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the averaged model in half precision, with its processor and how to generate."""
    shutil.rmtree(folder, ignore_errors=True)
    model = averaged(learner, average, learner.llava.config)
    model.generation_config.update(max_new_tokens=48, do_sample=False)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(folder)
    build_processor(tokenizer).save_pretrained(folder)


def export(
    learner: Learner,
    average: loop.Average,
    tokenizer: PreTrainedTokenizerFast,
    args: argparse.Namespace,
    clock: loop.Clock,
) -> None:
    """Write the checkpoint with its measured figures and the card."""
    fresh = args.out.with_name(args.out.name + ".new")
    save(learner, average, tokenizer, fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock, DRAWN + 1), measure.table(figures))
