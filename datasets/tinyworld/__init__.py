"""A small deterministic world of coloured shapes: pictures, films, captions, questions, and models trained on it.

    import tinyworld
    scene = tinyworld.scenes("test", 1)[0]
    scene.render(size=64)       # a PIL image
    scene.caption()             # "a small red star left of a large blue circle on a striped background"
    scene.questions()           # [Question(text="what colour is the star?", answer="red", kind="colour"), ...]
    tinyworld.checkpoint("clip")    # a folder for CLIPModel.from_pretrained
    from tinyworld import judge     # what a painted picture shows; needs torch, as nothing above does
    from tinyworld import speech    # speech.load("test", "de"): spoken sentences with the time of each word
    from tinyworld import films     # films.films("test", 1)[0].frames(): one second in which something moves

`python -m tinyworld gallery` draws a sheet of scenes, `python -m tinyworld films` an animation.
"""

from tinyworld.captions import Facts, facts_of, parse_caption, prompts
from tinyworld.checkpoints import checkpoint
from tinyworld.objects import Object
from tinyworld.questions import Question
from tinyworld.sampling import SPLITS, scenes, split_of
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, HELD_OUT_PAIRS, RELATIONS, SHAPES, SIZES

__all__ = [
    "BACKGROUNDS",
    "COLOURS",
    "Facts",
    "HELD_OUT_PAIRS",
    "Object",
    "Question",
    "RELATIONS",
    "SHAPES",
    "SIZES",
    "SPLITS",
    "Scene",
    "checkpoint",
    "facts_of",
    "parse_caption",
    "prompts",
    "scenes",
    "split_of",
]
