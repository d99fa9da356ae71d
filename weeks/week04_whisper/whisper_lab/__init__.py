"""The helper package of week 4: what the notebook listens to, asks the library, measures and draws, and its checks.

whisper_lab.features(loaded, waves)        # log-mel spectrograms, as the library makes them
whisper_lab.transcribe(loaded, waves)      # what the library says to them
whisper_lab.word_error_rate(loaded, said)  # how much of it is right
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from coursekit import notebook
from coursekit.audio import play
from coursekit.notebook import use_checks
from whisper_lab.data import (
    chirp,
    cut_off,
    drowned,
    in_noise,
    long_recording,
    looping,
    noise,
    read,
    spoken,
    thinned,
    utterance,
    windows,
)
from whisper_lab.listening import (
    attempts,
    attention,
    compare_cache,
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
    one_after_another,
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
    beams_in_noise,
    by_voice,
    compression_ratio,
    gain,
    long_form,
    normal,
    over_noise,
    rate_of,
    understood,
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
    show_ways,
)

use_checks("whisper_lab.checks", Path(__file__).with_name("points.json"))


def yours(name: str) -> Callable[..., Any]:
    """The notebook's own function of this name once it is right, else the library's; see `coursekit.yours`."""

    def library(*args: Any, **kwargs: Any) -> Any:
        return getattr(notebook.oracle("whisper_lab.checks.library"), name)(*args, **kwargs)

    return notebook.yours(name, library)


__all__ = [
    "attempts",
    "attention",
    "beams_in_noise",
    "by_voice",
    "compare_cache",
    "chirp",
    "compression_ratio",
    "confidence",
    "cut_off",
    "drowned",
    "features",
    "first_probabilities",
    "first_states",
    "gain",
    "generated",
    "in_noise",
    "in_pieces",
    "library_merge",
    "library_times",
    "listener",
    "long_form",
    "long_recording",
    "long_transcript",
    "looping",
    "median_filter",
    "noise",
    "normal",
    "one_after_another",
    "over_noise",
    "play",
    "prompt",
    "rate_of",
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
    "show_ways",
    "spoken",
    "suppressed",
    "text_of",
    "thinned",
    "timed_tokens",
    "transcribe",
    "understood",
    "utterance",
    "wer",
    "window_seconds",
    "windows",
    "without_speech",
    "word_error_rate",
    "words_at",
    "yours",
]
