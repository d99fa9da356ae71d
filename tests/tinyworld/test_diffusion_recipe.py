"""The judge reads what is there; the diffusion recipe trains, goes on where it was stopped and writes a pipeline."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageFilter
from safetensors import safe_open
from support import datasheet

import tinyworld
from tinyworld import judge as judges
from tinyworld.train import loop
from tinyworld.train.__main__ import parse
from tinyworld.train.batches import SceneBatches, labels
from tinyworld.train.diffusion import measure, recipe
from tinyworld.train.diffusion.autoencoder import CELL, build_autoencoder, crop, psnr, whiten
from tinyworld.train.diffusion.latents import Shards, TextStates, held_out, pictures
from tinyworld.train.judge import distortions
from tinyworld.train.judge import measure as measure_judge

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def judge() -> judges.Judge:
    return judges.load()


def drawn(split: str, n: int, objects: int | None = None) -> list[tinyworld.Scene]:
    return tinyworld.scenes(split, n, seed=91, objects=objects)


# --- the judge's checkpoint ---


def test_the_judge_is_small_and_in_half_precision():
    folder = tinyworld.checkpoint("judge")
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) < 1e6
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize("split", ["test", "compositional"])
def test_the_judge_is_right_on_unseen_scenes(judge, split):
    figures = measure_judge.accuracy(judge, drawn(split, 500))
    for name in ("count", "colour", "shape", "size", "background", "relation"):
        assert figures[name] >= 0.98, figures
    assert figures["place, pixels"] < 2


def test_soft_edges_do_not_break_it_and_blobs_are_not_shapes(judge):
    soft = [s.render().filter(ImageFilter.GaussianBlur(0.8)) for s in drawn("test", 300)]
    found = measure_judge.accuracy(judge, drawn("test", 300), judges.as_pixels(soft))
    assert found["shape"] >= 0.95 and found["colour"] >= 0.95, found
    assert measure_judge.caught(judge, 200) >= 0.9


def test_its_card_and_the_index_show_its_figures():
    folder = tinyworld.checkpoint("judge")
    card = json.loads((folder / "figures.json").read_text())
    text = (folder / "README.md").read_text()
    assert measure_judge.table(card) in text
    assert "license: mit" in text and "/tmp" not in text and "/home" not in text
    shown = datasheet.shown("judge")
    assert len(shown) >= 4
    assert shown.pop("blobs refused") == round(100 * card["wrong/shape"], 1)
    for name, value in shown.items():
        assert value == round(100 * card[f"test/{name}"], 1), name


def test_the_judge_takes_images_arrays_and_tensors_alike(judge):
    images = [s.render() for s in drawn("test", 5)]
    array = np.stack([np.asarray(image) for image in images])
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert judge.read(images) == judge.read(array) == judge.read(tensor)
    assert judge.read([]) == []


@pytest.mark.parametrize("bad", [np.zeros((2, 64, 64, 3)), torch.zeros(2, 3, 32, 32), ["a.png"]])
def test_what_is_no_picture_is_named(bad):
    with pytest.raises(ValueError, match="picture"):
        judges.as_pixels(bad)


def test_difficult_batches_are_repeatable_and_their_labels_true():
    batch, again = distortions.difficult_batch(6, 3), distortions.difficult_batch(6, 3)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    scenes = tinyworld.scenes("train", 6, 3)
    assert batch["exact"].flatten(1).sum(1).tolist() == [len(s.objects) for s in scenes]
    assert (batch["near"] | ~batch["exact"]).all() and batch["pixels"].abs().max() <= 1
    (row, column), thing = batch["exact"][0].nonzero()[0].tolist(), min(scenes[0].objects, key=lambda o: (o.y, o.x))
    centre = batch["offset"][0, row, column] + torch.tensor([column, row]) + 0.5
    assert torch.allclose(centre / judges.GRID, torch.tensor([thing.x, thing.y]), atol=1e-5)


# --- measuring ---


def test_real_scenes_are_obeyed_and_others_are_not(judge):
    """The pictures of the captions' own scenes: nearly all right. Of other scenes: about chance. Noise: nothing."""
    for objects, key, chance in ((1, "shape", 1 / 6), (2, "both present", 0.0)):
        told, others = drawn("test", 300, objects), tinyworld.scenes("test", 300, seed=92, objects=objects)
        own = measure.score(told, judge.read([s.render() for s in told]))
        assert all(value >= 0.97 for value in own.values()), own
        exchanged = measure.score(told, judge.read([s.render() for s in others]))
        assert abs(exchanged[key] - chance) < 0.07, exchanged
    noise = np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3), dtype=np.uint8)
    found = measure.score(drawn("test", 300, 1), judge.read(noise))
    assert found["shape"] < 0.3 and found["all"] < 0.02, found


def test_exchanged_places_are_a_wrong_relation(judge):
    told = drawn("test", 200, 2)
    found = measure.score(told, judge.read([s.swapped().render() for s in told]))
    assert found["both present"] >= 0.97 and found["relation"] < 0.02


def test_captions_to_measure_on_are_unseen_in_any_wording():
    for objects in (1, 2):
        told = measure.unseen(40, objects)
        assert len(told) == 40 and all(held_out(s) and tinyworld.split_of(s) == "test" for s in told)
        assert len({s.facts() for s in told}) > 20
        # a caption's facts decide, not the place of the objects nor, of two, which comes first
        assert all(held_out(tinyworld.Scene(s.objects[::-1], s.background)) for s in told)


def test_the_table_shows_every_figure():
    groups = [*(f"guidance {g:g}" for g in measure.GUIDANCES), *(f"steps {s}" for s in measure.STEP_COUNTS)]
    figures = {f"{g}/{n}": 0.5 for g in (*groups, "new pairs of colour and shape") for n in measure.SINGLE}
    figures |= {f"{g}, pairs/{n}": 0.25 for g in groups for n in measure.DOUBLE}
    figures |= {f"steps {s}/seconds": 0.5 for s in measure.STEP_COUNTS} | {"autoencoder/PSNR": 30.0}
    figures |= {f"judge/test/{n}": 1.0 for n in ("shape", "colour", "background")} | {"autoencoder/shape": 0.9}
    text = measure.table(figures)
    assert text.count("50.0 %") == 8 * len(measure.SINGLE) and text.count("25.0 %") == 7 * len(measure.DOUBLE)


# --- the autoencoder ---


def test_a_crop_keeps_the_labels_of_what_it_shows():
    batch = SceneBatches(12, 0)[0]
    cut = crop(batch, torch.Generator().manual_seed(0))
    assert cut["pixels"].shape == (12, 3, 32, 32) and cut["label_map"].shape == (12, 32, 32)
    for i in range(12):
        shown = set(cut["label_map"][i].unique().tolist()) - {0}
        assert 1 in shown  # the first object is in it
        assert {j + 1 for j in range(3) if cut["objects"][i, j, 0] >= 0} == shown
        corner = (64 * batch["centres"][i, 0] - 32 * cut["centres"][i, 0]).round().long()
        assert (corner % CELL == 0).all()
        x, y = corner.tolist()
        assert torch.equal(cut["pixels"][i], batch["pixels"][i, :, y : y + 32, x : x + 32])


def test_whitened_latents_have_mean_0_and_variance_1():
    torch.manual_seed(0)
    vae, pixels = build_autoencoder((16, 16, 16, 16), 4).eval(), pictures(drawn("train", 64))
    before = vae.encode(pixels).latent_dist.mean
    whiten(vae, pixels)
    posterior = vae.encode(pixels).latent_dist
    assert torch.allclose(posterior.mean.mean((0, 2, 3)), torch.zeros(4), atol=1e-3)
    assert torch.allclose(posterior.mean.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert (posterior.logvar == -6).all() and not torch.allclose(before, posterior.mean)
    assert psnr(torch.tensor(4e-3)).item() == pytest.approx(30)


# --- latents and the loss ---


@pytest.fixture(scope="module")
def text() -> TextStates:
    return TextStates(*recipe.text_tower())


def test_shards_come_from_the_step_alone_and_hold_no_unseen_caption(text):
    torch.manual_seed(0)
    vae = build_autoencoder((16, 16, 16, 16), 4).eval()
    make = lambda: Shards(vae, text, scenes=24, uses=2, batch=8, simple=1, seed=0)  # noqa: E731
    shards, later = make(), make()
    batches = [shards(i) for i in range(8)]
    for i in (7, 2, 5):
        (*some, known), (*same, again) = batches[i], later(i)
        assert all(torch.equal(a, b) for a, b in zip(some, same, strict=True))
        assert all(torch.equal(known[name], again[name]) for name in known) and len(known["label_map"]) == 8
    assert batches[0][0].shape == (8, 4, 8, 8) and batches[0][1].shape == (8, 32, 128)
    first = torch.cat([latents for latents, *_ in batches[:3]]).flatten(1)
    assert len(first.unique(dim=0)) == 24  # each scene once a pass
    assert torch.equal(first.sort(dim=0).values, torch.cat([x for x, *_ in batches[3:6]]).flatten(1).sort(dim=0).values)
    assert not torch.equal(
        first.sort(dim=0).values[:16], torch.cat([x for x, *_ in batches[6:]]).flatten(1).sort(dim=0).values
    )
    for number, counts in ((0, {1}), (1, {1, 2, 3})):
        scenes = make().draw(number)
        assert {len(s.objects) for s in scenes} == counts and len(scenes) == 24
        assert not any(held_out(s) or tinyworld.split_of(s) != "train" for s in scenes)


def test_the_denoiser_is_taught_the_velocity_of_diffusers(text):
    """A UNet that knows the noise-free latents and returns diffusers' own velocity has no error."""
    scheduler, latents = recipe.build_scheduler(), torch.randn(16, 4, 8, 8)
    learner = recipe.Denoiser(recipe.build_unet([16, 16], 4, 128), text([""]), telling=0.0)
    times_seen = []

    def oracle(noisy, times, states):
        learner.unet.conv_norm_out(torch.zeros(16, 16, 8, 8))  # whose input the heads look at
        kept = scheduler.alphas_cumprod[times].view(-1, 1, 1, 1)
        noise = (noisy - kept.sqrt() * latents) / (1 - kept).sqrt()
        assert torch.allclose(noisy, scheduler.add_noise(latents, noise, times), atol=1e-5)
        times_seen.append(times)
        return SimpleNamespace(sample=scheduler.get_velocity(latents, noise, times))

    learner.unet.forward = oracle
    states, known = text([s.caption() for s in drawn("train", 16)]), labels(drawn("train", 16))
    for seed in range(20):
        loss, _ = learner(latents, states, known, torch.Generator().manual_seed(seed))
        assert loss < 1e-6
    times = torch.cat(times_seen)
    assert times.min() < 100 and times.max() > 900 and 0.5 < ((times >= 100) & (times < 600)).float().mean() < 0.9


# --- the recipe ---

TINY = "diffusion --steps 4 --batch 4 --shard 8 --uses 1 --simple 1 --widths 16 16 --channels 4 --save-every 0"
TINY += " --autoencoder-steps 6 --autoencoder-batch 4 --threads 1 --device cpu --look-every 1000"


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    """Stopped while the autoencoder learns, and again while the UNet does: the same weights in the end as in one go."""
    monkeypatch.setattr(recipe, "build_autoencoder", lambda channels: build_autoencoder((16, 16, 16, 16), channels))
    monkeypatch.setattr(recipe, "SAMPLE", 16)
    ended: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(recipe, "export", lambda pipe, *_: ended.append(weights(pipe)))
    recipe.run(parse([*TINY.split(), "--runs", str(tmp_path / "whole")]))

    def interrupted_after(steps: int):
        shown = []

        def interrupt(self, progress, text):
            shown.append(progress)
            if len(shown) == steps:
                raise KeyboardInterrupt

        return interrupt

    halves = [*TINY.split(), "--runs", str(tmp_path / "halves"), "--resume"]
    for steps, stage, saved in ((4, "autoencoder", 3), (6, "unet", 2)):  # 3 of 6; then 3 more, and 2 of the UNet's 4
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(recipe.loop.Progress, "show", interrupted_after(steps))
            recipe.run(parse(halves))
        assert json.loads((tmp_path / f"halves/diffusion/{stage}/counters.json").read_text())["step"] == saved
    recipe.run(parse(halves))
    recipe.run(parse([*halves, "--export"]))

    whole, halves, exported = ended
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert all(torch.equal(whole[name], exported[name]) for name in whole)


def weights(pipe: StableDiffusionPipeline) -> dict[str, torch.Tensor]:
    parts = (("vae", pipe.vae), ("unet", pipe.unet))
    return {f"{part}/{name}": weight.clone() for part, module in parts for name, weight in module.state_dict().items()}


def test_a_kill_between_two_renames_loses_nothing(tmp_path):
    module = torch.nn.Linear(2, 2)
    optimizer, average = torch.optim.AdamW(module.parameters()), loop.Average(module)
    loop.Training(tmp_path / "state", module, optimizer, average, loop.Clock(9, step=5)).save()
    (tmp_path / "state").rename(tmp_path / "state.old")
    again = loop.Training(tmp_path / "state", module, optimizer, average, loop.Clock(9))
    again.load()
    assert again.clock.step == 5


def test_the_rate_is_level_until_the_end():
    rates = [loop.steady_rate(p, 2.0) for p in np.linspace(0, 1, 101)]
    assert rates[0] < 0.2 and rates[2:80] == [2.0] * 78 and 0 < rates[-1] < 0.05
    assert all(a >= b for a, b in zip(rates[2:], rates[3:], strict=False))


def test_nothing_to_export_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        recipe.run(parse([*TINY.split(), "--runs", str(tmp_path), "--export"]))


def test_what_is_written_is_a_real_pipeline_within_its_size(tmp_path, text):
    """The full architecture, untrained: it loads with plain `from_pretrained` and paints a finite picture."""
    args = parse(["diffusion"])
    torch.manual_seed(0)
    vae, unet = build_autoencoder(channels=args.channels), recipe.build_unet(args.widths, args.channels, 128)
    torch.nn.init.normal_(unet.conv_out.weight, std=0.02)
    recipe.save(recipe.pipeline(vae, unet), tmp_path / "pipe")
    assert sum(f.stat().st_size for f in (tmp_path / "pipe").rglob("*") if f.is_file()) <= 16e6
    for part in ("vae", "unet", "text_encoder"):
        (file,) = (tmp_path / "pipe" / part).glob("*.safetensors")
        with safe_open(file, "pt") as stored:
            assert {stored.get_tensor(name).dtype for name in stored.keys()} == {torch.float16}  # noqa: SIM118

    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "pipe")
    pipe.set_progress_bar_config(disable=True)
    assert pipe.safety_checker is None and pipe.vae.config.scaling_factor == 1
    assert {m.dtype for m in (pipe.vae, pipe.unet, pipe.text_encoder)} == {torch.float32}
    states = pipe.text_encoder(pipe.tokenizer(["a red star"], return_tensors="pt")["input_ids"]).last_hidden_state
    assert torch.allclose(states, text(["a red star"])[:, : states.shape[1]], atol=0.02)
    painted = pipe(
        "a small red star on a white background", num_inference_steps=3, guidance_scale=3.0, output_type="pt"
    ).images
    assert painted.shape == (1, 3, 64, 64) and painted.isfinite().all() and painted.std() > 0
    assert measure.paintings(pipe, ["a red star", "a blue ring"], steps=2).shape == (2, 64, 64, 3)
    assert isinstance(Image.fromarray(measure.paintings(pipe, ["a red star"], steps=2)[0]), Image.Image)


def test_the_card_shows_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "GUIDANCES", (1.0, 3.0))
    monkeypatch.setattr(measure, "STEPS", 1)
    monkeypatch.setattr(measure, "STEP_COUNTS", (1, 2))
    args = parse([*TINY.split(), "--out", str(tmp_path / "out"), "--scenes", "2"])
    torch.manual_seed(0)
    pipe = recipe.pipeline(build_autoencoder((16, 16, 16, 16), 4), recipe.build_unet(args.widths, 4, 128))
    recipe.export(pipe, args, loop.Clock(6, step=6), loop.Clock(4, step=4))
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    text = (tmp_path / "out" / "README.md").read_text()
    assert measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert "--steps 4 --batch 4" in text and "widths 16 16" in text
    assert 0 <= figures["guidance 3/shape"] <= 1 and figures["steps 2/seconds"] > 0
