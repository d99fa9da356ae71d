"""Painting, describing and answering, token by token, with a cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GPT2LMHeadModel

from tinyworld import tokens

CHUNK = 128
GUIDANCE, TEMPERATURE = 2.0, 1.0


@torch.no_grad()
def paint(
    model: GPT2LMHeadModel,
    captions: Sequence[str],
    guidance: float = GUIDANCE,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    begun: torch.Tensor | None = None,
) -> torch.Tensor:
    """Codes of pictures of captions, int64 (n, 64).

    guidance: how far beyond what the caption changes (Ho and Salimans 2022; in logits, as Gafni et al. 2022 have it);
    1 is none.   begun: int64 (n, k), the first k codes of each picture, which stay.
    """
    painted = []
    for i in range(0, len(captions), CHUNK):
        part = list(captions[i : i + CHUNK])
        generator = torch.Generator().manual_seed(seed * 10**6 + i)
        first = None if begun is None else begun[i : i + CHUNK]
        painted.append(_paint(model, part, guidance, temperature, generator, first))
    return torch.cat(painted)


def _paint(
    model: GPT2LMHeadModel,
    captions: list[str],
    guidance: float,
    temperature: float,
    generator: torch.Generator,
    begun: torch.Tensor | None,
) -> torch.Tensor:
    n = len(captions)
    ids = tokens.painting(captions if guidance == 1 else captions + [""] * n)
    codes = torch.zeros(n, 0, dtype=torch.long) if begun is None else begun
    copies = len(ids) // n
    out = model(torch.cat([ids, tokens.codes_to_ids(codes).repeat(copies, 1)], dim=1), use_cache=True)
    while True:
        scores = out.logits[:, -1, tokens.IMAGE_OFFSET :]
        if copies == 2:
            told, empty = scores.chunk(2)
            scores = empty + guidance * (told - empty)
        new = torch.multinomial((scores / temperature).softmax(-1), 1, generator=generator)
        codes = torch.cat([codes, new], dim=1)
        if codes.shape[1] == tokens.PICTURE:
            return codes
        next_ids = tokens.codes_to_ids(new).repeat(copies, 1)
        out = model(next_ids, past_key_values=out.past_key_values, use_cache=True)


@torch.no_grad()
def write(model: GPT2LMHeadModel, starts: torch.Tensor, places: int) -> list[str]:
    """Texts after sequences (n, length), of at most `places` tokens, the likeliest word each time."""
    texts: list[str] = []
    for part in starts.split(CHUNK):
        out, said = model(part, use_cache=True), []
        for place in range(places):
            word = out.logits[:, -1, : tokens.IMAGE_OFFSET].argmax(-1, keepdim=True)
            said.append(word)
            if place + 1 < places:
                out = model(word, past_key_values=out.past_key_values, use_cache=True)
        texts += [tokens.ids_to_words(row) for row in torch.cat(said, dim=1)]
    return texts


def describe(model: GPT2LMHeadModel, codes: torch.Tensor) -> list[str]:
    """Captions of pictures, from their codes, int64 (n, 64)."""
    return write(model, tokens.describing(codes), tokens.TEXT)


def answer(model: GPT2LMHeadModel, codes: torch.Tensor, questions: Sequence[str]) -> list[str]:
    """Answers to questions, one for each picture's codes, int64 (n, 64)."""
    return write(model, tokens.asking(codes, questions), tokens.ANSWER)
