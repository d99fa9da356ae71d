"""The helper package of week 3: what the notebook looks at, says, measures and draws, and the checks it runs.

caption_lab.captions(captioner, pictures)    # what BLIP says, by the library's generate()
caption_lab.exact(captions, scenes)          # the part of the captions that tell all the facts
caption_lab.clipcap                          # a small GPT, and a map from CLIP to it
"""

from pathlib import Path

from caption_lab import clipcap
from caption_lab.blip import (
    answers,
    candidates,
    captions,
    image_states,
    itm,
    looks,
    marks,
    next_chances,
    pixels,
    self_attention,
    stepper,
    texts,
    tokens,
    words,
)
from caption_lab.data import new_examples, old_examples, opening_scenes, photographs, pictures, repainted
from caption_lab.measuring import (
    adapt,
    example_loss,
    fool_metrics,
    localisation,
    measure_adaptation,
    measure_answers,
    measure_sampling,
    overfit,
    tell_twins,
    what_mining_buys,
)
from caption_lab.metrics import exact, sacrebleu_score
from caption_lab.plots import (
    show_adaptation,
    show_answers,
    show_bars,
    show_captions,
    show_losses,
    show_next,
    show_patches,
    show_ranking,
    show_sampling,
    show_scores,
    show_weights,
    show_word_maps,
)
from coursekit.notebook import use_checks, yours_or
from coursekit.scenes import sample_scenes

use_checks("caption_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("caption_lab.checks.library")  # for figures


__all__ = [
    "adapt",
    "answers",
    "candidates",
    "captions",
    "clipcap",
    "exact",
    "example_loss",
    "fool_metrics",
    "image_states",
    "itm",
    "localisation",
    "looks",
    "marks",
    "measure_adaptation",
    "measure_answers",
    "measure_sampling",
    "new_examples",
    "next_chances",
    "old_examples",
    "opening_scenes",
    "overfit",
    "photographs",
    "pictures",
    "pixels",
    "repainted",
    "sacrebleu_score",
    "sample_scenes",
    "self_attention",
    "show_adaptation",
    "show_answers",
    "show_bars",
    "show_captions",
    "show_losses",
    "show_next",
    "show_patches",
    "show_ranking",
    "show_sampling",
    "show_scores",
    "show_weights",
    "show_word_maps",
    "stepper",
    "tell_twins",
    "texts",
    "tokens",
    "what_mining_buys",
    "words",
    "yours",
]
