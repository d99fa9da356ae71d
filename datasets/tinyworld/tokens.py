"""One vocabulary for words and pictures, and the sequences that a language model reads and writes in it.

    codes = tokens.encode(vq, [picture])                # int64 (1, 64), each in 0..255
    ids = tokens.painting(["a small red star on a white background"])   # (1, 26): a caption, then <picture>
    tokens.decode(vq, codes)                            # uint8 (1, 64, 64, 3)

A picture is 8x8 codes of a `VQModel`, row by row. Ids come in this order: marks such as <picture>, the words of the
grammar, then the codes from IMAGE_OFFSET on, as Chameleon has them (Chameleon team 2024, section 2.1). Texts are padded
to a fixed number of places and the padding is read like any other word, as in DALL-E (Ramesh et al. 2021, section 2.2):
no attention mask is needed, and a picture always has the same places, after a caption. An empty caption is the one that
guidance compares with; it also stands before a picture that is described or asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image

from tinyworld.captions import RELATION_WORDS, SHAPE_WORDS, SIZE_WORDS
from tinyworld.judge import as_pixels
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, NUMBERS
from tinyworld.wording import plural

SIDE = 8  # codes a side of a picture
CODES = 256  # different codes
PICTURE = SIDE * SIDE  # places of a picture in a sequence
TEXT = 24  # places of a caption
QUESTION = 12  # places of a question
ANSWER = 3  # places of an answer and its end

MARKS = PAD, END, START_TEXT, START_PICTURE, START_QUESTION, START_ANSWER, UNKNOWN = (
    "<pad>", "<end>", "<text>", "<picture>", "<question>", "<answer>", "<unknown>",
)  # fmt: skip
# What captions and questions say beside the words of the vocabulary.
OTHERS = """a against an and are background big can colour do does find from have how is it left lie little
many no object objects of on over picture plus red right seen see shape shapes sits size the there thing to under what
where which yes you , ?"""


def _words() -> tuple[str, ...]:
    said: list[str] = [*COLOURS, *BACKGROUNDS, *NUMBERS, *OTHERS.split()]
    for ways in (*SIZE_WORDS.values(), *SHAPE_WORDS.values(), *RELATION_WORDS.values()):
        said += [word for way in ways for word in way.split()]
    return tuple(sorted({*said, *map(plural, SHAPE_WORDS)}))


WORDS: tuple[str, ...] = _words()
IDS: dict[str, int] = {token: i for i, token in enumerate((*MARKS, *WORDS))}
IMAGE_OFFSET = len(IDS)  # the id of code 0
VOCABULARY = IMAGE_OFFSET + CODES  # different ids

PROMPT = 1 + TEXT + 1  # places before a picture
PAINTED = PROMPT + PICTURE  # of a caption and its picture
LONGEST = PAINTED + 1 + TEXT  # of an empty caption, a picture, and a caption that describes it
_WORD = re.compile(r"[a-z]+|[,?]")


# --- words and codes ------------------------------------------------------------------------------------------------


def words_to_ids(text: str) -> list[int]:
    """The ids of a text's words, commas and question marks; a word that the world does not know is <unknown>."""
    return [IDS.get(word, IDS[UNKNOWN]) for word in _WORD.findall(text.lower())]


def ids_to_words(ids: Iterable[int] | torch.Tensor) -> str:
    """A text from ids, up to the first <end>. Other marks are left out; codes are written as <0> to <255>."""
    names = [*MARKS, *WORDS]
    said: list[str] = []
    for i in torch.as_tensor(ids).tolist():
        if i == IDS[END]:
            break
        if i >= IMAGE_OFFSET:
            said.append(f"<{i - IMAGE_OFFSET}>")
        elif names[i] not in MARKS or names[i] == UNKNOWN:
            said.append(names[i])
    return re.sub(r" ([,?])", r"\1", " ".join(said))


def is_image(ids: torch.Tensor) -> torch.Tensor:
    """Which ids are codes of a picture: bool, of the shape of `ids`."""
    return ids >= IMAGE_OFFSET


def codes_to_ids(codes: torch.Tensor) -> torch.Tensor:
    """Codes 0..255, (n, 64) or (n, 8, 8), to ids, int64 (n, 64). Raises ValueError for what is no code."""
    codes = codes.long()
    if codes.numel() and not 0 <= codes.min() <= codes.max() < CODES:
        raise ValueError(f"codes are 0 to {CODES - 1}, got {codes.min()} to {codes.max()}")
    return codes.reshape(len(codes), -1) + IMAGE_OFFSET


def ids_to_codes(ids: torch.Tensor) -> torch.Tensor:
    """Ids of a picture's places to its codes. Raises ValueError where one of them is a word."""
    if not is_image(ids).all():
        raise ValueError(f"{int((~is_image(ids)).sum())} of {ids.numel()} ids are words or marks, not codes")
    return ids - IMAGE_OFFSET


# --- sequences ------------------------------------------------------------------------------------------------------


def painting(captions: Sequence[str], codes: torch.Tensor | None = None) -> torch.Tensor:
    """<text> caption <picture>, what a picture is painted after: int64 (n, 26); with `codes` the picture too: (n, 90).

    An empty caption is the one that says nothing. Raises ValueError for a caption of more than 24 words and commas.
    """
    texts = torch.tensor([_padded(words_to_ids(caption), TEXT, caption) for caption in captions])
    parts = [_mark(START_TEXT, len(texts)), texts.view(len(texts), TEXT), _mark(START_PICTURE, len(texts))]
    return torch.cat(parts if codes is None else [*parts, codes_to_ids(codes)], dim=1)


def describing(codes: torch.Tensor, captions: Sequence[str] | None = None) -> torch.Tensor:
    """A picture after an empty caption, then <text>: int64 (n, 91); with a caption that describes it, <end>: (n, 115).

    Raises ValueError for a caption of more than 23 words and commas.
    """
    start = torch.cat([painting([""] * len(codes), codes), _mark(START_TEXT, len(codes))], dim=1)
    if captions is None:
        return start
    texts = [_padded([*words_to_ids(caption), IDS[END]], TEXT, caption) for caption in captions]
    return torch.cat([start, torch.tensor(texts).view(len(codes), TEXT)], dim=1)


def asking(codes: torch.Tensor, questions: Sequence[str], answers: Sequence[str] | None = None) -> torch.Tensor:
    """A picture after an empty caption, then <question> words <answer>: int64 (n, 104); with answers, <end>: (n, 107).

    Raises ValueError for a question of more than 12 words and marks, or an answer of more than 2.
    """
    asked = torch.tensor([_padded(words_to_ids(question), QUESTION, question) for question in questions])
    parts = [painting([""] * len(codes), codes), _mark(START_QUESTION, len(codes))]
    start = torch.cat([*parts, asked.view(len(codes), QUESTION), _mark(START_ANSWER, len(codes))], dim=1)
    if answers is None:
        return start
    said = torch.tensor([_padded([*words_to_ids(answer), IDS[END]], ANSWER, answer) for answer in answers])
    return torch.cat([start, said.view(len(codes), ANSWER)], dim=1)


def _mark(mark: str, n: int) -> torch.Tensor:
    return torch.full((n, 1), IDS[mark])


def _padded(ids: list[int], places: int, text: str) -> list[int]:
    if len(ids) > places:
        raise ValueError(f"{text!r} takes {len(ids)} places, and there are {places}")
    return ids + [IDS[PAD]] * (places - len(ids))


# --- pictures -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def encode(vq, pictures: Sequence[Image.Image] | np.ndarray | torch.Tensor, batch: int = 128) -> torch.Tensor:
    """Pictures to codes, int64 (n, 64), row by row, on the CPU.

    vq: a diffusers `VQModel` that reads pictures in [0, 1], as the course's and aMUSEd's do; one that halves their side
    another number of times gives another number of codes.
    pictures: as the judge takes them: PIL images, uint8 (n, 64, 64, 3), or float (n, 3, 64, 64) in [-1, 1].
    """
    pixels = as_pixels(pictures) / 2 + 0.5
    if not len(pixels):
        return torch.zeros(0, PICTURE, dtype=torch.long)
    codes = []
    for part in pixels.split(batch):
        latents = vq.encode(part.to(vq.device, vq.dtype)).latents
        codes.append(vq.quantize(latents)[2][2].view(len(part), -1).cpu())
    return torch.cat(codes)


@torch.no_grad()
def decode(vq, codes: torch.Tensor, batch: int = 128) -> np.ndarray:
    """Codes, int64 (n, 64) or (n, 8, 8), to pictures, uint8 (n, 64, 64, 3)."""
    if not len(codes):
        return np.zeros((0, 64, 64, 3), np.uint8)
    flat = codes.reshape(len(codes), -1)
    side = round(flat.shape[1] ** 0.5)
    drawn = []
    for part in flat.split(batch):
        entries = vq.quantize.get_codebook_entry(part.to(vq.device), (len(part), side, side, vq.config.vq_embed_dim))
        pixels = vq.decoder(vq.post_quant_conv(entries)).float().clamp(0, 1)
        drawn.append((255 * pixels).round().byte().permute(0, 2, 3, 1).cpu())
    return torch.cat(drawn).numpy()
