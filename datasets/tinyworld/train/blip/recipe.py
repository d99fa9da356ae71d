"""A tiny BLIP (Li et al. 2022): a vision tower, a text encoder and a text decoder that captions, matches and answers.

All parts learn together, from pictures that are never seen twice:
- LM: the decoder writes the caption, looking at the picture's patches.
- ITC and ITM: which caption of the batch is this picture's, and is this caption true of it, where most of the false
  ones differ from a true one in one fact.
- VQA: the encoder reads a question beside the picture, the decoder writes the answer.
The vision tower starts from the course's CLIP. Heads that are thrown away in the end ask the patches what they show
(`dense.py`) and how it lies to the other object, ask the words of a caption which of them is false and what would be
true in its place, ask a word that names an object what else is true of it, and ask a question's first token for the
answer: one caption or answer says little about a picture, and a small model takes long to find out from it where to
look. (Whether a word is false is a comparison, of which neither side alone says anything, so it is learnt late;
what would be true there is in the picture.)
What is written is a moving average of the weights, in half precision, in one folder from which
`BlipForConditionalGeneration`, `BlipForImageTextRetrieval` and `BlipForQuestionAnswering` each take their parts.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import Dataset
from transformers import BertTokenizer, BlipConfig, BlipImageProcessor, BlipProcessor, CLIPModel
from transformers.models.blip.modeling_blip import BlipVisionModel
from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel, BlipTextModel

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train import loop
from tinyworld.train.batches import CHANGES, COLOUR_NAMES, tensors, variant
from tinyworld.train.blip import measure
from tinyworld.train.blip.card import card
from tinyworld.train.clip.recipe import HIGHEST_SCALE, info_nce
from tinyworld.train.dense import DenseHeads, PatchLabels
from tinyworld.train.tokenizer import count_words
from tinyworld.train.towers import MEAN, SIDE, STD, normalise, sine_cosine
from tinyworld.vocabulary import COLOURS, OPPOSITE, RELATIONS, SHAPES

LONGEST = 48  # tokens of a text
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

QUESTIONS = 2  # a picture
ASKED = {"colour": 3, "shape": 3, "size": 1, "count": 4, "yes/no": 5, "relation": 5, "background": 1}  # how often
# What a false caption changes of a true one, and how often; and how often it is another picture's altogether.
FALSE = {"shape": 4, "colour": 3, "size": 2, "background": 1, "places": 6, "colours": 5}
FAR = 0.25
UNKNOWN = -1.0
NO_LABEL = -100  # what cross-entropy leaves out
NAMED = (len(RELATIONS), len(SHAPES), len(COLOURS))  # the classes that a word which names an object is asked for

# What is written of the learner's weights: a file for each part, and how its weights' names begin.
PARTS = {
    "vision": ("vision_model.",),
    "encoder": ("text_encoder.",),
    "decoder": ("text_decoder.",),
    "matching": ("vision_proj.", "text_proj.", "itm_head."),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=4000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=3, help="of the text encoder and decoder (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "blip")
    parser.add_argument("--scenes", type=int, default=1024, help="scenes a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=250, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    processor = build_processor()
    learner = Learner(build_config(processor.tokenizer, args.layers))
    if not args.export:
        learner.start()
    learner.to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    average, clock = loop.Average(learner), loop.Clock(args.steps)
    training = loop.Training(args.runs / "blip", learner, optimizer, average, clock)
    training.resume(args)
    if not args.export:
        data = Batches(args.batch, args.seed, processor.tokenizer)

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            return learner({name: tensor.to(device) for name, tensor in data[i].items()})

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate, fall=0.3)

        def look() -> str:
            folder = args.runs / "blip-look"
            save(learner, average, processor, folder)
            return ", ".join(f"{name} {100 * value:.0f} %" for name, value in measure.glance(folder).items())

        loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)
    export(learner, average, processor, args, clock)


# --- tokens ---------------------------------------------------------------------------------------------------------


def build_processor() -> BlipProcessor:
    """WordPiece (Wu et al. 2016) whose pieces are the grammar's words, letters for any other; pictures to 64x64."""
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    words = [word for word in sorted(count_words()) if len(word) > 1]
    tokens = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters if letter.isalnum()), *words]
    tokenizer = BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, model_max_length=LONGEST)
    size = {"height": SIDE, "width": SIDE}
    images = BlipImageProcessor(size=size, image_mean=list(MEAN), image_std=list(STD))
    return BlipProcessor(image_processor=images, tokenizer=tokenizer)


def build_config(tokenizer: BertTokenizer, layers: int) -> BlipConfig:
    """As wide as the course's CLIP, whose vision tower it starts from."""
    clip = CLIPModel.config_class.from_pretrained(checkpoint("clip")).vision_config
    width = clip.hidden_size
    shared = {"hidden_size": width, "intermediate_size": clip.intermediate_size, "projection_dim": width}
    text = {"vocab_size": len(tokenizer), "num_hidden_layers": layers, "num_attention_heads": clip.num_attention_heads}
    text |= {"encoder_hidden_size": width, "max_position_embeddings": LONGEST, "initializer_range": 0.06}
    # a text begins with bos_token_id and ends with sep_token_id, where generate() stops
    text |= {"bos_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    text |= {"eos_token_id": tokenizer.sep_token_id, "pad_token_id": tokenizer.pad_token_id}
    vision = {"num_hidden_layers": clip.num_hidden_layers, "num_attention_heads": clip.num_attention_heads}
    vision |= {"image_size": clip.image_size, "patch_size": clip.patch_size, "initializer_range": 0.02}
    return BlipConfig(
        text_config=shared | text,
        vision_config=shared | vision,
        projection_dim=width,
        image_text_hidden_size=width,
    )


# --- data -----------------------------------------------------------------------------------------------------------


class Batches(Dataset):
    """Item `i` is the batch of step `i`: `batches.tensors` of n = `size` scenes, whose second half are near-twins of
    the first, and token ids, int64, padded with 0, the id of [PAD]:

    caption: (n, length).    question, answer: (QUESTIONS * n, length), those of each picture one after another.
    judged: (n, length), for the first n/2 pictures a true caption each, then another each.
    true: int64 (n,), whether those captions are true.
    wrong: float32 (n, length), 1 for the words that make them false, 0 for all others, UNKNOWN in captions of FAR.
    judged_named, question_named: int64 (..., length, 3), what else is true of what a word names: see `named`.
    """

    def __init__(self, size: int, seed: int, tokenizer: BertTokenizer) -> None:
        self.size, self.seed, self.tokenizer = size, seed, tokenizer

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        seed = self.seed * 10**9 + step
        rng, words = random.Random(seed), np.random.default_rng(seed)
        half = self.size // 2
        first = scenes("train", half // 2, seed) + scenes("train", half - half // 2, seed, objects=2)
        drawn = first + [variant(scene, rng, CHANGES) for scene in first]
        asked = [question for scene in drawn for question in ask(scene, rng, words)]
        batch = tensors(drawn)
        batch["caption"] = encode(self.tokenizer, [scene.caption(words) for scene in drawn])
        batch["question"] = encode(self.tokenizer, [question for question, _ in asked])
        batch["answer"] = encode(self.tokenizer, [answer for _, answer in asked])
        batch |= judge(first, rng, self.tokenizer)
        shown = [scene for scene in drawn for _ in range(QUESTIONS)]
        batch["question_named"] = named(batch["question"], shown, self.tokenizer)
        batch["judged_named"] = named(batch["judged"], first + first, self.tokenizer)
        return batch


def ask(scene: Scene, rng: random.Random, words: np.random.Generator) -> list[tuple[str, str]]:
    """Questions about the scene with their answers; kinds as often as ASKED says, where the scene allows them."""
    questions = scene.questions(words)
    kinds = sorted({question.kind for question in questions})
    chosen = [
        rng.choice([question for question in questions if question.kind == kind])
        for kind in rng.choices(kinds, [ASKED[kind] for kind in kinds], k=QUESTIONS)
    ]
    return [(question.text, question.answer) for question in chosen]


def judge(drawn: list[Scene], rng: random.Random, tokenizer: BertTokenizer) -> dict[str, torch.Tensor]:
    """A true caption of each scene and another, which of them are true, and which words are wrong: see `Batches`."""
    far = [rng.random() < FAR for _ in drawn]
    others = [drawn[i - 1] if far[i] else variant(scene, rng, FALSE, within=False) for i, scene in enumerate(drawn)]
    seeds = 2 * [rng.randrange(2**32) for _ in drawn]  # worded alike, captions differ in the false words alone
    texts = [s.caption(np.random.default_rng(seed)) for s, seed in zip(drawn + others, seeds, strict=True)]
    ids, n = encode(tokenizer, texts), len(drawn)
    wrong = torch.zeros(ids.shape)
    wrong[n:] = (ids[n:] != ids[:n]).float()
    wrong[n:][torch.tensor(far)] = UNKNOWN
    true = [1] * n + [int(a.facts() == b.facts()) for a, b in zip(drawn, others, strict=True)]
    return {"judged": ids, "true": torch.tensor(true), "wrong": wrong}


def named(ids: torch.Tensor, shown: list[Scene], tokenizer: BertTokenizer) -> torch.Tensor:
    """What else is true of the object that a word names: int64 (n, length, 3), as indices its shape and colour and,
    first of the three, how it lies to the other of two, as in RELATIONS.

    ids: (n, length), texts beside the pictures of `shown`. Labelled is a shape or a colour that one object of the
    picture alone has; NO_LABEL stands everywhere else, and for the relation where there are not two objects.
    """
    labels = torch.full((*ids.shape, 3), NO_LABEL)
    for label, words, scene in zip(labels, ids, shown, strict=True):
        lies = [NO_LABEL] * len(scene.objects)
        if relation := scene.relation():
            lies = [RELATIONS.index(relation[1]), RELATIONS.index(OPPOSITE[relation[1]])]
        for how, thing in zip(lies, scene.objects, strict=True):
            known = torch.tensor([how, SHAPES.index(thing.shape), COLOUR_NAMES.index(thing.colour)])
            for kind in ("shape", "colour"):
                word = getattr(thing, kind)
                if sum(getattr(other, kind) == word for other in scene.objects) == 1:
                    label[words == tokenizer.convert_tokens_to_ids(word)] = known
    return labels


def encode(tokenizer: BertTokenizer, texts: list[str]) -> torch.Tensor:
    """Token ids, int64 (n, length), padded with 0."""
    return tokenizer(texts, padding=True, truncation=True, return_tensors="pt")["input_ids"]


# --- the model ------------------------------------------------------------------------------------------------------


class Learner(nn.Module):
    """Every part that one of the three classes has, named as there, and heads that are thrown away."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        width = config.vision_config.hidden_size
        self.config = config
        self.vision_model = BlipVisionModel(config.vision_config)
        self.text_encoder = BlipTextModel(config.text_config, add_pooling_layer=False)
        self.text_decoder = BlipTextLMHeadModel(config.text_config)
        self.text_decoder.tie_weights()
        self.vision_proj, self.text_proj = (nn.Linear(width, config.image_text_hidden_size) for _ in range(2))
        self.itm_head = nn.Linear(width, 2)
        self.heads = nn.ModuleDict(
            {
                "dense": DenseHeads(width, config.vision_config.patch_size),
                "bearing": nn.Linear(width, len(RELATIONS)),
                "wrong": nn.Linear(width, 1),
                "named": nn.Linear(width, sum(NAMED)),
                "right": nn.Linear(width, config.text_config.vocab_size),
                "answer": nn.Linear(width, config.text_config.vocab_size),
            }
        )
        self.log_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))

    @torch.no_grad()
    def start(self) -> None:
        """Eyes of the course's CLIP; in the text parts larger queries and keys, and positions that are waves.

        As in `towers.initialise`: the usual small weights leave a narrow model's attention uniform for long.
        """
        open_eyes(self.vision_model)
        for name, weight in self.named_parameters():
            if re.search(r"text_.*(query|key)\.weight$", name):
                weight.normal_(0, 0.1)
            elif re.search(r"text_.*word_embeddings\.weight$", name):
                weight.normal_(0, 0.15)
            elif re.search(r"text_.*position_embeddings\.weight$", name):
                weight.copy_(0.15 * sine_cosine(torch.arange(len(weight), dtype=torch.float32), weight.shape[1]))

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and figures to print."""
        image = self.vision_model(pixel_values=normalise(batch["pixels"])).last_hidden_state
        n = len(image) // 2
        dense, figures = self.heads["dense"](image, batch)
        losses = {"dense": 0.3 * dense}

        losses["bearing"], figures["bearing right"] = self.lie(image, batch)

        losses["LM"] = self.write(batch["caption"], image)

        some = torch.arange(2 * n, device=image.device) % n < n // 2  # half of the pictures, each with its near-twin
        images = F.normalize(self.vision_proj(image[some, 0]), dim=-1)
        texts = F.normalize(self.text_proj(self.read(batch["caption"][some])[:, 0]), dim=-1)
        losses["ITC"] = info_nce(images, texts, self.log_scale.clamp(max=math.log(HIGHEST_SCALE)))

        layers = self.read_layers(batch["judged"], image[:n].repeat(2, 1, 1))
        scores = self.itm_head(layers[-1][:, 0])
        losses["ITM"] = F.cross_entropy(scores, batch["true"])
        # the words are asked a layer before the first token is, which thus has them to read the answer from
        losses["wrong"] = self.find(layers[-2], batch)
        losses["right"], figures["right right"] = self.correct(layers[-2], batch)
        figures["ITM right"] = (scores.argmax(1) == batch["true"]).float().mean().item()

        question_layers = self.read_layers(batch["question"], image.repeat_interleave(QUESTIONS, dim=0))
        asked = question_layers[-1]
        # after the first layer, so that the others can put together what several words found
        losses["named"], figures["named right"] = self.tell(
            [(layers[1], batch["judged_named"]), (question_layers[1], batch["question_named"])]
        )
        first = self.heads["answer"](asked[:, 0])
        losses["answer"] = F.cross_entropy(first, batch["answer"][:, 1])  # after the token that begins every text
        figures["answer right"] = (first.argmax(1) == batch["answer"][:, 1]).float().mean().item()
        # generate() attends to a question's padding too: half of the time it does here
        padded = torch.arange(len(asked), device=asked.device)[:, None] % 2 == 0
        losses["VQA"] = self.write(batch["answer"], asked, (batch["question"] != 0) | padded)
        figures |= {name: loss.item() for name, loss in losses.items()}
        return sum(losses.values()), figures

    def read(self, ids: torch.Tensor, image: torch.Tensor | None = None) -> torch.Tensor:
        """The text encoder's states of texts (n, length), beside pictures' states where given: (n, length, width)."""
        return self.read_layers(ids, image)[-1]

    def read_layers(self, ids: torch.Tensor, image: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        """The same, of the embeddings and then of every layer."""
        mask = (ids != 0).long()
        output = self.text_encoder(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=image, output_hidden_states=True
        )
        return output.hidden_states

    def write(self, ids: torch.Tensor, seen: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The decoder's cross-entropy on texts (n, length), told what is seen (n, m, width), mask bool (n, m)."""
        scores = self.text_decoder(
            input_ids=ids,
            attention_mask=(ids != 0).long(),
            encoder_hidden_states=seen,
            encoder_attention_mask=None if mask is None else mask.long(),
        ).logits
        return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=0)

    def lie(self, image: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, float]:
        """How the object that a patch shows lies to the other of two: the loss, and the share of right answers."""
        seen, wanted = bearings(batch, self.config.vision_config.patch_size)
        scores, wanted = self.heads["bearing"](image[:, 1:][seen]), wanted[seen]
        return F.cross_entropy(scores, wanted), (scores.argmax(1) == wanted).float().mean().item()

    def tell(self, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, float]:
        """Words, (n, length, width), are asked for what else is true of the object they name, labels (n, length, 3):
        the mean loss, and the share of right answers about who lies where."""
        known = [(labels != NO_LABEL).any(-1) for _, labels in pairs]
        words = torch.cat([states[there] for (states, _), there in zip(pairs, known, strict=True)])
        labels = torch.cat([labels[there] for (_, labels), there in zip(pairs, known, strict=True)])
        answers = self.heads["named"](words).split(NAMED, dim=-1)
        loss = torch.zeros((), device=words.device)
        for answer, label in zip(answers, labels.T, strict=True):
            loss = loss + F.cross_entropy(answer, label, ignore_index=NO_LABEL)
        lies = labels[:, 0] != NO_LABEL
        return loss / len(NAMED), (answers[0].argmax(-1) == labels[:, 0])[lies].float().mean().item()

    def correct(self, words: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, float]:
        """Words, (n, length, width), are asked what would be true where they stand: the loss, and the share of right
        answers for the false ones. These weigh as much as all the others."""
        half = len(words) // 2
        known = (batch["judged"][half:] != 0) & (batch["wrong"][half:] != UNKNOWN)
        wrong = batch["wrong"][half:][known] == 1
        answers, wanted = self.heads["right"](words[half:][known]), batch["judged"][:half][known]
        each = F.cross_entropy(answers, wanted, reduction="none")
        return (each[wrong].mean() + each[~wrong].mean()) / 2, (answers.argmax(-1) == wanted)[
            wrong
        ].float().mean().item()

    def find(self, words: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The loss of telling which words, (n, length, width), are wrong; these weigh as much as all the others."""
        known = (batch["judged"] != 0) & (batch["wrong"] != UNKNOWN)
        wanted = batch["wrong"][known]
        weight = torch.where(wanted == 1, 0.5 / wanted.mean(), 0.5 / (1 - wanted.mean()))
        return F.binary_cross_entropy_with_logits(self.heads["wrong"](words[known])[:, 0], wanted, weight)


@torch.no_grad()
def open_eyes(model: BlipVisionModel) -> None:
    """Give a vision tower the weights of the course's CLIP.

    CLIP normalises the sum of patch and position before its first layer, and BLIP does not. The embeddings take over
    what they can of that: the centring, the gains, and the division by what the spread is on average. (The class
    token's is always the same.) What that leaves, training mends.
    """
    clip = CLIPModel.from_pretrained(checkpoint("clip"), dtype=torch.float32).vision_model
    own, theirs, norm = model.embeddings, clip.embeddings, clip.pre_layrnorm
    spread = theirs(normalise(tensors(scenes("train", 256))["pixels"])).std(-1, unbiased=False).mean(0)  # of each token
    spread[1:] = spread[1:].mean()

    def fold(weight: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        return norm.weight * (weight - weight.mean(-1, keepdim=True)) / spread

    kernels = theirs.patch_embedding.weight.permute(1, 2, 3, 0)  # the normalised axis last
    own.patch_embedding.weight.copy_(fold(kernels, spread[1]).permute(3, 0, 1, 2))
    own.patch_embedding.bias.zero_()
    own.class_embedding.copy_(fold(theirs.class_embedding, spread[0]))
    own.position_embedding.copy_(fold(theirs.position_embedding.weight, spread[:, None]) + norm.bias)

    for layer, other in zip(model.encoder.layers, clip.encoder.layers, strict=True):
        attention, parts = layer.self_attn, [getattr(other.self_attn, f"{name}_proj") for name in "qkv"]
        attention.qkv.weight.copy_(torch.cat([part.weight for part in parts]))
        attention.qkv.bias.copy_(torch.cat([part.bias for part in parts]))
        pairs = [(attention.projection, other.self_attn.out_proj)]
        pairs += [(layer.layer_norm1, other.layer_norm1), (layer.layer_norm2, other.layer_norm2)]
        pairs += [(layer.mlp.fc1, other.mlp.fc1), (layer.mlp.fc2, other.mlp.fc2)]
        for mine, its in pairs:
            mine.load_state_dict(its.state_dict())


def bearings(batch: dict[str, torch.Tensor], patch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which patches show one of just two objects, bool (n, patches), and how it lies to the other, as in RELATIONS.

    The second is int64 (n, patches), an index, of no meaning where the first is false.
    """
    labels = PatchLabels(batch, patch)
    two = (batch["objects"][:, :, 0] >= 0).sum(1) == 2
    dx, dy = (batch["centres"][:, 0] - batch["centres"][:, 1]).T
    sideways = dx.abs() >= dy.abs()
    first = torch.where(sideways, (dx > 0).long(), 2 + (dy > 0).long())  # of RELATIONS, opposites stand side by side
    return two[:, None] & labels.covered, first[:, None] ^ (labels.which == 1).long()


# --- the checkpoint -------------------------------------------------------------------------------------------------


def save(learner: Learner, average: loop.Average, processor: BlipProcessor, folder: Path) -> None:
    """Write the averaged weights in half precision, a file for each part, with configuration and processor.

    Each class has an index of its own that names its files: `from_pretrained` finds it by the `variant`, captioning's
    without one. So the classes share what they have in common, and none meets weights that it does not know.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    of_part = {
        part: {name: w.half().cpu().contiguous() for name, w in average.weights.items() if name.startswith(beginnings)}
        for part, beginnings in PARTS.items()
    }
    for part, weights in of_part.items():
        save_file(weights, folder / f"{part}.safetensors", metadata={"format": "pt"})
    for kind, parts in measure.VARIANTS.items():
        files = {name: f"{part}.safetensors" for part in parts for name in of_part[part]}
        size = sum(weight.nbytes for part in parts for weight in of_part[part].values())
        index = {"metadata": {"total_size": size}, "weight_map": files}
        name = f"model.safetensors.index.{kind}.json" if kind else "model.safetensors.index.json"
        (folder / name).write_text(json.dumps(index, indent=1) + "\n")
    learner.config.architectures = ["BlipForConditionalGeneration"]
    learner.config.dtype = "float16"
    learner.config.save_pretrained(folder)
    processor.save_pretrained(folder)


def export(
    learner: Learner, average: loop.Average, processor: BlipProcessor, args: argparse.Namespace, clock: loop.Clock
) -> None:
    """Write the checkpoint with its measured figures and the card."""
    fresh = args.out.with_name(args.out.name + ".new")
    save(learner, average, processor, fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock, QUESTIONS), measure.table(figures))
