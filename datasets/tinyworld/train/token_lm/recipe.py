"""The language model of week 6 over one vocabulary of words and image tokens, a `GPT2LMHeadModel`.

One set of weights paints captions, describes pictures and answers questions about them (`tinyworld.tokens`): all three
are the next token of a sequence (Chameleon team 2024; DALL-E, Ramesh et al. 2021, whose weights of text and picture the
loss has). GPT-2 rather than Llama since its positions are learnt: a picture always has the same places, and begins with
positions that tell rows and columns. Pictures that are described or asked about stand after an empty caption, and so
the model learns of them what guidance needs.
A picture's later tokens follow from its earlier ones, so a caption is needed only where an object begins, and a narrow
model would learn to read it last. Heads that are thrown away ask for it everywhere: at each place what the cell to come
will show, at <picture> what there is and who is where; and after a picture, the same of what was seen.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import VQModel
from torch import nn
from transformers import GPT2LMHeadModel

from tinyworld import tokens
from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.questions import Question
from tinyworld.scene import Scene
from tinyworld.train import loop
from tinyworld.train.dense import DenseHeads
from tinyworld.train.diffusion.autoencoder import CELL
from tinyworld.train.gpt2 import build_gpt2
from tinyworld.train.roles import RoleHeads, roles
from tinyworld.train.token_lm import measure
from tinyworld.train.token_lm.card import card
from tinyworld.train.token_lm.tokenizer import build_tokenizer
from tinyworld.train.towers import sine_cosine
from tinyworld.train.vq import measure as vq_measure
from tinyworld.train.vq import shards
from tinyworld.train.vq.shards import Batch, CodeShards
from tinyworld.wording import pick

PAINTED, DESCRIBED = 0.6, 0.8  # of a batch so much is painted, then described, then asked about
EMPTY, SHORT = 0.05, 0.1  # how often a caption to paint is empty, or leaves facts out
TEXT_WEIGHT, PICTURE_WEIGHT = 1 / 8, 7 / 8  # of a caption and its picture, as DALL-E has them
ASKED = {"colour": 3, "shape": 3, "size": 1, "count": 3, "yes/no": 4, "relation": 4, "background": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=12288, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="sequences a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--width", type=int, default=160, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--telling", type=float, default=0.1, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "token_lm")
    shards.add_arguments(parser)
    parser.add_argument("--scenes", type=int, default=256, help="pictures a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=120, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=1000, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    args.vq = args.vq or checkpoint("vq")
    folder = args.runs / "token_lm"
    if not (args.resume or args.export):
        shutil.rmtree(folder, ignore_errors=True)
    vq = vq_measure.load(args.vq)
    model = build_model(args.width, args.layers)
    begin_codes(model, vq.quantize.embedding.weight)
    learner = Speaker(model, args.telling).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.02)
    training = loop.Training(folder, learner, optimizer, loop.Average(learner, 0.999), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, vq, args, device)
    export(averaged(learner, training.average), args, training.clock)


def train(
    training: loop.Training, learner: Speaker, vq: VQModel, args: argparse.Namespace, device: torch.device
) -> None:
    """Train to the end from wherever it stands."""
    shards = CodeShards(vq, args.runs / "codes", args.shard, args.uses, args.batch, args.simple, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        batch = shards(i)
        words = np.random.default_rng((args.seed, i))
        with loop.autocast(device):
            return learner(batch, words, device)

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, warm_up=0.03, fall=0.4)

    def look() -> str:
        figures = measure.look(averaged(learner, training.average), vq, args.runs / "token_lm.png")
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


def build_model(width: int, layers: int) -> GPT2LMHeadModel:
    """A GPT-2 of `tokens.VOCABULARY`, the positions of a picture begun with their rows and columns."""
    model = build_gpt2(
        tokens.VOCABULARY,
        tokens.LONGEST,
        width,
        layers,
        bos_token_id=None,
        eos_token_id=tokens.IDS[tokens.END],
        pad_token_id=tokens.IDS[tokens.PAD],
        activation_function="relu",  # a sixth of a step on a CPU is GELU
    )
    steps = torch.arange(tokens.SIDE, dtype=torch.float32)
    columns = sine_cosine(steps.repeat(tokens.SIDE), width // 2)
    rows = sine_cosine(steps.repeat_interleave(tokens.SIDE), width // 2)
    with torch.no_grad():
        model.transformer.wpe.weight[tokens.PROMPT : tokens.PAINTED] = 0.1 * torch.cat([columns, rows], dim=1)
    return model


@torch.no_grad()
def begin_codes(model: GPT2LMHeadModel, codes: torch.Tensor) -> None:
    """Embeddings of codes that begin as their vectors in the codebook, float32 (256, width): like codes alike."""
    codes = (codes - codes.mean(0)) / codes.std(0)
    spread = torch.randn(codes.shape[1], model.config.n_embd) * codes.shape[1] ** -0.5
    model.transformer.wte.weight[tokens.IMAGE_OFFSET :] = 0.1 * (codes @ spread)


class Speaker(nn.Module):
    """The model with its loss, and the heads that are thrown away. telling: the weight of what they are asked."""

    def __init__(self, model: GPT2LMHeadModel, telling: float) -> None:
        super().__init__()
        self.model, self.telling = model, telling
        width = model.config.n_embd
        self.to_come, self.seen = DenseHeads(width, CELL), DenseHeads(width, CELL)
        self.told_roles, self.seen_roles = RoleHeads(width), RoleHeads(width)

    def forward(
        self, batch: Batch, words: np.random.Generator, device: torch.device
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch whose texts are drawn with `words`, and figures to print."""
        n = len(batch.codes)
        first, second = round(PAINTED * n), round(DESCRIBED * n)
        painted, figures = self.paint(_part(batch, slice(0, first)), words, device)
        described = self.read(_part(batch, slice(first, second)), words, device, asked=False)
        asked = self.read(_part(batch, slice(second, n)), words, device, asked=True)
        for name, (_, found) in (("describe", described), ("ask", asked)):
            figures |= {f"{name} {key}": value for key, value in found.items()}
        return painted + 0.5 * described[0] + 0.5 * asked[0], figures

    def paint(
        self, batch: Batch, words: np.random.Generator, device: torch.device
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Captions, then their pictures."""
        drawn = words.random(len(batch.drawn))
        texts = [
            "" if r < EMPTY else s.short_caption(words) if r < EMPTY + SHORT else _caption(s, words)
            for s, r in zip(batch.drawn, drawn, strict=True)
        ]
        ids = tokens.painting(texts, batch.codes).to(device)
        out = self.model(ids, output_hidden_states=True, use_cache=False)
        scores, wanted = out.logits[:, :-1].float().transpose(1, 2), ids[:, 1:]
        error = F.cross_entropy(scores, wanted, reduction="none")
        text, picture = error[:, : tokens.TEXT].mean(), error[:, tokens.PROMPT - 1 :].mean()
        loss = TEXT_WEIGHT * text + PICTURE_WEIGHT * picture
        figures = {"text": text.item(), "picture": picture.item()}
        whole = torch.from_numpy(drawn >= EMPTY + SHORT).to(device)  # captions that tell everything
        hidden = out.hidden_states[-1][whole, tokens.PROMPT - 1 : -1].float()
        if len(hidden):
            known = {name: tensor.to(device)[whole] for name, tensor in batch.labels.items()}
            told, found = self.to_come(torch.cat([hidden[:, :1], hidden], dim=1), known)
            wanted_roles = torch.tensor([roles(s) for s in batch.drawn]).to(device)[whole]
            role, right = self.told_roles(F.normalize(hidden[:, 0], dim=-1), wanted_roles)
            loss = loss + self.telling * (told + role)
            figures |= found | {"roles": right}
        return loss, figures

    def read(
        self, batch: Batch, words: np.random.Generator, device: torch.device, asked: bool
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Pictures, then what is said about them: captions, or questions and answers."""
        if asked:
            turns = [question(scene, words) for scene in batch.drawn]
            ids = tokens.asking(batch.codes, [t.text for t in turns], [t.answer for t in turns]).to(device)
            first = ids.shape[1] - tokens.ANSWER
        else:
            ids = tokens.describing(batch.codes, [_caption(s, words) for s in batch.drawn]).to(device)
            first = tokens.PAINTED + 1
        out = self.model(ids, output_hidden_states=True, use_cache=False)
        scores, wanted = out.logits[:, :-1].float().transpose(1, 2), ids[:, 1:]
        error = F.cross_entropy(scores, wanted, reduction="none")
        said = wanted[:, first - 1 :] != tokens.IDS[tokens.PAD]
        text = error[:, first - 1 :][said].mean()
        picture = error[:, tokens.PROMPT - 1 : tokens.PAINTED - 1].mean()  # with no caption, for guidance
        hidden = out.hidden_states[-1].float()
        mark = hidden[:, tokens.PAINTED]  # <text> or <question>: the whole picture was seen
        cells = torch.cat([mark[:, None], hidden[:, tokens.PROMPT : tokens.PAINTED]], dim=1)
        known = {name: tensor.to(device) for name, tensor in batch.labels.items()}
        told, found = self.seen(cells, known, places=True)
        role, right = self.seen_roles(
            F.normalize(mark, dim=-1), torch.tensor([roles(s) for s in batch.drawn]).to(device)
        )
        figures = {"text": text.item(), "patch shape": found["patch shape"], "roles": right}
        return text + 0.2 * picture + self.telling * (told + role), figures


def _part(batch: Batch, chosen: slice) -> Batch:
    return Batch(batch.codes[chosen], batch.drawn[chosen], {k: v[chosen] for k, v in batch.labels.items()})


def _caption(scene: Scene, words: np.random.Generator) -> str:
    return scene.caption(words if words.random() < 0.5 else None)


def question(scene: Scene, words: np.random.Generator) -> Question:
    """One question about a scene, kinds as often as ASKED says."""
    by_kind: dict[str, list[Question]] = {}
    for asked in scene.questions(words):
        by_kind.setdefault(asked.kind, []).append(asked)
    kinds = sorted(by_kind)
    weights = np.array([ASKED[kind] for kind in kinds], dtype=float)
    return pick(by_kind[str(words.choice(kinds, p=weights / weights.sum()))], words)


def averaged(learner: Speaker, average: loop.Average) -> GPT2LMHeadModel:
    """A copy of the model with the averaged weights, on the CPU."""
    config = learner.model.config
    model = build_model(config.n_embd, config.n_layer)
    weights = {k.removeprefix("model."): v.cpu() for k, v in average.weights.items() if k.startswith("model.")}
    model.load_state_dict(weights, strict=False)  # the output's are the embedding's
    return model.eval().requires_grad_(False)


def export(model: GPT2LMHeadModel, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its tokenizer, measured figures and the card with them."""
    fresh: Path = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    build_tokenizer().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes, args.vq)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
