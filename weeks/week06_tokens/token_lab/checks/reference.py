"""What the checks of week 6 ask with and compare with. A notebook that is graded cannot import it."""

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

import tinyworld
from coursekit.inputs import gaussian, seed_from
from tinyworld import Scene
from token_lab import probes

# --- 1 quantise -----------------------------------------------------------------------------------------------------


def quantiser(codebook: torch.Tensor, beta: float = 0.25, legacy: bool = False) -> Any:
    """diffusers' VectorQuantizer with this codebook."""
    from diffusers.models.autoencoders.vae import VectorQuantizer

    module = VectorQuantizer(*codebook.shape, beta=beta, legacy=legacy, sane_index_shape=True)
    with torch.no_grad():
        module.embedding.weight.copy_(codebook)
    return module


def clear_latents(
    rng: np.random.Generator, n: int, h: int, w: int, k: int = 9, d: int = 5
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (n, d, h, w) and a codebook (k, d); at no place two codes are almost equally near."""
    codebook = gaussian(rng, k, d)
    rows = 1.2 * gaussian(rng, n * h * w, d)
    if k > 1:
        near = torch.cdist(rows.double(), codebook.double()).sort(dim=1).values
        narrow = near[:, 1] - near[:, 0] < 0.05
        rows[narrow] = codebook[torch.from_numpy(rng.integers(k, size=int(narrow.sum())))] * 1.001
    return rows.reshape(n, h, w, d).permute(0, 3, 1, 2).contiguous(), codebook


def library_codes(z: torch.Tensor, codebook: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """diffusers' quantised latents and indices."""
    with torch.no_grad():
        quantised, _, (_, _, ids) = quantiser(codebook)(z)
    return quantised, ids


def laid_out(ids: torch.Tensor, codebook: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """The codes of indices (n * h * w,) as a latent picture of this shape (n, d, h, w)."""
    n, d, h, w = shape
    return codebook[ids].reshape(n, h, w, d).permute(0, 3, 1, 2)


# --- 2 vq_loss ------------------------------------------------------------------------------------------------------


def library_loss(
    z: torch.Tensor, codebook: torch.Tensor, beta: float, legacy: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """diffusers' loss, and its gradients by the latents and by the codebook."""
    module, z = quantiser(codebook, beta, legacy), z.clone().requires_grad_(True)
    loss = module(z)[1]
    loss.backward()
    return loss.detach(), torch.as_tensor(z.grad), module.embedding.weight.grad


def by_code(slope: torch.Tensor, ids: torch.Tensor, k: int) -> torch.Tensor:
    """Gradients by quantised latents (n, d, h, w), added up for each code: (k, d)."""
    rows = slope.permute(0, 2, 3, 1).reshape(-1, slope.shape[1])
    return torch.zeros(k, rows.shape[1]).index_add(0, ids.flatten(), rows)


# --- 3 ema ----------------------------------------------------------------------------------------------------------


def reference_ema(
    counts: torch.Tensor, sums: torch.Tensor, z: torch.Tensor, ids: torch.Tensor, decay: float, eps: float = 1e-5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Counts, sums and codes after a batch, code by code."""
    hits = torch.stack([(ids == i).sum() for i in range(len(counts))])
    added = torch.stack([z[ids == i].sum(0) for i in range(len(counts))])
    counts = decay * counts + (1 - decay) * hits
    sums = decay * sums + (1 - decay) * added
    total = counts.sum()
    smooth = (counts + eps) / (total + len(counts) * eps) * total
    return counts, sums, sums / smooth[:, None]


def lloyd(points: torch.Tensor, codebook: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of Lloyd's algorithm by scikit-learn: where each point belongs, and the new centres."""
    from sklearn.cluster import KMeans

    means = KMeans(len(codebook), init=codebook.numpy(), n_init=1, max_iter=1, algorithm="lloyd")
    means.fit(points.numpy())
    ids = torch.cdist(points, codebook).argmin(1)
    return ids, torch.from_numpy(means.cluster_centers_).float()


def settled_codes(rng: np.random.Generator, k: int = 6, d: int = 4, m: int = 40) -> tuple[torch.Tensor, ...]:
    """Running counts (k,) and sums (k, d), a batch of latents (m, d), and the codes that they belong to (m,).

    One code is met by none of them.
    """
    counts = torch.from_numpy(rng.uniform(2, 9, size=k)).float()
    ids = torch.from_numpy(rng.integers(k - 1, size=m))
    return counts, gaussian(rng, k, d) * counts[:, None], gaussian(rng, m, d), ids


# --- 4 usage --------------------------------------------------------------------------------------------------------


def library_usage(batches: Sequence[torch.Tensor], k: int) -> tuple[float, int]:
    """The perplexity of all batches together by SciPy, and how many codes occur."""
    from scipy.stats import entropy

    counts = np.bincount(torch.cat([ids.flatten() for ids in batches]).numpy(), minlength=k)
    return float(np.exp(entropy(counts))), int((counts > 0).sum())


# --- 5 adversary ----------------------------------------------------------------------------------------------------


def norms(seed: int, scale: float, last_only: bool = True, order: float = 2.0) -> tuple[float, float]:
    """The norms of both losses' gradients by the last layer of a `Painter`, or by all its layers."""
    painter = probes.Painter(seed, scale)
    weights = [painter.last.weight] if last_only else [p for p in painter.parameters() if p.requires_grad]
    found = []
    for loss in painter.losses():
        slopes = torch.autograd.grad(loss, weights, retain_graph=True)
        found.append(float(torch.linalg.vector_norm(torch.cat([s.flatten() for s in slopes]), order)))
    return found[0], found[1]


def reference_weight(seed: int, scale: float, delta: float = 1e-6, most: float = 1e4) -> float:
    """VQGAN's weight of the adversarial loss."""
    first, second = norms(seed, scale)
    return min(first / (second + delta), most)


# --- 6 words_and_codes -----------------------------------------------------------------------------------------

MARKS = (0, 1, 2)  # what fills up, what begins a text, and what begins a picture


def some_rows(
    rng: np.random.Generator, lengths: Sequence[int] = (3, 5, 4), m: int = 6, k: int = 8
) -> tuple[list[list[int]], torch.Tensor]:
    """Captions of these lengths, their ids from 3 to 10, and pictures of m codes."""
    words = [rng.integers(3, 11, size=n).tolist() for n in lengths]
    return words, torch.from_numpy(rng.integers(k, size=(len(words), m)))


def reference_rows(
    words: Sequence[Sequence[int]], codes: torch.Tensor, places: int, offset: int, marks: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, row by row."""
    pad, text, painting = marks
    ids, labels = [], []
    for row, picture in zip(words, codes.tolist(), strict=True):
        empty, painted = places - len(row), [offset + code for code in picture]
        ids.append([text, *row, *[pad] * empty, painting, *painted])
        labels.append([-100, *row, *[-100] * (empty + 1), *painted])
    return torch.tensor(ids), torch.tensor(labels)


def library_sentence_loss(
    seed: int, ids: torch.Tensor, labels: torch.Tensor, m: int, text: float, image: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a small Llama says of ids, and the weighted sum of the two losses that it computes itself."""
    model = probes.llama(seed)
    words, codes = labels.clone(), labels.clone()
    words[:, -m:], codes[:, :-m] = -100, -100
    said = model(input_ids=ids)
    parts = [model(input_ids=ids, labels=some).loss for some in (words, codes)]
    return said.logits, text * parts[0] + image * parts[1]


def charged(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy of labels under logits that stand beside them."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


# --- 7 write --------------------------------------------------------------------------------------------------------


def library_choice(
    scores: torch.Tensor, allowed: torch.Tensor, temperature: float, top_k: int | None, seed: int
) -> torch.Tensor:
    """What transformers' own processors and one multinomial of this seed take."""
    return choice_by(scores, allowed, temperature, top_k, torch.Generator().manual_seed(seed))


def choice_by(
    scores: torch.Tensor,
    allowed: torch.Tensor,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """The same with a generator."""
    from transformers import SuppressTokensLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper

    ids = torch.zeros(len(scores), 1, dtype=torch.long)
    some = SuppressTokensLogitsProcessor((~allowed).nonzero().flatten().tolist(), device="cpu")(ids, scores)
    if temperature == 0:
        return some.argmax(dim=-1)
    some = TemperatureLogitsWarper(float(temperature))(ids, some)
    some = TopKLogitsWarper(top_k)(ids, some) if top_k else some
    return torch.multinomial(some.softmax(dim=-1), 1, generator=generator)[:, 0]


def library_text(seed: int, prompt: torch.Tensor, length: int, **how: Any) -> torch.Tensor:
    """What generate() of the small Llama writes behind a prompt, greedily: int64 (n, length)."""
    model = probes.llama(seed)
    how["attention_mask"] = torch.ones_like(prompt)
    written = model.generate(prompt, max_new_tokens=length, min_new_tokens=length, do_sample=False, **how)
    return written[:, prompt.shape[1] :]


def reference_text(seed: int, prompt: torch.Tensor, length: int, place: int) -> torch.Tensor:
    """The same where the token at this place of the ranking is taken, by reading all anew for every token."""
    model, ids, choose = probes.llama(seed), prompt, probes.ranked(place)
    for _ in range(length):
        ids = torch.cat([ids, choose(model(input_ids=ids).logits[:, -1])[:, None]], dim=1)
    return ids[:, prompt.shape[1] :]


# --- 8 guide --------------------------------------------------------------------------------------------------------


def library_guided(both: torch.Tensor, scale: float) -> torch.Tensor:
    """transformers' classifier-free guidance."""
    from transformers import ClassifierFreeGuidanceLogitsProcessor

    return ClassifierFreeGuidanceLogitsProcessor(scale)(torch.zeros(len(both) // 2, 1), both)


def reference_guided_text(
    seed: int, prompt: torch.Tensor, null: torch.Tensor, length: int, scale: float, place: int = 0, follow: bool = True
) -> torch.Tensor:
    """Guided writing by reading all anew for every token. follow: what is written stands behind both captions."""
    model, choose = probes.llama(seed), probes.ranked(place)
    told, untold, out = prompt, null, []
    for _ in range(length):
        with_words, without = (model(input_ids=ids).logits[:, -1] for ids in (told, untold))
        out.append(choose(without + scale * (with_words - without)))
        told = torch.cat([told, out[-1][:, None]], dim=1)
        untold = torch.cat([untold, out[-1][:, None]], dim=1) if follow else untold
    return torch.stack(out, dim=1)


# --- 9 unmask -------------------------------------------------------------------------------------------------------


def half_masked(
    rng: np.random.Generator, n: int = 4, length: int = 16, k: int = 7, known: int = 4
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Scores (n, length, k), tokens (n, length) of which so many are known in each row, and the mask's id."""
    tokens = torch.full((n, length), k)
    for row in tokens:
        places = torch.from_numpy(rng.permutation(length)[:known])
        row[places] = torch.from_numpy(rng.integers(k, size=known))
    return 2 * gaussian(rng, n, length, k), tokens, k


def library_unmask(
    seed: int, scores: torch.Tensor, tokens: torch.Tensor, mask: int, step: int, steps: int, heat: float
) -> torch.Tensor:
    """What diffusers' AmusedScheduler makes of tokens."""
    from diffusers import AmusedScheduler

    scheduler = AmusedScheduler(mask_token_id=mask)
    scheduler.set_timesteps(steps, temperature=(heat, heat))
    return scheduler.step(scores, steps - 1 - step, tokens, generator=torch.Generator().manual_seed(seed)).prev_sample


def masks_left(length: int, step: int, steps: int, masked: int) -> int:
    """How many places are masked after a step of masked decoding."""
    if step == steps - 1:
        return 0
    return max(1, min(masked - 1, math.floor(length * math.cos(math.pi / 2 * (step + 1) / steps))))


# --- 10 prompt_to_paint ---------------------------------------------------------------------------------------------


def torch_cutouts(picture: torch.Tensor, places: Sequence[Sequence[int]], side: int, **how: Any) -> torch.Tensor:
    """Squares of a picture at one size, by torchvision's resized_crop."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resized_crop

    how = {"interpolation": InterpolationMode.BILINEAR, "antialias": False} | how
    return torch.cat([resized_crop(picture, top, left, size, size, [side, side], **how) for top, left, size in places])


def reference_paint(seed: int, steps: int, rate: float, slip: str = "") -> tuple[torch.Tensor, list[float]]:
    """What `prompt_to_paint` makes of a `Workshop`: the latent and the scores. slip: which mistake to make."""
    shop = probes.Workshop(seed)
    latent = shop.latent.clone().requires_grad_(True)
    kind = torch.optim.SGD if slip == "sgd" else torch.optim.Adam
    optimiser, scores = kind([latent], lr=rate), []
    for step in range(steps):
        picture = shop.decode(latent if slip == "no codes" else shop.project(latent))
        seen = picture if slip == "no cut" else shop.cut(picture, 0 if slip == "one cut" else step)
        mean = shop.score(seen).mean()
        optimiser.zero_grad()
        (mean if slip == "sign" else -mean).backward()
        optimiser.step()
        scores.append(float(mean.detach()))
    return (latent if slip == "off the codes" else shop.project(latent)).detach(), scores


# --- 11 bits --------------------------------------------------------------------------------------------------------


def library_bits(scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Bits of each picture by torch.distributions."""
    return -torch.distributions.Categorical(logits=scores).log_prob(codes).sum(dim=1) / math.log(2)


# --- 12 redraw ------------------------------------------------------------------------------------------------------


def some_scene(rng: np.random.Generator, objects: int) -> Scene:
    """A scene of so many objects whose centres are whole units of 128, in any order."""
    (drawn,) = tinyworld.scenes("test", 1, seed_from(rng), objects=objects)
    return Scene(
        tuple(replace(o, x=round(o.x * 128) / 128, y=round(o.y * 128) / 128) for o in drawn.objects), drawn.background
    )


def as_program(scene: Scene) -> str:
    """A scene as a program, its objects in their own order."""
    lines = [f'<use href="#{scene.background}"/>']
    for o in scene.objects:
        at = f'x="{round(o.x * 128)}" y="{round(o.y * 128)}"'
        lines.append(f'<use href="#{o.size}-{o.shape}" class="{o.colour}" {at}/>')
    return "\n".join(lines)


def library_scene(text: str) -> Scene:
    """The scene of a program, by the course's own parser, which knows no comments. Raises ValueError."""
    from tinyworld.train.programs.parsing import parse

    lines = (line for line in text.splitlines() if not re.fullmatch(r"\s*<!--.*-->\s*", line))
    return parse("\n".join(lines)).scene()


def difference(scene: Scene, picture: Image.Image) -> float:
    """The mean absolute difference of a scene's drawing and a picture, in [0, 1]."""
    drawn, wanted = (np.asarray(p, dtype=float) / 255 for p in (scene.render(64), picture))
    return float(np.abs(drawn - wanted).mean())


def moved(scene: Scene, by: int) -> Scene:
    """The scene with its first object moved by so many units to the left or right, within the picture."""
    first, *others = scene.objects
    x = first.x + (by if first.x < 0.5 else -by) / 128
    return Scene((replace(first, x=x), *others), scene.background)
