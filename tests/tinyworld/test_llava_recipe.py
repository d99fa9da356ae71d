"""The LLaVA, connector and Flamingo recipes ask what is true, go on where they stopped, and write the real classes."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import (
    CLIPModel,
    IdeficsForVisionText2Text,
    LlamaForCausalLM,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

import tinyworld
from tinyworld import connectors, grounding
from tinyworld.albums import KINDS, album
from tinyworld.conversations import ALL_KINDS, conversation, mentions
from tinyworld.train import language, loop
from tinyworld.train.__main__ import RECIPES, parse
from tinyworld.train.batches import tensors
from tinyworld.train.connectors import recipe as connectors_recipe
from tinyworld.train.flamingo import masks
from tinyworld.train.flamingo import measure as measure_flamingo
from tinyworld.train.flamingo import recipe as flamingo_recipe
from tinyworld.train.llava import measure, recipe
from tinyworld.train.towers import normalise

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def tokenizer():
    return language.build_tokenizer()


@pytest.fixture(scope="module")
def learner(tokenizer) -> recipe.Learner:
    torch.manual_seed(0)
    learner = recipe.Learner(language.build_config(tokenizer, 64, 4), 0.3, 0.1)
    learner.start()
    return learner


@pytest.fixture(scope="module")
def folder(learner, tokenizer, tmp_path_factory):
    """An untrained checkpoint of four layers."""
    folder = tmp_path_factory.mktemp("untrained") / "llava"
    recipe.save(learner, loop.Average(learner), tokenizer, folder)
    return folder


def drawn(n: int, objects: int | None = None) -> list[tinyworld.Scene]:
    return tinyworld.scenes("test", n, seed=91, objects=objects)


# --- tokens and chat ---


def test_the_world_s_words_are_one_token_each_wherever_they_stand(tokenizer):
    rng = np.random.default_rng(0)
    for scene in drawn(40):
        for turn in conversation(scene, rng, 6):
            words = turn.question.replace("?", " ?").replace(",", " ,").split()
            assert len(tokenizer(turn.question)["input_ids"]) == len(words)
    assert tokenizer.tokenize("<|assistant|>red") == ["<|assistant|>", "Ġred"]
    assert tokenizer.decode(tokenizer("Zebra, 42!")["input_ids"]).strip() == "Zebra, 42!"
    box = "<loc05><loc06><loc10><loc12>"
    ids = tokenizer(f"{box}<|end|>")["input_ids"]
    assert len(ids) == 5 and tokenizer.decode(ids, skip_special_tokens=True).strip() == box


def test_what_is_learnt_from_is_what_the_chat_template_writes(tokenizer):
    processor, rng = language.build_processor(tokenizer), np.random.default_rng(0)
    for scene in drawn(10):
        turns = conversation(scene, rng, 5)
        talk = measure.messages(turns[:-1], turns[-1].question)
        prompt = processor.apply_chat_template(talk, add_generation_prompt=True)
        written = recipe.write(scene, turns, language.image_tokens())
        ids = processor(images=[scene.render()], text=[prompt], return_tensors="pt")["input_ids"][0]
        whole = tokenizer(written.text)["input_ids"]
        assert ids.tolist() == whole[: len(ids)]
        assert tokenizer.decode(whole[len(ids) :]).strip() == f"{turns[-1].answer}<|end|>"


def test_only_the_assistant_s_words_are_labels_and_phrases_are_where_they_end(tokenizer):
    scene, rng = drawn(1, 2)[0], np.random.default_rng(4)
    turns = conversation(scene, rng, 6)
    written = recipe.write(scene, turns, 16)
    batch = recipe.encode([written], tokenizer)
    said = tokenizer.decode(batch["labels"][0][batch["labels"][0] >= 0])
    assert said.replace(" ", "") == "".join(f"{t.answer}<|end|>" for t in turns).replace(" ", "")
    assert len(batch["column"]) == len(written.spoken) > 0
    for column, (place, objects), fits in zip(batch["column"], written.spoken, batch["fits"], strict=True):
        word = tokenizer.decode(batch["input_ids"][0, column]).strip()
        assert written.text[: place + 1].endswith(word)
        assert fits.nonzero().flatten().tolist() == objects
    begins = tokenizer.convert_tokens_to_ids(language.ASSISTANT)
    assert batch["reply"].tolist() == (batch["input_ids"][0] == begins).nonzero().flatten().tolist()


def test_batches_come_from_the_step_alone(tokenizer):
    one, again, other = (recipe.Batches(8, 4, 5, tokenizer, 16)[i] for i in (3, 3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["pixels"], other["pixels"])


# --- LLaVA ---


def test_everything_but_the_tower_learns_and_the_loss_is_the_library_s(learner, tokenizer):
    batch = recipe.Batches(8, 4, 0, tokenizer, 16)[0]
    loss, figures = learner(batch)
    loss.backward()
    tower = {n for n, _ in learner.named_parameters() if "vision_tower" in n}
    still = {n for n, p in learner.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert still == tower
    learner.zero_grad()
    keys = ("input_ids", "attention_mask", "labels")
    with torch.no_grad():
        plain = learner.llava(pixel_values=normalise(batch["pixels"]), **{k: batch[k] for k in keys}).loss
    assert figures["LM"] == pytest.approx(plain.item(), abs=1e-5)
    clip = CLIPModel.from_pretrained(tinyworld.checkpoint("clip"), dtype=torch.float32).vision_model
    pixels = normalise(batch["pixels"])
    seen = learner.llava.model.vision_tower(pixel_values=pixels).last_hidden_state
    assert torch.allclose(seen, clip(pixel_values=pixels).last_hidden_state, atol=1e-3)  # other attention kernels


def test_the_drawn_head_is_right_when_it_looks_at_what_is_spoken_of(learner, tokenizer):
    batch = recipe.Batches(8, 4, 0, tokenizer, 16)[0]
    n, length = batch["input_ids"].shape
    labels = recipe.PatchLabels(batch, 16)
    attention = torch.zeros(n, 1, length, length)
    for row, column, fits in zip(batch["row"], batch["column"], batch["fits"], strict=True):
        shown = labels.covered[row] & fits[labels.which[row]]
        if shown.any():
            attention[row, 0, column, 1:17] = shown.float() / shown.sum()
    assert learner.drawn(attention, batch).item() == pytest.approx(0, abs=1e-5)
    assert learner.drawn(attention.roll(1, dims=-1), batch).item() > 0.5


TINY = "--steps 4 --batch 4 --save-every 0 --threads 1 --device cpu --look-every 1000"


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    ended: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(recipe, "export", lambda learner, average, *_: ended.append(dict(average.weights)))
    tiny = f"llava {TINY} --turns 3 --width 64 --layers 3".split()
    recipe.run(parse([*tiny, "--runs", str(tmp_path / "whole")]))
    halves, shown = [*tiny, "--runs", str(tmp_path / "halves"), "--resume"], []

    def interrupt(self, progress, text):
        shown.append(progress)
        if len(shown) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe.loop.Progress, "show", interrupt)
        recipe.run(parse(halves))
    assert json.loads((tmp_path / "halves/llava/counters.json").read_text())["step"] == 2
    recipe.run(parse(halves))
    recipe.run(parse([*halves, "--export"]))
    whole, halves, exported = ended
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert all(torch.equal(whole[name], exported[name]) for name in whole)


@pytest.mark.parametrize("name", ["llava", "flamingo", "connectors", "trimodal"])
def test_nothing_to_export_is_named(tmp_path, folder, name):
    more = [] if name in ("llava", "trimodal") else ["--llava", str(folder)]
    arguments = parse(
        [name, *more, "--threads", "1", "--runs", str(tmp_path), "--out", str(tmp_path / "x"), "--export"]
    )
    module = RECIPES[name]
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        module.run(arguments)


def test_the_real_class_answers_and_is_half_precision_within_its_size(tmp_path, tokenizer):
    """The full architecture, untrained."""
    args = parse(["llava"])
    learner = recipe.Learner(language.build_config(tokenizer, args.width, args.layers), 0.3, 0.1)
    learner.start()
    recipe.save(learner, loop.Average(learner), tokenizer, tmp_path / "llava")
    assert sum(f.stat().st_size for f in (tmp_path / "llava").iterdir()) <= 16e6
    with safe_open(tmp_path / "llava" / "model.safetensors", "pt") as stored:
        names = list(stored.keys())
        assert {stored.get_tensor(name).dtype for name in names} == {torch.float16}
        assert not [name for name in names if "heads" in name]
    chatter = measure.load(tmp_path / "llava")
    said = chatter(drawn(2), [measure.messages([], "what colour is the star?")] * 2)
    assert all(isinstance(text, str) for text in said)
    model, report = LlavaForConditionalGeneration.from_pretrained(tmp_path / "llava", output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_the_card_shows_what_was_measured(tmp_path, learner, tokenizer):
    args = parse(f"llava {TINY} --out {tmp_path / 'out'} --scenes 6".split())
    recipe.export(learner, loop.Average(learner), tokenizer, args, loop.Clock(4, step=4, samples=16))
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    text = (tmp_path / "out" / "README.md").read_text()
    assert measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert "train llava --steps 4 --batch 4 --turns 7" in text


# --- measuring ---


class Oracle:
    """A LLaVA that knows the scenes, or says what it is told to."""

    def __init__(self, says: str | None = None) -> None:
        self.says = says

    def __call__(self, scenes, talks) -> list[str]:
        out = []
        for scene, talk in zip(scenes, talks, strict=True):
            question = talk[-1]["content"][-1]["text"]
            out.append(self.says if self.says is not None else self.known(scene, question, talk))
        return out

    def known(self, scene, question, talk) -> str:
        follows = len(talk) > 1
        about = mentions(talk[-3]["content"][-1]["text"] if follows else question)
        things = [i for mention in about for i in mention.of(scene)]
        if follows or question.startswith(("point", "find")) or question.startswith("where") and len(about) == 1:
            (i,) = things
            words = {"colour": "colour", "shape": "shape", "big": "size", "size": "size"}
            asked = [value for word, value in words.items() if word in question]
            return getattr(scene.objects[i], asked[0]) if asked else grounding.to_text(grounding.boxes_of(scene)[i])
        rng = np.random.default_rng(0)
        return next(q.answer for _ in range(500) for q in scene.questions(rng) if q.text == question)


def test_answers_are_counted_by_kind():
    scenes = drawn(12)
    right = measure.answering(Oracle(), scenes)
    assert set(right) == {*ALL_KINDS, "IoU"} and set(right.values()) == {1.0}
    blind = measure.answering(Oracle("yes"), scenes)
    assert 0.2 < blind.pop("yes/no") < 0.8 and set(blind.values()) == {0.0}


def test_a_box_is_right_from_half_an_overlap_on():
    scene = drawn(1, 1)[0]
    box = grounding.boxes_of(scene)[0]
    turn = measure.Turn("where is it?", grounding.to_text(box), "follow-up")
    width = box.right - box.left
    near = box._replace(left=box.left + width / 5, right=box.right + width / 5)
    far = box._replace(left=box.left + width / 2, right=box.right + width / 2)
    assert measure.right(scene, turn, grounding.to_text(near))
    assert not measure.right(scene, turn, grounding.to_text(far)) and not measure.right(scene, turn, "red")


# --- connectors ---


@pytest.mark.parametrize("kind", connectors.KINDS)
def test_each_connector_stands_between_the_same_towers(kind, folder, tmp_path, tokenizer):
    torch.manual_seed(1)
    llava = connectors_recipe.start(kind, 4, folder)
    told = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    ours, theirs = (m.model.language_model.state_dict() for m in (llava, told))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    learner = connectors_recipe.Learner(llava, 0.3)
    tokens = 16 if kind == "projector" else 4
    batch = recipe.Batches(4, 3, 0, tokenizer, tokens)[0]
    loss, _ = learner(batch)
    loss.backward()
    learning = {id(p) for p in llava.parameters() if p.requires_grad}
    assert learning == {id(p) for p in llava.model.multi_modal_projector.parameters()}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in llava.model.multi_modal_projector.parameters())
    connectors_recipe.save(kind, learner, loop.Average(learner), 4, tmp_path / kind)
    again = connectors.load(tmp_path / kind, folder)
    processor = LlavaProcessor.from_pretrained(tmp_path / kind)
    inputs = processor(images=[drawn(1)[0].render()], text=["<|user|><image>what?<|assistant|>"], return_tensors="pt")
    assert (inputs["input_ids"] == again.config.image_token_id).sum() == tokens
    with torch.no_grad():
        assert torch.allclose(again(**inputs).logits, llava.eval()(**inputs).logits, atol=0.05)


# --- Flamingo ---


@pytest.fixture(scope="module")
def flamingo(folder) -> flamingo_recipe.Learner:
    torch.manual_seed(2)
    told = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    learner = flamingo_recipe.Learner(flamingo_recipe.build_config(told.config.text_config, 4, 1, 2), 1.0, 0.3)
    learner.start(told)
    return learner


def test_with_shut_gates_it_is_llava_s_language_model(flamingo, folder, tokenizer):
    told = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    plain = LlamaForCausalLM(told.config.text_config)
    plain.model.load_state_dict(told.model.language_model.state_dict())
    plain.tie_weights()
    ids = tokenizer(["what colour is the star?"], return_tensors="pt")["input_ids"]
    seen = torch.randn(1, 1, 4, 128)
    mask = torch.ones(*ids.shape, 1, dtype=torch.long)
    with torch.no_grad():
        wanted = plain.eval()(ids).logits
        found = flamingo.flamingo.eval()(input_ids=ids, perceiver_embeddings=seen, image_attention_mask=mask).logits
    assert torch.allclose(found, wanted, atol=1e-5)


def test_flamingo_s_eyes_are_clip_s(flamingo):
    pixels = normalise(tensors(drawn(3))["pixels"])
    clip = CLIPModel.from_pretrained(tinyworld.checkpoint("clip"), dtype=torch.float32).vision_model
    with torch.no_grad():
        found = flamingo.flamingo.model.vision_model(pixel_values=pixels).last_hidden_state
        assert torch.allclose(found, clip(pixel_values=pixels).last_hidden_state, atol=1e-5)


def test_albums_are_learnt_from_as_they_are_asked(tokenizer):
    rng = np.random.default_rng(0)
    shown = [album("train", kind, rng) for kind in KINDS]
    batch = flamingo_recipe.album_batch(shown, tokenizer)
    for i, one in enumerate(shown):
        said = tokenizer.decode(batch["labels"][i][batch["labels"][i] >= 0]).replace(" ", "")
        assert said == "".join(f"{answer}<|end|>" for answer in (*one.examples[1:], one.answer))
        assert (batch["of"][i] >= 0).sum() == len(one.scenes)
        assert (batch["input_ids"][i] == tokenizer.convert_tokens_to_ids("<image>")).sum() == len(one.scenes)
    alone = ["" if i < 0 else tokenizer.decode(i).strip() for i in batch["alone"].tolist()]
    assert alone == [word for one in shown for word in one.alone]  # one token each
    image = tokenizer.convert_tokens_to_ids("<image>")
    mask = masks.image_mask(batch["input_ids"], image, 3)
    row = KINDS.index("shows")
    places = (batch["input_ids"][row] == image).nonzero().flatten().tolist()
    assert not mask[row, : places[0]].any() and mask[row].sum(1).max() == 1
    assert [mask[row, place].tolist().index(1) for place in places] == [0, 1, 2]


def test_gates_open_and_it_is_written_and_read(flamingo, tokenizer, tmp_path):
    data = flamingo_recipe.Batches(6, 2, 0, tokenizer)
    optimizer = torch.optim.AdamW([p for p in flamingo.parameters() if p.requires_grad], lr=1e-2)
    for i in range(2):
        loss, figures = flamingo(data[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert figures["gates"] > 0
    assert all(torch.equal(a["of"], b["of"]) for a, b in zip(data[1], data[1], strict=True))
    flamingo_recipe.save(flamingo, loop.Average(flamingo), tokenizer, tmp_path / "flamingo")
    model, report = IdeficsForVisionText2Text.from_pretrained(tmp_path / "flamingo", output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    reader = measure_flamingo.load(tmp_path / "flamingo")
    rng = np.random.default_rng(0)
    shown = [album("test", kind, rng) for kind in KINDS]
    assert len(reader(shown)) == len(shown)
    # what is asked one by one, without padding, gets the same answer
    assert reader(shown[:1]) == reader(shown)[:1]
