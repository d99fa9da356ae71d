"""One vocabulary for words and pictures: every text and picture of the world can be written in it and read back."""

import re

import numpy as np
import pytest
import torch

import tinyworld
from tinyworld import tokens
from tinyworld.train.token_lm.tokenizer import build_tokenizer
from tinyworld.train.vq import measure


@pytest.fixture(scope="module")
def vq():
    return measure.load(tinyworld.checkpoint("vq"))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Captions, short ones, questions and answers of many scenes."""
    rng, said = np.random.default_rng(3), []
    for scene in tinyworld.scenes("test", 300, seed=3):
        said += [scene.caption(rng), scene.caption(), scene.short_caption(rng)]
        said += [text for question in scene.questions(rng) for text in (question.text, question.answer)]
    return said


def test_every_text_is_written_in_known_words_and_read_back(texts):
    for text in texts:
        ids = tokens.words_to_ids(text)
        assert tokens.IDS[tokens.UNKNOWN] not in ids, text
        assert tokens.ids_to_words(ids) == text
    said = {word for text in texts for word in re.findall(r"[a-z]+|[,?]", text)}
    assert len(set(tokens.WORDS) - said) < 8  # hardly a word that is never said
    assert tokens.words_to_ids("a Zebra") == [tokens.IDS["a"], tokens.IDS[tokens.UNKNOWN]]


def test_marks_words_and_codes_share_the_ids_without_a_gap():
    assert list(tokens.IDS.values()) == list(range(tokens.IMAGE_OFFSET))
    assert len(tokens.MARKS) + len(tokens.WORDS) == tokens.IMAGE_OFFSET
    assert tokens.VOCABULARY == tokens.IMAGE_OFFSET + 256
    codes = torch.arange(256).view(4, 64)
    ids = tokens.codes_to_ids(codes)
    assert tokens.is_image(ids).all() and ids.max() == tokens.VOCABULARY - 1
    assert torch.equal(tokens.ids_to_codes(ids), codes) and torch.equal(tokens.codes_to_ids(codes.view(4, 8, 8)), ids)
    with pytest.raises(ValueError, match="words or marks"):
        tokens.ids_to_codes(torch.tensor([tokens.IDS["red"], tokens.IMAGE_OFFSET]))
    with pytest.raises(ValueError, match="255"):
        tokens.codes_to_ids(torch.full((1, 64), 256))


def test_a_picture_always_has_the_same_places():
    codes = torch.arange(128).view(2, 64)
    painted = tokens.painting(["a red star", ""], codes)
    described = tokens.describing(codes, ["a red star", "a ring"])
    asked = tokens.asking(codes, ["what colour is the star?"] * 2, ["red", "left of"])
    assert painted.shape == (2, tokens.PAINTED) and described.shape == (2, tokens.LONGEST) and asked.shape == (2, 107)
    for ids in (painted, described, asked):
        assert torch.equal(tokens.ids_to_codes(ids[:, tokens.PROMPT : tokens.PAINTED]), codes)
        assert (ids[:, tokens.PROMPT - 1] == tokens.IDS[tokens.START_PICTURE]).all()
        assert not tokens.is_image(ids[:, tokens.PAINTED :]).any()
    # what stands before an answer is what a whole sequence begins with
    assert torch.equal(tokens.painting(["a red star", ""]), painted[:, : tokens.PROMPT])
    assert torch.equal(tokens.describing(codes), described[:, : tokens.PAINTED + 1])
    assert torch.equal(tokens.asking(codes, ["what colour is the star?"] * 2), asked[:, : -tokens.ANSWER])
    # a picture to read stands after the empty caption, as guidance has it
    assert torch.equal(described[1, : tokens.PAINTED], painted[1])
    assert tokens.ids_to_words(described[0, tokens.PAINTED + 1 :]) == "a red star"
    assert tokens.ids_to_words(asked[1, -tokens.ANSWER :]) == "left of"
    assert tokens.ids_to_words(painted[1, tokens.PROMPT :][:3]) == "<64> <65> <66>"


def test_the_longest_texts_fit_and_longer_ones_are_named(texts):
    longest = max(texts, key=lambda text: len(tokens.words_to_ids(text)))
    assert tokens.TEXT - 5 <= len(tokens.words_to_ids(longest)) < tokens.TEXT
    with pytest.raises(ValueError, match="takes 25 places"):
        tokens.painting(["red " * 25])
    with pytest.raises(ValueError, match="there are 12"):
        tokens.asking(torch.zeros(1, 64), ["red " * 13])


def test_the_tokenizer_that_is_shipped_has_the_same_ids(texts):
    tokenizer = build_tokenizer()
    assert len(tokenizer) == tokens.VOCABULARY
    for text in texts[:200]:
        ids = tokenizer(text)["input_ids"]
        assert ids == tokens.words_to_ids(text)
        assert tokenizer.decode(ids) == text
    codes = torch.tensor([[0, 7, 255]])
    assert tokenizer("<picture><0><7><255><end>")["input_ids"] == [
        tokens.IDS["<picture>"], *(tokens.IMAGE_OFFSET + codes[0]).tolist(), tokens.IDS["<end>"],
    ]  # fmt: skip


def test_pictures_become_codes_and_pictures_again(vq):
    scenes = tinyworld.scenes("test", 5)
    images = [scene.render() for scene in scenes]
    array = np.stack([np.asarray(image) for image in images])
    codes = tokens.encode(vq, images)
    assert codes.shape == (5, 64) and codes.dtype == torch.int64 and 0 <= codes.min() <= codes.max() < 256
    assert torch.equal(codes, tokens.encode(vq, array)) and torch.equal(codes, tokens.encode(vq, array, batch=2))
    drawn = tokens.decode(vq, codes)
    assert drawn.shape == array.shape and drawn.dtype == np.uint8
    assert np.abs(drawn.astype(float) - array).mean() < 6
    assert np.array_equal(drawn, tokens.decode(vq, codes.view(5, 8, 8), batch=3))
    # the library's own way back
    with torch.no_grad():
        library = vq.decode(codes, force_not_quantize=True, shape=(5, 8, 8, vq.config.vq_embed_dim)).sample
    assert np.abs(library.clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255 - drawn).max() < 1
    assert tokens.encode(vq, []).shape == (0, 64) and tokens.decode(vq, codes[:0]).shape == (0, 64, 64, 3)
