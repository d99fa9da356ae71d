# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `read_sound`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("read_sound")

SOUND = """
def read_sound(data, most_seconds=30.0):
    if len(data) > 10 * 2**20:
        raise ValueError("More than 10 MB, please send less.")
    try:
        file = soundfile.SoundFile(io.BytesIO(data))
        rate = file.samplerate
        if rate < 4000 or rate > 192_000 or file.channels > 8:
            raise ValueError("Its header states what no recording has.")
        samples = file.read(int(most_seconds * rate) + 1, dtype="float32", always_2d=True)
    except Exception as error:
        raise ValueError("This is no sound file.") from error
    if len(samples) == 0:
        raise ValueError("This sound is empty.")
    if len(samples) > most_seconds * rate:
        raise ValueError("This sound is too long.")
    if not np.isfinite(samples).all():
        raise ValueError("This sound is broken.")
    wave = samples.mean(axis=1)
    wave = resample_poly(wave, 16_000, rate)
    return np.clip(wave, -1, 1).astype(np.float32)
"""
ANSWERS.right("straight on", SOUND)
ANSWERS.right(
    "interpolated, header first",
    """
def read_sound(data, most_seconds=30.0):
    if not 0 < len(data) <= 10 * 1024 * 1024:
        raise ValueError("Please send a sound of at most 10 MB.")
    try:
        info = soundfile.info(io.BytesIO(data))
        if info.channels not in range(1, 9) or info.samplerate not in range(4000, 192_001):
            raise ValueError("Please send a sound with an ordinary rate and at most eight channels.")
        if info.frames > most_seconds * info.samplerate:
            raise ValueError(f"Please send at most {most_seconds} seconds.")
        wave, rate = soundfile.read(io.BytesIO(data), dtype="float64")
    except soundfile.LibsndfileError:
        raise ValueError("Please send a WAV, FLAC, Ogg or MP3 file.")
    if wave.ndim == 2:
        wave = wave.sum(axis=1) / wave.shape[1]
    if wave.size == 0 or not np.isfinite(wave.sum()):
        raise ValueError("There is nothing in it that could be played.")
    t = np.arange(int(round(len(wave) / rate * 16_000))) / 16_000
    return np.interp(t, np.arange(len(wave)) / rate, wave).clip(-1, 1).astype("float32")
""",
)
ANSWERS.wrong(
    "the first channel",
    swap(SOUND, ("samples.mean(axis=1)", "samples[:, 0]")),
    "one ear only",
    slip="first channel alone",
)
ANSWERS.wrong(
    "not resampled",
    swap(SOUND, ("    wave = resample_poly(wave, 16_000, rate)\n", "")),
    "every rate is taken for 16 kHz",
    slip="Is it resampled",
)
ANSWERS.wrong(
    "the decoder's own error",
    swap(SOUND, ('        raise ValueError("This is no sound file.") from error', "        raise")),
    "whoever calls it must know soundfile",
    slip="expected a ValueError, and it raised",
)
ANSWERS.wrong(
    "silence for what is no sound",
    swap(SOUND, ('        raise ValueError("This is no sound file.") from error', "        return np.zeros(1, 'f4')")),
    "nobody is told",
    slip="expected a ValueError, and it returned",
)
ANSWERS.wrong(
    "of any length",
    swap(
        SOUND,
        ("int(most_seconds * rate) + 1, ", ""),
        ("    if len(samples) > most_seconds * rate:\n", "    if False:\n"),
    ),
    "hours are decoded and kept",
    slip="are allowed: expected a ValueError",
)
ANSWERS.wrong(
    "cut off silently",
    swap(SOUND, ('        raise ValueError("This sound is too long.")', "        samples = samples[:-1]")),
    "the rest of what was said is dropped, and nobody is told",
    slip="are allowed: expected a ValueError",
)
ANSWERS.wrong(
    "nan let through",
    swap(SOUND, ("not np.isfinite(samples).all()", "False")),
    "one nan becomes many",
    slip="a nan in it: expected",
)
ANSWERS.wrong(
    "as loud as it is",
    swap(SOUND, ("np.clip(wave, -1, 1)", "wave")),
    "floats may lie outside of [-1, 1]",
    slip="cut off at 1",
)
ANSWERS.wrong(
    "any rate believed",
    swap(SOUND, ("rate < 4000 or rate > 192_000 or ", "")),
    "a header of 44 bytes makes the resampler ask for 15 GB",
    slip="a header that states",
)
ANSWERS.wrong(
    "any number of channels believed",
    swap(SOUND, (" or file.channels > 8", "")),
    "the memory is multiplied by what a header says",
    slip="a header that states",
)
ANSWERS.wrong(
    "telephones turned away",
    swap(SOUND, ("rate < 4000", "rate < 8000")),
    "4,000 Hz is within the bounds",
    visible_passes=True,
    slip="",
)
