"""What week 6 says of its figures, held to the numbers that they are drawn from."""

from __future__ import annotations

import pytest
import torch
from support.claims import claim

from coursekit import models
from tinyworld import tokens
from token_lab import climbing, codebooks, data, measuring, painting, plots, scribing
from token_lab.checks import library

WEEK = "week06_tokens"


@pytest.fixture(scope="module")
def vq():
    return models.load("vq", "tiny", "cpu").model


@pytest.fixture(scope="module")
def painter():
    return models.load("token_lm", "tiny", "cpu").model


@pytest.fixture(scope="module")
def everyone(vq, painter):
    pipe, clip = models.load("diffusion", "tiny", "cpu").model, models.load("clip", "tiny", "cpu")
    return measuring.Painters(vq, painter, models.load("masked", "tiny", "cpu"), pipe, clip)


def painted_with(vq, painter, guidance=None, **how):
    """Eight pictures of the prompt as the figures paint them: (share all right, how much they differ, pictures)."""
    choose = painting.chooser(library.next_token, seed=0, **how)
    prompts = tokens.painting([painting.PROMPT] * 8)
    if guidance is None:
        ids = library.write(painter, prompts, tokens.PICTURE, choose)
    else:
        ids = library.write_guided(painter, prompts, painting.nulls(8), tokens.PICTURE, choose, guidance)
    pixels = painting.pictures_of(vq, tokens.ids_to_codes(ids).view(-1, tokens.SIDE, tokens.SIDE))
    right = measuring.facts_right(pixels, [plots._scene_of(painting.PROMPT)] * 8)
    return right, measuring.diversity(pixels), pixels


@claim(
    WEEK,
    "Plain ground is nearly always the same code; at the edge of a shape hardly two are alike.",
    "64 numbers of 8 bits are 512 bits, and the picture had 98,304.",
)
def test_ground_is_few_codes_and_shapes_are_many(vq):
    assert tokens.PICTURE * 8 == 512 and 64 * 64 * 24 == 98304
    scenes = [s for s in data.sample_scenes(60, 1, seed=2) if s.background in ("white", "grey", "black", "beige")]
    codes = painting.tokens_of(vq, data.pixels(scenes))
    masks = torch.stack([torch.from_numpy(s.masks(64)).amax(0) for s in scenes])
    share = masks.unflatten(1, (8, 8)).unflatten(3, (8, 8)).mean((2, 4))
    ground = [codes[i][share[i] == 0] for i in range(len(scenes))]
    edge = [codes[i][(share[i] > 0.1) & (share[i] < 0.9)] for i in range(len(scenes))]
    common = sum(int(torch.bincount(g).max()) for g in ground) / sum(len(g) for g in ground)
    unlike = sum(len(e.unique()) for e in edge) / sum(len(e) for e in edge)
    assert common > 0.5 and unlike > 0.8


@claim(WEEK, "In the mosaic the first row is ground", "each seldom met")
def test_the_most_frequent_codes_are_ground(vq):
    """A row of the mosaic has 32 codes; ground is white, grey, black or beige, so without colour but for the last."""
    ids = painting.tokens_of(vq, data.pixels(data.sample_scenes(96, seed=2)))
    counts = torch.bincount(ids.flatten(), minlength=tokens.CODES)
    order = counts.argsort(descending=True, stable=True)
    fields = order[:, None, None].expand(-1, 3, 3)
    patches = painting.pictures_of(vq, fields)[:, :, 8:16, 8:16]
    spread = (patches.amax(1) - patches.amin(1)).mean((1, 2))  # of the three colours: above 0.3 is no ground
    coloured = (spread > 0.3).unflatten(0, (-1, 32)).float().mean(1)
    assert coloured[0] < 0.05 and coloured[1:].mean() > 0.3
    assert counts[order[32:]].max() < 0.01 * counts.sum()


@claim(
    WEEK,
    "With restarts forty or so codes are in use after the first few steps, and all of them are met by "
    "something. Without, "
    "the perplexity creeps up to some ten and stays there",
)
def test_restarts_keep_codes_alive(vq):
    rows = codebooks.latents_of(vq, 96, 0)
    codes, alive = codebooks.learn_codes(rows, library.ema_codes, library.restart_dead, 0)
    _, dead = codebooks.learn_codes(rows, library.ema_codes, None, 0)
    assert min(alive[9:]) > 30 and 5 < dead[-1] < 15 and dead[-1] - dead[-20] < 2
    assert len(torch.cdist(rows, codes).argmin(1).unique()) == codebooks.LEARNT_CODES


@claim(
    WEEK,
    "Over one picture the perplexity is below ten, over 256 it is around seventy, and every code has occurred.",
    "A batch of eight says nothing of dead codes: it lacks more than half of all codes",
    "and every one of them is alive.",
    "even over everything it stays far below 256",
)
def test_perplexity_depends_on_what_is_counted(vq):
    found = dict(zip((1, 8, 256), measuring_usage(vq, (1, 8, 256)), strict=True))
    assert found[1][0] < 10 and 60 < found[256][0] < 85 and found[256][1] == tokens.CODES
    assert tokens.CODES - found[8][1] > 0.5 * tokens.CODES


def measuring_usage(vq, numbers):
    return codebooks.measure_usage(vq, library.usage, numbers)


@claim(
    WEEK,
    "The error alone leaves the lines out",
    "With a critic the lines are there, as strong as they should be, or nearly",
    "So the error is *larger* with the critic than without.",
)
def test_a_critic_paints_lines(vq):
    plain = codebooks.measure_texture(codebooks.textured(None, 0))
    judged = codebooks.measure_texture(codebooks.textured(library.adaptive_weight, 0))
    assert plain["contrast"] < 0.3 * plain["contrast wanted"] < 0.7 * judged["contrast wanted"] < judged["contrast"]
    assert judged["error"] > plain["error"]


@claim(
    WEEK,
    "At temperature 0 all eight pictures are the same, and it is an empty page.",
    "At 1 most show one red star, each in another place",
    "At 2 whatever can be drawn is drawn.",
)
def test_the_likeliest_tokens_are_an_empty_page(vq, painter):
    coldest, same, pixels = painted_with(vq, painter, temperature=0.0)
    assert coldest == 0 and same == 0 and all(not v.objects for v in measuring.read(pixels))
    right, differ, _ = painted_with(vq, painter, temperature=1.0)
    hot, more, _ = painted_with(vq, painter, temperature=2.0)
    assert right > 0.5 > hot and more > differ > 0.1


@claim(
    WEEK,
    "At 2 all eight are right, or nearly. From 4 on fewer are, and at 8 hardly any",
)
def test_too_much_guidance_spoils(vq, painter):
    right = {scale: painted_with(vq, painter, guidance=scale)[0] for scale in (2.0, 4.0, 8.0)}
    assert right[2.0] > 0.8 and right[2.0] > right[4.0] > right[8.0] and right[8.0] < 0.3


@claim(
    WEEK,
    "more than half of them are written in the last three passes.",
    "When the lower row of pictures is done, the upper one has filled its first row of codes.",
)
def test_most_codes_come_late(everyone):
    passes = painting.decode_masked(everyone.masker, data.wishes()[:2], library.unmask)
    mask = painting.mask_of(everyone.masker)
    assert (passes[5] == mask).sum(1).min() > tokens.PICTURE / 2 and not (passes[8] == mask).any()
    assert painting.PASSES == tokens.SIDE


@claim(
    WEEK,
    "Of one object every painter is right nearly always, and so is the picture of the nearest caption, three times in "
    "four or so",
    "Of two objects the language model keeps the relation more often than not; the other two far less often",
)
def test_what_the_table_shows(everyone):
    table = measuring.measure_painters(everyone, library.unmask)
    diffused, written, masked = (table[n] for n in ("diffusion", "tokens one by one", "tokens in eight passes"))
    assert min(one["facts right"] for one in (diffused, written, masked)) > 0.8
    assert table["... told another's caption"]["facts right"] < 0.1
    assert 0.65 < table["nearest training picture"]["facts right"] < 0.85
    others = max(diffused["relations right"], masked["relations right"])
    assert written["relations right"] > 0.5 and written["relations right"] > others + 0.15
    assert [one["network calls"] for one in (diffused, written, masked)] == [25, 64, 8]
    assert max(one["kept to"] for one in (diffused, written, masked)) < 0.05


@claim(
    WEEK,
    "Without any model a picture costs 512 bits. This one needs some sixty when it is told the right caption, about "
    "twenty more when it is told none",
    "Told another's caption it pays more than twice as much as for the right one",
)
def test_a_caption_is_worth_bits(vq, painter):
    own, none, other = (float(x.mean()) for x in measuring.measure_bits(vq, painter, library.picture_bits).values())
    assert 55 < own < 66 and 12 < none - own < 30 and 2 < other / own < 3


@claim(
    WEEK,
    "With cutouts a red star grows out of a white page",
    "Without them CLIP's cosine rises too, and the judge sees no red star",
    "From another (`climb(..., seed=1)`) the cutouts do not save it either.",
)
def test_cutouts_tell_a_picture_from_an_adversarial_example(vq):
    clip = models.load("clip", "tiny", "cpu")
    with_cuts, without = (climbing.climb(library.prompt_to_paint, how, vq, clip) for how in (library.cutouts, None))
    assert "red star" in climbing.told(with_cuts) and "red star" not in climbing.told(without)
    assert with_cuts.whole > without.whole > without.scores[0] + 0.1
    other = climbing.climb(library.prompt_to_paint, library.cutouts, vq, clip, seed=1)
    assert "red star" not in climbing.told(other)


@claim(WEEK, "the shares of the right ones stand far above those of the control, which are what luck gives.")
def test_one_model_does_all_three(vq, painter):
    found = measuring.measure_any_to_any(vq, painter)
    assert all(row["its own"] > 0.75 and row["another's"] < 0.35 for row in found.values())


@claim(
    WEEK,
    "On clean pictures the first program is right nearly always",
    "a drawn program is seldom nearer than the likeliest one",
    "Through noise a single try is right one time in three or so, the sixth no more often than the first. With the "
    "comparison the share rises from try to try, to about twice that.",
    "Always taking the likeliest token gets about as far in a single try",
)
def test_comparing_makes_tries_worth_while():
    scribe = models.load("programs", "tiny", "cpu")
    scenes = data.hard_scenes()

    def right(pictures):
        pairs = zip(scribing.texts_of(scribe, pictures), scenes, strict=True)
        return sum(library.redraw(iter([t]), s.render(64), 0.0)[1] <= scribing.RIGHT for t, s in pairs) / len(scenes)

    assert right([scene.render(64) for scene in scenes]) > 0.9
    off = [
        [library.redraw(iter([text]), scene.render(64), 0.0)[1] for text in texts]
        for scene, texts in zip(data.scenes_to_redraw(), scribing.tries_at(scribe), strict=True)
    ]
    assert all(first <= scribing.RIGHT for first, *_ in off)
    assert any(first > scribing.CLOSE for first, *_ in off)
    nearer = [drawn < first for first, *others in off for drawn in others]
    assert sum(nearer) < 0.15 * len(nearer)
    kept, alone = scribing.measure_tries(scribe, library.redraw, scenes).values()
    single = sum(alone) / len(alone)
    assert 0.2 < single < 0.45 and 1.5 * single < kept[-1] < 2.6 * single
    assert all(before <= after + 0.05 for before, after in zip(kept, kept[1:], strict=False))
    assert abs(right(scribing.noisy(scenes)) - kept[-1]) < 0.15


@claim(
    WEEK,
    "Both are about equally far: what it painted is no nearer to what it learnt from than to pictures that it never",
)
def test_nothing_was_learnt_by_heart(vq, painter):
    seen, unseen = plots.show_neighbours(vq, painter, data.wishes()).values()
    assert abs(seen - unseen) < 0.1 * unseen
