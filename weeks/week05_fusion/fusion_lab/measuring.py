"""The experiments of week 5. Each gives plain numbers, which `plots` draws."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import LlavaProcessor

import tinyworld
from coursekit.models import Loaded
from fusion_lab import chatting, data
from fusion_lab.data import Asked
from fusion_lab.handmade import Part, asking_by_hand, by_hand
from tinyworld import connectors, fusion, grounding
from tinyworld.albums import with_shots

TASKS = 256
Table = dict[str, dict[str, float]]
Believed = Callable[[list[str], list[str], list[str]], tuple[float, float]]


def _trimodal() -> ModuleType:
    """Imported by the figures that need it: it uses the recipes, which a notebook that is graded cannot import."""
    from tinyworld.train.trimodal import measure

    return measure


@lru_cache
def fusion_tasks() -> Any:
    """Tasks of three senses, with voices that no model has heard."""
    return _trimodal().Tasks(TASKS, "test", 1)


def measure_fusions(names: Sequence[str], late: Part | None = None, cross: Part | None = None) -> Table:
    """For each fusion its parameters, the milliseconds of 64 tasks, and the shares of `trimodal.report`.

    late: averages what late fusion's three models say.   cross: asks the picture, head by head. Both as the exercise
    has them; None: the model's own way, which is also the one that is timed.
    """
    own = {"late": late, "cross": cross}
    return {name: _measured_fusion(name, own.get(name)) for name in names}


@lru_cache
def _measured_fusion(name: str, part: Part | None) -> dict[str, float]:
    trimodal = _trimodal()
    model, seen = fusion.load(tinyworld.checkpoint("trimodal"), name), fusion_tasks()
    parameters = float(sum(p.numel() for p in model.parameters()))
    cost = {"parameters": parameters, "ms": 1000 * trimodal.seconds(model, seen)}
    if part is not None and name == "late":
        model.combine = part
    elif part is not None:
        model = asking_by_hand(model, part)
    return cost | trimodal.report(model, seen)


def measure_belief(names: Sequence[str], believed: Believed) -> Table:
    """For each fusion whom it believes where a voice names the other object's colour, by the exercise's `believed`."""
    seen, trimodal = fusion_tasks(), _trimodal()
    heard = seen.audio(lie=True)
    meant, other = [task.shape for task in seen.tasks], [task.other for task in seen.tasks]
    found: Table = {}
    for name in names:
        said = trimodal.answers(fusion.load(tinyworld.checkpoint("trimodal"), name), seen, heard)
        text, audio = believed(said, meant, other)
        found[name] = {"believes text": text, "believes audio": audio}
    return found


def measure_connectors(n: int = 48) -> Table:
    """For each connector its image tokens, parameters, the milliseconds of a pass, and shares of right answers."""
    folder, found = tinyworld.checkpoint("connectors"), {}
    asked = {kind: data.questions(n, 21, (kind,)) for kind in ("colour", "shape", "count", "relation")}
    for kind in connectors.KINDS:
        loaded = Loaded(connectors.load(folder / kind), LlavaProcessor.from_pretrained(folder / kind))
        found[kind] = connectors.cost(loaded.model, loaded.processor, tinyworld.scenes("test", 1, 0)[0])
        found[kind] |= {name: chatting.accuracy(loaded, some) for name, some in asked.items()}
        found[kind]["where"] = pointing(loaded, data.questions(n, 22, ("where",)))["right"]
    return found


def measure_dropped(drop_modalities: Part, rates: torch.Tensor, n: int = 4000) -> list[float]:
    """How often each modality is left out of tasks that have all three, by the exercise's `drop_modalities`."""
    there = torch.ones(n, len(rates), dtype=torch.bool)
    left: list[float] = drop_modalities(there, rates, 0).float().mean(dim=0).tolist()
    return [1 - share for share in left]


@torch.no_grad()
def stage_loss(llava: Loaded, seed: int, steps: int = 20) -> float:
    """What a LLaVA pays for the first batches of stage one, in the mean."""
    lessons = chatting.batches(llava, steps, 16, seed)
    return float(np.mean([llava.model(**batch).loss.item() for batch in lessons]))


def pointing(llava: Loaded, asked: Sequence[Asked]) -> dict[str, float]:
    """Boxes: the mean intersection over union, and the share of at least one half."""
    said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    boxes = [(grounding.from_text(text), grounding.from_text(q.answer)) for text, q in zip(said, asked, strict=True)]
    overlaps = [grounding.overlap(found, wanted) if found and wanted else 0.0 for found, wanted in boxes]
    return {"IoU": float(np.mean(overlaps)), "right": float(np.mean([o >= 0.5 for o in overlaps]))}


def measure_prior(llava: Loaded, seed: int = 0, n: int = 48) -> Table:
    """Right answers by kind, with the right picture, with another scene's, and with a grey one."""
    found: Table = {}
    for kind in ("colour", "shape", "background", "yes/no", "count"):
        asked = data.questions(n, 31 + seed, (kind,))
        own = [q.scene.render(64) for q in asked]
        for name, shown in (
            ("its own picture", own),
            ("another's", own[1:] + own[:1]),
            ("a grey one", [Image.new("RGB", (64, 64), (128, 128, 128))] * n),
        ):
            said = chatting.answers(llava, shown, [q.text for q in asked])
            right = np.mean([a == q.answer for a, q in zip(said, asked, strict=True)])
            found.setdefault(name, {})[kind] = float(right)
    return found


@torch.no_grad()
def measure_gates(
    loaded: Loaded,
    resample: Part,
    last_picture: Part,
    gated: Part,
    parts: Sequence[float] = (0, 0.25, 0.5, 0.75, 1, 1.25),
    n: int = 32,
) -> list[float]:
    """The loss of answers about unseen albums, with every gate opened to that part of what training found.

    resample, last_picture, gated: as the exercises have them, in the places of the library's own.
    """
    model, reader = by_hand(loaded, resample, gated).model.eval(), chatting.reader(loaded, last_picture)
    crossings = model.model.gated_cross_attn_layers
    gates = [gate for layer in crossings for gate in (layer.alpha_cross_attn, layer.alpha_dense)]
    trained = [gate.tanh().clone() for gate in gates]
    albums = [a for kind in ("differs", "shows") for a in data.albums(kind, n // 2, seed=41)]
    inputs = reader.inputs(albums)
    tokenizer = loaded.processor.tokenizer
    wanted = torch.tensor([tokenizer(a.answer)["input_ids"][0] for a in albums])
    losses = []
    for part in parts:
        for gate, value in zip(gates, trained, strict=True):
            gate.copy_(torch.atanh((part * value).clamp(-0.999, 0.999)))
        scores = model(**inputs).logits[:, -1]
        losses.append(torch.nn.functional.cross_entropy(scores, wanted).item())
    return losses


def measure_shots(loaded: Loaded, n: int = 64) -> list[float]:
    """Right answers after 0, 1, 2 and 3 examples of the task."""
    reader, shown = chatting.reader(loaded), data.albums("examples", n, seed=51)
    return [
        float(np.mean([a == one.answer for a, one in zip(reader(some), some, strict=True)]))
        for some in ([with_shots(one, k) for one in shown] for k in range(4))
    ]


@torch.no_grad()
def measure_faithfulness(
    llava: Loaded,
    project: Part,
    splice: Part,
    look_map: Part,
    ablate: Part,
    ks: Sequence[int] = (0, 1, 2, 4, 6, 8),
    n: int = 32,
) -> dict[str, list[float]]:
    """The mean probability of the right answer when k patches are replaced by the mean patch: those most looked at,
    those least looked at, and some at random.

    project, splice, look_map, ablate: as the exercises have them.
    """
    asked = data.questions(n, 61, ("colour", "shape"))
    texts = [chatting.prompt(llava, q.text) for q in asked]
    pixels = chatting.process(llava, [q.scene.render(64) for q in asked], texts)["pixel_values"]
    patches = project(chatting.features(llava, pixels), *chatting.connector(llava).parameters())
    fill, rng = patches.mean(dim=(0, 1)), np.random.default_rng(0)
    found: dict[str, list[float]] = {"most looked at": [], "at random": [], "least looked at": []}
    ranked, shuffled = [], []  # the same random order for every k, so that more are always those and some others
    for q in asked:
        attention, first = chatting.attentions(llava, q)
        ranked.append(look_map(attention, attention.shape[-1] - 1, first, chatting.SIDE))
        shuffled.append(torch.from_numpy(rng.permutation(patches.shape[1])).float())
    token = [llava.processor.tokenizer(q.answer)["input_ids"][0] for q in asked]
    for k in ks:
        for name, some in found.items():
            replaced = []
            for own, weights, any_order in zip(patches, ranked, shuffled, strict=True):
                order = {"most looked at": weights, "least looked at": -weights, "at random": any_order}[name]
                replaced.append(ablate(own, order, k, fill))
            likely = chatting.chances(llava, asked, torch.stack(replaced), splice)
            some.append(likely[torch.arange(n), torch.tensor(token)].mean().item())
    return found


@torch.no_grad()
def measure_bits(llava: Loaded, quantise: Callable[..., tuple[Any, Any]], restore: Part, n: int = 64) -> Table:
    """Right answers, megabytes of the language model's matrices and their error, in 32, 8, 4 and 2 bits.

    quantise, restore: as the exercise has them, for eight bits.
    """
    asked = data.questions(n, 71, ("colour", "shape", "count", "relation"))
    found: Table = {}
    for bits in (32, 8, 4, 2):
        model = copy.deepcopy(llava.model)
        size, error, total = 0, 0.0, 0.0
        for name, weight in model.model.language_model.named_parameters():
            if weight.dim() == 2 and "embed" not in name:
                before = weight.clone()
                if bits == 8:
                    weight.copy_(restore(*quantise(before)))
                elif bits < 8:
                    top = 2 ** (bits - 1) - 1
                    scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / top
                    weight.copy_((weight / scale).round() * scale)
                size += weight.numel() * bits / 8
                error, total = error + (weight - before).square().sum().item(), total + before.square().sum().item()
        right = chatting.accuracy(Loaded(model, llava.processor), asked)
        found[f"{bits} bits"] = {"right": right, "MB": size / 1e6, "error": (error / total) ** 0.5}
    return found


@torch.no_grad()
def measure_lengths(
    llava: Loaded, cache_bytes: Callable[..., int], copies: Sequence[int] = (1, 4, 16, 36)
) -> dict[str, list[float]]:
    """What more image tokens cost: milliseconds of a pass and kilobytes of key-value cache, for so many times the
    patches of one picture. (The answer is not looked at: the model was trained with one picture.)

    cache_bytes: as the exercise has it.
    """
    asked = chatting.inputs(llava, tinyworld.scenes("test", 1, 0)[0], "what do you see?")
    patches = chatting.connector(llava)(asked.features)
    config = llava.model.config.text_config
    places = (asked.ids[0] == asked.image).nonzero().flatten()
    before, after = asked.words[:, : places[0]], asked.words[:, places[-1] + 1 :]
    sequences = [torch.cat([before, patches.repeat(1, n, 1), after], dim=1) for n in copies]
    least = [float("inf")] * len(copies)
    for _ in range(4):  # in turns, so that a moment in which the machine is busy does not fall on one length alone
        for i, sequence in enumerate(sequences):
            start = time.perf_counter()
            llava.model.model.language_model(inputs_embeds=sequence)
            least[i] = min(least[i], time.perf_counter() - start)
    width = config.hidden_size // config.num_attention_heads
    shape = config.num_hidden_layers, config.num_key_value_heads, width
    return {
        "image tokens": [float(n * patches.shape[1]) for n in copies],
        "ms": [1000 * seconds for seconds in least],
        "KB": [cache_bytes(sequence.shape[1], *shape) / 1000 for sequence in sequences],
    }


@torch.no_grad()
def measure_merged(llava: Loaded, sides: Sequence[int] = (1, 2, 3, 4), n: int = 32) -> dict[str, list[float]]:
    """Right answers when the picture's tokens are averaged to side * side of them, which nobody taught the model."""
    asked = data.questions(n, 75, ("colour", "shape", "count", "yes/no"))
    found: dict[str, list[float]] = {
        "image tokens": [float(side * side) for side in sides],
        "right": [0.0] * len(sides),
    }
    for q in asked:
        made = chatting.inputs(llava, q.scene, q.text)
        patches = chatting.connector(llava)(made.features)
        grid = patches.transpose(1, 2).unflatten(2, (chatting.SIDE, chatting.SIDE))
        places = (made.ids[0] == made.image).nonzero().flatten()
        before, after = made.words[:, : places[0]], made.words[:, places[-1] + 1 :]
        wanted = llava.processor.tokenizer(q.answer)["input_ids"][0]
        for i, side in enumerate(sides):
            merged = torch.nn.functional.adaptive_avg_pool2d(grid, side).flatten(2).transpose(1, 2)
            scores = chatting.read(llava, torch.cat([before, merged, after], dim=1))
            found["right"][i] += float(scores[0, -1].argmax() == wanted) / n
    return found


def measure_presence(llava: Loaded, presence_scores: Callable[..., dict[str, float]], n: int = 64) -> Table:
    """Accuracy, precision, recall, F1, and how often it says yes, of questions whether something is there; and how
    often it names a colour of what is not there.

    presence_scores: as the exercise has it.
    """
    found: Table = {}
    for name, asked in data.asked_if_there(n, seed=81).items():
        said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
        scores = presence_scores(said, [q.answer for q in asked])
        shown = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "F1": "f1", "says yes": "yes"}
        found[name] = {column: float(scores[key]) for column, key in shown.items()}
    asked = data.false_premises(n, seed=82)
    said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    found["false premise"] = {"names a colour": float(np.mean([a in tinyworld.COLOURS for a in said]))}
    return found
