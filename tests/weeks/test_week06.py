"""Week 6: its helper package, against the library and against itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import tinyworld
import token_lab
from coursekit import models
from coursekit import plots as shared_plots
from tinyworld import tokens
from token_lab import climbing, codebooks, data, diffusion, measuring, painting, probes, scribing
from token_lab.checks import library, mistakes, reference


@pytest.fixture(scope="module")
def vq():
    return models.load("vq", profile="tiny", device="cpu").model


@pytest.fixture(scope="module")
def painter():
    return models.load("token_lm", profile="tiny", device="cpu").model


@pytest.fixture(scope="module")
def masker():
    return models.load("masked", profile="tiny", device="cpu")


@pytest.fixture
def shown(monkeypatch):
    """The pictures that figures show."""
    found: list[Image.Image] = []
    monkeypatch.setattr(shared_plots, "_display", lambda png: found.append(Image.open(io.BytesIO(png.getvalue()))))
    return found


# --- what checks compare with ---


def test_the_slips_of_unmask_are_the_librarys_step_but_for_the_slip():
    rng = np.random.default_rng(0)
    scores, ids, mask = reference.half_masked(rng, known=2)
    asked = 5, scores, ids, mask, 3, 8, 1.0
    wanted = reference.library_unmask(*asked)
    assert torch.equal(mistakes._unmask(*asked, ""), wanted)
    assert all(not torch.equal(wrong, wanted) for wrong in mistakes.of_unmask(*asked).values())


def test_known_mistakes_differ_from_what_is_right():
    rng = np.random.default_rng(1)
    latent, scores = reference.reference_paint(3, 6, 0.1)
    told, off = mistakes.of_paint(3, 6, 0.1)
    assert all(not torch.allclose(wrong, torch.tensor(scores), atol=1e-3) for wrong in told.values())
    assert all(not torch.allclose(wrong, latent, atol=1e-3) for wrong in off.values())
    scene = reference.some_scene(rng, 2)
    assert all(wrong != scene for wrong in mistakes.of_scene(scene).values() if len({o.x for o in wrong.objects}) > 1)


def test_texts_that_are_no_programs_are_none_for_the_courses_parser():
    program = reference.as_program(reference.some_scene(np.random.default_rng(2), 2))
    assert reference.library_scene(program).render(64)
    for text, said in mistakes.no_programs(program):
        with pytest.raises(ValueError, match=r"\w"):
            reference.library_scene(text)
            pytest.fail(said)


def test_a_programs_code_is_found_out():
    program = reference.as_program(reference.some_scene(np.random.default_rng(3), 1))
    text = next(text for text, said in mistakes.no_programs(program) if said == "code in the place of a program")
    assert probes.ran(eval, text)["ran"] and not probes.ran(reference.library_scene, text)["ran"]


def test_the_library_writes_what_a_loop_writes():
    prompt, null = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[0, 0, 0], [0, 0, 0]])
    written = library.write(probes.llama(4), prompt, 6, probes.ranked(1))
    assert torch.equal(written, reference.reference_text(4, prompt, 6, 1))
    guided = library.write_guided(probes.llama(4), prompt, null, 6, probes.ranked(0), 2.5)
    assert torch.equal(guided, reference.reference_guided_text(4, prompt, null, 6, 2.5))


# --- tokens and codebooks ---


def test_tokens_are_tinyworlds_own(vq):
    scenes = data.opening_scenes()
    found = painting.tokens_of(vq, data.pixels(scenes))
    assert torch.equal(found.flatten(1), tokens.encode(vq, [scene.render(64) for scene in scenes]))
    drawn = painting.pictures_of(vq, found)
    apart = np.abs(255 * drawn.permute(0, 2, 3, 1).numpy() - tokens.decode(vq, found.flatten(1)))
    assert apart.max() <= 1 and float((drawn - data.pixels(scenes)).square().mean()) < 0.003


def test_a_codebook_without_restarts_stays_dead(vq):
    rows = codebooks.latents_of(vq, 48, 1)
    alive, dead = (codebooks.learn_codes(rows, library.ema_codes, how, 1) for how in (library.restart_dead, None))
    assert alive[1][-1] > 2 * dead[1][-1] and len(alive[1]) == codebooks.STEPS
    assert alive[0].shape == (codebooks.LEARNT_CODES, rows.shape[1])


def test_the_rows_of_a_painting_are_those_of_tinyworld(vq):
    scenes = data.opening_scenes()
    codes = painting.tokens_of(vq, data.pixels(scenes)).flatten(1)
    rows, _ = reference.reference_rows(data.words_of(scenes), codes, tokens.TEXT, tokens.IMAGE_OFFSET, data.MARKS)
    assert torch.equal(rows, tokens.painting([scene.caption() for scene in scenes], codes))


# --- painters ---


def test_what_is_begun_stays(vq, painter, masker):
    before, _ = zip(*data.one_above_another(2, 3), strict=True)
    ids = painting.tokens_of(vq, data.pixels(before)).flatten(1)
    captions = [scene.caption() for scene in before]
    written = painting.generate(painter, captions, begun=ids[:, :32])
    assert torch.equal(written[:, :32], ids[:, :32]) and written.shape == (2, 64)
    begun = ids.clone()
    begun[:, 32:] = painting.mask_of(masker)
    passes = painting.decode_masked(masker, captions, library.unmask, begun=begun)
    assert torch.equal(passes[-1][:, :32], ids[:, :32]) and int(passes[-1].max()) < tokens.CODES
    assert len(passes) == painting.PASSES + 1


def test_generate_paints_what_write_guided_writes(painter):
    captions = data.wishes()[:2]
    allowed = painting.allowed()

    def greedy(scores):
        return scores.masked_fill(~allowed, -torch.inf).argmax(-1)

    written = library.write_guided(painter, tokens.painting(captions), painting.nulls(2), 5, greedy, 2.0)
    assert (written >= tokens.IMAGE_OFFSET).all()
    drawn = painting.generate(painter, captions, seed=3)
    assert drawn.shape == (2, 64) and torch.equal(drawn, painting.generate(painter, captions, seed=3))
    assert not torch.equal(drawn, painting.generate(painter, captions, seed=4))


def test_the_upper_half_is_kept_by_diffusion():
    pipe = models.load("diffusion", profile="tiny", device="cpu").model
    (before, after), *_ = data.one_above_another(1, 5)
    kept = data.pixels([before])
    painted = diffusion.diffuse(pipe, [after.caption()], kept=kept)
    assert painted.shape == kept.shape and float((painted - kept)[:, :, :24].abs().mean()) < 0.05


def test_scenes_of_two_lie_above_each_other():
    for before, after in data.one_above_another(6, 4):
        assert before.objects[0] == after.objects[0] and before.objects[0].y < 0.5 < before.objects[1].y
        assert before.objects[1].colour != after.objects[1].colour


def test_what_the_judge_saw_is_held_against_scenes():
    scene = tinyworld.scenes("test", 1, 3, objects=2)[0]
    assert data.shows(scene, scene.objects) and data.relation_kept(scene, scene.objects)
    assert not data.relation_kept(scene, scene.swapped().objects)
    assert not data.shows(scene, scene.objects[:1])


def test_cutouts_lie_in_the_picture():
    for step in range(20):
        for top, left, size in painting.places_of(step):
            assert 0 <= top <= top + size <= 64 and 0 <= left <= left + size <= 64
    assert painting.places_of(1) == painting.places_of(1) != painting.places_of(2)


def test_a_climb_keeps_every_picture(vq):
    clip = models.load("clip", profile="tiny", device="cpu")
    one = climbing.climb(library.prompt_to_paint, library.cutouts, vq, clip, steps=3)
    assert one.frames.shape == (4, 3, 64, 64) and len(one.scores) == 3


def test_programs_are_tried_the_likeliest_first():
    scribe = models.load("programs", profile="tiny", device="cpu")
    scenes = data.hard_scenes(3)
    texts = scribing.tries_of(scribe, [scene.render(64) for scene in scenes], 2)
    assert [row[0] for row in texts] == scribing.texts_of(scribe, [scene.render(64) for scene in scenes])
    found = scribing.measure_tries(scribe, library.redraw, scenes)
    assert all(len(shares) == scribing.TRIES and 0 <= min(shares) <= max(shares) <= 1 for shares in found.values())


def test_figures_are_pictures(vq, painter, masker, shown):
    captions = data.wishes()[:2]
    token_lab.show_opening(vq, painter, captions)
    token_lab.show_tokens(vq, data.opening_scenes(2), library.quantise)
    token_lab.show_codebook(vq, torch.arange(256))
    token_lab.show_table({"a": {"facts right": 0.5, "ms a picture": None}})
    assert len(shown) == 4 and all(min(picture.size) > 60 for picture in shown)


def test_the_nearest_picture_is_the_picture_itself():
    pixels = data.pixels(data.opening_scenes(3))
    distance, at = measuring.nearest(pixels, pixels)
    assert at.tolist() == [0, 1, 2] and float(distance.max()) < 1e-3
