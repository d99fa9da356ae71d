"""The helper package of week 4: what the notebook listens to, asks the library, measures and draws, and its checks.

whisper_lab.features(loaded, waves)        # log-mel spectrograms, as the library makes them
whisper_lab.transcribe(loaded, waves)      # what the library says to them
whisper_lab.word_error_rate(loaded, said)  # how much of it is right
"""

from pathlib import Path

from coursekit.audio import play
from coursekit.notebook import use_checks
from whisper_lab.data import chirp, long_recording, noise, read, spoken, thinned, utterance, windows
from whisper_lab.listening import (
    attempts,
    attention,
    confidence,
    features,
    first_probabilities,
    first_states,
    generated,
    in_pieces,
    library_merge,
    library_times,
    listener,
    long_transcript,
    median_filter,
    prompt,
    scored,
    suppressed,
    text_of,
    timed_tokens,
    transcribe,
    window_seconds,
    words_at,
)
from whisper_lab.measuring import (
    by_voice,
    compression_ratio,
    normal,
    over_noise,
    wer,
    without_speech,
    word_error_rate,
)
from whisper_lab.microphone import record
from whisper_lab.plots import (
    show_alignment,
    show_confidence,
    show_features,
    show_filters,
    show_languages,
    show_noise,
    show_path,
    show_pieces,
    show_positions,
    show_rates,
    show_resolutions,
    show_silence,
    show_sound,
    show_spectrograms,
)

use_checks("whisper_lab.checks", Path(__file__).with_name("points.json"))

__all__ = [
    "attempts",
    "attention",
    "by_voice",
    "chirp",
    "compression_ratio",
    "confidence",
    "features",
    "first_probabilities",
    "first_states",
    "generated",
    "in_pieces",
    "library_merge",
    "library_times",
    "listener",
    "long_recording",
    "long_transcript",
    "median_filter",
    "noise",
    "normal",
    "over_noise",
    "play",
    "prompt",
    "read",
    "record",
    "scored",
    "show_alignment",
    "show_confidence",
    "show_features",
    "show_filters",
    "show_languages",
    "show_noise",
    "show_path",
    "show_pieces",
    "show_positions",
    "show_rates",
    "show_resolutions",
    "show_silence",
    "show_sound",
    "show_spectrograms",
    "spoken",
    "suppressed",
    "text_of",
    "thinned",
    "timed_tokens",
    "transcribe",
    "utterance",
    "window_seconds",
    "wer",
    "windows",
    "without_speech",
    "word_error_rate",
    "words_at",
]
