"""The helper package of week 7: what the notebook listens to, measures and draws, and the checks it runs.

voice_lab.hear({"recorded": wave}, "a red star")   # spectrograms, players, and what Whisper hears
voice_lab.spectra.hummed(mel, pitch)               # a vocoder that nobody trained
"""

from pathlib import Path

from coursekit.notebook import use_checks, yours_or
from voice_lab.cloning import show_clones, show_real
from voice_lab.coding import show_coded
from voice_lab.data import sentence, spoken, wave_of
from voice_lab.measuring import fakes
from voice_lab.plots import (
    hear,
    show_alignment,
    show_delay,
    show_fakes,
    show_guide,
    show_intonation,
    show_mel,
    show_opening,
    show_phase,
    show_speeds,
    show_styles,
)
from voice_lab.reading import show_reading
from voice_lab.showing import show_attacked, show_codec, show_round_trip, show_voices
from voice_lab.sounding import show_best, show_sounds

use_checks("voice_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("voice_lab.checks.library")  # for figures


__all__ = [
    "fakes",
    "hear",
    "sentence",
    "show_alignment",
    "show_attacked",
    "show_best",
    "show_clones",
    "show_codec",
    "show_coded",
    "show_delay",
    "show_fakes",
    "show_guide",
    "show_intonation",
    "show_mel",
    "show_opening",
    "show_phase",
    "show_reading",
    "show_real",
    "show_round_trip",
    "show_sounds",
    "show_speeds",
    "show_styles",
    "show_voices",
    "spoken",
    "wave_of",
    "yours",
]
