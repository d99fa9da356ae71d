"""What this week measures: which head sees which mistake, what sampling costs, what answers need the picture for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from caption_lab import blip, data, metrics
from caption_lab.data import Example
from coursekit import one_thread
from coursekit.models import Loaded
from coursekit.notebook import oracle
from tinyworld import Scene
from tinyworld.questions import KINDS


def overfit(
    captioner: Loaded,
    scenes: Sequence[Scene],
    loss_function: Callable[..., torch.Tensor] | None = None,
    steps: int = 60,
    seed: int = 0,
    shifted: bool = False,
) -> tuple[list[float], Loaded]:
    """Teach one batch to a fresh decoder with one layer, beside the captioner's frozen eyes.

    loss_function: as `caption_loss` of the notebook; by default the loss that the library's decoder computes itself.
    shifted: every picture with another one's caption.
    Returns the loss of every step, and what can then be asked for captions.
    """
    from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel

    model = deepcopy(captioner.model)
    config = deepcopy(model.config.text_config)
    config.num_hidden_layers = 1
    config.initializer_range = 0.02
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.text_decoder = BlipTextLMHeadModel(config).to(model.device)
    pupil = Loaded(model, captioner.processor)
    states = blip.image_states(pupil, data.pictures(scenes))
    ids, pad = blip.tokens(pupil, [scene.caption() for scene in scenes]), blip.marks(pupil)[2]
    ids = ids.roll(1, dims=0) if shifted else ids
    decoder, losses = model.text_decoder.train(), []
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=4e-3, fused=True)
    with one_thread():
        for _ in tqdm(range(steps), desc="one batch, again and again", mininterval=1):
            if loss_function:
                loss = loss_function(decoder(input_ids=ids, encoder_hidden_states=states).logits, ids, pad)
            else:
                labels = ids.masked_fill(ids == pad, -100)
                loss = decoder(input_ids=ids, encoder_hidden_states=states, labels=labels).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
    decoder.eval()
    return losses, pupil


@dataclass(frozen=True)
class Sampling:
    """Ways of sampling measured: {name: (facts right, different captions)}, each in [0, 1]."""

    points: dict[str, tuple[float, float]]


def measure_sampling(
    captioner: Loaded, scenes: Sequence[Scene], ways: dict[str, dict[str, Any]], n: int = 6
) -> Sampling:
    """Several captions of each scene for each way, a dict of `generate`'s arguments: how true, and how different."""
    drawn, points = data.pictures(scenes), {}
    for name, how in ways.items():
        said = blip.candidates(captioner, drawn, n, seed=0, **how)
        right = metrics.exact([c for some in said for c in some], [s for s in scenes for _ in range(n)])
        points[name] = (right, metrics.diversity(said))
    return Sampling(points)


def tell_twins(
    captioner: Loaded, matcher: Loaded, scenes: Sequence[Scene], seed: int = 0
) -> dict[str, dict[str, float]]:
    """How often each of BLIP's heads prefers the true caption to a near-twin's, by what the twin differs in.

    scenes: of two objects.   Returns {change: {"ITC" | "ITM" | "LM": part in [0, 1]}}; chance is 0.5.   The last
    change is the control: the same pairs beside another scene's picture.
    """
    rng, report = np.random.default_rng(seed), {}
    drawn = data.pictures(scenes)
    true = [scene.caption() for scene in scenes]
    for change in (*data.CHANGES, "control: another picture"):
        told = data.CHANGES[0] if change not in data.CHANGES else change
        false = [data.twin(scene, told, rng).caption() for scene in scenes]
        seen = drawn[1:] + drawn[:1] if change not in data.CHANGES else drawn
        both, pictures = true + false, seen + seen
        cosines = blip.cosines(matcher, seen, both)
        own = torch.arange(len(scenes))
        scores = {
            "ITC": torch.cat([cosines[own, own], cosines[own, own + len(own)]]),
            "ITM": blip.itm(matcher, pictures, both),
            "LM": blip.log_likelihood(captioner, pictures, both),
        }
        report[change] = {head: float((s[: len(own)] > s[len(own) :]).float().mean()) for head, s in scores.items()}
    return report


def what_mining_buys(
    matcher: Loaded, hard_negatives: Callable[..., tuple[torch.Tensor, torch.Tensor]], n: int = 384, seed: int = 0
) -> dict[str, dict[str, float]]:
    """A fresh linear head on the product of BLIP's two ITC vectors, taught with random wrong captions or hard ones.

    hard_negatives: draws the hard ones, as the exercise has it.   n: scenes to learn from.
    Returns {how it was taught: {what it is asked: part judged rightly}}, on other scenes.
    """
    rng = np.random.default_rng(seed)
    scenes = data.sample_scenes(n // 2, 2, seed=seed + 31, split="train")
    scenes += [data.twin(s, data.CHANGES[i % len(data.CHANGES)], rng) for i, s in enumerate(scenes)]
    true = [scene.caption() for scene in scenes]
    seen, read = blip.vectors(matcher, data.pictures(scenes), true)
    same = torch.tensor([[a == b for b in true] for a in true])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        any_other = torch.multinomial((~same).float(), 1)[:, 0]
        hardest, _ = hard_negatives(50 * seen @ read.T, same)
    tests = data.sample_scenes(96, 2, seed=seed + 32)
    near = [data.twin(s, data.CHANGES[i % len(data.CHANGES)], rng) for i, s in enumerate(tests)]
    own, said = blip.vectors(matcher, data.pictures(tests), [s.caption() for s in tests])
    beside = {"true captions": said, "another scene's": said.roll(1, dims=0)}
    beside["a near-twin's"] = blip.vectors(matcher, data.pictures(near), [s.caption() for s in near])[1]
    report = {}
    for name, wrong in (("random negatives", any_other), ("hard negatives", hardest)):
        labels = torch.cat([torch.ones(n), torch.zeros(n)]).long()
        judge = _teach_head(torch.cat([seen * read, seen * read[wrong]]), labels, seed)
        right = {what: judge(own * vectors) == (vectors is said) for what, vectors in beside.items()}
        report[name] = {what: float(one.float().mean()) for what, one in right.items()}
    return report


def _teach_head(
    features: torch.Tensor, labels: torch.Tensor, seed: int, steps: int = 200
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Which of two classes features (n, d) are in, by a linear head that has learnt it from labels (n,)."""
    middle, spread = features.mean(dim=0), features.std(dim=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = torch.nn.Linear(features.shape[1], 2)
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-2, weight_decay=1e-2)
    for _ in range(steps):
        loss = F.cross_entropy(head((features - middle) / spread), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    head.requires_grad_(False)
    return lambda asked: head((asked - middle) / spread).argmax(dim=1)


def measure_answers(answerer: Loaded, scenes: Sequence[Scene], seed: int = 0) -> dict[str, dict[str, float]]:
    """The part of right answers by kind of question, beside the scene's own picture and, as a control, another's."""
    words, rng = np.random.default_rng(seed), random.Random(seed)
    asked = []
    for i, scene in enumerate(scenes):
        questions = scene.questions(words)
        for kind in sorted({q.kind for q in questions}):
            asked.append((i, rng.choice([q for q in questions if q.kind == kind])))
    drawn = data.pictures(scenes)
    report: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for name, shift in (("its own picture", 0), ("another picture", 1)):
        pictures = [drawn[(i + shift) % len(drawn)] for i, _ in asked]
        said = blip.answers(answerer, pictures, [q.text for _, q in asked])
        for kind in KINDS:
            right = [a == q.answer for a, (_, q) in zip(said, asked, strict=True) if q.kind == kind]
            if right:
                report[kind][name] = float(np.mean(right))
    return {kind: row for kind, row in report.items() if row}


def localisation(captioner: Loaded, scenes: Sequence[Scene]) -> dict[str, float]:
    """How much of a shape word's attention lies on its object, and how much by an even spread.

    scenes: with two objects.   "on its object", "on the other object", "evenly spread": means of parts in [0, 1].
    """
    own, other, even = [], [], []
    for scene in scenes:
        words, weights = blip.looks(captioner, scene.render(), scene.caption())
        maps = torch.stack(weights).mean(dim=(0, 1))[:, 1:]
        maps = maps / maps.sum(dim=1, keepdim=True)
        grid = round(maps.shape[1] ** 0.5)
        covers = F.adaptive_avg_pool2d(torch.from_numpy(scene.masks())[:, None], grid).flatten(1)
        covers = (covers > 0.15).float()  # patches that show the object
        places = [i for i, word in enumerate(words) if word in {o.shape for o in scene.objects}]
        first, second = _named_order(scene)
        if len(places) != 2:
            continue
        for place, mine, its in ((places[0], first, second), (places[1], second, first)):
            row = maps[place - 1]
            own.append(float(row @ covers[mine]))
            other.append(float(row @ covers[its]))
            even.append(float(covers[mine].mean()))
    parts = {"on its object": own, "on the other object": other, "evenly spread": even}
    return {name: float(np.mean(part)) for name, part in parts.items()}


def fool_metrics(
    captioner: Loaded,
    scenes: Sequence[Scene],
    bleu: Callable[..., float],
    rouge_l: Callable[..., float],
    cider: Callable[..., Sequence[float]],
    seed: int = 0,
) -> dict[str, tuple[str, dict[str, float]]]:
    """What metrics say of true and of false captions of the same scenes.

    scenes: of two objects.   bleu, rouge_l, cider: as the exercises have them.
    Returns {kind: (the first caption, {metric: value in [0, 1]})}, the means over scenes.
    """
    words, rng = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    drawn = data.pictures(scenes)
    references = [scene.captions(4, seed=1000 + i) for i, scene in enumerate(scenes)]
    kinds = {
        "the model's": blip.captions(captioner, drawn),
        "a paraphrase": [scene.caption(words) for scene in scenes],
        "wrong relation": [scene.swapped().caption() for scene in scenes],
        "wrong colour": [data.twin(scene, "colour", rng).caption() for scene in scenes],
        "other pictures'": [scene.caption() for scene in (*scenes[1:], scenes[0])],
    }
    report = {}
    for kind, said in kinds.items():
        overlap = [rouge_l(c, some) for c, some in zip(said, references, strict=True)]
        report[kind] = (
            said[0],
            {
                "BLEU-4": bleu(said, references) / 100,
                "ROUGE-L": float(np.mean(overlap)),
                "CIDEr": float(np.mean(cider(said, references))) / 10,
                "CLIPScore": float(metrics.clip_score(drawn, said).mean()) / 2.5,
                "facts": metrics.exact(said, scenes),
            },
        )
    return report


def _named_order(scene: Scene) -> tuple[int, int]:
    """Which object the canonical caption names first."""
    named = scene.relation()
    return (1, 0) if named and scene.objects[0] is not named[0] else (0, 1)


# --- fine-tuning ----------------------------------------------------------------------------------------------------


def example_loss(captioner: Loaded) -> Callable[[Any, Sequence[Example]], torch.Tensor]:
    """loss_of(model, examples): the mean caption loss of a list of `Example`.

    What the eyes see is taken as it is, and each picture is looked at once: only the decoder learns.
    """
    pad = blip.marks(captioner)[2]
    seen: dict[int, tuple[Any, torch.Tensor]] = {}

    def loss_of(model: Any, examples: Sequence[Example]) -> torch.Tensor:
        pupil = Loaded(model, captioner.processor)
        ids = blip.tokens(pupil, [e.caption for e in examples])
        labels = ids.masked_fill(ids == pad, -100)
        unseen = {id(e.picture): e.picture for e in examples if id(e.picture) not in seen}
        if unseen:  # the picture is kept beside its states, so that no other one can come by its id
            states = blip.image_states(pupil, list(unseen.values()))
            seen.update((key, (unseen[key], state)) for key, state in zip(unseen, states, strict=True))
        states = torch.stack([seen[id(e.picture)][1] for e in examples])
        return model.text_decoder(input_ids=ids, labels=labels, encoder_hidden_states=states).loss

    return loss_of


def adapt(captioner: Loaded, new: Sequence[Example], old: Sequence[Example], **how: Any) -> list[float]:
    """Teach a captioner new examples while it rehearses old ones. For figures alone.

    how: steps, batch, replay, rate and seed, as for `fine_tune` of the notebook.   Returns the loss of every step.
    """
    fine_tune = oracle("caption_lab.checks.reference").library_fine_tune
    return fine_tune(captioner.model, example_loss(captioner), new, old, **how)


def measure_adaptation(captioner: Loaded, n: int = 24, seed: int = 41) -> dict[str, float]:
    """What a captioner says of brown things, and of all that it knew: parts in [0, 1].

    "brown is named": of unseen pictures with one brown object.   "its other facts": their shape, size and background.
    "one object", "two objects": exact captions of scenes without brown.   "brown seen everywhere": of those, how many
    captions name brown all the same.
    """
    brown = data.sample_scenes(n, 1, seed=seed)
    said = blip.captions(captioner, [data.repainted(scene) for scene in brown])
    # the grammar knows no brown: read the rest as if the scene's own colour stood there
    readable = [c.replace(data.NEW_COLOUR, s.objects[0].colour) for c, s in zip(said, brown, strict=True)]
    rest = metrics.attributes(readable, brown)
    ones, twos = data.sample_scenes(n, 1, seed=seed + 1), data.sample_scenes(n, 2, seed=seed + 2)
    one, two = (blip.captions(captioner, data.pictures(some)) for some in (ones, twos))
    return {
        "brown is named": float(np.mean([data.NEW_COLOUR in c.split() for c in said])),
        "its other facts": float(np.mean([rest[k] for k in ("shape", "size", "background")])),
        "one object": metrics.exact(one, ones),
        "two objects": metrics.exact(two, twos),
        "brown seen everywhere": float(np.mean([data.NEW_COLOUR in c.split() for c in one + two])),
    }
