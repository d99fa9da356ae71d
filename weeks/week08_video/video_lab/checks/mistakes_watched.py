"""What known mistakes with whole films and several senses give on a check's inputs: {message: value}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm

from coursekit.checks import assert_close
from video_lab.checks import reference

Slips = dict[str, Any]

# --- 6 physics ------------------------------------------------------------------------------------------------------


def of_tracks(seen: Sequence[np.ndarray], far: float) -> Slips:
    """Trajectories by other matchings."""
    places = [np.asarray(p, float).reshape(-1, 2) for p in seen]
    slips: Slips = {}
    if len({len(p) for p in places}) == 1 and len(places[0]) > 1:
        slips["things were taken in the order in which each frame names them; nothing was matched"] = np.stack(places)
    greedy = _greedy(places, far)
    slips["each thing took what was nearest, in turn; the matching that is shortest in all was asked for"] = greedy
    slips["things that went farther than `far` were matched all the same"] = reference.reference_tracks(seen, np.inf)
    slips["what is not seen in a frame is lost for ever; it is matched from where it was last seen"] = _forgetful(
        places, far
    )
    right = reference.reference_tracks(seen, far)
    slips["axes are exchanged: (frames, tracks, 2)"] = right.transpose(1, 0, 2)
    slips["where a track is not seen it is 0; NaN was asked for"] = np.nan_to_num(right)
    return slips


def _greedy(places: Sequence[np.ndarray], far: float) -> np.ndarray:
    tracks = [np.full((len(places), 2), np.nan) for _ in places[0]]
    for track, place in zip(tracks, places[0], strict=True):
        track[0] = place
    for i, now in enumerate(places[1:], 1):
        free = list(range(len(now)))
        for track in tracks:
            last = track[:i][np.isfinite(track[:i, 0])][-1]
            if free:
                best = min(free, key=lambda j: float(np.hypot(*(now[j] - last))))
                if np.hypot(*(now[best] - last)) <= far:
                    track[i] = now[best]
                    free.remove(best)
        for j in free:
            tracks.append(np.full((len(places), 2), np.nan))
            tracks[-1][i] = now[j]
    return np.stack(tracks, axis=1) if tracks else np.zeros((len(places), 0, 2))


def _forgetful(places: Sequence[np.ndarray], far: float) -> np.ndarray:
    """Matched with the frame before only."""
    tracks: list[np.ndarray] = []
    alive: list[int] = []
    for i, now in enumerate(places):
        part = reference.reference_tracks([np.array([tracks[k][i - 1] for k in alive]).reshape(-1, 2), now], far)
        following = []
        for column in range(part.shape[1]):
            if np.isfinite(part[1, column, 0]):
                if column < len(alive):
                    number = alive[column]
                else:
                    number = len(tracks)
                    tracks.append(np.full((len(places), 2), np.nan))
                tracks[number][i] = part[1, column]
                following.append(number)
        alive = following
    return np.stack(tracks, axis=1) if tracks else np.zeros((len(places), 0, 2))


def of_residual(path: np.ndarray, law: Sequence[float]) -> Slips:
    """What is left by other differences and other means."""
    second = path[2:] - 2 * path[1:-1] + path[:-2]
    kept = np.isfinite(second[:, 0])
    off = second[kept] - np.asarray(law)
    seen = path[np.isfinite(path[:, 0])]
    closed = seen[2:] - 2 * seen[1:-1] + seen[:-2] - np.asarray(law)
    filled = np.nan_to_num(second - np.asarray(law))
    sizes = (off**2).sum(1)
    return {
        "the law was not taken off: that is the acceleration itself": float(np.sqrt((second[kept] ** 2).sum(1).mean())),
        "the law was added; it is taken off": float(np.sqrt(((off + 2 * np.asarray(law)) ** 2).sum(1).mean())),
        "that is the mean of the sizes; the root of the mean square was asked for": float(np.sqrt(sizes).mean()),
        "that is a mean square; its root was asked for": float(sizes.mean()),
        "x and y were averaged; a size is the root of the sum of both squares": float(np.sqrt((off**2).mean())),
        "frames that lie apart were taken for neighbours: where one is missing there is no acceleration": float(
            np.sqrt((closed**2).sum(1).mean())
        )
        if len(closed)
        else np.inf,
        "missing frames count as 0; they are left out": float(np.sqrt((filled**2).sum(1).mean())),
        "that is the largest; the root of the mean square was asked for": float(np.sqrt(sizes).max()),
        "half the second difference; the acceleration is the whole": float(
            np.sqrt(((second[kept] / 2 - np.asarray(law)) ** 2).sum(1).mean())
        ),
    }


def assert_tracks(found: object, wanted: np.ndarray, slips: Slips, what: str) -> None:
    """`assert_close` of trajectories, in which NaN means not seen: it is compared as a place that there is not."""
    there = {message: np.nan_to_num(np.asarray(value, float), nan=-999.0) for message, value in slips.items()}
    made: object = found
    if isinstance(found, np.ndarray) or hasattr(found, "detach"):
        made = np.nan_to_num(np.asarray(found, dtype=float), nan=-999.0)
    assert_close(made, np.nan_to_num(wanted, nan=-999.0), slips=there, what=what)


# --- 7 key_frames ---------------------------------------------------------------------------------------------------


def of_key_frames(features: torch.Tensor, k: int) -> Slips:
    """Frames that are chosen in another way."""
    unit = F.normalize(features.double(), dim=1)
    cosine = 1 - unit @ unit.T
    raw = 1 - features.double() @ features.double().T
    plain = torch.cdist(features.double(), features.double())

    def greedy(far: torch.Tensor, first: int, mean: bool = False) -> list[int]:
        chosen = [first]
        while len(chosen) < k:
            part = far[:, chosen]
            near = part.mean(1) if mean else part.min(1).values
            near[chosen] = -torch.inf
            chosen.append(int(near.argmax()))
        return chosen

    centre = int(cosine.round(decimals=9).max(1).values.argmin())
    right = greedy(cosine, centre)
    count = len(features)
    return {
        "it begins with frame 0; it begins with the frame whose farthest frame is nearest": sorted(greedy(cosine, 0)),
        "features were not brought to length 1: that is 1 minus a dot product": sorted(
            greedy(raw, int(raw.max(1).values.argmin()))
        ),
        "distances are Euclidean, so that lengths count; 1 minus the cosine was asked for": sorted(
            greedy(plain, int(plain.max(1).values.argmin()))
        ),
        "the next frame is farthest from the chosen ones on average; from its *nearest* chosen one was asked for": (
            sorted(greedy(cosine, centre, mean=True))
        ),
        "they are in the order in which they were chosen; in the order of time was asked for": right,
        "frames were taken at even steps": sorted({round(i * (count - 1) / max(1, k - 1)) for i in range(k)}),
        "it begins with the frame nearest to the mean": sorted(greedy(cosine, int((unit @ unit.mean(0)).argmax()))),
        "it begins with the frame whose farthest frame is farthest": sorted(
            greedy(cosine, int(cosine.max(1).values.argmax()))
        ),
    }


# --- 8 frechet ------------------------------------------------------------------------------------------------------


def of_frechet(one: torch.Tensor, other: torch.Tensor) -> Slips:
    """Distances with other means, covariances or roots."""
    a, b = one.double().numpy(), other.double().numpy()
    gap = a.mean(0) - b.mean(0)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(sqrtm(first @ second))
    biased = [np.cov(x, rowvar=False, bias=True) for x in (a, b)]
    eye = np.eye(len(gap))
    return {
        "the covariance was divided by n; n - 1 was asked for": float(
            gap @ gap + np.trace(biased[0] + biased[1] - 2 * np.real(sqrtm(biased[0] @ biased[1])))
        ),
        "the root was taken entry by entry; the matrix whose square is the product was asked for": float(
            gap @ gap + np.trace(first + second - 2 * np.sqrt(np.abs(first @ second)))
        ),
        "the means were not squared": float(np.linalg.norm(gap) + np.trace(first + second - 2 * root)),
        "the covariances' part is missing": float(gap @ gap),
        "the means' part is missing": float(np.trace(first + second - 2 * root)),
        "the root of the product stands once; twice was asked for": float(gap @ gap + np.trace(first + second - root)),
        "those are variances without their correlations: the whole covariance was asked for": float(
            gap @ gap + np.trace((first + second) * eye - 2 * np.sqrt(first * second * eye))
        ),
        "that is the root of the distance; the square was asked for": float(
            np.sqrt(max(0.0, gap @ gap + np.trace(first + second - 2 * root)))
        ),
        "second moments were taken about 0; covariances are about the mean": float(
            gap @ gap
            + np.trace(
                a.T @ a / (len(a) - 1)
                + b.T @ b / (len(b) - 1)
                - 2 * np.real(sqrtm((a.T @ a / (len(a) - 1)) @ (b.T @ b / (len(b) - 1))))
            )
        ),
    }


# --- 9 fuse ---------------------------------------------------------------------------------------------------------


def of_late(seen: torch.Tensor, heard: torch.Tensor, trust: float) -> Slips:
    """Chances that are put together in another way."""
    one, other = seen.softmax(1), heard.softmax(1)
    mean = one**trust * other ** (1 - trust)
    product = one * other
    return {
        "chances were averaged; their logarithms were asked for": trust * one + (1 - trust) * other,
        "`trust` is how much of the gait counts: here it is the voice's": reference.reference_late(heard, seen, trust),
        "`trust` is not used: both count alike": reference.reference_late(seen, heard, 0.5),
        "the chances do not add up to 1: divide by their sum": mean,
        "the logarithms were added and not weighted, so that two lukewarm senses become a sure one": (
            product / product.sum(1, keepdim=True)
        ),
        "those are logarithms; chances were asked for": (mean / mean.sum(1, keepdim=True)).log(),
        "softmax ran over the rows; each row's classes add up to 1": (
            trust * seen.log_softmax(0) + (1 - trust) * heard.log_softmax(0)
        ).softmax(0),
        "that is the surer sense alone": torch.where((one.amax(1) > other.amax(1))[:, None].expand_as(one), one, other),
    }


def of_early(seen: torch.Tensor, heard: torch.Tensor, there: torch.Tensor) -> Slips:
    """Features that are put side by side in another way."""

    def scaled(features: torch.Tensor, here: torch.Tensor, how: str) -> torch.Tensor:
        own = features if how == "all rows" else features[here]
        mean, spread = own.mean(0), own.std(0, correction=0 if how == "by n" else 1) + 1e-6
        if how == "no spread":
            spread = torch.ones_like(spread)
        if how == "no scale":
            mean, spread = torch.zeros_like(mean), torch.ones_like(spread)
        if how == "each row":
            made = (features - features.mean(1, keepdim=True)) / (features.std(1, keepdim=True) + 1e-6)
        else:
            made = (features - mean) / spread
        if how == "first zeroed":
            zeroed = features * here[:, None]
            return (zeroed - zeroed.mean(0)) / (zeroed.std(0) + 1e-6)
        return made if how == "all kept" else made * here[:, None]

    def run(how: str) -> torch.Tensor:
        parts = [scaled(seen, there[:, 0], how), scaled(heard, there[:, 1], how)]
        return torch.cat(parts[::-1] if how == "heard first" else parts, dim=1)

    said = {
        "all rows": "mean and deviation are over rows in which the sense is missing too",
        "by n": "the variance was divided by n; n - 1 was asked for",
        "no spread": "features were not divided by their deviation",
        "no scale": "features are as they came: the sense with the larger numbers drowns the other",
        "each row": "each row was brought to mean 0; each feature, over the rows, was asked for",
        "first zeroed": "missing rows were set to 0 before the mean was taken, and moved it",
        "all kept": "a sense that is missing is 0 in all its features",
        "heard first": "the voice's features stand first; the gait's were asked for",
    }
    return {message: run(how) for how, message in said.items()}


# --- 10 bind --------------------------------------------------------------------------------------------------------


def of_force(path: np.ndarray, rate: float) -> Slips:
    """What other instruments would measure."""
    bare = np.diff(np.asarray(path, float), n=2, axis=0)
    down = np.array([0.0, reference.GRAVITY])
    return {
        "that is the acceleration: gravity is to be taken off, for a sensor at rest feels what holds it up": bare
        * rate**2,
        "gravity was added: y points down, so minus gravity is -9.81 in y": bare * rate**2 + down,
        "second differences are divided by the time between places squared: times rate ** 2": bare * rate - down,
        "second differences are per place, not per second: times rate ** 2": bare - down,
        "gravity was taken off x": bare * rate**2 - down[::-1],
        "that is a velocity: take the difference once more": np.diff(path, axis=0)[1:] * rate - down,
        "gravity was taken off both axes": bare * rate**2 - reference.GRAVITY,
    }


def of_bound(seen: torch.Tensor, others: Sequence[torch.Tensor], there: torch.Tensor, scales: torch.Tensor) -> Slips:
    """Losses of other pairs, or at other temperatures."""

    def clip(one: torch.Tensor, two: torch.Tensor, scale: torch.Tensor, how: str = "") -> torch.Tensor:
        if how != "no length":
            one, two = F.normalize(one, dim=1), F.normalize(two, dim=1)
        scores = one @ two.T * {"no exp": scale, "divided": (-scale).exp()}.get(how, scale.exp())
        own = torch.arange(len(scores))
        total = "sum" if how == "summed" else "mean"
        there_way, back = (F.cross_entropy(s, own, reduction=total) for s in (scores, scores.T))
        return {"one way": there_way, "other way": back, "both added": there_way + back}.get(
            how, (there_way + back) / 2
        )

    def run(how: str) -> torch.Tensor:
        parts = []
        for i, (other, here, scale) in enumerate(zip(others, there.T, scales, strict=True)):
            rows = torch.ones_like(here) if how == "all rows" else here
            scale = scales[0] if how == "first scale" else scale
            if how == "also absent":  # films without the sense among those to choose from
                one, two = F.normalize(seen, dim=1), F.normalize(other, dim=1)
                scores = scale.exp() * one @ two.T
                own = torch.arange(len(scores))
                parts.append(
                    (F.cross_entropy(scores[here], own[here]) + F.cross_entropy(scores.T[here], own[here])) / 2
                )
            elif how == "each other" and i == 1:
                parts.append(clip(others[0][here], other[here], scale))
            else:
                parts.append(clip(seen[rows], other[rows], scale, how))
        if how == "all three":
            both = there.all(dim=1)
            parts.append(clip(others[0][both], others[1][both], scales.mean()))
        total = torch.stack(parts)
        return total.mean() if how == "mean of senses" else total.sum()

    said = {
        "all rows": "films without a sense were counted for it",
        "also absent": "films without the sense stand among those to choose from",
        "no length": "vectors are not brought to length 1",
        "no exp": "scales are logarithms: scores are multiplied by scale.exp()",
        "divided": "scores were divided by scale.exp(); they are multiplied by it",
        "first scale": "each sense has a scale of its own",
        "one way": "only pictures look for the other sense; it looks for pictures too, and the two are averaged",
        "other way": "only the other sense looks for pictures; they look for it too, and the two are averaged",
        "both added": "the two directions were added; CLIP's loss is their mean",
        "summed": "losses were summed over the films; their mean was asked for",
        "each other": "two other senses were paired with each other; each is paired with pictures alone",
        "all three": "the other senses were paired with each other too; they must never meet",
        "mean of senses": "the senses' losses were averaged; their sum was asked for",
    }
    return {message: run(how) for how, message in said.items()}
