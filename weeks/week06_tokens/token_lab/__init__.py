"""The helper package of week 6: what the notebook cuts, paints, measures and draws, and the checks it runs.

token_lab.tokens_of(vq, pixels)          # pictures to tokens, by the library
token_lab.generate(painter, captions)    # tokens behind captions, by the library's generate()
token_lab.decode_masked(masker, captions, unmask)    # in eight passes, by a function for one
"""

from pathlib import Path

from coursekit.notebook import use_checks, yours_or
from coursekit.scenes import sample_scenes
from token_lab.climbing import climb, show_climbs
from token_lab.codebooks import latents_of, learn_codes, measure_usage, textured
from token_lab.data import MARKS, hard_scenes, opening_scenes, pixels, scenes_to_redraw, wishes, words_of
from token_lab.listing import show_programs, show_tries
from token_lab.measuring import Painters, measure_any_to_any, measure_bits, measure_painters
from token_lab.painting import (
    GUIDANCE,
    PROMPT,
    allowed,
    chooser,
    decode_masked,
    generate,
    latents,
    nulls,
    pictures_of,
    tokens_of,
)
from token_lab.plots import (
    COLUMNS,
    animate_painting,
    show_any_to_any,
    show_bits,
    show_codebook,
    show_learning,
    show_neighbours,
    show_opening,
    show_real,
    show_table,
    show_temperatures,
    show_texture,
    show_tokens,
    show_usage,
)
from token_lab.scribing import CLOSE, texts_of, tries_at

use_checks("token_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("token_lab.checks.library")  # for figures


__all__ = [
    "CLOSE",
    "COLUMNS",
    "GUIDANCE",
    "MARKS",
    "PROMPT",
    "Painters",
    "allowed",
    "animate_painting",
    "chooser",
    "climb",
    "decode_masked",
    "generate",
    "hard_scenes",
    "latents",
    "latents_of",
    "learn_codes",
    "measure_any_to_any",
    "measure_bits",
    "measure_painters",
    "measure_usage",
    "nulls",
    "opening_scenes",
    "pictures_of",
    "pixels",
    "sample_scenes",
    "scenes_to_redraw",
    "show_any_to_any",
    "show_bits",
    "show_climbs",
    "show_codebook",
    "show_learning",
    "show_neighbours",
    "show_opening",
    "show_programs",
    "show_real",
    "show_table",
    "show_temperatures",
    "show_texture",
    "show_tokens",
    "show_tries",
    "show_usage",
    "texts_of",
    "textured",
    "tokens_of",
    "tries_at",
    "wishes",
    "words_of",
    "yours",
]
