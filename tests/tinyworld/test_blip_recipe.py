"""The BLIP recipe asks what is true, goes on where it was stopped and writes three models that share one folder."""

import json
import random

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import (
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipProcessor,
    CLIPModel,
)

import tinyworld
from tinyworld.captions import parse_caption
from tinyworld.train import loop
from tinyworld.train.__main__ import parse
from tinyworld.train.batches import tensors, variant
from tinyworld.train.blip import measure, recipe
from tinyworld.train.dense import PatchLabels
from tinyworld.train.towers import normalise
from tinyworld.vocabulary import COLOURS, RELATIONS, SHAPES

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

CLASSES = {
    BlipForConditionalGeneration: None,
    BlipForImageTextRetrieval: "matching",
    BlipForQuestionAnswering: "answering",
}


@pytest.fixture(scope="module")
def processor() -> BlipProcessor:
    return recipe.build_processor()


@pytest.fixture(scope="module")
def learner(processor) -> recipe.Learner:
    torch.manual_seed(0)
    learner = recipe.Learner(recipe.build_config(processor.tokenizer, 1))
    learner.start()
    return learner.eval()


@pytest.fixture(scope="module")
def folder(learner, processor, tmp_path_factory):
    """An untrained checkpoint of one text layer."""
    folder = tmp_path_factory.mktemp("untrained") / "blip"
    recipe.save(learner, loop.Average(learner), processor, folder)
    return folder


@pytest.fixture(scope="module")
def batch(processor) -> dict[str, torch.Tensor]:
    return recipe.Batches(48, 5, processor.tokenizer)[3]


def drawn(split: str, n: int, objects: int | None = None) -> list[tinyworld.Scene]:
    return tinyworld.scenes(split, n, seed=91, objects=objects)


def read(processor: BlipProcessor, ids: torch.Tensor) -> list[str]:
    return processor.batch_decode(ids, skip_special_tokens=True)


# --- near-twins ---


def test_a_twin_that_is_drawn_is_a_training_scene_and_one_that_is_told_may_be_another():
    changes = {"shape": 1, "colour": 1, "size": 3, "places": 1}
    rng, drawn_twins, told = random.Random(0), [], []
    for scene in drawn("train", 150):
        drawn_twins.append((scene, variant(scene, rng, changes)))
        told.append((scene, variant(scene, rng, changes, within=False)))
    assert {tinyworld.split_of(twin) for _, twin in drawn_twins} == {"train"}
    assert {tinyworld.split_of(twin) for _, twin in told} == {"train", "validation", "test"}  # no pair unheard of

    def sizes_changed(pairs, several: bool) -> int:
        chosen = [(a, b) for a, b in pairs if (len(a.objects) > 1) == several]
        return sum([o.size for o in a.objects] != [o.size for o in b.objects] for a, b in chosen)

    assert sizes_changed(drawn_twins, several=False) and not sizes_changed(drawn_twins, several=True)
    assert sizes_changed(told, several=True)
    assert all(len(a.objects) == len(b.objects) and a.facts() != b.facts() for a, b in told + drawn_twins)


# --- the batches ---


def test_batches_come_from_the_step_alone(processor, batch):
    again, other = (recipe.Batches(48, 5, processor.tokenizer)[i] for i in (3, 4))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert not torch.equal(batch["pixels"], other["pixels"])


def test_captions_and_answers_are_true_of_their_pictures(processor, batch, monkeypatch):
    made = []
    monkeypatch.setattr(recipe, "tensors", lambda scenes: made.extend(scenes) or tensors(scenes))
    recipe.Batches(48, 5, processor.tokenizer)[3]
    assert len(made) == 48 and {tinyworld.split_of(s) for s in made} == {"train"}
    for scene, text in zip(made, read(processor, batch["caption"]), strict=True):
        assert parse_caption(text) == scene.facts()
    questions, answers = read(processor, batch["question"]), read(processor, batch["answer"])
    assert len(questions) == 48 * recipe.QUESTIONS
    known, kinds = 0, set()
    for i, (text, answer) in enumerate(zip(questions, answers, strict=True)):
        text = text.replace(" ?", "?")
        for seed in range(40):  # the recipe's wording is one of many: ask until it comes
            same = [q for q in made[i // recipe.QUESTIONS].questions(np.random.default_rng(seed)) if q.text == text]
            if same:
                assert same[0].answer == answer, (text, answer)
                known, kinds = known + 1, kinds | {same[0].kind}
                break
    assert known > 0.8 * len(questions) and kinds == set(recipe.ASKED)


def test_false_captions_are_false_by_the_words_that_are_marked(processor, batch):
    texts, n = read(processor, batch["judged"]), 24
    captions, far = read(processor, batch["caption"][:n]), 0
    for i in range(n):
        true, other, wrong = texts[i], texts[n + i], batch["wrong"][n + i]
        assert parse_caption(true) == parse_caption(captions[i]) and batch["true"][i] == 1
        assert batch["true"][n + i] == (parse_caption(other) == parse_caption(true))
        assert not batch["wrong"][i].any()
        if (wrong == recipe.UNKNOWN).all():
            far += 1
            continue
        pieces = [processor.tokenizer.convert_ids_to_tokens(batch["judged"][j]) for j in (i, n + i)]
        differ = [a != b for a, b in zip(*pieces, strict=True)]
        assert wrong.bool().tolist() == differ and 1 <= sum(differ) <= 2  # two where colours change hands
    assert 0 < far < n


@pytest.mark.parametrize("objects", [1, 2, 3])
def test_a_word_that_names_one_object_is_asked_what_else_is_true_of_it(processor, objects):
    scenes = drawn("train", 40, objects)
    ids = recipe.encode(processor.tokenizer, [scene.caption() for scene in scenes])
    labels, asked = recipe.named(ids, scenes, processor.tokenizer), 0
    for scene, words, label in zip(scenes, ids, labels, strict=True):
        for word, (how, shape, colour) in zip(
            processor.tokenizer.convert_ids_to_tokens(words), label.tolist(), strict=True
        ):
            (thing, *more) = [o for o in scene.objects if word in (o.shape, o.colour)] or [None]
            if thing is None or more:
                assert {how, shape, colour} == {recipe.NO_LABEL}, word
                continue
            assert (SHAPES[shape], list(COLOURS)[colour]) == (thing.shape, thing.colour)
            shown = scene if thing == scene.objects[0] else tinyworld.Scene(scene.objects[::-1], scene.background)
            assert how == (RELATIONS.index(shown.relation()[1]) if objects == 2 else recipe.NO_LABEL)
            asked += 1
    assert asked >= 40


@pytest.mark.parametrize("objects", [1, 2, 3])
def test_patches_are_asked_how_their_object_lies_to_the_other(objects):
    scenes = drawn("train", 40, objects)
    batch = tensors(scenes)
    seen, wanted = recipe.bearings(batch, 16)
    assert seen.any() == (objects == 2)
    labels = PatchLabels(batch, 16)
    for i, j in seen.nonzero().tolist():
        scene = scenes[i]
        shown = scene if labels.which[i, j] == 0 else tinyworld.Scene(scene.objects[::-1], scene.background)
        assert RELATIONS[wanted[i, j]] == shown.relation()[1]
    assert not (seen & ~labels.covered).any()


# --- the tokenizer and the model ---


def test_the_world_s_words_are_one_token_each_and_any_ascii_word_is_spelt(processor):
    tokenizer, rng = processor.tokenizer, np.random.default_rng(0)
    for scene in drawn("test", 100):
        for text in (scene.caption(rng), scene.questions(rng)[0].text):
            ids = tokenizer(text)["input_ids"]
            assert len(ids) == 2 + len(text.replace(",", " ,").replace("?", " ?").split()) <= recipe.LONGEST
            assert tokenizer.unk_token_id not in ids
    ids = tokenizer("a Zebra, 42 photos!", add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids and tokenizer.decode(ids).startswith("a zebra")
    assert len(set(tokenizer.get_vocab().values())) == len(tokenizer)


def test_the_eyes_see_what_clip_s_see(learner):
    """CLIP's first normalisation, which BLIP lacks, is made up for: nearly the same states come out."""
    pixels = normalise(tensors(drawn("test", 32))["pixels"])
    clip = CLIPModel.from_pretrained(tinyworld.checkpoint("clip"), dtype=torch.float32).vision_model
    with torch.no_grad():
        wanted = clip(pixel_values=pixels).last_hidden_state
        found = learner.vision_model(pixel_values=pixels).last_hidden_state
    alike = torch.cosine_similarity(wanted, found, dim=-1)
    strangers = torch.cosine_similarity(wanted, found.roll(1, dims=1), dim=-1)
    assert alike.mean() > 0.95 > strangers.mean() + 0.2


def test_every_part_learns_and_padding_changes_nothing(processor):
    torch.manual_seed(0)
    learner = recipe.Learner(recipe.build_config(processor.tokenizer, 1))
    batch = recipe.Batches(16, 0, processor.tokenizer)[0]
    loss, figures = learner(batch)
    loss.backward()
    # what is added to all keys alike moves no attention; the head for places is CLIP's alone
    still = [name for name, p in learner.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert all("key.bias" in name or "heads.dense.place" in name for name in still), still
    assert set(figures) >= {"LM", "ITC", "ITM", "VQA", "bearing", "wrong", "dense", "ITM right"}

    learner.eval()
    ids = batch["caption"]
    longer = torch.nn.functional.pad(ids, (0, 5))
    with torch.no_grad():
        image = learner.vision_model(pixel_values=normalise(batch["pixels"])).last_hidden_state
        short, long = learner.read(ids, image), learner.read(longer, image)
        assert torch.allclose(short, long[:, : ids.shape[1]], atol=1e-4)
        assert torch.allclose(learner.write(ids, image), learner.write(longer, image), atol=1e-5)


# --- the recipe ---

TINY = "blip --steps 4 --batch 8 --layers 1 --save-every 0 --threads 1 --device cpu --look-every 1000"


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    ended: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(recipe, "export", lambda learner, average, *_: ended.append(dict(average.weights)))
    recipe.run(parse([*TINY.split(), "--runs", str(tmp_path / "whole")]))

    halves = [*TINY.split(), "--runs", str(tmp_path / "halves"), "--resume"]
    shown = []

    def interrupt(self, progress, text):
        shown.append(progress)
        if len(shown) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe.loop.Progress, "show", interrupt)
        recipe.run(parse(halves))
    assert json.loads((tmp_path / "halves/blip/counters.json").read_text())["step"] == 2
    recipe.run(parse(halves))
    recipe.run(parse([*halves, "--export"]))

    whole, halves, exported = ended
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert all(torch.equal(whole[name], exported[name]) for name in whole)


def test_nothing_to_export_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        recipe.run(parse([*TINY.split(), "--runs", str(tmp_path), "--export"]))


# --- what is written ---


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_class_finds_all_its_weights_and_no_others(folder, kind):
    model, report = kind.from_pretrained(folder, variant=CLASSES[kind], output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert all(p.isfinite().all() for p in model.parameters())


def test_the_real_models_compute_what_was_trained(folder, learner, processor, batch):
    """The three classes, fed by the processor, give the losses and scores of training, but for half precision."""
    scenes = drawn("test", 6)
    captions = [s.caption() for s in scenes]
    inputs = processor(images=[s.render() for s in scenes], text=captions, padding=True, return_tensors="pt")
    ids, labels = inputs["input_ids"], inputs["input_ids"].masked_fill(inputs["input_ids"] == 0, -100)
    assert torch.equal(ids, recipe.encode(processor.tokenizer, captions))
    writer, matcher, answerer = (
        kind.from_pretrained(folder, variant=name, dtype=torch.float32).eval() for kind, name in CLASSES.items()
    )
    with torch.no_grad():
        image = learner.vision_model(pixel_values=normalise(tensors(scenes)["pixels"])).last_hidden_state
        assert torch.allclose(writer(**inputs, labels=labels).loss, learner.write(ids, image), atol=1e-2)
        words = learner.read(ids, image)
        assert torch.allclose(matcher(**inputs).itm_score, learner.itm_head(words[:, 0]), atol=1e-2)
        cosines = torch.nn.functional.normalize(learner.vision_proj(image[:, 0]), dim=-1) @ (
            torch.nn.functional.normalize(learner.text_proj(learner.read(ids)[:, 0]), dim=-1).T
        )
        assert torch.allclose(matcher(**inputs, use_itm_head=False).itm_score, cosines, atol=1e-2)
        answer = recipe.encode(processor.tokenizer, ["red", "left of", "yes", "two", "small", "star"])
        wanted = learner.write(answer, words, ids != 0)
        given = answerer(**inputs, labels=answer.masked_fill(answer == 0, -100), decoder_input_ids=answer)
        assert torch.allclose(given.loss, wanted, atol=1e-2)


def test_it_is_half_precision_within_its_size_and_generates(tmp_path, processor):
    """The full architecture, untrained."""
    args = parse(["blip"])
    torch.manual_seed(0)
    learner = recipe.Learner(recipe.build_config(processor.tokenizer, args.layers))
    learner.start()
    recipe.save(learner, loop.Average(learner), processor, tmp_path / "blip")
    files = list((tmp_path / "blip").iterdir())
    assert sum(f.stat().st_size for f in files) <= 10e6 and {f.suffix for f in files} == {".safetensors", ".json"}
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as stored:
                assert {stored.get_tensor(name).dtype for name in stored.keys()} == {torch.float16}  # noqa: SIM118
                assert not [name for name in stored.keys() if name.startswith("heads")]  # noqa: SIM118
    blip, scenes = measure.Blip(tmp_path / "blip"), drawn("test", 3)
    assert all(isinstance(text, str) for text in blip.captions(scenes) + blip.answers(scenes, ["how many?"] * 3))
    assert blip.true(scenes, ["a red star"] * 3).dtype == torch.bool
    inputs = blip.processor(images=scenes[0].render(), return_tensors="pt")
    beams = blip.writer.generate(**inputs, num_beams=3, num_return_sequences=3, max_new_tokens=9)
    assert len(beams) == 3 and (beams[:, 0] == processor.tokenizer.cls_token_id).all()


def test_the_card_shows_what_was_measured(tmp_path, learner, processor):
    args = parse([*TINY.split(), "--out", str(tmp_path / "out"), "--scenes", "4"])
    recipe.export(learner, loop.Average(learner), processor, args, loop.Clock(4, step=4, samples=32))
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    text = (tmp_path / "out" / "README.md").read_text()
    assert measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert "train blip --steps 4 --batch 8 --rate 0.001 --layers 1 --seed 0`" in text
    assert set(measure.glance(tmp_path / "out", 3)) >= {"exact of 1", "exact of 2", "match true", "answer relation"}


# --- measuring ---


class Oracle:
    """A BLIP that knows the truth, or says what it is told to."""

    def __init__(self, blind: bool = False) -> None:
        self.blind = blind

    def true(self, scenes: list[tinyworld.Scene], texts: list[str]) -> torch.Tensor:
        return torch.tensor([self.blind or parse_caption(t) == s.facts() for s, t in zip(scenes, texts, strict=True)])

    def answers(self, scenes: list[tinyworld.Scene], questions: list[str]) -> list[str]:
        words = np.random.default_rng(0)  # as the measure asks
        known = {(s, q.text): q.answer for s in drawn("test", 60) for q in s.questions(words)}
        return ["no" if self.blind else known[s, q] for s, q in zip(scenes, questions, strict=True)]


def test_a_paraphrase_is_right_and_each_slip_is_counted_where_it_is():
    scenes, words = drawn("test", 60, 2), np.random.default_rng(1)
    assert set(measure.caption_scores(scenes, [s.caption(words) for s in scenes]).values()) == {1.0}
    swapped = measure.caption_scores(scenes, [s.swapped().caption(words) for s in scenes])
    assert swapped["exact"] == 0 and swapped["background"] == 1  # the right words in the wrong places
    assert set(measure.caption_scores(scenes, ["a star"] * 60).values()) == {0.0}
    wrong = [s.caption().replace("small", "BIG").replace("large", "small").replace("BIG", "large") for s in scenes]
    slips = measure.caption_scores(scenes, wrong)
    assert slips["exact"] == slips["size"] == 0 and slips["colour"] == slips["shape"] == slips["background"] == 1


def test_matching_is_asked_for_captions_with_one_fact_changed():
    scenes = drawn("test", 60)
    assert set(measure.matching_shares(Oracle(), scenes).values()) == {1.0}
    figures = measure.matching_shares(Oracle(blind=True), scenes)  # takes everything for true
    assert figures.pop("true") == 1 and figures.pop("all") == 0.5
    assert set(figures) == set(measure.CHANGED) and set(figures.values()) == {0.0}


def test_answers_are_counted_by_kind():
    right = measure.answering(Oracle(), drawn("test", 60))
    assert set(right) == set(recipe.ASKED) and set(right.values()) == {1.0}
    blind = measure.answering(Oracle(blind=True), drawn("test", 60))
    assert 0.3 < blind.pop("yes/no") < 0.7 and set(blind.values()) == {0.0}


def test_the_table_shows_every_figure():
    figures = {f"{s}/{n}/{c}": 0.5 for s in measure.SPLITS for n in (1, 2) for c in ("exact", *measure.ATTRIBUTES)}
    figures |= {f"test/matching/{c}": 0.25 for c in ("true", *measure.CHANGED)}
    figures |= {f"test/answer/{kind}": 0.75 for kind in recipe.ASKED}
    text = measure.table(figures)
    assert [text.count(share) for share in ("50.0 %", "25.0 %", "75.0 %")] == [4 * 5, 7, 7]
