"""What known mistakes with voices, codes and marks give on a check's inputs: {message: value}, for `assert_close`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from voice_lab.checks import reference

Slips = dict[str, Any]

# --- 8 speaker ------------------------------------------------------------------------------------------------------


def of_pool(states: torch.Tensor, lengths: torch.Tensor) -> Slips:
    """Statistics over other frames, and other spreads."""
    rows = [row[:n] for row, n in zip(states, lengths.tolist(), strict=True)]
    inside = torch.stack([row.mean(0) for row in rows])
    spread = torch.stack([row.std(0) for row in rows])
    plain = torch.stack([row.std(0, correction=0) for row in rows])
    return {
        "mean and deviation are over the padding too": torch.cat([states.mean(1), states.std(1)], dim=1),
        "the deviation is over the padding too": torch.cat([inside, states.std(1)], dim=1),
        "the sum of the frames was divided by the padded length": torch.cat(
            [torch.stack([row.sum(0) for row in rows]) / states.shape[1], spread], dim=1
        ),
        "the sum of squares was divided by m; torch's std, and the library's, divides by m - 1": torch.cat(
            [inside, plain], dim=1
        ),
        "those are variances; the deviation is their root": torch.cat([inside, spread**2], dim=1),
        "the deviation stands before the mean": torch.cat([spread, inside], dim=1),
        "the deviation is missing": inside,
        "statistics over the features of a frame; over the frames of a row they were asked for": torch.cat(
            [states.mean(2), states.std(2)], dim=1
        ),
    }


def of_margin(
    embeddings: torch.Tensor, weights: torch.Tensor, labels: torch.Tensor, scale: float, margin: float
) -> Slips:
    """Losses with the margin elsewhere."""
    e, w = F.normalize(embeddings, dim=1), F.normalize(weights, dim=0)
    cosines, own = e @ w, F.one_hot(labels, weights.shape[1])

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits, labels)

    angle = torch.cos(cosines.clamp(-1 + 1e-6, 1 - 1e-6).arccos() + margin * own)
    plain = scale * (cosines - margin * own)
    return {
        "the margin was taken from all voices: it changes nothing then; only the right one's is lowered": loss(
            scale * cosines
        ),
        "the margin was added; it is taken off, so that the right voice has to win by it": loss(
            scale * (cosines + margin * own)
        ),
        "the margin came after the scale: it is part of the cosine": loss(scale * cosines - margin * own),
        "the scale is missing": loss(cosines - margin * own),
        "the weights were not brought to length 1": loss(scale * (e @ weights - margin * own)),
        "the embeddings were not brought to length 1": loss(scale * (embeddings @ w - margin * own)),
        "nothing was brought to length 1": loss(scale * (embeddings @ weights - margin * own)),
        "the margin was added to the angle (ArcFace); here it is taken off the cosine": loss(scale * angle),
        "it is the sum over the batch; the mean was asked for": F.cross_entropy(plain, labels, reduction="sum"),
        "the rows of `weights` were brought to length 1; its columns are the voices": loss(
            scale * (e @ F.normalize(weights, dim=1) - margin * own)
        ),
    }


# --- 9 eer ----------------------------------------------------------------------------------------------------------


def of_trials(embeddings: torch.Tensor, voices: Sequence[str]) -> Slips:
    """Scores of other pairs."""
    unit = F.normalize(embeddings, dim=1)
    cosines, raw = unit @ unit.T, embeddings @ embeddings.T
    n = len(voices)
    pairs, with_self = torch.triu_indices(n, n, 1), torch.triu_indices(n, n)
    off = ~torch.eye(n, dtype=torch.bool)
    return {
        "those are dot products; the cosine was asked for": raw[pairs[0], pairs[1]],
        "each recording is paired with itself too, which any system gets right": cosines[with_self[0], with_self[1]],
        "each pair is there twice": cosines[off],
        "all of the table: each recording with itself, and each pair twice": cosines.flatten(),
        "those are distances; the cosine grows where voices are alike": 1 - cosines[pairs[0], pairs[1]],
    }


def of_rates(scores: torch.Tensor, same: torch.Tensor, threshold: float) -> Slips:
    """Rates of false acceptance and rejection with other denominators."""
    accepted = scores >= threshold
    wrongly, missed = (accepted & ~same).sum(), (~accepted & same).sum()
    a, b = float(wrongly / (~same).sum()), float(missed / same.sum())
    return {
        "the two are exchanged: false acceptance first": [b, a],
        "both were divided by the number of all pairs: each has its own": [
            float(wrongly / len(same)),
            float(missed / len(same)),
        ],
        "they were divided by what was accepted and what was rejected; divide by the pairs of two voices, and of one": [
            float(wrongly / accepted.sum()),
            float(missed / (~accepted).sum()),
        ],
        "those are the rates of what is right, as if low scores were accepted: 1 minus them": [1 - a, 1 - b],
        "the second is how many of one voice were accepted; those that were *not* are asked for": [a, 1 - b],
        "those are numbers of pairs; rates were asked for": [float(wrongly), float(missed)],
    }


def of_eer(scores: torch.Tensor, same: torch.Tensor) -> Slips:
    """Rates at other thresholds."""
    rate, threshold = reference.library_eer(scores, same)
    own, others = scores[same], scores[~same]
    candidates = scores.sort(descending=True).values
    a = torch.stack([(others >= c).float().mean() for c in candidates])
    b = torch.stack([(own < c).float().mean() for c in candidates])
    at, least = int((a - b).abs().argmin()), int((a + b).argmin())
    errors = torch.stack([((scores >= c) != same).float().mean() for c in candidates])
    half = float(((scores >= 0.5) != same).float().mean())
    return {
        "that is where the sum of both rates is least; where they are *equal* was asked for": [
            float(a[least] + b[least]) / 2,
            float(candidates[least]),
        ],
        "that is where the fewest pairs are wrong; most pairs are of two voices, so it rejects nearly all": [
            float(errors.min()),
            float(candidates[int(errors.argmin())]),
        ],
        "the sum of the two rates; their mean was asked for": [2 * rate, threshold],
        "that is the false acceptance alone; the mean of both was asked for": [float(a[at]), threshold],
        "that is the false rejection alone; the mean of both was asked for": [float(b[at]), threshold],
        "the threshold is fixed at 0.5": [half, 0.5],
        "that is 1 minus the rate": [1 - rate, threshold],
        "the two values are exchanged: the rate first": [threshold, rate],
        "that is in per cent; a part of 1 was asked for": [100 * rate, threshold],
    }


# --- 10 residual ----------------------------------------------------------------------------------------------------


def of_codes(z: torch.Tensor, books: torch.Tensor) -> tuple[Slips, Slips]:
    """Codes, and what is made of them, where the residual goes astray."""

    def run(step: str) -> tuple[torch.Tensor, torch.Tensor]:
        rest, total, codes = z.mT, torch.zeros_like(z.mT), []
        for i, book in enumerate(books):
            book = books[0] if step == "one book" else book
            near = torch.cdist(rest, book.expand(len(rest), -1, -1))
            ids = near.argmax(-1) if step == "far" else near.argmin(-1)
            ids = (rest @ book.T).argmax(-1) if step == "dot" else ids
            codes.append(ids)
            total = total + book[ids]
            if step == "input":
                continue
            rest = rest + book[ids] if step == "added" else z.mT - book[ids] if step == "from z" else rest - book[ids]
            if step == "last" and i < len(books) - 1:
                total = torch.zeros_like(total)
        return torch.stack(codes, dim=1), total.mT

    said = {
        "input": "every book quantises z itself; from the second on it is what the books before left over",
        "from z": "what is left over was taken from z each time; take it from what was left before",
        "added": "the code was added to the residual; take it off",
        "one book": "the first book was used every time",
        "far": "that is the code that is farthest: argmin of the distances",
        "dot": "the largest dot product is not the smallest distance",
    }
    of_ids = {message: run(step)[0] for step, message in said.items()}
    right, total = run("")
    of_ids["the books stand first: (n, books, frames) was asked for"] = right.transpose(0, 1)
    of_ids["frames and books are exchanged: (n, books, frames) was asked for"] = right.mT
    of_sums = {
        "that is the last book's code alone; the sum of all books' was asked for": run("last")[1],
        "that is what is left over; the sum of the codes was asked for": z - total,
        "that is the first book's code alone; the sum of all books' was asked for": books[0][right[:, 0]].mT,
        "features and frames are exchanged: like z, (n, d, frames)": total.mT,
        "that is the mean of the codes; the sum was asked for": total / len(books),
    }
    return of_ids, of_sums


def of_bitrate(rate: float, books: int, k: int) -> Slips:
    """Bitrates without one factor or the other."""
    bits = math.log2(k)
    return {
        "the frame rate is missing: bits are counted a second": books * bits / 1000,
        "the number of books is missing": rate * bits / 1000,
        "a code of k counts log2(k) bits, not k": rate * books * k / 1000,
        "the logarithm is the natural one; bits are of log2": rate * books * math.log(k) / 1000,
        "those are bits; kilobits were asked for": rate * books * bits,
        "a kilobit is 1000 bits, not 1024": rate * books * bits / 1024,
        "those are kilobytes": rate * books * bits / 8000,
        "k to the power of books has log2(k) * books bits: the two are multiplied, not added": rate
        * (books + bits)
        / 1000,
    }


# --- 11 delay -------------------------------------------------------------------------------------------------------


def of_delay(codes: torch.Tensor, pad: int) -> Slips:
    """Rows that are shifted in another way."""
    n, books, frames = codes.shape
    wide = frames + books - 1

    def placed(shift: Sequence[int], width: int, fill: int = pad) -> torch.Tensor:
        rows = torch.full((n, books, width), fill)
        for i, by in enumerate(shift):
            rows[:, i, by : by + frames] = codes[:, i, : max(0, width - by)]
        return rows

    up = torch.cat([codes.roll(i, dims=2)[:, i : i + 1] for i in range(books)], dim=1)
    ahead = list(range(books))
    return {
        "the first book is delayed most; it goes first, and book i waits i steps": placed(ahead[::-1], wide),
        "the end is cut off: the last book needs books - 1 steps more": placed(ahead, frames),
        "the codes were rolled round: what leaves at the end must not come in at the beginning": up,
        "every book is shifted one step too many": placed([i + 1 for i in ahead], wide + 1),
        "nothing is shifted": placed([0] * books, wide),
        "the gaps hold 0 and not `pad`: 0 is a code": placed(ahead, wide, 0),
        "the gaps hold -1 and not `pad`": placed(ahead, wide, -1),
        "every book waits as many steps as there are books before it, twice": placed(
            [2 * i for i in ahead], frames + 2 * (books - 1)
        ),
        "books and rows of the batch are exchanged": placed(ahead, wide).transpose(0, 1),
    }


def of_undelay(rows: torch.Tensor) -> Slips:
    """Codes taken from the wrong places."""
    books, frames = rows.shape[1], rows.shape[2] - rows.shape[1] + 1
    turned = torch.stack([rows[:, i, books - 1 - i : books - 1 - i + frames] for i in range(books)], dim=1)
    return {
        "nothing was undone: each book has to go back by its delay": rows[:, :, :frames],
        "every book was cut at the same place, the last one's beginning": rows[:, :, books - 1 :],
        "the delays are turned round: book i begins at step i": turned,
        "nothing was undone, and the end is still there": rows,
    }


# --- 12 watermark ---------------------------------------------------------------------------------------------------


def of_mark(wave: torch.Tensor, key: int, below: float) -> Slips:
    """Waves with another mark."""
    samples, pattern = wave.double().numpy(), reference.signs(key, len(wave))
    level, peak = np.sqrt((samples**2).mean()), abs(samples).max()
    fall = 10 ** (-below / 20)
    torch_signs = torch.randn(len(wave), generator=torch.Generator().manual_seed(key)).double().numpy()
    zeros_and_ones = (pattern + 1) / 2
    return {
        "decibels of a *power* are 10 times its logarithm; of an amplitude 20 times": samples
        + level * 10 ** (-below / 10) * pattern,
        "the mark does not follow the wave's loudness": samples + fall * pattern,
        "the loudness was taken from the peak; the root of the mean square was asked for": samples
        + peak * fall * pattern,
        "the loudness is a mean square; its root was asked for": samples + level**2 * fall * pattern,
        "the mark is louder than the wave: `below` is how far it lies *below*": samples + level / fall * pattern,
        "the pattern is of 0 and 1; +1 and -1 were asked for": samples + level * fall * zeros_and_ones,
        "the pattern is Gaussian noise; +1 and -1 were asked for": samples + level * fall * torch_signs,
        "that is the mark alone; add it to the wave": level * fall * pattern,
        "the pattern is multiplied with the wave; it is added": samples * (1 + fall * pattern),
        "the signs are turned round: 0 becomes -1 and 1 becomes +1": samples - level * fall * pattern,
    }


def of_z(wave: torch.Tensor, key: int) -> Slips:
    """Statistics that do not grow with the length, and others."""
    samples, pattern = wave.double().numpy(), reference.signs(key, len(wave))
    n, total, norm = len(samples), float(samples @ pattern), float(np.linalg.norm(samples))
    return {
        "that is the sum of the products; divide by its standard deviation, the norm of the wave": total,
        "that is the mean of the products: it says nothing before it is divided by its standard deviation": total / n,
        "the length is missing: that is a correlation, which does not grow with the wave": total / (norm * np.sqrt(n)),
        "divided by the standard deviation of one sample; that of the sum is sqrt(n) times as large": total
        / (norm / np.sqrt(n)),
        "divided by the sum of squares; its root was asked for": total / norm**2,
        "the sign is lost: a wave that goes *against* the pattern does not bear it": abs(total) / norm,
        "the z is divided by sqrt(n) once too often": total / norm / n,
        "the signs are turned round: 0 becomes -1 and 1 becomes +1": -total / norm,
    }
