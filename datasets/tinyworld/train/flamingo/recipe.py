"""A tiny Flamingo (Alayrac et al. 2022): the course's CLIP sees several pictures, a Llama reads them by the way.

A Perceiver resampler makes a few vectors of each picture, and gated cross-attention before the layers of the language
model lets each word look at the last picture before it. It is written as an `IdeficsForVisionText2Text` (Laurençon et
al. 2023), the open reproduction of Flamingo. The vision tower is the course's CLIP, frozen; the language model starts
as that of the course's LLaVA, with all gates shut, and learns along, since it has never read of several pictures. It
learns from albums (`tinyworld.albums`) and, with one picture, from LLaVA's conversations. Heads that are thrown away
ask the vectors of each picture which objects there are; the state of each picture's token what that picture alone has
to say to the question, without which the answers stayed guesses; and the phrases of conversations what `llava.py` asks
them.
What is written is a moving average of the weights, in half precision.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset
from transformers import (
    CLIPModel,
    IdeficsConfig,
    IdeficsForVisionText2Text,
    LlamaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from tinyworld.albums import Album, album
from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.conversations import conversation
from tinyworld.train import loop
from tinyworld.train.batches import tensors
from tinyworld.train.dense import present
from tinyworld.train.flamingo import measure
from tinyworld.train.flamingo.card import card
from tinyworld.train.flamingo.masks import image_mask
from tinyworld.train.flamingo.measure import prompt
from tinyworld.train.language import END, IGNORED, IMAGE, LONGEST, build_processor, build_tokenizer, vision_config
from tinyworld.train.llava.recipe import TOLD, MeaningHeads, draw, encode, write
from tinyworld.train.towers import normalise
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

MIX = {"differs": 2, "shows": 1, "in all": 3, "one of them": 5, "examples": 1}  # how often each kind of album comes
TURNS = 5  # of a conversation about one picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=3000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=48, help="albums a step (default: %(default)s)")
    parser.add_argument("--talks", type=int, default=12, help="conversations a step (default: %(default)s)")
    parser.add_argument("--latents", type=int, default=8, help="of the resampler (default: %(default)s)")
    parser.add_argument("--depth", type=int, default=2, help="of the resampler (default: %(default)s)")
    parser.add_argument("--every", type=int, default=2, help="layers between cross-attentions (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--seeing", type=float, default=1.0, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--meaning", type=float, default=0.3, help="of those on the text (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument("--llava", type=Path, help="whose language model to start from (default: the shipped one)")
    loop.add_arguments(parser, FOLDER / "flamingo")
    parser.add_argument("--scenes", type=int, default=400, help="albums a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=250, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    tokenizer, source = build_tokenizer(), args.llava or checkpoint("llava")
    language = LlavaForConditionalGeneration.from_pretrained(source, dtype=torch.float32)
    config = build_config(language.config.text_config, args.latents, args.depth, args.every)
    learner = Learner(config, args.seeing, args.meaning)
    learner.start(language)
    learner.to(device)
    parameters = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    average, clock = loop.Average(learner), loop.Clock(args.steps)
    training = loop.Training(args.runs / "flamingo", learner, optimizer, average, clock)
    training.resume(args)
    if not args.export:
        data = Batches(args.batch, args.talks, args.seed, tokenizer)

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            parts = [{name: tensor.to(device) for name, tensor in part.items()} for part in data[i]]
            return learner(parts)

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate, warm_up=0.03, fall=0.3)

        def look() -> str:
            folder = args.runs / "flamingo-look"
            save(learner, average, tokenizer, folder)
            return ", ".join(f"{name} {100 * value:.0f} %" for name, value in measure.glance(folder).items())

        loop.fit(training, step, rate, args.batch + args.talks, args.save_every, look, args.look_every)
    export(learner, average, tokenizer, args, clock)


# --- data -----------------------------------------------------------------------------------------------------------


class Batches(Dataset):
    """Item `i` is the batch of step `i`, in two parts: albums, and conversations about one picture. Of each:

    pixels, objects, centres, background: of all pictures, one after another, as in `batches.tensors`.
    of: int64 (n, most), which of these pictures each text holds, -1 for none.
    input_ids, attention_mask, labels: int64 (n, length); labels are IGNORED but for what the assistant says.
    alone: of albums, int64 (pictures,), the first token of what each picture alone has to say, or IGNORED.
    row, column, fits, turn, reply: of conversations, as in `llava.Batches`.
    """

    def __init__(self, size: int, talks: int, seed: int, tokenizer: PreTrainedTokenizerFast) -> None:
        self.size, self.talks, self.seed, self.tokenizer = size, talks, seed, tokenizer

    def __getitem__(self, step: int) -> list[dict[str, torch.Tensor]]:
        seed = self.seed * 10**9 + step
        rng = np.random.default_rng(seed)
        weights = np.array(list(MIX.values())) / sum(MIX.values())
        shown = [album("train", str(kind), rng) for kind in rng.choice(list(MIX), size=self.size, p=weights)]
        parts = [album_batch(shown, self.tokenizer)]
        if self.talks:
            drawn, words = draw(self.talks, seed)
            texts = [write(scene, conversation(scene, words, TURNS), 1) for scene in drawn]
            of = {"of": torch.arange(self.talks)[:, None]}
            parts.append(_seen(tensors(drawn)) | encode(texts, self.tokenizer) | of)
        return parts


def album_batch(shown: list[Album], tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """One part of a batch. Of examples, every answer but the first is learnt: nothing told what the task was."""
    drawn = [scene for one in shown for scene in one.scenes]
    texts, spans = [], []
    for one in shown:
        text = prompt(one)
        said: list[tuple[int, int]] = []
        for answer in one.examples[1:] if one.examples else ():
            start = text.index(answer + END, said[-1][1] if said else text.index(END) + len(END))
            said.append((start, start + len(answer + END)))
        said.append((len(text), len(text + one.answer + END)))
        texts.append(text + one.answer + END)
        spans.append(said)
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    wanted = torch.full_like(batch["input_ids"], IGNORED)
    for i, said in enumerate(spans):
        for start, end in said:
            first, last = batch.char_to_token(i, start), batch.char_to_token(i, end - 1)
            wanted[i, first : last + 1] = batch["input_ids"][i, first : last + 1]
    most, of, begins = max(len(one.scenes) for one in shown), [], 0
    for one in shown:
        n = len(one.scenes)
        of.append([*range(begins, begins + n), *[-1] * (most - n)])
        begins += n
    alone = [tokenizer(word)["input_ids"][0] if word else IGNORED for one in shown for word in one.alone]
    read = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"], "labels": wanted}
    return _seen(tensors(drawn)) | read | {"of": torch.tensor(of), "alone": torch.tensor(alone)}


def _seen(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: batch[name] for name in ("pixels", "objects", "centres", "background")}


# --- the model ------------------------------------------------------------------------------------------------------


def build_config(text: LlamaConfig, latents: int, depth: int, every: int) -> IdeficsConfig:
    """A language model like LLaVA's, cross-attention before every so many of its layers, and CLIP's vision tower."""
    if text.num_hidden_layers % every:
        raise ValueError(f"--every must divide the {text.num_hidden_layers} layers of the language model; got {every}")
    vision = vision_config()
    return IdeficsConfig(
        vocab_size=text.vocab_size,
        hidden_size=text.hidden_size,
        intermediate_size=text.intermediate_size,
        num_hidden_layers=text.num_hidden_layers,
        num_attention_heads=text.num_attention_heads,
        rms_norm_eps=text.rms_norm_eps,
        rope_parameters=text.rope_parameters,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        pad_token_id=text.pad_token_id,
        bos_token_id=None,
        eos_token_id=text.eos_token_id,
        cross_layer_interval=every,
        alpha_type="float",
        freeze_text_layers=False,
        use_resampler=True,
        perceiver_config={
            "use_resampler": True,
            "resampler_n_latents": latents,
            "resampler_depth": depth,
            "resampler_n_heads": vision.num_attention_heads,
            "resampler_head_dim": vision.hidden_size // vision.num_attention_heads,
        },
        vision_config={
            "embed_dim": vision.hidden_size,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "intermediate_size": vision.intermediate_size,
            "num_hidden_layers": vision.num_hidden_layers,
            "num_attention_heads": vision.num_attention_heads,
            "hidden_act": vision.hidden_act,
            "layer_norm_eps": vision.layer_norm_eps,
        },
    )


class Learner(nn.Module):
    """The model and the heads that are thrown away. seeing, meaning: weights of what pictures and texts are asked."""

    def __init__(self, config: IdeficsConfig, seeing: float, meaning: float) -> None:
        super().__init__()
        self.flamingo, self.seeing, self.meaning = IdeficsForVisionText2Text(config), seeing, meaning
        self.flamingo.loss_type = "ForCausalLM"  # which transformers cannot tell from the class's name
        self.image = build_tokenizer().convert_tokens_to_ids(IMAGE)
        width = config.vision_config.embed_dim
        self.norm = nn.LayerNorm(width)
        self.objects = nn.Linear(width, len(SHAPES) * len(COLOURS) * len(SIZES))
        self.background = nn.Linear(width, len(BACKGROUNDS))
        self.heads = MeaningHeads(config.hidden_size)
        self.told = nn.Sequential(nn.LayerNorm(config.hidden_size), nn.Linear(config.hidden_size, config.vocab_size))

    @torch.no_grad()
    def start(self, language: LlavaForConditionalGeneration) -> None:
        """CLIP's eyes, frozen; LLaVA's language model; shut gates, and cross-attention that looks somewhere."""
        model = self.flamingo.model
        clip = CLIPModel.from_pretrained(checkpoint("clip"), dtype=torch.float32).vision_model
        weights = {k: v for k, v in clip.state_dict().items() if not k.endswith("position_ids")}
        missing = model.vision_model.load_state_dict(weights, strict=False)
        if missing.unexpected_keys or [k for k in missing.missing_keys if not k.endswith("position_ids")]:
            raise RuntimeError(f"CLIP's tower and Idefics' differ: {missing}")
        model.vision_model.requires_grad_(False)
        language_model = language.model.language_model
        model.embed_tokens.load_state_dict(language_model.embed_tokens.state_dict())
        model.norm.load_state_dict(language_model.norm.state_dict())
        for layer, other in zip(model.layers, language_model.layers, strict=True):
            missing = layer.load_state_dict(other.state_dict(), strict=False)
            if missing.unexpected_keys or [k for k in missing.missing_keys if "inv_freq" not in k]:
                raise RuntimeError(f"the language models differ: {missing}")
        self.flamingo.tie_weights()
        fresh = (model.gated_cross_attn_layers, model.perceiver_resampler)
        for name, weight in (named for module in fresh for named in module.named_parameters()):
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight.normal_(0, 0.1)
            elif name.endswith(("v_proj.weight", "o_proj.weight", "output_proj.weight")):
                weight.normal_(0, 0.06)
            elif name.endswith(("gate_proj.weight", "up_proj.weight", "down_proj.weight")):
                weight.normal_(0, 0.7 * weight.shape[1] ** -0.5)

    def forward(self, parts: list[dict[str, torch.Tensor]]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and figures to print."""
        total, figures = torch.zeros((), device=self.objects.weight.device), {}
        for name, part in zip(("albums", "talks"), parts, strict=False):
            model = self.flamingo.model
            with torch.no_grad():
                patches = model.vision_model(pixel_values=normalise(part["pixels"])).last_hidden_state
            seen = model.perceiver_resampler(patches)
            text, states = self.read(seen, part)
            seeing = self.see(seen, part)
            if name == "albums":
                meaning, right = self.tell(states, part)
                figures["alone right"] = right
            else:
                meaning, _ = self.heads(states, part)
            figures |= {name: text.item(), f"{name}, seeing": seeing.item(), f"{name}, meaning": meaning.item()}
            total = total + text + self.seeing * seeing + self.meaning * meaning
        gates = [layer.alpha_cross_attn for layer in self.flamingo.model.gated_cross_attn_layers]
        return total, figures | {"gates": torch.cat(gates).tanh().abs().mean().item()}

    def read(self, seen: torch.Tensor, part: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The library's loss on texts that hold pictures, and the states that the heads ask, (n, length, width).
        seen: (pictures, latents, width)."""
        of, ids = part["of"], part["input_ids"]
        mask = image_mask(ids, self.image, of.shape[1])
        out = self.flamingo(
            input_ids=ids,
            attention_mask=part["attention_mask"],
            perceiver_embeddings=seen[of.clamp(min=0)],
            image_attention_mask=mask,
            labels=part["labels"],
            use_cache=False,
            output_hidden_states=True,
        )
        return out.loss, out.hidden_states[-1 - TOLD]

    def tell(self, states: torch.Tensor, part: dict[str, torch.Tensor]) -> tuple[torch.Tensor, float]:
        """The loss of telling what each picture of an album alone has to say, and how often that is right."""
        scores = self.told(states[part["input_ids"] == self.image])  # row by row, which is picture by picture
        asked = part["alone"] != IGNORED
        right = (scores.argmax(1) == part["alone"])[asked].float().mean().item()
        return F.cross_entropy(scores, part["alone"], ignore_index=IGNORED), right

    def see(self, seen: torch.Tensor, part: dict[str, torch.Tensor]) -> torch.Tensor:
        """The loss of telling from a picture's vectors which objects there are, and the background."""
        whole = self.norm(seen.mean(1))
        there = F.binary_cross_entropy_with_logits(self.objects(whole), present(part["objects"]))
        return 10 * there + 0.3 * F.cross_entropy(self.background(whole), part["background"])


# --- the checkpoint -------------------------------------------------------------------------------------------------


def save(learner: Learner, average: loop.Average, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the averaged model in half precision, with the processor that LLaVA has, one token a picture."""
    shutil.rmtree(folder, ignore_errors=True)
    model = IdeficsForVisionText2Text(learner.flamingo.config)
    prefix = "flamingo."
    weights = {k.removeprefix(prefix): v.cpu() for k, v in average.weights.items() if k.startswith(prefix)}
    model.load_state_dict(weights, strict=False)  # tied weights have one name of two
    model.tie_weights()
    model.generation_config.update(max_new_tokens=8, do_sample=False)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(folder)
    build_processor(tokenizer, 1).save_pretrained(folder)


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
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
