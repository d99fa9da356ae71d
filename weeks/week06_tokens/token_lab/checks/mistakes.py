"""What known mistakes of week 6 give on a check's inputs: {message: value}, for `assert_close`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from tinyworld import Scene
from token_lab import probes
from token_lab.checks import reference

Slips = dict[str, Any]


def of_codes(z: torch.Tensor, codebook: torch.Tensor) -> Slips:
    """Quantised latents by other measures of nearness, or another order of the axes."""
    rows = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])
    near = torch.cdist(rows, codebook)
    lying = torch.cdist(z.reshape(-1, z.shape[1]), codebook).argmin(1)
    n, d, h, w = z.shape
    unit = F.normalize(rows, dim=1) @ F.normalize(codebook, dim=1).T
    return {
        "z was cut into rows as it lies in memory: first move its d features last, permute(0, 2, 3, 1)": codebook[
            lying
        ].reshape(z.shape),
        "the features were not moved back: reshape to (n, h, w, d), then permute(0, 3, 1, 2)": codebook[
            near.argmin(1)
        ].reshape(n, d, h, w),
        "that is the code that is farthest: argmin of the distances": reference.laid_out(
            near.argmax(1), codebook, z.shape
        ),
        "the largest dot product is not the smallest distance: a long code would win everywhere": reference.laid_out(
            (rows @ codebook.T).argmax(1), codebook, z.shape
        ),
        "that is the code of the same direction (cosine); the smallest Euclidean distance was asked for": (
            reference.laid_out(unit.argmax(1), codebook, z.shape)
        ),
    }


def of_vq_loss(z: torch.Tensor, quantised: torch.Tensor, beta: float) -> Slips:
    """The loss with other parts or another mean."""
    off = (quantised - z).square()
    return {
        "it is summed over all entries; the mean was asked for": (1 + beta) * off.sum(),
        "it is summed over the features of a place; the mean over all entries was asked for": (1 + beta)
        * off.sum(1).mean(),
        "one of the two parts is missing, or counts nothing": off.mean(),
        "beta weighs both parts; it weighs the commitment alone": 2 * beta * off.mean(),
        "beta is not used": 2 * off.mean(),
        "that is the distance, not its square": (1 + beta) * off.sqrt().mean(),
    }


def of_ema(
    counts: torch.Tensor, sums: torch.Tensor, z: torch.Tensor, ids: torch.Tensor, decay: float
) -> dict[str, Slips]:
    """Counts, sums and codes of other averages: {"counts": {...}, "sums": {...}, "codes": {...}}."""
    _, added, _ = reference.reference_ema(counts * 0, sums * 0, z, ids, 0.0)
    hits = torch.bincount(ids, minlength=len(counts)).float()
    turned = "decay weighs what is new; it weighs what was there before"
    right, wanted, _ = reference.reference_ema(counts, sums, z, ids, decay)
    return {
        "counts": {
            turned: (1 - decay) * counts + decay * hits,
            "the batch's hits are added whole; they count (1 - decay)": decay * counts + hits,
            "that is the batch's own count; the running one was asked for": hits,
            "the counts were made shares: they are numbers of latents": right / right.sum(),
        },
        "sums": {
            turned: (1 - decay) * sums + decay * added,
            "the batch's sums are added whole; they count (1 - decay)": decay * sums + added,
            "the batch's means were averaged; its sums were asked for": decay * sums
            + (1 - decay) * added / hits.clamp(min=1)[:, None],
        },
        "codes": {
            "the running sums were not divided by the running counts": wanted,
            "divided by the batch's own counts; divide by the running ones": wanted / hits.clamp(min=1)[:, None],
        },
    }


def of_usage(batches: Sequence[torch.Tensor], k: int) -> Slips:
    """Perplexities of other counts and other logarithms."""
    shares = [torch.bincount(ids.flatten(), minlength=k) / ids.numel() for ids in batches]
    each = [math.exp(float(torch.special.entr(p).sum())) for p in shares]
    counts = torch.stack([torch.bincount(ids.flatten(), minlength=k) for ids in batches]).sum(0)
    entropy = float(torch.special.entr(counts / counts.sum()).sum())
    mean = float(torch.special.entr(torch.stack(shares).mean(0)).sum())
    slips = {
        "that is the mean of the batches' perplexities; no batch meets all codes. Count them all first": np.mean(each),
        "a small batch counts as much as a large one: add up counts, not shares": math.exp(mean),
        "the logarithm and the power do not belong together: exp with log, or 2 ** with log2": math.exp(
            entropy / math.log(2)
        ),
        "the logarithm and the power do not belong together: exp with log, or 2 ** with log2 ": 2**entropy,
        "that is the entropy; perplexity is its exponential": entropy,
        "that is the entropy in bits; perplexity is 2 to its power": entropy / math.log(2),
        "that is the perplexity of the last batch alone": each[-1],
        "that is the perplexity of the first batch alone": each[0],
        "the perplexity is at least 1: the entropy has a minus": math.exp(-entropy),
    }
    return slips


def of_weight(seed: int, scale: float) -> Slips:
    """The adversary's weight by other norms."""
    first, second = reference.norms(seed, scale)
    whole, against = reference.norms(seed, scale, last_only=False)
    sums, others = reference.norms(seed, scale, order=1.0)
    largest, other = reference.norms(seed, scale, order=float("inf"))
    return {
        "upside down: the reconstruction's gradient is above the line": second / (first + 1e-6),
        "the norms are of the gradients of all weights; only `last` was asked for": whole / (against + 1e-6),
        "the norms are not squared: take the root": first**2 / (second**2 + 1e-6),
        "those are sums of absolute values; a norm is the root of the sum of squares": sums / (others + 1e-6),
        "those are the largest entries; a norm is the root of the sum of squares": largest / (other + 1e-6),
        "that is the reconstruction's norm alone: divide by the adversary's": first,
    }


def of_rows(
    words: Sequence[Sequence[int]], codes: torch.Tensor, places: int, offset: int, marks: Sequence[int]
) -> tuple[Slips, Slips]:
    """Ids, and labels, of other rows."""
    pad, text, painting = marks
    m, (ids, labels) = codes.shape[1], reference.reference_rows(words, codes, places, offset, marks)
    plain, early, left, filled = ids.clone(), ids.clone(), ids.clone(), labels.clone()
    plain[:, -m:] -= offset
    early[:, -m:] += 1
    for row, some in zip(left, words, strict=True):
        row[1 : places + 1] = torch.tensor([pad] * (places - len(some)) + list(some))
    filled[:, 1 : places + 1] = ids[:, 1 : places + 1]
    learnt = torch.where((ids == text) | (ids == painting), ids, labels)
    of_ids = {
        "the codes lack the offset: code 0 and word 0 would be the same token": plain,
        "the codes are off by one: code 0 is the token `offset`": early,
        "captions are filled up on the left; fill up on the right": left,
        "the picture stands before the caption": torch.cat([ids[:, -m - 1 :], ids[:, : -m - 1]], dim=1),
        "the mark before the picture is missing": torch.cat([ids[:, : -m - 1], ids[:, -m:]], dim=1),
        "the mark before the caption is missing": ids[:, 1:],
    }
    last = torch.full_like(labels[:, :1], -100)
    alone = labels.clone()
    alone[:, :-m] = -100
    of_labels = {
        "what fills up is learnt: its labels are -100": filled,
        "everything is learnt; what fills up and the two marks are not": ids,
        "the marks are learnt; they are given": learnt,
        "the labels are shifted: the model does that itself": torch.cat([labels[:, 1:], last], dim=1),
        "the words are not learnt: only what fills up and the marks are -100": alone,
    }
    return of_ids, of_labels


def of_sentence_loss(logits: torch.Tensor, labels: torch.Tensor, m: int, text: float, image: float) -> Slips:
    """The loss with other seams, weights and means."""
    ahead, told, charged = logits[:, :-1], labels[:, 1:], reference.charged
    words, codes = charged(ahead[:, :-m], told[:, :-m]), charged(ahead[:, -m:], told[:, -m:])
    late = charged(ahead[:, 1 - m :], told[:, 1 - m :])
    seam = charged(ahead[:, : 1 - m], told[:, : 1 - m])
    beside = text * charged(logits[:, :-m], labels[:, :-m]) + image * charged(logits[:, -m:], labels[:, -m:])
    total, seen = F.cross_entropy(ahead.flatten(0, 1), told.flatten(), reduction="sum"), (told >= 0).sum()
    parts = [
        F.cross_entropy(x.flatten(0, 1), y.flatten(), reduction="sum")
        for x, y in ((ahead[:, :-m], told[:, :-m]), (ahead[:, -m:], told[:, -m:]))
    ]
    return {
        "the first code is charged to the words: the seam lies one place too late": text * seam + image * late,
        "the first code is charged to nobody: the last word's scores are to name it": text * words + image * late,
        "each token is charged to its own scores; those of the token before it have to name it": beside,
        "the weights are exchanged": image * words + text * codes,
        "that is one mean over all tokens: take the words' mean and the codes' mean, then weigh": total / seen,
        "the weights are missing": words + codes,
        "that is a sum over tokens; each part is a mean": text * parts[0] + image * parts[1],
        "the weighted sums are divided by all tokens: each part has its own mean": (
            (text * parts[0] + image * parts[1]) / seen
        ),
        "the words are not charged": image * codes,
    }


def of_choice(scores: torch.Tensor, allowed: torch.Tensor, temperature: float, top_k: int | None, seed: int) -> Slips:
    """What other ways to choose take."""
    every = torch.ones_like(allowed)

    def library(a: torch.Tensor, t: float, k: int | None, s: torch.Tensor = scores) -> torch.Tensor:
        return reference.library_choice(s, a, t, k, seed)

    slips = {
        "tokens are taken that may not be written: give them the score -inf": library(every, temperature, top_k),
        "the scores are multiplied by the temperature; divide by it": library(allowed, 1 / temperature, top_k),
        "the temperature is not used": library(allowed, 1.0, top_k),
        "that is always the most likely token: draw": library(allowed, 0, None),
    }
    if top_k:
        slips |= {
            "`top_k` is not used": library(allowed, temperature, None),
            "the k least likely are kept": _least(scores, allowed, temperature, top_k, seed),
        }
    return slips


def _least(scores: torch.Tensor, allowed: torch.Tensor, temperature: float, top_k: int, seed: int) -> torch.Tensor:
    some = scores.masked_fill(~allowed, math.inf)
    kept = some.topk(top_k, largest=False).indices
    closed = torch.full_like(scores, -math.inf).scatter(1, kept, scores.gather(1, kept))
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial((closed / temperature).softmax(-1), 1, generator=generator)[:, 0]


def of_guided(both: torch.Tensor, scale: float) -> Slips:
    """Guidance in other orders and by other formulas."""
    told, untold = both.chunk(2)
    return {
        "the halves are exchanged: the first half was told the caption (diffusers has it the other way round)": told
        + scale * (untold - told),
        "that begins at the told scores: begin at the untold ones": told + scale * (told - untold),
        "that is the difference alone: add the untold scores": scale * (told - untold),
        "`scale` is not used": told,
        "the halves do not alternate: the first n rows were told their captions": both[1::2]
        + scale * (both[::2] - both[1::2]),
        "probabilities are mixed; mix the scores": untold.softmax(-1) + scale * (told.softmax(-1) - untold.softmax(-1)),
    }


def of_guided_text(seed: int, prompt: torch.Tensor, null: torch.Tensor, length: int, scale: float) -> Slips:
    """Guided writing gone wrong."""
    exchanged = reference.reference_guided_text(seed, null, prompt, length, scale)
    return {
        "the two halves are exchanged": exchanged,
        "what is written has to stand behind the null captions too": reference.reference_guided_text(
            seed, prompt, null, length, scale, follow=False
        ),
        "nothing is guided: that is what the captions alone give": reference.reference_text(seed, prompt, length, 0),
        "that is what the null captions alone give": reference.reference_text(seed, null, length, 0),
    }


def of_unmask(
    seed: int, scores: torch.Tensor, tokens: torch.Tensor, mask: int, step: int, steps: int, heat: float
) -> Slips:
    """One pass of masked decoding with other schedules, orders and confidences."""

    def made(slip: str) -> torch.Tensor:
        return _unmask(seed, scores, tokens, mask, step, steps, heat, slip)

    return {
        "the part that stays masked is that of `step`; after it, it is that of step + 1": made("step"),
        "tokens that were known are masked again: give them the largest confidence": made("forget"),
        "the most certain places are masked; it is the least certain ones": made("most"),
        "the Gumbel noise is drawn before the codes; first torch.multinomial, then torch.rand": made("order"),
        "known tokens are drawn anew: they stay": made("redraw"),
        "no noise is added to the confidence": made("cold"),
        "the confidence is the logarithm of the probability; here it is the probability itself": made("plain"),
        "the code is the most likely one; it has to be drawn": made("argmax"),
        "the part that stays masked falls in a straight line; it is a cosine": made("linear"),
    }


def _unmask(
    seed: int, scores: torch.Tensor, tokens: torch.Tensor, mask: int, step: int, steps: int, heat: float, slip: str
) -> torch.Tensor:
    generator, length, unknown = torch.Generator().manual_seed(seed), tokens.shape[1], tokens == mask
    chances = scores.softmax(-1)
    noise = torch.rand(tokens.shape, generator=generator) if slip == "order" else None
    if slip == "argmax":
        drawn = chances.argmax(-1)
    else:
        drawn = torch.multinomial(chances.flatten(0, 1), 1, generator=generator).view(tokens.shape)
    drawn = drawn if slip == "redraw" else torch.where(unknown, drawn, tokens)
    noise = torch.rand(tokens.shape, generator=generator) if noise is None else noise
    at = (step if slip == "step" else step + 1) / steps
    part = 1 - at if slip == "linear" else math.cos(math.pi / 2 * at)
    sure = chances.gather(2, drawn[..., None])[..., 0]
    sure = sure if slip == "plain" else sure.log()
    sure = sure + (0 if slip == "cold" else heat) * -(-noise.log()).log()
    sure = sure if slip == "forget" else torch.where(unknown, sure, torch.tensor(math.inf))
    sure = -sure if slip == "most" else sure
    if slip == "most":
        sure = torch.where(unknown, sure, torch.tensor(math.inf))
    out = drawn.clone()
    for i in range(len(out)):
        left = max(1, min(int(unknown[i].sum()) - 1, math.floor(length * part)))
        out[i, sure[i].argsort()[:left]] = mask
    return out


def of_cutouts(picture: torch.Tensor, places: Sequence[Sequence[int]], side: int) -> Slips:
    """Cutouts of other places, or scaled in another way."""
    from torchvision.transforms import InterpolationMode

    turned = [(left, top, size) for top, left, size in places]
    ends = [picture[:, :, top : top + size, left : left + size] for top, left, size in places]
    corners = [F.interpolate(one, (side, side), mode="bilinear", align_corners=True) for one in ends]
    return {
        "top and left are exchanged: rows come first": reference.torch_cutouts(picture, turned, side),
        "nearest pixels were taken; bilinear was asked for": reference.torch_cutouts(
            picture, places, side, interpolation=InterpolationMode.NEAREST
        ),
        "the corners are aligned: align_corners=False": torch.cat(corners),
        "antialias was not asked for": reference.torch_cutouts(picture, places, side, antialias=True),
    }


def of_paint(seed: int, steps: int, rate: float) -> tuple[Slips, Slips]:
    """Scores, and latents, of painting gone wrong."""

    def made(slip: str) -> tuple[torch.Tensor, torch.Tensor]:
        latent, scores = reference.reference_paint(seed, steps, rate, slip)
        return torch.tensor(scores), latent

    told = {
        "the scores fall: the optimiser goes down, so give it minus the mean score": made("sign")[0],
        "the picture is decoded without `project`: codes have to be met at every step": made("no codes")[0],
        "`score` saw the picture itself; it has to see the cutouts": made("no cut")[0],
        "every step has the same cutouts: cut(picture, step)": made("one cut")[0],
        "that is plain gradient descent: torch.optim.Adam": made("sgd")[0],
        "the scores are those after each step; the ones before it were asked for": torch.tensor(
            reference.reference_paint(seed, steps + 1, rate)[1][1:]
        ),
        "nothing learns: is there a backward and a step on the latent?": torch.tensor(
            reference.reference_paint(seed, steps, 0.0)[1]
        ),
    }
    return told, {"the latent that is returned lies off the codes: project it": made("off the codes")[1]}


def of_bits(scores: torch.Tensor, codes: torch.Tensor) -> Slips:
    """Bits per picture by other units."""
    right = reference.library_bits(scores, codes)
    m = codes.shape[1]
    return {
        "those are nats: divide by ln 2": right * math.log(2),
        "that is per token; per picture it is the sum": right / m,
        "those are nats per token: sum, and divide by ln 2": right * math.log(2) / m,
        "bits are positive: minus the logarithm": -right,
        "that is one number for the batch; each picture has its own": right.mean(),
    }


def of_report(bits: torch.Tensor, m: int, k: int, side: int) -> dict[str, Slips]:
    """The report's figures by other measures."""
    mean = float(bits.mean())
    return {
        "picture": {"that is the sum over pictures; the mean was asked for": float(bits.sum())},
        "token": {"that is per picture; a picture has m tokens": mean, "that is per pixel": mean / side**2},
        "uniform": {
            "that is for one token; a picture has m": math.log2(k),
            "those are nats: log2": m * math.log(k),
            "that is the number of codes; a choice among k costs log2(k) bits": float(m * k),
        },
        "pixel": {
            "that is per number; a pixel is counted once, with its three": mean / (3 * side**2),
            "that is per row of pixels: a picture has side * side": mean / side,
        },
        "ratio": {
            "upside down: how many times *smaller* than the raw picture": mean / (24 * side**2),
            "three bytes a pixel are 24 bits": 3 * side**2 / mean,
            "a pixel has three channels": 8 * side**2 / mean,
        },
    }


def calls_of(prompt: torch.Tensor, length: int) -> dict[str, list[list[int]]]:
    """What a model is given to read, call by call, by right and by wrong loops: [[rows, tokens], ...]."""
    n, t = prompt.shape
    return {
        "right": [[n, t]] + [[n, 1]] * (length - 1),
        "too often": [[n, t]] + [[n, 1]] * length,
        "all anew": [[n, t + i] for i in range(length)],
    }


def untouched(seed: int) -> torch.Tensor:
    """The latent that a `Workshop` begins with."""
    return probes.Workshop(seed).latent


def of_scene(scene: Scene) -> dict[str, Scene]:
    """Scenes that a program would be by mistake."""
    ground, objects = scene.background, scene.objects
    return {
        "x and y are exchanged": Scene(tuple(replace(o, x=o.y, y=o.x) for o in objects), ground),
        "the objects are in another order than the program's": Scene(objects[::-1], ground),
        "only the last object is there": Scene(objects[-1:], ground),
        "only the first object is there": Scene(objects[:1], ground),
    }


def no_programs(program: str) -> list[tuple[str, str]]:
    """Texts that are no programs, and what each is."""
    ground, first, *others = program.splitlines()
    code = "__import__('token_lab.probes').probes.canary()"
    number = first.replace('x="', 'x="0*len(' + code + ")+")
    word = re.sub('class="[a-z]+"', f'class="{code}"', first)
    return [
        (f"{ground}\n{number}", "code in the place of a number"),
        (f"{ground}\n{word}", "code in the place of a colour"),
        (code, "code in the place of a program"),
        ("", "an empty text"),
        (ground, "a background without objects"),
        ("\n".join([first, *others]), "a program without a background"),
        (f"{program}\n<script>alert(1)</script>", "a program with a script behind it"),
        (program.replace(ground, f"{ground} and more"), "a line with more behind it"),
        (re.sub('class="[a-z]+"', 'class="mauve"', program, count=1), "a colour that the world does not know"),
        (re.sub('x="[0-9]+"', 'x="129"', program, count=1), "a place outside the picture"),
        ("\n".join([ground, *[first] * 4]), "a program of four objects"),
    ]


def of_difference(scene: Scene, picture: Image.Image) -> Slips:
    """How much two pictures differ by other measures."""
    drawn, wanted = np.asarray(scene.render(64)), np.asarray(picture)
    off = np.abs(drawn.astype(float) - wanted)
    return {
        "it counts up to 255; as a part of 255 it lies in [0, 1]": off.mean(),
        "the bytes went round: 3 - 5 is 254 in uint8. Make floats of them first": np.abs(drawn - wanted).mean() / 255,
        "that is the squared difference": (off**2).mean() / 255**2,
        "that is the root of the mean square": ((off**2).mean()) ** 0.5 / 255,
        "that is the sum; the mean was asked for": off.sum() / 255,
        "that is the part of the numbers that differ": (off > 0).mean(),
    }
