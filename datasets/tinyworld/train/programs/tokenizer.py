"""A tokenizer for programs: a token is what a line of `tinyworld.programs` is made of, such as ` class="red"`."""

from __future__ import annotations

import re

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tinyworld.programs import SIDE
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

PAD, END, UNKNOWN = MARKS = "<pad>", "<end>", "<unknown>"
LONGEST = 16  # tokens of the program of three objects, with its end and one to begin after
_PIECE = r'\n?<use href="#[a-z]+-[a-z]+"|<use href="#[a-z]+"/>| class="[a-z]+"| x="[0-9]+"| y="[0-9]+"/>'


def pieces() -> list[str]:
    """Every token but the marks, each a part of the text."""
    lines = [f'<use href="#{name}"/>' for name in BACKGROUNDS]
    lines += [f'\n<use href="#{size}-{shape}"' for size in SIZES for shape in SHAPES]
    return [*lines, *(f' class="{name}"' for name in COLOURS), *coordinates("x"), *coordinates("y")]


def coordinates(axis: str) -> list[str]:
    """The tokens of an axis, "x" or "y", in order."""
    return [f' {axis}="{i}"' + ("/>" if axis == "y" else "") for i in range(SIDE + 1)]


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Programs to ids, each ended by <end>, and back to the very text."""
    tokens = [*MARKS, *pieces()]
    assert all(re.fullmatch(_PIECE, piece) for piece in pieces())
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECE), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokens.index(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=LONGEST,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
