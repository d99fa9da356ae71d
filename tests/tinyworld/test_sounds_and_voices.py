"""Sounds of the world, the nine voices' recordings, and the lexicon of phones."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from tinyworld import phones, sounds, speech, voices
from tinyworld.phones import PAD, PAUSE, Phones
from tinyworld.sound import RATE
from tinyworld.sounds import MATERIALS, MOODS, PITCHES, RHYTHMS, Sound

# --- sounds ---


@pytest.mark.parametrize("split", ["train", "test"])
def test_sounds_are_two_seconds_not_too_loud_and_end_without_a_click(split):
    rng = np.random.default_rng(0)
    for sound in sounds.sounds(split, 40):
        audio = sound.play(rng)
        assert audio.dtype == np.float32 and audio.shape == (2 * RATE,) and np.isfinite(audio).all()
        assert 0.1 < np.abs(audio).max() <= 0.701
        assert abs(audio[0]) < 0.02 and abs(audio[-1]) < 0.02


def test_the_same_seed_draws_the_same_kinds_and_all_are_different():
    assert sounds.sounds("test", 64, 3) == sounds.sounds("test", 64, 3) != sounds.sounds("test", 64, 4)
    assert len(set(sounds.sounds("test", 64))) == 64
    every = {*sounds.sounds("train", 360), *sounds.sounds("test", 360)}
    assert len(every) == len(MATERIALS) * len(PITCHES) * len(RHYTHMS) * len(MOODS)
    for material in MATERIALS:  # nothing is unheard of in training
        assert any(s.material == material for s in sounds.sounds("train", 300))


@pytest.mark.parametrize("pitch, low, high", [("low", 130, 190), ("middle", 300, 430), ("high", 680, 980)])
def test_a_calm_pipe_has_the_pitch_it_is_said_to_have(pitch, low, high):
    audio = Sound("pipe", pitch, "once", "calm").play()[2000:14000]
    strongest = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))).argmax() * RATE / len(audio)
    assert low <= strongest <= high


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_a_rhythm_is_struck_so_often(rhythm):
    audio = Sound("wood", "middle", rhythm, "calm").play()
    loud = np.sqrt((audio.reshape(-1, 160) ** 2).mean(1))
    rises = np.maximum(np.diff(np.concatenate([[0], loud])), 0)
    struck, _ = find_peaks(np.concatenate([[0], rises]), height=0.3 * rises.max(), distance=6)
    assert len(struck) == len(sounds.BEATS[rhythm])


def test_captions_state_all_four_facts():
    rng = np.random.default_rng(0)
    assert Sound("glass", "high", "quickly", "happy").caption() == "a high glass sound, struck quickly, in a happy mood"
    for sound in sounds.sounds("train", 60):
        text = sound.caption(rng)
        assert sound.pitch in text and sound.rhythm in text
        assert any(word in text for word in sounds._WORDS[sound.material])
        assert any(word in text for word in sounds._WORDS[sound.mood])


def test_what_there_is_not_is_named():
    with pytest.raises(ValueError, match="wood, metal"):
        Sound("paper", "low", "once", "calm")
    with pytest.raises(ValueError, match="train or test"):
        sounds.sounds("validation", 3)


# --- voices ---


@pytest.mark.parametrize("split, n", [("enrolment", 27), ("test", 45), ("styles", 72)])
def test_recordings_are_whole(split, n):
    said = voices.load(split)
    assert len(said) == n and {r.voice for r in said} == set(voices.VOICES)
    for r in said:
        assert r.audio.dtype == np.float32 and 0.3 < r.seconds <= 5
        assert 0.05 < np.abs(r.audio).max() <= 10 ** (-1 / 20)  # -1 dBFS
        assert np.abs(r.audio[:8]).max() < 0.02 and np.abs(r.audio[-8:]).max() < 0.02
        assert all(0 <= p.start < p.end <= r.seconds + 0.01 for p in r.phones)
        assert all(a.end <= b.start + 1e-3 for a, b in zip(r.phones, r.phones[1:], strict=False))
    if split == "styles":
        assert {(r.voice, r.style) for r in said} == {(v, s) for v in voices.VOICES for s in voices.STYLES}


def test_enrolment_and_test_say_other_things():
    texts = {split: {r.text for r in voices.load(split)} for split in voices.SPLITS}
    assert len(texts["enrolment"] | texts["test"] | texts["styles"]) == 27 + 45 + 18


def test_all_recordings_together_are_small():
    assert sum(f.stat().st_size for f in voices.FOLDER.iterdir()) < 6e6


def test_an_unknown_split_is_named_and_sound_is_shared_read_only():
    with pytest.raises(ValueError, match="enrolment, test, styles"):
        voices.load("train")
    with pytest.raises(ValueError, match="read-only"):
        voices.load("test")[0].audio[0] = 1
    assert {u.voice.split("+")[1] for u in speech.load("train", "en")}.isdisjoint(voices.VOICES)


def test_word_salad_is_drawn_from_a_seed():
    assert voices.word_salad(3, 1) == voices.word_salad(3, 1) != voices.word_salad(3, 2)
    assert all(len(text.split()) == 7 for text in voices.word_salad(5))


# --- phones ---


@pytest.fixture
def table() -> Phones:
    return Phones([PAD, PAUSE, "r", "E", "d", "t", "u:"], {"red": ("r", "E", "d"), "two": ("t", "u:")})


def test_texts_become_ids_between_pauses(table):
    assert table.phones("Red two") == ["_", "r", "E", "d", "t", "u:", "_"]
    batch = table(["red", "red two"])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 1, 0, 0], [1, 2, 3, 4, 5, 6, 1]]
    assert batch["attention_mask"].tolist() == [[1] * 5 + [0] * 2, [1] * 7]


def test_unknown_words_are_named(table):
    with pytest.raises(KeyError, match="blue"):
        table("a blue".removeprefix("a "))
    with pytest.raises(ValueError, match="empty"):
        table([])
    with pytest.raises(ValueError, match="first phones"):
        Phones(["r"], {})


def test_a_table_is_read_as_it_was_written(table, tmp_path):
    table.save_pretrained(tmp_path)
    again = Phones.from_pretrained(tmp_path)
    assert (
        again.names == table.names
        and again.words == table.words
        and phones.FILE in {p.name for p in tmp_path.iterdir()}
    )
