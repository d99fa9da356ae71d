"""What a LLaVA can say: answers by kind of question, boxes, captions, and later turns of a conversation."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from tinyworld import grounding
from tinyworld.captions import facts_of
from tinyworld.conversations import ALL_KINDS, DESCRIBE, Turn, conversation, follow_up, where
from tinyworld.sampling import scenes
from tinyworld.scene import Scene

CHUNK = 64
HIT = 0.5  # a box is right from this intersection over union on
SPLITS = ("test", "compositional")
TURN = 4  # of a conversation, in which later turns are measured

Messages = list[dict[str, Any]]


class Chatter:
    """A model that chats about pictures, with its processor, in float32."""

    def __init__(self, model: LlavaForConditionalGeneration, processor: LlavaProcessor) -> None:
        self.model, self.processor = model.eval(), processor

    @torch.inference_mode()
    def __call__(self, drawn: list[Scene], talks: list[Messages]) -> list[str]:
        """What it says next in each conversation about a scene, greedily."""
        out, tokenizer = [], self.processor.tokenizer
        for i in range(0, len(drawn), CHUNK):
            texts = [self.processor.apply_chat_template(t, add_generation_prompt=True) for t in talks[i : i + CHUNK]]
            images = [scene.render(64) for scene in drawn[i : i + CHUNK]]
            inputs = self.processor(images=images, text=texts, padding=True, padding_side="left", return_tensors="pt")
            inputs = inputs.to(self.model.device)
            ids = self.model.generate(**inputs, max_new_tokens=48, do_sample=False)
            said = tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
            out += [text.strip() for text in said]
        return out


def load(folder: Path) -> Chatter:
    """The checkpoint in a folder."""
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return Chatter(model, LlavaProcessor.from_pretrained(folder))


def messages(turns: list[Turn], question: str) -> Messages:
    """A conversation as the chat template takes it: turns that are over, then a question. The picture comes first."""
    talk: Messages = []
    for turn in turns:
        talk += [{"role": "user", "content": [{"type": "text", "text": turn.question}]}]
        talk += [{"role": "assistant", "content": [{"type": "text", "text": turn.answer}]}]
    talk += [{"role": "user", "content": [{"type": "text", "text": question}]}]
    talk[0]["content"].insert(0, {"type": "image"})
    return talk


def measure(folder: Path, n: int = 512) -> dict[str, float]:
    """Every figure of the card, from `n` scenes each; shares in [0, 1]."""
    chatter = load(folder)
    figures: dict[str, float] = {}
    for split in SPLITS:
        figures |= {f"{split}/{k}": v for k, v in report(chatter, scenes(split, n, seed=5)).items()}
    return figures | {f"test/{k}": v for k, v in controls(chatter, scenes("test", n, seed=6)).items()}


def glance(folder: Path, n: int = 64) -> dict[str, float]:
    """The same on a few validation scenes, for a look while training."""
    return report(load(folder), scenes("validation", n))


def report(chatter: Chatter, drawn: list[Scene]) -> dict[str, float]:
    """Shares of right answers by kind, of boxes, of exact captions, and of answers in a conversation's later turns."""
    figures = answering(chatter, drawn)
    rng = np.random.default_rng(1)
    said = chatter(drawn, [messages([], DESCRIBE[0])] * len(drawn))
    figures["caption"] = float(
        np.mean([facts_of(text) == scene.facts() for scene, text in zip(drawn, said, strict=True)])
    )
    talks = [conversation(scene, rng, TURN) for scene in drawn]
    figures[f"turn {TURN}"] = share(chatter, drawn, [(talk[:-1], talk[-1]) for talk in talks])
    return figures


def answering(chatter: Chatter, drawn: list[Scene]) -> dict[str, float]:
    """The share of right answers by kind of question, one question of each kind that a scene allows."""
    rng = np.random.default_rng(0)
    asked: dict[str, list[tuple[Scene, list[Turn], Turn]]] = defaultdict(list)
    for scene in drawn:
        questions = scene.questions(rng)
        for kind in dict.fromkeys(q.kind for q in questions):
            one = next(q for q in questions if q.kind == kind)
            asked[kind].append((scene, [], Turn(*one)))
        pointed = where(scene, int(rng.integers(len(scene.objects))), rng)
        asked["where"].append((scene, [], pointed))
        more = follow_up(scene, pointed, rng)
        assert more is not None  # a box is asked of one object
        asked["follow-up"].append((scene, [pointed], more))
    figures = {}
    for kind in ALL_KINDS:
        if asked[kind]:
            several, talks, turns = zip(*asked[kind], strict=True)
            figures[kind] = share(chatter, list(several), list(zip(talks, turns, strict=True)))
    boxes = [(scene, turn) for scene, _, turn in asked["where"]]
    said = chatter([scene for scene, _ in boxes], [messages([], turn.question) for _, turn in boxes])
    figures["IoU"] = float(np.mean([overlap(text, turn.answer) for text, (_, turn) in zip(said, boxes, strict=True)]))
    return figures


def share(chatter: Chatter, drawn: list[Scene], asked: list[tuple[list[Turn], Turn]]) -> float:
    """The share of right answers to a turn's question after other turns; see `right`."""
    said = chatter(drawn, [messages(before, turn.question) for before, turn in asked])
    judged = [right(scene, turn, text) for scene, (_, turn), text in zip(drawn, asked, said, strict=True)]
    return float(np.mean(judged))


def right(scene: Scene, turn: Turn, text: str) -> bool:
    """Whether an answer is right: the same word, a box that overlaps by HIT, a caption that states all facts."""
    if turn.kind == "describe":
        return facts_of(text) == scene.facts()
    if grounding.from_text(turn.answer):
        return overlap(text, turn.answer) >= HIT
    return text == turn.answer


def overlap(text: str, wanted: str) -> float:
    """Intersection over union of two boxes in location tokens; 0 where the first is none."""
    found, true = grounding.from_text(text), grounding.from_text(wanted)
    return grounding.overlap(found, true) if found and true else 0.0


def controls(chatter: Chatter, drawn: list[Scene]) -> dict[str, float]:
    """What the language alone can answer: every question is asked about another scene's picture. And how often it says
    yes to what is not there, and to what is."""
    rng = np.random.default_rng(2)
    turns = [next(Turn(*q) for q in s.questions(rng) if q.kind in ("colour", "shape", "yes/no")) for s in drawn]
    said = chatter(drawn[1:] + drawn[:1], [messages([], turn.question) for turn in turns])
    figures = {"picture exchanged": float(np.mean([a == t.answer for a, t in zip(said, turns, strict=True)]))}
    presence = [[Turn(*q) for q in s.questions(rng) if q.kind == "yes/no" and " a" in q.text] for s in drawn]
    for answer in ("yes", "no"):
        chosen = [next(t for t in several if t.answer == answer) for several in presence]
        said = chatter(drawn, [messages([], turn.question) for turn in chosen])
        figures[f"says yes where {answer}"] = float(np.mean([text == "yes" for text in said]))
    return figures


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    columns = (*ALL_KINDS, "caption", f"turn {TURN}")
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for split in SPLITS:
        name = "test" if split == "test" else "pairs never seen"
        shares = " | ".join(
            f"{100 * figures[f'{split}/{c}']:.1f} %" if f"{split}/{c}" in figures else "-" for c in columns
        )
        lines.append(f"| {name} | {shares} |")
    lines += ["", "| | |", "|---|---|"]
    lines.append(f"| mean intersection over union of boxes | {figures['test/IoU']:.2f} |")
    rows = {
        "picture exchanged": "right answers when another picture is shown",
        "says yes where yes": "says yes to what is there",
        "says yes where no": "says yes to what is not there",
    }
    lines += [f"| {text} | {100 * figures[f'test/{name}']:.1f} % |" for name, text in rows.items()]
    return "\n".join(lines)
