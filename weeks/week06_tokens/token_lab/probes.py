"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from coursekit.probes import arguments_after as arguments_after  # for the checks
from coursekit.probes import weights_of as weights_of

# --- quantise -------------------------------------------------------------------------------------------------------


def slopes(function: Any, z: torch.Tensor, codebook: torch.Tensor, weights: torch.Tensor) -> dict[str, Any]:
    """The gradients of a weighted sum of what `quantise` returns first, by its two arguments; None where none comes."""
    z, codebook = z.clone().requires_grad_(True), codebook.clone().requires_grad_(True)
    total = (function(z, codebook)[0] * weights).sum()
    if not total.requires_grad:
        return {"z": None, "codebook": None}
    by_z, by_codes = torch.autograd.grad(total, (z, codebook), allow_unused=True)
    return {"z": by_z, "codebook": by_codes}


# --- adversary ------------------------------------------------------------------------------------------------------


class Painter(nn.Module):
    """A decoder of two layers and a critic of its pictures. `scale` stretches what the critic says."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 5, bias=False)
            self.critic = nn.Linear(5, 1).requires_grad_(False)
            self.codes, self.wanted = torch.randn(12, 6), torch.randn(12, 5)
        self.scale = scale

    def losses(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The reconstruction's and the adversarial loss, of one graph."""
        painted = self.last(torch.tanh(self.first(self.codes)))
        return (painted - self.wanted).abs().mean(), -self.scale * torch.tanh(self.critic(painted)).mean()


def watched_weight(function: Any, seed: int, scale: float, step: int, start: int) -> dict[str, Any]:
    """What a student's `adaptive_weight` gives for a `Painter`, and in which state it leaves the graph.

    Returns: weight, its value; tensor, whether it is one; graph, whether it still has one; clean, whether no gradient
    was left in the weights; slope, the gradient of the whole loss by the last layer afterwards.
    """
    painter = Painter(seed, scale)
    reconstruction, adversarial = painter.losses()
    weight = function(reconstruction, adversarial, painter.last.weight, step, start)
    clean = all(parameter.grad is None for parameter in painter.parameters())
    painter.zero_grad()
    (reconstruction + torch.as_tensor(weight).detach() * adversarial).backward()
    return {
        "weight": float(weight),
        "tensor": isinstance(weight, torch.Tensor),
        "graph": bool(getattr(weight, "requires_grad", False)),
        "clean": clean,
        "slope": painter.last.weight.grad,
    }


# --- words_and_codes, write, guide ------------------------------------------------------------------------------

VOCABULARY = 23


def llama(seed: int, vocabulary: int = VOCABULARY, width: int = 24) -> Any:
    """A LlamaForCausalLM with random weights that has opinions, and no token that ends a text."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval().requires_grad_(False)


class Counted:
    """A language model that keeps count of what it is given to read: the rows and the tokens of every call."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.calls: list[list[int]] = []

    def __call__(self, input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(list(input_ids.shape))
        return self._model(input_ids, *args, **kwargs)

    forward = __call__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def ranked(place: int) -> Any:
    """choose(scores) that takes the most likely token (place 0), the second (1), ..."""

    def choose(scores: torch.Tensor) -> torch.Tensor:
        return scores.topk(place + 1, dim=-1).indices[:, place]

    return choose


def watched_write(function: Any, seed: int, prompt: torch.Tensor, length: int, place: int = 0) -> dict[str, Any]:
    """What `write` writes with the small Llama of this seed, and what that was given to read, call by call."""
    model = Counted(llama(seed))
    return {"written": function(model, prompt, length, ranked(place)), "calls": model.calls}


def watched_guided(
    function: Any, seed: int, prompt: torch.Tensor, null: torch.Tensor, length: int, scale: float, place: int = 0
) -> dict[str, Any]:
    """The same for `write_guided`."""
    model = Counted(llama(seed))
    return {"written": function(model, prompt, null, length, ranked(place), scale), "calls": model.calls}


def picked(
    function: Any, scores: torch.Tensor, allowed: torch.Tensor, temperature: float, top_k: int | None, seed: int
) -> Any:
    """What `next_token` takes with a generator of this seed."""
    return function(scores, allowed, temperature, top_k, torch.Generator().manual_seed(seed))


# --- unmask ---------------------------------------------------------------------------------------------------------


def unmasked(function: Any, seed: int, scores: torch.Tensor, tokens: torch.Tensor, *rest: Any) -> Any:
    """What `unmask` makes of tokens with a generator of this seed. rest: the mask, the step, the steps, the heat."""
    return function(scores, tokens, *rest, torch.Generator().manual_seed(seed))


# --- prompt_to_paint ------------------------------------------------------------------------------------------------


class Workshop:
    """A made-up decoder, and a critic who likes one picture: all that `prompt_to_paint` is handed."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.latent = torch.randn((1, 4, 3, 3), generator=generator)
        self.kernel = 0.4 * torch.randn((4, 3, 2, 2), generator=generator)
        self.liked = torch.rand((1, 3, 6, 6), generator=generator)
        self.steps: list[int] = []

    def project(self, latent: torch.Tensor) -> torch.Tensor:
        """The nearest multiple of a half, with a gradient that goes straight through."""
        return latent + (latent.mul(2).round() / 2 - latent).detach()

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(F.conv_transpose2d(latent, self.kernel, stride=2))

    def cut(self, picture: torch.Tensor, step: int) -> torch.Tensor:
        self.steps.append(int(step))
        return torch.stack([picture[0].roll(step, -1), 0.5 * picture[0].roll(-step, -2)])

    def score(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (m, 3, 6, 6) to scores (m,)."""
        return -(pictures - self.liked).square().flatten(1).sum(1)


def watched_paint(function: Any, seed: int, steps: int, rate: float) -> dict[str, Any]:
    """What `prompt_to_paint` makes of a `Workshop`: latent, scores, the steps it cut for, and the start afterwards."""
    shop = Workshop(seed)
    latent, scores = function(shop.latent, shop.project, shop.decode, shop.score, shop.cut, steps, rate)
    return {
        "latent": latent.detach(),
        "scores": [float(score) for score in scores],
        "steps": shop.steps,
        "start": shop.latent.detach(),
    }


def crops_slope(function: Any, picture: torch.Tensor, places: Sequence[Any], side: int) -> Any:
    """The gradient of the sum of all cutouts by the picture, None where none arrives."""
    picture = picture.clone().requires_grad_(True)
    total = function(picture, places, side).sum()
    return torch.autograd.grad(total, picture)[0] if total.requires_grad else None


# --- redraw ---------------------------------------------------------------------------------------------------------

CANARY: list[str] = []


def canary() -> str:
    """A program that runs this appends to CANARY."""
    CANARY.append("ran")
    return "red"


def ran(function: Any, text: str) -> dict[str, Any]:
    """What becomes of a program: the JSON of its scene, or the kind of the error; and whether code in it was run."""
    CANARY.clear()
    try:
        scene = function(text)
    except Exception as error:
        return {"scene": None, "error": type(error).__name__, "told": str(error)[:200], "ran": bool(CANARY)}
    told = scene.to_json() if hasattr(scene, "to_json") else type(scene).__name__
    return {"scene": told, "error": "", "told": "", "ran": bool(CANARY)}


def watched_redraw(function: Any, programs: Sequence[str], picture: Image.Image, close: float) -> dict[str, Any]:
    """What `redraw` finds among programs, and how many it took."""
    taken: list[str] = []

    def tries() -> Iterator[str]:
        for text in programs:
            taken.append(text)
            yield text

    scene, off, count = function(tries(), picture, close)
    return {
        "scene": scene.to_json() if hasattr(scene, "to_json") else scene,
        "off": float(off),
        "count": int(count),
        "taken": len(taken),
    }
