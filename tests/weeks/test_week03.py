"""Week 3: its checks, and its helper package beside transformers. Nothing long runs here."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import caption_lab
from caption_lab import blip, checks, clipcap, data, measuring, metrics, plots, probes
from caption_lab.checks import library, mistakes, reference
from coursekit import models
from coursekit import plots as shared_plots
from coursekit.chance import fits
from grader.rubrics.week03_blip.checks import shared
from tinyworld import parse_caption


@pytest.fixture(scope="module")
def captioner():
    return models.load("captioning", profile="tiny", device="cpu")


@pytest.fixture(scope="module")
def matcher():
    return models.load("retrieval", profile="tiny", device="cpu")


def test_counts_that_fit_and_counts_that_do_not():
    chances, rng = np.array([0.6, 0.3, 0.0995, 0.0005, 0.0]), np.random.default_rng(0)
    assert all(fits(rng.multinomial(500, chances), chances) for _ in range(200))
    assert not fits(np.array([200, 200, 100, 0, 0]), chances)
    assert not fits(np.array([300, 150, 49, 0, 1]), chances)


@pytest.mark.parametrize(("beams", "penalty"), [(2, 0.0), (3, 1.0), (4, 0.5)])
def test_beams_in_plain_python_are_those_of_generate(beams, penalty):
    """What names the slips in beam search must itself keep the library's books."""
    for seed in range(3):
        wanted, score = reference.library_beams(seed, beams, 10, penalty)
        found, mine = reference.plain_beams(probes.decoder_step(seed), 10, beams, penalty)
        assert found == wanted and mine == pytest.approx(score, abs=1e-3)


def test_cases_tell_every_slip_in_beam_search_from_all_others():
    for seed in range(5):
        given, results = mistakes.cases_that_tell(np.random.default_rng(seed))
        found = [[(tuple(ids), round(score, 2)) for ids, score in some] for some in results.values()]
        assert len(found) == 1 + len(mistakes.BEAM_SLIPS) and all(len(some) == len(given) < 12 for some in found)
        assert len({tuple(some) for some in found}) == len(found)


# --- BLIP, piece by piece -------------------------------------------------------------------------------------------


def test_sentences_that_tell_mistakes_of_bleu_apart_are_soon_found(monkeypatch):
    """The check draws until there are some, and does not give up after its forty tries."""
    drawn, corpus = [], reference.corpus
    monkeypatch.setattr(reference, "corpus", lambda *given: drawn.append(given) or corpus(*given))
    for seed in range(12):
        drawn.clear()
        checks.equal_to_sacrebleu.run(SimpleNamespace(bleu=library.bleu), np.random.default_rng(seed))
        assert len(drawn) < 1 + 30, seed


def test_steps_lead_to_what_generate_says(captioner):
    scenes = data.sample_scenes(3, seed=50)
    drawn = data.pictures(scenes)
    start, end, pad = blip.marks(captioner)
    step, ids = blip.stepper(captioner, drawn), torch.full((3, 1), start)
    for _ in range(blip.LONGEST):
        ids = torch.cat([ids, step(ids).argmax(dim=-1, keepdim=True)], dim=1)
    said = [row[: row.index(end)] if end in row else row for row in ids.tolist()]
    assert blip.texts(captioner, said) == blip.captions(captioner, drawn)


def test_candidates_are_the_same_for_a_seed_and_leave_the_generator_alone(captioner):
    drawn = data.pictures(data.sample_scenes(2, seed=51))
    torch.manual_seed(7)
    wanted = torch.rand(1)
    torch.manual_seed(7)
    first = blip.candidates(captioner, drawn, 3, seed=1, temperature=1.3)
    assert torch.equal(torch.rand(1), wanted)
    assert first == blip.candidates(captioner, drawn, 3, seed=1, temperature=1.3)
    assert [len(some) for some in first] == [3, 3]


def test_the_next_tokens_chances_are_those_of_the_filters(captioner):
    picture = data.sample_scenes(1, 2, seed=50)[0].render()
    scores = blip.stepper(captioner, [picture])(torch.tensor([[blip.marks(captioner)[0]]]))
    for how in ({}, {"temperature": 2.0}, {"top_k": 2}, {"top_p": 0.8}):
        wanted = reference.library_filtered(scores, **how)[0]
        assert torch.allclose(blip.next_chances(captioner, picture, **how), wanted, atol=1e-4), how


def test_without_a_loss_of_ones_own_the_librarys_is_taken(captioner):
    taught = data.sample_scenes(2, 1, seed=51)
    ours, theirs = (
        measuring.overfit(captioner, taught, *own, steps=2)[0] for own in ((), (reference.library_caption_loss,))
    )
    assert ours == pytest.approx(theirs, abs=1e-5)
    gpt, width = clipcap.language_model(0, steps=3), clipcap.training_set(48, 0)[0].shape[1]
    ours, theirs = (
        clipcap.train(gpt, clipcap.mapper(width), *own, steps=2) for own in ((), (reference.library_prefix_loss,))
    )
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_log_likelihood_is_the_models_loss(captioner):
    scene = data.sample_scenes(1, 2, seed=52)[0]
    ids = blip.tokens(captioner, [scene.caption()])
    with torch.no_grad():
        loss = captioner.model(
            pixel_values=blip.pixels(captioner, [scene.render()]), input_ids=ids, labels=ids.clone()
        ).loss
    found = blip.log_likelihood(captioner, [scene.render()] * 2, [scene.caption(), "a large red star"])
    assert torch.allclose(found[0], -loss * (ids.shape[1] - 1), atol=1e-3)


def test_matching_does_not_depend_on_the_batch(matcher):
    scenes = [*data.sample_scenes(2, 1, seed=53), *data.sample_scenes(2, 2, seed=53)]
    drawn, said = data.pictures(scenes), [scene.caption() for scene in scenes]
    together = blip.itm(matcher, drawn, said)
    alone = torch.cat([blip.itm(matcher, [p], [c]) for p, c in zip(drawn, said, strict=True)])
    assert torch.allclose(together, alone, atol=1e-3) and ((together >= 0) & (together <= 1)).all()
    assert blip.cosines(matcher, drawn, said[:3]).shape == (4, 3)


def test_answers_do_not_depend_on_what_else_is_asked():
    answerer = models.load("vqa", profile="tiny", device="cpu")
    scene = data.sample_scenes(1, 2, seed=54)[0]
    questions = [q.text for q in scene.questions()]
    together = blip.answers(answerer, [scene.render()] * len(questions), questions)
    assert together == [blip.answers(answerer, [scene.render()], [q])[0] for q in questions]


def test_looks_are_the_layers_own_attention(captioner):
    scene = data.sample_scenes(1, 2, seed=55)[0]
    words, weights = blip.looks(captioner, scene.render(), scene.caption())
    assert words[1:-1] == scene.caption().split()
    layers = captioner.model.text_decoder.bert.encoder.layer
    assert len(weights) == len(layers)
    seen: list[torch.Tensor] = []
    hook = layers[1].crossattention.self.register_forward_hook(lambda _, __, out: seen.append(out[1]))
    with torch.no_grad():
        captioner.model.text_decoder(
            input_ids=blip.tokens(captioner, [scene.caption()]),
            encoder_hidden_states=blip.image_states(captioner, [scene.render()]),
        )
    hook.remove()
    assert torch.allclose(weights[1], seen[0][0], atol=1e-5)
    assert torch.allclose(weights[0].sum(dim=-1), torch.ones(weights[0].shape[:2]), atol=1e-5)


# --- data -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", data.CHANGES)
def test_a_twin_differs_in_one_fact(change):
    rng = np.random.default_rng(0)
    for scene in data.sample_scenes(12, 2, seed=56):
        one, other = scene.facts(), data.twin(scene, change, rng).facts()
        assert one != other
        if change == "places":
            assert sorted(one.objects) == sorted(other.objects) and one.background == other.background
        else:
            flat = [[f.background, *(x for thing in f.objects for x in thing), f.relation] for f in (one, other)]
            assert sum(a != b for a, b in zip(*flat, strict=True)) == 1


def test_brown_things_are_brown_where_the_thing_is_and_nowhere_else():
    scene = data.sample_scenes(1, 1, seed=57)[0]
    before, after = (np.asarray(p, dtype=int) for p in (scene.render(), data.repainted(scene)))
    inside = scene.masks()[0] == 1
    assert (np.abs(after[inside] - data.NEW_RGB) <= 3).all()
    outside = scene.masks()[0] == 0
    assert (before[outside] == after[outside]).all()


def test_examples_say_what_they_show():
    for example in data.new_examples(8):
        assert " brown " in example.caption
        with pytest.raises(ValueError):
            parse_caption(example.caption)  # the world has no such colour
    assert all(parse_caption(example.caption) for example in data.old_examples(8))


# --- ClipCap --------------------------------------------------------------------------------------------------------


def test_captions_survive_their_numbers():
    said = [scene.caption() for scene in (*data.sample_scenes(6, 1, seed=58), *data.sample_scenes(6, 2, seed=58))]
    assert clipcap.decode(clipcap.encode(said)) == said


def test_only_the_map_is_trained():
    gpt = clipcap.language_model(0, steps=3)
    before = {name: value.clone() for name, value in gpt.state_dict().items()}
    mapping = clipcap.mapper(clipcap.training_set(48, 0)[0].shape[1])
    weight = mapping[0].weight.clone()
    losses = clipcap.train(gpt, mapping, steps=3)
    assert len(losses) == 3 and not torch.equal(mapping[0].weight, weight)
    assert all(torch.equal(value, before[name]) for name, value in gpt.state_dict().items())


# --- measuring --------------------------------------------------------------------------------------------------------


def test_true_captions_score_highest_and_the_relation_fools_the_metrics(captioner):
    report = measuring.fool_metrics(
        captioner, data.sample_scenes(16, 2, seed=59), library.bleu, library.rouge_l, library.cider
    )
    facts = {kind: values["facts"] for kind, (_, values) in report.items()}
    assert facts["a paraphrase"] == 1 and facts["wrong relation"] == facts["wrong colour"] == 0
    wrong, other = report["wrong relation"][1], report["other pictures'"][1]
    assert all(wrong[name] > other[name] for name in ("BLEU-4", "ROUGE-L", "CIDEr"))
    assert abs(wrong["CLIPScore"] - report["a paraphrase"][1]["CLIPScore"]) < 0.2
    assert all(0 <= value <= 1 for _, values in report.values() for value in values.values())


def test_bleu_and_cider_of_the_references_themselves():
    references = [scene.captions(3, seed=i) for i, scene in enumerate(data.sample_scenes(6, 2, seed=60))]
    said = [some[0] for some in references]
    assert reference.library_bleu(said, references) == pytest.approx(100)
    assert reference.library_cider(said, references).min() > 3
    assert reference.reference_rouge_l("a b c", ["x", "b x c"]) == pytest.approx(4 / 6)


def test_exact_forgives_the_wording_and_nothing_else():
    scenes = data.sample_scenes(10, 2, seed=61)
    assert metrics.exact([s.caption(np.random.default_rng(i)) for i, s in enumerate(scenes)], scenes) == 1
    assert metrics.exact([s.swapped().caption() for s in scenes], scenes) == 0
    assert metrics.exact(["", "brown"] * 5, scenes) == 0
    assert metrics.attributes([s.swapped().caption() for s in scenes], scenes)["background"] == 1


def test_twins_and_answers_are_measured_beside_their_control(captioner, matcher):
    scenes = data.sample_scenes(6, 2, seed=62)
    report = measuring.tell_twins(captioner, matcher, scenes)
    assert len(report) == len(data.CHANGES) + 1
    assert all(set(row) == {"ITC", "ITM", "LM"} for row in report.values())
    asked = measuring.measure_answers(models.load("vqa", profile="tiny", device="cpu"), scenes)
    assert all(set(row) == {"its own picture", "another picture"} for row in asked.values())


def test_fine_tuning_touches_the_decoder_alone_and_says_its_losses(captioner):
    pupil = models.load("captioning", profile="tiny", device="cpu")
    losses = reference.library_fine_tune(
        pupil.model, measuring.example_loss(pupil), data.new_examples(6), data.old_examples(6), steps=3, batch=4
    )
    assert len(losses) == 3 and not pupil.model.training
    moved = {
        name.split(".")[0]
        for (name, one), other in zip(
            pupil.model.state_dict().items(), captioner.model.state_dict().values(), strict=True
        )
        if not torch.equal(one, other)
    }
    assert moved == {"text_decoder"}


# --- figures --------------------------------------------------------------------------------------------------------


def test_figures_are_one_picture_each(monkeypatch):
    shown: list[Image.Image] = []
    told: list[str] = []
    monkeypatch.setattr(
        shared_plots,
        "_display",
        lambda png: shown.append(Image.open(io.BytesIO(png.getvalue()))) or told.append(png.alt),
    )
    scenes = data.sample_scenes(3, 2, seed=63)
    drawn, said = data.pictures(scenes), [scene.caption() for scene in scenes]
    for draw in (
        lambda: caption_lab.show_captions(drawn, said, scenes),
        lambda: caption_lab.show_captions(drawn, {"a": said, "b": ["", "x", "y"]}),
        lambda: caption_lab.show_patches(drawn[0], 16, library.patches),
        lambda: caption_lab.show_weights({"a": torch.rand(5, 5), "b": torch.rand(5, 17)}, list("abcde")),
        lambda: caption_lab.show_losses({"a": [1.0, 0.5], "b": [1.0, 0.6]}),
        lambda: caption_lab.show_next(list("abcdefghij"), {"x": torch.rand(10)}),
        lambda: caption_lab.show_sampling(measuring.Sampling({"x": (0.5, 1.0)})),
        lambda: caption_lab.show_bars({"x": {"a": 0.0, "b": 1.0}}, "part", 0.5),
        lambda: caption_lab.show_ranking(drawn, [[(c, 0.0)] for c in said], scenes, [[c] for c in said]),
        lambda: caption_lab.show_scores({"x": ("a caption", {"BLEU": 0.0, "facts": 1.0})}, "a title"),
        lambda: caption_lab.show_word_maps(drawn[0], ["word"] * 9, torch.rand(9, 4, 4)),
        lambda: caption_lab.show_answers(drawn, [[("what?", "yes", "no")]] * 3),
        lambda: caption_lab.show_adaptation({"before": {"x": 0.5}, "after": {"x": 1.0}}),
    ):
        before = len(shown)
        draw()
        assert len(shown) == before + 1
    assert all(min(picture.size) > 60 for picture in shown)
    assert told[0].count("(right)") == 3 and "b: y" in told[1] and said[0] in told[8]
    for number, words in ((4, "a from 1.00 to 0.50"), (6, "x 100%, 50%"), (7, "x: a 0%, b 100%"), (9, "facts 1.00")):
        assert words in told[number]


def test_evidence_of_captions_has_a_line_for_each(monkeypatch):
    kept = []
    monkeypatch.setattr(shared, "evidence", lambda title, picture: kept.append((title, picture)))
    scenes = data.sample_scenes(2, 1, seed=64)
    said = [scene.caption() for scene in scenes]
    shared.show_captions("a title", data.pictures(scenes), said, said[::-1])
    assert kept[0][0] == "a title" and kept[0][1].height > 120


def test_probes_watch_what_a_fine_tuning_does():
    seen = probes.watched_fine_tune(reference.library_fine_tune, [1.0] * 4, [-1.0] * 4, 5, 4, 0.25, 0.1)
    assert len(seen["batches"]) == 5 and all(sum(x < 0 for x in some) == 1 for some in seen["batches"])
    assert seen["training"] and seen["again"] == seen["batches"] and plots.RIGHT != plots.WRONG
