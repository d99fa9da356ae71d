"""Sound from a submission to the page: of bounded size, with a player and a spectrogram; nothing else gets through."""

import base64
import io
import re
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from coursekit import audio
from coursekit.checks import assert_sound, check, run_check, sound_evidence
from coursekit.student import local_student
from grader.grading import judge
from grader.records.grade import Evidence
from grader.reporting import html

SECOND = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000) / 2


@check("sing")
def plays(student, rng):
    """It is a sound."""
    sound_evidence("what it sang", student.sung)


def verdict(sung):
    return run_check(plays, local_student({"sung": sung}), "a seed")


def test_a_sound_is_kept_as_a_wav_and_its_spectrogram():
    found = verdict(torch.from_numpy(SECOND).float())
    assert found.passed
    (caption, sound), *others = found.evidence
    assert caption == "what it sang" and not others
    with wave.open(io.BytesIO(sound.wav())) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 16_000, 16_000)
        samples = np.frombuffer(file.readframes(16_000), "<i2") / 32767
    assert np.abs(samples - SECOND).max() < 1e-4
    bright = np.asarray(sound.picture(height=80)).sum(axis=2).mean(axis=1)
    assert abs(int(bright.argmax()) - 70) <= 1, "1 kHz of 8 is an eighth from below"


@pytest.mark.parametrize(
    ("sung", "says"),
    [
        (SECOND.reshape(2, -1), r"shape \(2, 8000\); a sound is one row"),
        (np.append(SECOND, np.nan), "found nan or infinity"),
        (np.full(10, 1e300), "found nan or infinity"),
        (np.zeros(3_000_000, dtype=np.float32), r"3,000,000 samples, 188 s; at most 60 s"),
        (np.zeros(0), "no samples"),
        (SECOND + 1j, "complex"),
        ("la la la", "a str where numbers were expected"),
        (None, "is None: is there a return"),
        (object(), "where numbers were expected"),
        ([[0.1], [0.2, 0.3]], "rows differ in length"),
    ],
)
def test_what_is_no_sound_fails_its_check_and_says_why(sung, says):
    found = verdict(sung)
    assert not found.passed and not found.evidence
    assert re.search(says, found.message), found.message


def test_whole_numbers_in_a_list_are_a_sound_too():
    assert assert_sound([0, 1, -1]).dtype == np.float32


def test_evidence_of_sounds_is_bounded():
    @check("sing")
    def many(student, rng):
        """Many."""
        for _ in range(50):
            sound_evidence("long and loud", np.full(16_000 * 50, 7.0))

    kept = run_check(many, local_student({}), "s").evidence
    assert len(kept) <= 8
    assert all(len(sound.samples) <= audio.SHOWN * 16_000 and sound.samples.max() == 32767 for _, sound in kept)


def test_a_record_holds_the_files():
    found = judge._evidence("a caption", audio.sound(SECOND))
    with Image.open(io.BytesIO(base64.b64decode(found.png))) as picture:
        assert picture.width > picture.height
    assert base64.b64decode(found.wav).startswith(b"RIFF") and len(found.wav) < 50_000
    assert judge._evidence("a picture", Image.new("RGB", (4, 4))).wav == ""


@pytest.mark.parametrize("samples", [np.zeros(16_000), SECOND[:1], SECOND[:399], 1e-3 * SECOND])
def test_any_sound_has_a_picture(samples):
    assert audio.sound(samples).picture().size == (480, 120)


def test_silence_is_drawn_dark():
    assert np.asarray(audio.sound(np.zeros(16_000)).picture()).max() < 40


def test_a_player_holds_a_small_file_as_loud_as_it_is():
    quiet = audio.player(SECOND / 100)
    with wave.open(io.BytesIO(quiet.data)) as file:
        assert np.abs(np.frombuffer(file.readframes(16_000), "<i2")).max() < 200
    assert len(audio.player(np.zeros(16_000 * 500)).data) <= 12 * 32_000 + 100


# --- on the page ----------------------------------------------------------------------------------------------------


def wav_file(**change) -> str:
    """Base64 of a WAV file, with what is unlike ours."""
    settings = {"setnchannels": 1, "setsampwidth": 2, "setframerate": 16_000} | change
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        for name, value in settings.items():
            getattr(out, name)(value)
        out.writeframes(bytes(3200))
    return base64.b64encode(file.getvalue()).decode()


def shown(wav: str):
    png = judge._evidence("", audio.sound(SECOND)).png
    return html.picture(png, "a sound", wav)


def test_a_sound_is_written_anew():
    good = wav_file()
    smuggled = base64.b64encode(base64.b64decode(good) + b"LIST<script>").decode()
    src = shown(smuggled).sound
    assert src.startswith("data:audio/wav;base64,")
    assert base64.b64decode(src.partition(",")[2]) == base64.b64decode(good)


@pytest.mark.parametrize(
    "wav",
    [
        "",
        "no base64!",
        base64.b64encode(b"RIFF" + bytes(60)).decode(),
        wav_file(setnchannels=2),
        wav_file(setsampwidth=1),
        wav_file(setframerate=1),
        base64.b64encode(bytes(html.MAX_WAV_BYTES + 9)).decode(),
    ],
    ids=["none", "text", "zeros", "stereo", "8 bit", "1 Hz", "large"],
)
def test_what_is_no_sound_leaves_the_picture(wav):
    picture = shown(wav)
    assert picture is not None and picture.sound == ""


def test_pictures_come_with_and_without_sound():
    one = judge._evidence("a", audio.sound(SECOND))
    with_sound, without = html.pictures([("a", one.png, one.wav), ("b", one.png)])
    assert with_sound.sound and not without.sound
    assert Evidence("a", one.png) == Evidence("a", one.png, "")


def test_a_player_takes_any_samples_and_no_rate_that_cannot_be_played():
    wild = audio.sound(np.array([np.nan, np.inf, -np.inf, 3e38, 0.5]))
    assert wild.samples.tolist() == [0, 32767, -32767, 32767, 16384]
    for rate in (0, 1, 192_001, 99_999_989, 2**40):
        with pytest.raises(ValueError, match="4,000 to 192,000"):
            audio.player(np.zeros(10), rate)
