"""Week 2: its checks, and its helper package against diffusers. Nothing long runs here."""

from __future__ import annotations

import inspect
import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.models.attention_processor import Attention
from PIL import Image

import diffusion_lab
import tinyworld
from coursekit import models
from coursekit.checks import checks_in, run_check
from coursekit.student import local_student
from diffusion_lab import checks, data, measuring, painting, plots, points, probes
from diffusion_lab.checks import library, reference


@pytest.fixture(scope="module")
def pipe():
    return models.load("diffusion", profile="tiny", device="cpu").model


@pytest.mark.parametrize("n", [4, 7])
def test_strides_are_times_of_the_schedule(n):
    for seed in range(300):
        times = reference.strides(np.random.default_rng(seed), n)
        assert all(0 <= s < t < 1000 for t, s in pairwise(times)) and len(times) == n


# --- diffusion in the plane -----------------------------------------------------------------------------------------


def test_the_star_is_about_as_wide_as_a_gaussian_and_has_its_arms():
    star = points.star(4000)
    assert star.shape == (4000, 2) and star.dtype == torch.float32
    assert 0.7 < star.std() < 1.3 and star.mean(dim=0).abs().max() < 0.2
    assert points.inside_share(points.star(500, seed=9)) > 0.99
    assert points.inside_share(torch.randn(500, 2, generator=torch.Generator().manual_seed(0))) < 0.8


def test_the_ideal_guess_is_the_mean_of_what_could_have_been():
    two = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    t = 30
    a, b = points.KEPT[t].sqrt(), (1 - points.KEPT[t]).sqrt()
    middle = torch.zeros(1, 2)  # as likely to come from either, so its clean guess is between them
    assert torch.allclose((middle - b * points.ideal(middle, t, two)) / a, torch.zeros(1, 2), atol=1e-5)
    near = a * two[:1]
    assert ((near - b * points.ideal(near, t, two)) / a)[0, 0] > 0.5


def test_ideal_paths_end_in_the_star_and_few_steps_never_reach_the_tips():
    hundred, five = list(range(99, -1, -1)), [99, 79, 59, 39, 19]
    whole, few = (points.paths(library.ddim_step, times, n=200) for times in (hundred, five))
    assert whole.shape == (101, 200, 2) and torch.equal(whole[0], few[0])
    assert points.inside_share(whole[-1]) > 0.95 and whole[-1].std() > 1.3 * few[-1].std()
    assert points.inside_share(points.paths(library.ddpm_step, hundred, n=200)[-1]) > 0.95


def test_training_is_the_same_for_the_same_seed_and_better_than_none():
    def loss(model, clean, t, noise, kept, prediction):
        left = kept[t][:, None]
        return torch.nn.functional.mse_loss(model(left.sqrt() * clean + (1 - left).sqrt() * noise, t), noise)

    model = points.build(3)
    losses = points.train(model, loss, seed=3)
    assert losses[:200] == points.train(points.build(3), loss, seed=3)[:200]
    trained, untrained = (points.sample(m, 1000, seed=1)[-1] for m in (model, points.build(3)))
    assert points.inside_share(trained) > 0.95
    assert points.inside_share(untrained.nan_to_num()) < 0.1


# --- what figures draw where an answer is open ------------------------------------------------------------------------


def test_steps_of_the_library_are_diffusers():
    rng = np.random.default_rng(3)
    kept = reference.any_schedule(rng)
    epsilon, noisy = (torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    wanted, noise = reference.library_ddpm(kept, 50, epsilon, noisy, 600, 7)
    assert torch.allclose(library.ddpm_step(epsilon, noisy, 600, 580, kept, noise), wanted, atol=1e-4)
    wanted = reference.library_ddim(kept, 50, epsilon, noisy, 600, 0.6, noise)
    assert torch.allclose(library.ddim_step(epsilon, noisy, 600, 580, kept, 0.6, noise), wanted, atol=1e-4)


@pytest.mark.parametrize("name", [a for a in dir(library) if f"def {a}(" in inspect.getsource(library)])
def test_the_library_gives_what_is_asked_of_students(name):
    """It passes the visible checks of the exercise that asks for a function of this name."""
    student = local_student({one: getattr(library, one) for one in dir(library)})
    question = {
        "signal_kept": "forward",
        "add_noise": "forward",
        "clean_and_noise": "conversions",
        "guided": "guidance",
    }
    asked = question.get(name) or {"attention_weights": "attention", "edit_start": "sdedit", "guided": "guidance"}.get(
        name, name
    )
    verdicts = [run_check(one, student, "a seed") for one in checks_in(checks) if one.question == asked]
    assert verdicts and all(verdict.passed for verdict in verdicts), [v.message for v in verdicts]


@pytest.mark.parametrize(
    ("step", "sampler"),
    [
        (library.ddpm_step, DDPMScheduler),
        (library.ddim_step, DDIMScheduler),
        (painting.with_memory(library.dpm_step), DPMSolverMultistepScheduler),
    ],
)
def test_painting_step_by_step_is_painting(pipe, step, sampler):
    captions = data.wishes()[:2]
    ours = painting.paint_by(pipe, captions, step, library.timesteps(4, "trailing"), 2.5, seed=5)
    theirs = painting.paint(pipe, captions, 4, 2.5, seed=5, sampler=sampler)
    assert (data.to_pixels(ours) - data.to_pixels(theirs)).abs().max() < 0.05


# --- painting, beside the library -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [None, DDIMScheduler, DPMSolverMultistepScheduler])
def test_paint_is_what_the_pipeline_paints(sampler):
    pipe = probes.pipeline((sampler or DDIMScheduler).__name__)
    captions = data.wishes()[:2]
    theirs = reference.library_pictures(pipe, captions, painting.start(pipe, 2, seed=5), 5, 2.5)
    ours = data.to_pixels(painting.paint(pipe, captions, 5, 2.5, seed=5)) / 2 + 0.5
    assert (ours - theirs).abs().max() < 0.01  # 8 bits a colour


def test_one_step_is_ddim(pipe):
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(20)
    assert painting.times(pipe, 20) == scheduler.timesteps.tolist()
    caption, sample = data.wishes()[0], painting.start(pipe, 1, seed=2)
    step, t = painting.stepper(pipe, caption, 2.0), 749
    with torch.no_grad():
        answer = painting.guided_answer(pipe, [caption], 2.0)(sample, t)
        wanted = scheduler.step(answer, t, sample).prev_sample
    assert torch.allclose(step(sample, t, 699), wanted, atol=1e-5)


def test_pictures_survive_the_autoencoder(pipe):
    scenes = data.sample_scenes(16, 1, seed=11)
    pixels = data.to_pixels([scene.render() for scene in scenes])
    back = painting.decode(pipe, painting.encode(pipe, pixels))
    assert back.shape == pixels.shape
    assert -10 * torch.log10((back - (pixels / 2 + 0.5)).square().mean()) > 25  # dB
    assert measuring.fidelity(data.to_pictures(back), scenes) > 0.95


def test_masks_cover_what_they_say(pipe):
    half, frame = painting.right_half(pipe, 2), painting.frame(pipe, 2)
    size = pipe.unet.config.sample_size
    assert half.shape == frame.shape == (2, 1, size, size)
    assert half[..., : size // 2].sum() == 0 and half[..., size // 2 :].all()
    assert frame[..., 0, :].all() and not frame[..., size // 2, size // 2].any()


def test_attention_is_what_diffusers_computes():
    torch.manual_seed(0)
    layer = Attention(query_dim=16, cross_attention_dim=12, heads=4, dim_head=4)
    hidden_states, states = torch.randn(2, 9, 16), torch.randn(2, 5, 12)
    queries, keys = layer.to_q(hidden_states), layer.to_k(states)
    scores = layer.get_attention_scores(layer.head_to_batch_dim(queries), layer.head_to_batch_dim(keys))
    wanted = scores.unflatten(0, (2, 4)).mean(dim=1)
    assert torch.allclose(reference.library_attention(queries, keys, 4), wanted, atol=1e-6)


def test_watching_changes_nothing_and_every_place_attends_to_something(pipe):
    caption = data.wishes()[0]
    picture, maps = painting.watch(pipe, caption, steps=3, seed=4)
    (unwatched,) = painting.paint(pipe, [caption], 3, seed=4)
    assert np.array_equal(np.asarray(picture), np.asarray(unwatched))
    assert [word for word, _ in maps] == caption.split()
    whole = torch.stack([m for _, m in maps]).sum(dim=0)
    assert whole.shape == (64, 64) and (whole > 0).all() and (whole <= 1 + 1e-5).all()


# --- measuring --------------------------------------------------------------------------------------------------------


def test_drawings_are_read_as_they_are_and_shuffled_ones_are_not():
    scenes = data.sample_scenes(24, 1, seed=1)
    drawn = [scene.render() for scene in scenes]
    assert measuring.fidelity(drawn, scenes) > 0.97
    assert measuring.fidelity(drawn[1:] + drawn[:1], scenes) < 0.6


def test_share_and_diversity():
    red, blue = ([data.recoloured(s, c).render() for s in data.sample_scenes(8, 1, seed=1)] for c in ("red", "blue"))
    assert measuring.share(red, colour="red") == 1 and measuring.share(blue, colour="red") == 0
    assert measuring.diversity([red[0]] * 3) == 0 < measuring.diversity(red)


def test_halves_ask_for_what_is_there_and_one_thing_more():
    scenes, captions = data.halves(10, seed=3)
    for scene, caption in zip(scenes, captions, strict=True):
        here = scene.objects[0]
        facts = tinyworld.parse_caption(caption)
        assert here.x < 0.4 and facts.relation == "left of" and facts.background == scene.background
        assert facts.objects[0] == (here.size, here.colour, here.shape) and facts.objects[1][2] != here.shape


@pytest.mark.parametrize("report", ["measure_edits", "measure_inpainting", "measure_word_change", "measure_palette"])
def test_reports_have_pictures_and_shares(pipe, report, monkeypatch):
    monkeypatch.setattr(measuring, "EDIT_STEPS", 4)
    more, own = ((0.0, 1.0),) if report == "measure_edits" else (), ()
    if report in ("measure_edits", "measure_inpainting"):
        own = (library.edit_start if report == "measure_edits" else library.inpaint,)
    rows = getattr(measuring, report)(pipe, *more, 2.0, *own, n=3)
    assert rows.alt
    assert all(len(pictures) == 3 for pictures in rows.pictures.values())
    assert set(rows.measured) <= set(rows.pictures) and len(rows.measured) >= 2
    assert all(0 <= value <= 1 for row in rows.measured.values() for value in row.values())


def test_what_was_kept_is_measured(pipe):
    rows = measuring.measure_inpainting(pipe, 2.0, library.inpaint, n=4)
    kept, control = (
        rows.measured[k]["change of what was to be kept"] for k in ("right half anew", "control: nothing put back")
    )
    assert kept < 0.05 < control


# --- figures --------------------------------------------------------------------------------------------------------


def test_figures_are_one_picture_each(pipe, monkeypatch):
    shown: list[Image.Image] = []
    told: list[str] = []

    def keep(png):
        told.append(png.alt)  # words for those who cannot see it
        shown.append(Image.open(io.BytesIO(png.getvalue())))

    monkeypatch.setattr(plots.plots, "_display", keep)
    kept = {"linear": DDPMScheduler().alphas_cumprod}
    drawn = [scene.render() for scene in data.sample_scenes(3, 1, seed=1)]
    report = measuring.Rows(
        {"strength 0": drawn, "strength 1": drawn}, {"strength 0": {"a": 0.5}, "strength 1": {"a": 1.0}}
    )
    for draw in (
        lambda: diffusion_lab.show_pictures(drawn, ["one", "two", "three"]),
        lambda: diffusion_lab.show_rows([drawn, data.to_pixels(drawn)], ["a", "b"], title="c"),
        lambda: diffusion_lab.show_dissolving(kept, library.add_noise),
        lambda: diffusion_lab.show_signal(kept),
        lambda: diffusion_lab.show_losses([1.0, 0.5] * 40, best=0.4),
        lambda: diffusion_lab.show_trajectories({"x": torch.zeros(4, 5, 2)}),
        lambda: diffusion_lab.show_beliefs(pipe, library.clean_and_noise),
        lambda: diffusion_lab.show_quality([1, 2], {"x": [1, 9]}, 10),
        lambda: diffusion_lab.show_guidance([0, 1], [1, 9], [0.3, 0.2], 10),
        lambda: diffusion_lab.show_word_maps(drawn[0], [("word", torch.rand(64, 64))] * 9),
        lambda: diffusion_lab.show_report(report),
        lambda: diffusion_lab.show_edits(report),
    ):
        before = len(shown)
        draw()
        assert len(shown) - before == (2 if "show_edits" in draw.__code__.co_names else 1)
    assert all(min(picture.size) > 60 for picture in shown)
    words = "\n".join(told)
    for said in ("from 1.00 to", "x 1, 9", "g 1: 9 of 10, 0.20", "word in the", "strength 1: a 100%", "half is left"):
        assert said in words


def test_an_animation_is_a_film(monkeypatch):
    films = []
    monkeypatch.setattr(plots.plots, "_display", films.append)
    diffusion_lab.animate({"a": [torch.zeros(5, 2)], "b": [torch.full((5, 2), i / 5) for i in range(5)]}, frames=5)
    film = Image.open(io.BytesIO(films[0].getvalue()))
    assert films[0].kind == "gif" and films[0].alt.endswith("a, b")
    assert film.n_frames == 5
