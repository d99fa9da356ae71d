"""What is said in tinyworld: sentences in two languages, sound, the shipped recordings, the synthesiser."""

import numpy as np
import pytest

import tinyworld
from tinyworld import Object, Scene, german, sentences, sound, speech, voices
from tinyworld.captions import parse_caption
from tinyworld.train.__main__ import parse
from tinyworld.train.speech import recipe
from tinyworld.train.whisper import espeak

needs_espeak = pytest.mark.skipif(not espeak.available(), reason="espeak-ng is not installed (only recipes need it)")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# --- German ---

STAR, CIRCLE = Object("star", "red", "small", 0.3, 0.5), Object("circle", "blue", "large", 0.75, 0.5)


@pytest.mark.parametrize(
    ("scene", "written"),
    [
        (Scene((STAR,), "striped"), "ein kleiner roter Stern auf einem gestreiften Hintergrund"),
        (
            Scene((Object("cross", "pink", "large", 0.5, 0.5),), "grey"),
            "ein großes rosa Kreuz auf einem grauen Hintergrund",
        ),
        (
            Scene((STAR, CIRCLE), "white"),
            "ein kleiner roter Stern links von einem großen blauen Kreis auf einem weißen Hintergrund",
        ),
    ],
)
def test_a_german_caption_is_what_a_german_would_write(scene, written):
    assert german.caption(scene) == written


def test_the_cases_and_genders_are_right(rng):
    told = {german.command(Scene((STAR, CIRCLE), "white"), "male", False, rng) for _ in range(400)}
    assert "male einen kleinen roten Stern links von einem großen blauen Kreis" in told
    assert "male eine große blaue Scheibe rechts neben einem kleinen roten Stern" in told
    assert "male einen kleinen roten Stern links neben einer großen blauen Scheibe" in told
    ring = Scene((Object("square", "cyan", "small", 0.5, 0.5),), "black")
    assert (
        german.command(ring, "zeig mir", True)
        == "zeig mir ein kleines türkises Quadrat auf einem schwarzen Hintergrund"
    )


@pytest.mark.parametrize("split", ["train", "compositional"])
def test_a_german_caption_states_the_same_facts(split, rng):
    for scene in tinyworld.scenes(split, 300, seed=5):
        for text in (german.caption(scene), german.caption(scene, rng)):
            assert parse_caption(german.translate(text)) == scene.facts(), text


def test_the_translation_has_english_articles_and_goes_phrase_by_phrase():
    text = "zeig mir ein orange Plus oberhalb von einer kleinen gelben Scheibe"
    assert german.translate(text) == "show me an orange plus over a small yellow disc"
    assert sum(length for _, length in german.phrases(text)) == len(text.split())
    assert ("over", 2) in german.phrases(text) and ("show me", 2) in german.phrases(text)
    assert german.translate("auf einem beige Hintergrund gibt es einen Ring") == "on a beige background there is a ring"


@pytest.mark.parametrize("text", ["ein kleiner roter Zebrastreifen", "a small star", "links"])
def test_what_is_no_german_of_the_world_is_named(text):
    with pytest.raises(ValueError, match="cannot translate"):
        german.translate(text)


def test_an_unknown_verb_is_named():
    with pytest.raises(ValueError, match="male, zeichne"):
        german.command(Scene((STAR,), "white"), "paint", True)


# --- sentences ---


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_every_caption_and_command_can_be_read_again(language, rng):
    kinds = set()
    for _ in range(400):
        said = sentences.sentence("train", language, rng)
        kinds.add(said.kind)
        assert "," not in said.text and said.language == language
        assert said.translation == (german.translate(said.text) if language == "de" else said.text)
        if said.kind in ("caption", "command"):
            read = parse_caption if said.kind == "caption" else sentences.parse_command
            assert str(read(said.translation)) == said.content
    assert kinds == set(sentences.KINDS)


def test_a_sentence_is_in_one_split_whatever_its_wording_or_language(rng):
    found = {split: set() for split in ("train", "validation", "test")}
    for split in found:
        for language in sentences.LANGUAGES:
            found[split] |= {sentences.sentence(split, language, rng).content for _ in range(200)}
    assert not found["train"] & found["test"] and not found["train"] & found["validation"]
    assert not found["test"] & found["validation"]
    assert all(sentences.split_of(content) == split for split in found for content in found[split])


def test_the_same_seed_gives_the_same_sentence():
    first, second = (sentences.sentence("test", "de", np.random.default_rng(7)) for _ in range(2))
    assert first == second


def test_a_command_without_a_background_means_a_white_one():
    facts = sentences.parse_command("paint a small red star above a large blue circle")
    assert facts == parse_caption("a small red star above a large blue circle on a white background")
    assert sentences.parse_command("draw a big pink ring on a grey background").background == "grey"
    with pytest.raises(ValueError, match="begins with paint, draw, show me"):
        sentences.parse_command("erase a small red star")


def test_an_unknown_split_or_language_is_named(rng):
    with pytest.raises(ValueError, match="train, validation or test"):
        sentences.sentence("voices", "en", rng)
    with pytest.raises(ValueError, match="en, de"):
        sentences.sentence("train", "fr", rng)


# --- sound ---


@pytest.mark.parametrize("snr", [-5, 0, 10, 30])
@pytest.mark.parametrize("colour", sound.COLOURS)
def test_noise_is_as_loud_as_asked_for(snr, colour, rng):
    audio = np.sin(np.arange(24001) * 0.2).astype(np.float32)
    added = sound.in_noise(audio, snr, rng, colour) - audio
    assert added.dtype == np.float32
    assert 10 * np.log10(np.mean(audio**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.01)


@pytest.mark.parametrize(("colour", "slope"), sound.COLOURS.items())
def test_the_colour_of_noise_is_its_slope(colour, slope, rng):
    power = np.mean([np.abs(np.fft.rfft(sound.noise(16000, rng, colour))) ** 2 for _ in range(30)], axis=0)
    low, high = power[100:200].mean(), power[3200:6400].mean()  # five octaves apart
    assert np.log2(low / high) == pytest.approx(5 * slope, abs=0.4)


def test_gain_is_in_decibels_and_is_cut_off_at_one():
    audio = np.full(100, 0.1, np.float32)
    assert sound.gain(audio, 6.0206)[0] == pytest.approx(0.2, abs=1e-4)
    assert sound.gain(audio, 40).max() == 1


def test_an_echo_falls_by_60_dB_in_the_time_asked_for(rng):
    click = np.zeros(32000, np.float32)
    click[100] = 1
    room = sound.reverberate(click, 0.5, rng, wet=0.5)
    assert room.shape == click.shape and room.dtype == np.float32
    assert room[100] == pytest.approx(1, abs=1e-3) and abs(room[:100]).max() < 1e-5
    assert np.sum(room[101:] ** 2) == pytest.approx(0.5, rel=0.05)
    early, late = (np.mean(room[a : a + 800] ** 2) for a in (101, 101 + 4000))  # a quarter of a second apart
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=3)
    assert abs(room[100 + 8001 :]).max() < 1e-4


@pytest.mark.parametrize("bad", [np.zeros((2, 100)), np.zeros(0)])
def test_what_is_no_sound_is_named(bad, rng):
    for call in (
        lambda: sound.gain(bad, 0),
        lambda: sound.reverberate(bad, 0.3, rng),
        lambda: sound.in_noise(bad, 0, rng),
    ):
        with pytest.raises(ValueError, match="one channel"):
            call()


def test_impossible_noise_is_named(rng):
    with pytest.raises(ValueError, match="silence has no signal-to-noise ratio"):
        sound.in_noise(np.zeros(10), 10, rng)
    with pytest.raises(ValueError, match="white, pink, brown"):
        sound.noise(10, rng, "blue")
    with pytest.raises(ValueError, match="at least 1"):
        sound.noise(0, rng)
    with pytest.raises(ValueError, match="RT60"):
        sound.reverberate(np.ones(10), 30, rng)


# --- the recordings ---

PARTS = [(split, language) for split in speech.SPLITS for language in sentences.LANGUAGES]


def test_the_recordings_are_small():
    files = list(speech.FOLDER.iterdir())
    assert sum(f.stat().st_size for f in files) <= 6e6
    assert {f.suffix for f in files} == {".ogg", ".json"} and len(files) == 2 * (len(PARTS) + len(voices.SPLITS))


@pytest.mark.parametrize(("split", "language"), PARTS)
def test_an_utterance_has_sound_words_and_their_times(split, language):
    said = speech.load(split, language)
    assert len(said) >= 50 and len({u.text for u in said}) == len(said)
    for u in said:
        assert u.audio.dtype == np.float32 and u.audio.ndim == 1 and np.abs(u.audio).max() <= 1.001
        assert 0.3 < u.seconds <= 5 and u.seconds == len(u.audio) / 16000
        assert [w.text for w in u.words] == u.text.split()
        assert all(0 <= w.start < w.end <= u.seconds + 0.01 for w in u.words)
        assert all(a.end <= b.start + 1e-6 for a, b in zip(u.words, u.words[1:], strict=False))
        assert u.language == language and u.voice.split("+")[0] in espeak.ACCENTS[language]
        assert u.translation == (german.translate(u.text) if language == "de" else u.text)


@pytest.mark.parametrize(("split", "language"), PARTS)
def test_the_sound_is_where_the_words_are(split, language):
    inside, before = [], []
    for u in speech.load(split, language):
        first, last = int(u.words[0].start * 16000), int(u.words[-1].end * 16000)
        inside.append(np.mean(u.audio[first:last] ** 2))
        before += [*u.audio[: max(0, first - 160)] ** 2, *u.audio[last + 800 :] ** 2]
        assert inside[-1] > 1e-3
    assert np.mean(before) < 0.05 * np.mean(inside)


def test_an_s_is_where_its_word_begins():
    """Of an "s" the many changes of sign tell: in "star" they are in the first third, if the times are right."""
    shares = {}
    for late in (0, 0.1, -0.1):
        found = []
        for u in speech.load("test", "en"):
            for w in (w for w in u.words if w.text in ("star", "square", "small")):
                part = u.audio[max(0, int((w.start + late) * 16000)) : int((w.end + late) * 16000)]
                changes = np.abs(np.diff(np.sign(part)))
                found.append(changes[: len(changes) // 3].sum() > changes[-(len(changes) // 3) :].sum())
        shares[late] = np.mean(found)
        assert len(found) > 50
    assert shares[0] > 0.97 and max(shares[0.1], shares[-0.1]) < 0.85, shares


def test_test_sentences_and_test_voices_are_unseen():
    for split, language in PARTS:
        wanted = "train" if split == "train" else "test"
        for u in speech.load(split, language):
            content = _content(u)
            assert content is None or sentences.split_of(content) == wanted, u.text
            speaker = u.voice.split("+")[1]
            assert speaker in espeak.speakers("test" if split == "voices" else "train")
    families = {split: {s.rstrip("0123456789") or s for s in espeak.speakers(split)} for split in ("train", "test")}
    assert families["train"] & families["test"] <= {"f", "m"}  # f1 and f2 are different people, Gene and Gene2 are not
    assert len({u.voice.split("+")[1] for u in speech.load("voices", "de")}) >= 6


def _content(u: speech.Utterance) -> str | None:
    if u.kind == "caption":
        return str(parse_caption(u.translation))
    return str(sentences.parse_command(u.translation)) if u.kind == "command" else None


def test_nobody_can_change_what_others_load():
    with pytest.raises(ValueError, match="read-only"):
        speech.load("test", "en")[0].audio[0] = 1
    speech.load("test", "en").clear()
    assert speech.load("test", "en")


def test_unknown_recordings_are_named():
    with pytest.raises(ValueError, match="train, test, voices"):
        speech.load("validation")
    with pytest.raises(ValueError, match="en, de"):
        speech.load("test", "fr")


# --- espeak-ng ---


def test_without_espeak_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(espeak, "find_library", lambda name: None)
    espeak._engine.cache_clear()
    with pytest.raises(RuntimeError, match="apt-get install libespeak-ng1"):
        espeak.say("red", "en+m1")
    assert not espeak.available()


def test_words_without_an_event_share_their_neighbours_phones():
    """espeak-ng says "on a" in one breath: two words, one event."""
    events = [(1, 1, 0, ""), (7, 1, 0, "O"), (7, 1, 100, "n"), (7, 1, 200, "a#"), (1, 6, 300, ""), (7, 6, 320, "r")]
    events += [(7, 6, 400, "_:"), (5, 9, 500, "")]
    words, phones = espeak._times("on a red", events, 0.001)
    assert np.allclose(words, [(0, 0.2), (0.2, 0.32), (0.32, 0.4)])
    assert [name for name, _, _ in phones] == ["O", "n", "a#", "r"]


@needs_espeak
@pytest.mark.parametrize(
    ("text", "voice"),
    [("a small red star on a grey background", "en-GB-scotland+f2"), ("ein grünes Plus über drei", "de+m1")],
)
def test_espeak_tells_when_each_word_is_said(text, voice):
    spoken = espeak.say(text, voice)
    assert len(spoken.words) == len(text.split()) and np.abs(spoken.audio).max() > 0.05
    edges = [t for pair in spoken.words for t in pair]
    assert edges == sorted(edges) and edges[-1] <= len(spoken.audio) / 16000 + 0.01
    slow, long = espeak.say(text, voice, speed=110), espeak.say(text, voice, stretch=1.1)
    assert len(slow.audio) > 1.2 * len(spoken.audio)
    assert len(long.audio) == pytest.approx(1.1 * len(spoken.audio), rel=0.02)
    assert long.words[-1][1] == pytest.approx(1.1 * spoken.words[-1][1], rel=0.05)
    with pytest.raises(ValueError, match="no voice 'xx"):
        espeak.say(text, "xx+m1")


@needs_espeak
def test_the_recipe_writes_what_load_reads(tmp_path, monkeypatch):
    run = ["speech", "--train", "1", "--test", "2", "--voices", "1", "--out"]
    loaded = []
    for name in ("one", "two"):
        recipe.run(parse([*run, str(tmp_path / name)]))
        monkeypatch.setattr(speech, "FOLDER", tmp_path / name)
        loaded.append(speech.load("test", "de"))
    for one, two in zip(*loaded, strict=True):
        assert one.words[-1].end <= one.seconds <= 4.71
        assert (one.text, one.voice, one.kind) == (two.text, two.voice, two.kind)
        # espeak-ng carries a little from one utterance to the next: only a new process repeats the very samples
        assert np.allclose([w.start for w in one.words], [w.start for w in two.words], atol=0.05)
    assert len(loaded[0]) == 2
