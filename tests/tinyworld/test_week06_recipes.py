"""The recipes of tokens and programs train, go on where they were stopped, and write what the real classes read."""

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UVit2DModel, VQModel
from support import recipes
from transformers import GPT2LMHeadModel, VisionEncoderDecoderModel

import tinyworld
from tinyworld import judge as judges
from tinyworld import tokens
from tinyworld.conditions import TextConditions
from tinyworld.programs import program_of
from tinyworld.train import editing, painters
from tinyworld.train.__main__ import RECIPES, parse
from tinyworld.train.diffusion.latents import held_out, pictures
from tinyworld.train.diffusion.recipe import text_tower
from tinyworld.train.masked import measure as masked_measure
from tinyworld.train.masked import recipe as masked
from tinyworld.train.masked import sampling as masked_sampling
from tinyworld.train.programs import recipe as programs
from tinyworld.train.programs.tokenizer import LONGEST, build_tokenizer, coordinates
from tinyworld.train.token_lm import recipe as token_lm
from tinyworld.train.token_lm import sampling
from tinyworld.train.vq import measure as vq_measure
from tinyworld.train.vq import recipe as vq
from tinyworld.train.vq.codebook import Codebook, perplexity
from tinyworld.train.vq.shards import CodeShards

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
REST = " --threads 1 --device cpu --save-every 0 --look-every 1000 --scenes 6"
SHARDS = " --shard 20 --uses 1 --simple 1"
TINY = {
    "vq": "vq --steps 8 --batch 3 --whole 2" + REST,
    "token_lm": "token_lm --steps 4 --batch 10 --width 32 --layers 1" + SHARDS + REST,
    "masked": "masked --steps 4 --batch 5 --width 32 --layers 1 --blocks 1" + SHARDS + REST,
    "programs": "programs --steps 4 --batch 4 --layers 1" + REST,
}
CLASSES = {"vq": VQModel, "token_lm": GPT2LMHeadModel, "masked": UVit2DModel, "programs": VisionEncoderDecoderModel}


def drawn(split: str, n: int, objects: int | None = None) -> list[tinyworld.Scene]:
    return tinyworld.scenes(split, n, seed=94, objects=objects)


# --- all four ---


@pytest.mark.parametrize("name", TINY)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(name, tmp_path, monkeypatch):
    monkeypatch.setattr(vq, "SAMPLE", 24)
    recipes.goes_on(name, TINY[name].split(), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", TINY)
def test_nothing_to_export_is_named(name, tmp_path):
    recipes.names_what_is_missing(TINY[name].split(), tmp_path)


@pytest.mark.parametrize("name", TINY)
def test_what_is_written_is_read_by_the_real_class_and_its_card_shows_what_was_measured(name, tmp_path, monkeypatch):
    recipe = RECIPES[name]
    monkeypatch.setattr(vq, "SAMPLE", 24)
    if name == "masked":  # the diffusion model's figures take a minute, and are what they are
        fixed = {f"edit/{key}": 0.5 for key in ("right", "stays", "kept")} | {"diversity": 9.0, "seconds": 1.0}
        monkeypatch.setattr(masked_measure, "of_diffusion", lambda *_: fixed)
    if name in ("masked", "token_lm"):
        monkeypatch.setattr(painters, "COPIES", 2)
        monkeypatch.setattr(RECIPES[name].measure, "GUIDANCES", (1.0, 3.0))
    recipe.run(parse([*TINY[name].split(), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]))
    folder = tmp_path / "out"
    figures = json.loads((folder / "figures.json").read_text())
    text = (folder / "README.md").read_text()
    assert recipe.measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert f"`python -m tinyworld.train {TINY[name].split(' --')[0]} --steps" in text
    model = (
        CLASSES[name].from_pretrained(folder, torch_dtype=torch.float16)
        if name in ("vq", "masked")
        else (CLASSES[name].from_pretrained(folder))
    )
    assert next(model.parameters()).dtype == torch.float16  # as it is stored
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


# --- the tokeniser ---


def test_it_begins_as_week_2s_autoencoder():
    """Inside the picture the encoder gives the old latents; at its edge what is padded has another colour."""
    old = AutoencoderKL.from_pretrained(tinyworld.checkpoint("diffusion") / "vae", low_cpu_mem_usage=False).eval()
    new, pixels = vq.build_model().eval(), pictures(drawn("test", 4))
    with torch.no_grad():
        wanted = old.encode(pixels).latent_dist.mean
        found = new.encode(pixels / 2 + 0.5).latents
        assert (found - wanted).abs()[:, :, 2:-2, 2:-2].median() < 0.1
        painted = new.decoder(new.post_quant_conv(wanted)) * 2 - 1
        assert torch.allclose(painted, old.decode(wanted).sample, atol=1e-4)
    assert new.quantize.legacy is False and new.config.vq_embed_dim == new.config.latent_channels


def test_codes_follow_what_chose_them_and_dead_ones_come_back():
    generator = torch.Generator().manual_seed(0)
    centres = 10 * torch.eye(4)
    cells = (centres[:, None] + torch.randn(4, 200, 4, generator=generator)).flatten(0, 1)
    book = Codebook(torch.nn.Parameter(torch.zeros(4, 4)), decay=0.9)
    book.begin(cells, generator)
    found = torch.cdist(book.weight, centres)
    assert sorted(found.argmin(1).tolist()) == [0, 1, 2, 3] and found.amin(1).max() < 0.5
    assert not book.weight.requires_grad
    for _ in range(80):  # the data move, and one of the four places is empty
        moved = cells[200:] + 3
        book.follow(moved, book.nearest(moved))
    assert (book.counts < 0.1).sum() == 1 and torch.cdist(centres[1:] + 3, book.weight).amin(1).max() < 0.5
    far = torch.cat([moved, torch.full((5, 4), -20.0)])
    assert book.revive(far, generator, dead=0.1) == 1
    assert torch.cdist(torch.full((1, 4), -20.0), book.weight).min() < 1
    assert perplexity(torch.arange(8), 8) == pytest.approx(8) and perplexity(torch.zeros(9).long(), 8) == 1


def test_gradients_pass_straight_through_and_commit_the_encoder():
    torch.manual_seed(0)
    learner = vq.Tokeniser(vq.build_model(), reading=0.0)
    batch = vq.SceneBatches(32, 0)[0]
    learner.begin(batch)
    generator = torch.Generator().manual_seed(0)
    loss, figures = learner(vq.crop(batch, generator), generator)
    loss.backward()
    assert learner.vq.encoder.conv_in.weight.grad.abs().sum() > 0 and learner.codebook.weight.grad is None
    assert figures["PSNR"] > 15 and figures["perplexity"] > 30
    learner.settle()
    learner.zero_grad()
    before = learner.codebook.weight.clone()
    loss, _ = learner({name: tensor[:4] for name, tensor in batch.items()}, generator, features=True)
    loss.backward()
    assert learner.vq.encoder.conv_in.weight.grad is None and torch.equal(before, learner.codebook.weight)
    assert learner.vq.decoder.conv_in.weight.grad.abs().sum() > 0


def test_shards_come_from_the_step_alone_and_hold_no_unseen_caption(tmp_path):
    tokeniser = vq_measure.load(tinyworld.checkpoint("vq"))
    make = lambda folder: CodeShards(tokeniser, folder, scenes=12, uses=2, batch=4, simple=1, seed=0)  # noqa: E731
    shards, later = make(tmp_path / "a"), make(tmp_path / "b")
    batches = [shards(i) for i in range(8)]
    for i in (7, 2, 5):
        again = later(i)
        assert torch.equal(batches[i].codes, again.codes) and batches[i].drawn == again.drawn
    for batch in batches[::3]:
        assert torch.equal(batch.codes, tokens.encode(tokeniser, pictures(batch.drawn)))
        assert torch.equal(batch.labels["background"], backgrounds(batch.drawn))
    assert len(set(s for b in batches[:3] for s in b.drawn)) == 12  # each scene once a pass
    assert set(s for b in batches[:3] for s in b.drawn) == set(s for b in batches[3:6] for s in b.drawn)
    for number, counts in ((0, {1}), (1, {1, 2, 3})):
        scenes = shards.draw(number)
        assert {len(s.objects) for s in scenes} == counts
        assert not any(held_out(s) or tinyworld.split_of(s) != "train" for s in scenes)
    files = sorted((tmp_path / "a").iterdir())
    assert len(files) == 2  # and from the disk they are the same
    assert torch.equal(make(tmp_path / "a")(3).codes, batches[3].codes)


def backgrounds(scenes: list[tinyworld.Scene]) -> torch.Tensor:
    return torch.tensor([tinyworld.BACKGROUNDS.index(s.background) for s in scenes])


# --- the language model ---


@pytest.fixture(scope="module")
def speaker() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    model = token_lm.build_model(32, 1).eval()
    torch.nn.init.normal_(model.transformer.wte.weight, std=0.5)
    return model


def test_painting_with_a_cache_is_painting_without(speaker):
    captions = ["a small red star on a white background", "a large blue ring on a grey background"]
    codes = sampling.paint(speaker, captions, guidance=2.0, seed=5)
    assert codes.shape == (2, 64) and 0 <= codes.min() <= codes.max() < 256
    generator, plain = torch.Generator().manual_seed(5 * 10**6), torch.zeros(2, 0, dtype=torch.long)
    with torch.no_grad():
        for _ in range(64):
            told, empty = (
                speaker(tokens.painting(texts, plain)).logits[:, -1, tokens.IMAGE_OFFSET :]
                for texts in (captions, ["", ""])
            )
            new = torch.multinomial((empty + 2 * (told - empty)).softmax(-1), 1, generator=generator)
            plain = torch.cat([plain, new], dim=1)
    assert torch.equal(codes, plain)
    begun = sampling.paint(speaker, captions, seed=1, begun=codes[:, :40])
    assert torch.equal(begun[:, :40], codes[:, :40]) and not torch.equal(begun, codes)


def test_what_is_written_are_words_and_as_generate_writes_them(speaker):
    codes = torch.randint(0, 256, (3, 64), generator=torch.Generator().manual_seed(0))
    texts = sampling.describe(speaker, codes)
    starts = tokens.describing(codes)
    ids = speaker.generate(
        starts, attention_mask=torch.ones_like(starts), max_new_tokens=24, do_sample=False,
        suppress_tokens=list(range(tokens.IMAGE_OFFSET, tokens.VOCABULARY)),
    )  # fmt: skip
    assert texts == [tokens.ids_to_words(row[starts.shape[1] :]) for row in ids]
    assert len(sampling.answer(speaker, codes, ["what is the background?"] * 3)) == 3


def test_questions_are_drawn_of_every_kind():
    words, scenes = np.random.default_rng(0), drawn("train", 40, 2)
    asked = [token_lm.question(scene, words) for scene in scenes for _ in range(5)]
    assert {question.kind for question in asked} == set(token_lm.ASKED)


def test_like_codes_begin_alike():
    torch.manual_seed(0)
    model, codes = token_lm.build_model(64, 1), torch.randn(256, 8)
    token_lm.begin_codes(model, codes)
    rows = model.transformer.wte.weight[tokens.IMAGE_OFFSET :].detach()
    near = torch.corrcoef(torch.stack([torch.pdist(codes), torch.pdist(rows)]))[0, 1]
    assert near > 0.8 and model.lm_head.weight is model.transformer.wte.weight
    grid = model.transformer.wpe.weight[tokens.PROMPT : tokens.PAINTED].view(8, 8, 64)
    assert torch.equal(grid[0, :, :32], grid[5, :, :32]) and torch.equal(grid[:, 0, 32:], grid[:, 3, 32:])


# --- the masked painter ---


def test_the_painter_takes_amuseds_own_steps():
    """The same picture from `AmusedPipeline`, told the same."""
    from diffusers import AmusedPipeline, AmusedScheduler

    torch.manual_seed(0)
    model = masked.build_model(32, 1, 1, 128).eval()
    encoder, tokenizer = text_tower()
    conditions = TextConditions(encoder, tokenizer)
    tokeniser = vq_measure.load(tinyworld.checkpoint("vq"))
    texts = ["a small red star on a white background", "a large blue ring on a grey background"]
    codes = masked_sampling.paint(model, conditions, texts, guidance=2.0, steps=5, seed=3)
    scheduler = AmusedScheduler(mask_token_id=256)
    pipe = AmusedPipeline(tokeniser, tokenizer, encoder, model, scheduler)
    pipe.set_progress_bar_config(disable=True)
    told, empty = conditions(texts), conditions(["", ""])
    theirs = pipe(
        prompt_embeds=told["pooled_text_emb"], encoder_hidden_states=told["encoder_hidden_states"],
        negative_prompt_embeds=empty["pooled_text_emb"], negative_encoder_hidden_states=empty["encoder_hidden_states"],
        guidance_scale=2.0, num_inference_steps=5, output_type="latent",
        generator=torch.Generator().manual_seed(3 * 10**6),
    ).images  # fmt: skip
    assert torch.equal(codes, torch.as_tensor(theirs).flatten(1)) and codes.max() < 256


def test_only_masked_places_are_learnt_and_all_ratios_come():
    torch.manual_seed(0)
    learner = masked.Painter(masked.build_model(32, 1, 1, 128), telling=0.0)
    conditions = TextConditions(*text_tower())
    tokeniser = vq_measure.load(tinyworld.checkpoint("vq"))
    scenes = drawn("train", 16)
    from tinyworld.train.batches import labels
    from tinyworld.train.vq.shards import Batch

    batch = Batch(tokens.encode(tokeniser, pictures(scenes)), scenes, labels(scenes))
    told, masks = conditions([s.caption() for s in scenes]), []

    def oracle(ids, **given):
        learner.model.mlm_layer(torch.zeros(16, 32, 8, 8))  # whose input the heads look at
        masks.append((ids == 256).flatten(1))
        shown = ~masks[-1]
        assert torch.equal(ids.flatten(1)[shown], batch.codes[shown])
        right = 50.0 * torch.nn.functional.one_hot(batch.codes, 256).float()
        wrong = torch.where(masks[-1][..., None], right, -right)  # wrong wherever it need not say anything
        return wrong.permute(0, 2, 1).reshape(16, 256, 8, 8)

    learner.model.forward = oracle
    for seed in range(6):
        loss, _ = learner(batch, told, torch.Generator().manual_seed(seed))
        assert loss < 1e-6
    shares = torch.cat(masks).float().mean(1)
    assert shares.min() < 0.15 and shares.max() == 1 and 0.5 < shares.mean() < 0.8  # of a cosine: 2 / pi


def test_captions_are_left_out_or_short_as_often_as_said():
    words, scenes = np.random.default_rng(0), drawn("train", 600)
    said = [masked.caption(scene, words) for scene in scenes]
    assert 0.06 < np.mean([text == "" for text in said]) < 0.14
    whole = [text for text, scene in zip(said, scenes, strict=True) if tinyworld.facts_of(text) == scene.facts()]
    assert 0.75 < len(whole) / 600 < 0.85


# --- edits ---


def test_an_edit_is_right_where_the_colour_changed_and_nothing_else():
    judge = judges.load()
    asked = editing.unseen(24, 1)
    ideal = np.stack([np.asarray(editing.recoloured(scene).render()) for scene in asked])
    before = np.stack([np.asarray(scene.render()) for scene in asked])
    found = editing.edits(lambda *_: ideal, judge, 24)
    assert found["right"] >= 0.9 and found["stays"] >= 0.95 and found["kept"] > 60
    assert editing.edits(lambda *_: before, judge, 24)["right"] < 0.05
    other = np.stack([np.asarray(scene.render()) for scene in tinyworld.scenes("test", 24, seed=9, objects=1)])
    elsewhere = editing.edits(lambda *_: other, judge, 24)
    assert elsewhere["stays"] < 0.3 and elsewhere["kept"] < 20
    cells = editing.covered(asked)
    shown = torch.from_numpy((ideal != before).any(axis=3)).unflatten(1, (8, 8)).unflatten(3, (8, 8)).any(4).any(2)
    assert not (shown.flatten(1) & ~cells).any() and cells.sum(1).max() <= 25


# --- programs ---


def test_a_programs_tokens_are_its_text():
    tokenizer = build_tokenizer()
    for scene in drawn("test", 60):
        text = program_of(scene)
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True) == text and tokenizer.unk_token_id not in ids
        assert len(ids) == 2 + 4 * len(scene.objects) < LONGEST


def test_a_near_coordinate_is_wanted_a_little():
    tokenizer = build_tokenizer()
    table = programs.wanted(tokenizer)
    x = tokenizer.convert_tokens_to_ids(coordinates("x"))
    assert torch.allclose(table.sum(1), torch.ones(len(table))) and table[x[40]].argmax() == x[40]
    assert table[x[40], x[41]] == table[x[40], x[39]] > table[x[40], x[42]] > 0
    red = tokenizer.convert_tokens_to_ids(' class="red"')
    assert table[red, red] == 1 and table[x[40], red] == 0 and table[x[40]][tokenizer(' y="40"/>')["input_ids"][0]] == 0


def test_its_eyes_begin_as_clips():
    model = programs.build_model(build_tokenizer(), 1)
    from transformers import CLIPVisionModel

    clip = CLIPVisionModel.from_pretrained(tinyworld.checkpoint("clip"), dtype=torch.float32)
    same = zip(model.encoder.parameters(), clip.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
