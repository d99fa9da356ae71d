"""Week 1: its checks and its helper package. Nothing long runs here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clip_lab import checks, data, plots, small
from coursekit import needs
from coursekit import plots as shared_plots
from coursekit.checks import checks_in, run_check
from coursekit.student import local_student


def test_an_open_exercise_is_told_apart_from_a_wrong_one():
    def cosine_similarity(images, texts):
        raise NotImplementedError()

    student = local_student({"cosine_similarity": cosine_similarity})
    some = [run_check(one, student, "a seed") for one in checks_in(checks) if one.question == "cosine_similarity"]
    assert {verdict.message for verdict in some} == {"not answered yet."}


# --- clip_lab -------------------------------------------------------------------------------------------------------


def test_an_album_has_captions_that_differ_and_is_the_same_every_time():
    first, again = data.album(64), data.album(64)
    assert len(set(first.captions)) == 64 == len(first)
    assert first.captions == again.captions
    assert [p.tobytes() for p in first.pictures] == [p.tobytes() for p in again.pictures]
    with pytest.raises(ValueError, match="ask for fewer"):
        data.album(3000, objects=1)


def test_labels_of_single_objects():
    album = data.album(20, objects=1)
    for scene, label in zip(album.scenes, album.labels("shape"), strict=True):
        assert data.ATTRIBUTES["shape"][label] == scene.objects[0].shape


def test_swapped_places_keep_the_words():
    pairs = data.swap_pairs("places", 20)
    for one, other in zip(pairs.captions[::2], pairs.captions[1::2], strict=True):
        assert one != other
        assert sorted(one.split()) == sorted(other.split())
    with pytest.raises(ValueError, match="places"):
        data.swap_pairs("sizes")


def test_a_changed_colour_changes_one_word():
    pairs = data.swap_pairs("colour", 20)
    for one, other in zip(pairs.captions[::2], pairs.captions[1::2], strict=True):
        assert sum(a != b for a, b in zip(one.split(), other.split(), strict=True)) == 1


def test_pair_similarities_put_pictures_first():
    pairs = data.SwapPairs([None] * 4, [""] * 4)
    images, texts = torch.eye(4), torch.arange(16.0).reshape(4, 4)
    found = pairs.similarity(images, texts)
    assert found.shape == (2, 2, 2)
    assert found[1, 0, 1] == images[2] @ texts[3]


def test_every_picture_has_a_true_caption_and_a_lie():
    import tinyworld

    album = data.album(40, objects=1)
    which, captions, labels = data.truths_and_lies(album)
    assert sorted(which) == sorted([*range(40)] * 2)
    for kind in (0, 1):
        assert sorted(which[labels == kind]) == list(range(40))
    off = [
        sum(a != b for a, b in zip(said.split(), album.captions[i].split(), strict=True))
        for i, said in zip(which, captions, strict=True)
    ]
    assert off == [1 - label for label in labels]  # words that differ from the picture's own caption
    told = " ".join(captions)
    assert not any(f"{colour} {shape}" in told for colour, shape in tinyworld.HELD_OUT_PAIRS)


def test_the_signs_of_a_fusion_do_not_stand_in_the_order_of_the_captions():
    _, _, labels = data.truths_and_lies(data.album(128, objects=1))
    assert 0.4 < (labels == np.roll(labels, 1)).mean() < 0.6


def test_the_photographs_come_with_scikit_image():
    pictures, captions = data.photographs()
    assert len(pictures) == len(captions) >= 6
    assert all(picture.mode == "RGB" for picture in pictures)


def test_the_small_clip_reads_every_caption_of_single_objects():
    pictures, tokens, scenes = small.pairs("train", 50)
    assert pictures.shape == (50, 3, small.SIDE, small.SIDE) and tokens.shape == (50, small.CONTEXT)
    assert (tokens.max(dim=1).values == small.END).all()
    assert float(pictures.min()) >= -1 and float(pictures.max()) <= 1
    with pytest.raises(KeyError):
        small.tokenize(["a photo of a cat"])


def test_the_small_clip_is_the_same_for_the_same_seed():
    first, again, other = (small.build(seed).text_projection for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_run_and_its_control_differ_in_the_pairing_alone():
    seen = {False: [], True: []}
    for shuffled, batches in seen.items():

        def step(model, optimiser, pictures, tokens, batches=batches):
            optimiser.step()
            batches.append((pictures, tokens))
            return 1.0

        history = small.train(small.build(0), step, steps=3, seed=1, shuffled=shuffled)
        assert history["loss"] == [1.0] * 3 and history["step"] == [0, 3]
        assert all(len(history[name]) == 2 for name in ("recall", "background", "colour", "size", "shape"))
    for (pictures, tokens), (control_pictures, control_tokens) in zip(seen[False], seen[True], strict=True):
        assert pictures.shape == (small.BATCH, 3, small.SIDE, small.SIDE)
        # the control draws more numbers, so only its first batch holds the same pairs
        assert (control_tokens != tokens).any() and control_pictures.shape == pictures.shape
    (pictures, tokens), (control_pictures, control_tokens) = seen[False][0], seen[True][0]
    assert torch.equal(pictures, control_pictures)
    assert sorted(tokens.tolist()) == sorted(control_tokens.tolist()) and not torch.equal(tokens, control_tokens)


def test_figures_are_one_picture_each(monkeypatch):
    import io

    from PIL import Image

    shown, told = [], []
    monkeypatch.setattr(
        shared_plots,
        "_display",
        lambda png: shown.append(Image.open(io.BytesIO(png.getvalue())).size) or told.append(png.alt),
    )
    album, matrix = data.album(6), np.eye(6)
    plots.show_album(album.pictures, album.captions)
    plots.show_queries(album.captions, [album.pictures] * 6, [[True] + [False] * 5] * 6, "title")
    plots.show_similarity(album.pictures, album.captions, matrix, "title")
    plots.show_bars({"a": {"x": 0.5, "y": 1.0}, "b": {"x": 0.2}}, chance={"a": 0.5, "b": 0.2})
    plots.show_joint_space({"one": (torch.eye(3, 2), torch.ones(4, 2)[:3]), "two": (torch.eye(3, 2), torch.eye(3, 2))})
    plots.show_temperature([1, 10, 100], {"ours": [2.0, 0.5, 1.0]}, guess=2.1)
    run = {name: [0.1, 0.5] for name in ("background", "colour", "size", "shape", "recall")}
    run |= {"loss": [3.5, 3.0, 1.0], "step": [0, 2]}
    plots.show_training(run, run, guess=3.4)
    drawn = {name for name in dir(plots) if name.startswith("show_")}
    assert len(shown) == len(drawn), f"each of {sorted(drawn)} is drawn once"
    assert "found in place 1" in told[1] and "6 of 6 pictures" in told[2] and "a: x 50%, y 100%; b: x 20%" in told[3]
    assert "one, middles" in told[4] and "ours 0.50 at scale 10" in told[5] and "from 3.5 to 1.0" in told[6]
    assert all(300 < width < 1300 and 150 < height < 700 for width, height in shown), shown


def test_the_best_caption_of_a_picture_is_framed(monkeypatch):
    """The orange frame stands in the column of the largest number of its row."""
    sheets = []
    monkeypatch.setattr(plots.Sheet, "show", lambda sheet, alt="": sheets.append(np.asarray(sheet.image).astype(int)))
    album = data.album(4)
    plots.show_similarity(album.pictures, album.captions, np.roll(np.eye(4), 1, axis=1))
    orange = np.abs(sheets[0] - [0xD5, 0x5E, 0x00]).sum(axis=2) < 30
    cell = orange[66 : 66 + 4 * 58, 66 : 66 + 4 * 62].reshape(4, 58, 4, 62).sum(axis=(1, 3))
    assert cell.argmax(axis=1).tolist() == [1, 2, 3, 0]


def test_what_waits_says_so_and_what_fails_is_shown(capsys, monkeypatch):
    with needs("embed"):
        raise NotImplementedError()
    assert "`embed`" in capsys.readouterr().out
    with needs("embed"):
        raise NotImplementedError("no sparse kernel")
    assert "NotImplementedError: no sparse kernel" in capsys.readouterr().out
    with needs("embed"):
        raise ValueError("not like this")
    out = capsys.readouterr().out
    assert "ValueError: not like this" in out and 'raise ValueError("not like this")' in out and "`embed`" in out
    assert "notebook.py" not in out, "the traceback begins in the student's own cell"
    monkeypatch.setenv("CROSSMODAL_GRADED", "1")
    with pytest.raises(ValueError), needs("embed"):
        raise ValueError
