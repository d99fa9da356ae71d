"""The course's tokenizer: CLIP's byte-level BPE (Sennrich et al. 2016; Radford et al. 2021), learnt on the grammar.

Every word of captions and questions becomes one token; any other text falls back to pieces and at last to bytes, so
nothing is unknown.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from tinyworld.captions import prompts
from tinyworld.sampling import scenes
from tinyworld.vocabulary import COLOURS, SHAPES, SIZES

MAX_LENGTH = 32  # the longest caption, of three objects, takes 27 with start and end
START, END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer() -> CLIPTokenizer:
    """A `CLIPTokenizer` with about 800 tokens: the bytes, the pieces of the grammar's words, start and end."""
    merges = learn_merges(count_words())
    letters = sorted(ByteLevel.alphabet())
    tokens = letters + [f"{letter}</w>" for letter in letters] + ["".join(pair) for pair in merges] + [START, END]
    return CLIPTokenizer(
        vocab={token: i for i, token in enumerate(dict.fromkeys(tokens))},
        merges=merges,
        bos_token=START,
        eos_token=END,
        pad_token=END,  # as in CLIP: a text ends with its first end token, whatever follows
        unk_token=END,
        model_max_length=MAX_LENGTH,
    )


def count_words() -> Counter[str]:
    """How often each word comes in captions, questions and prompts of a thousand training scenes."""
    rng = np.random.default_rng(0)
    texts = [
        p for a, vs in (("colour", COLOURS), ("shape", SHAPES), ("size", SIZES)) for v in vs for p in prompts(a, v)
    ]
    for scene in scenes("train", 1000):
        texts += [scene.caption(), scene.caption(rng)]
        for question in scene.questions(rng):
            texts += [question.text, question.answer]
    return Counter(word for text in texts for word in re.findall(r"[a-z]+", text))


def learn_merges(counts: Counter[str], end: str = "</w>") -> list[tuple[str, str]]:
    """Byte-pair encoding: join the most frequent neighbours, again and again, until every word is one piece.

    end: what marks a word's last letter.
    """
    words = {word: [*word[:-1], f"{word[-1]}{end}"] for word in counts}
    merges: list[tuple[str, str]] = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in words.items():
            for pair in zip(pieces, pieces[1:], strict=False):
                pairs[pair] += counts[word]
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))  # ties in alphabetical order
        merges.append(best)
        words = {word: _join(pieces, best) for word, pieces in words.items()}


def _join(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
