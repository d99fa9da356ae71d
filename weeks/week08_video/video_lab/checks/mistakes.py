"""What known mistakes give on a check's inputs: {message: value}, for `assert_close`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from video_lab import probes
from video_lab.checks import reference

Slips = dict[str, Any]

# --- 1 tubelets -----------------------------------------------------------------------------------------------------


def of_tubelets(film: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> Slips:
    """Tokens of other blocks, or in another order."""
    n, frames, channels, height, width = film.shape
    t, p = kernel.shape[2:4]
    moved = film.transpose(1, 2)
    found = F.conv3d(moved, kernel, bias, stride=(t, p, p))
    taken = F.conv3d(film.reshape(n, channels, frames, height, width), kernel, bias, stride=(t, p, p))
    backwards = F.conv3d(moved, kernel.flip(2), bias, stride=(t, p, p))
    first = F.conv2d(film[:, ::t].flatten(0, 1), kernel[:, :, 0], bias, stride=p)
    return {
        "frames and channels were exchanged by reshape, which mixes them; transpose moves an axis": taken.flatten(2).mT,
        "time runs fastest; it should run slowest: slice after slice": found.permute(0, 3, 4, 2, 1).flatten(1, 3),
        "columns run before rows": found.mT.flatten(2).mT,
        "tubelets overlap in time: the stride is t there too": F.conv3d(moved, kernel, bias, stride=(1, p, p))
        .flatten(2)
        .mT,
        "the bias is missing": (found - bias[:, None, None, None]).flatten(2).mT,
        "features stand before tokens: (n, tokens, d) was asked for": found.flatten(2),
        "the kernel runs backwards in time": backwards.flatten(2).mT,
        "only the first frame of each tubelet was looked at": first.reshape(n, frames // t, len(bias), -1).mT.flatten(
            1, 2
        ),
    }


def of_positions(tokens: int, d: int) -> Slips:
    """Other tables of waves."""
    at = torch.arange(tokens)[:, None].double()
    rates = 10_000.0 ** (-2 * torch.arange(d // 2) / d)
    angles = at * rates
    each = at * 10_000.0 ** (-2 * torch.arange(d) / d)
    natural = at * 10_000.0 ** (-torch.arange(d // 2) / d)
    mixed = each.clone()
    mixed[:, 0::2], mixed[:, 1::2] = each[:, 0::2].sin(), each[:, 1::2].cos()
    return {
        "all sines stand first, then all cosines; they take turns": torch.cat([angles.sin(), angles.cos()], dim=1),
        "cosines come first; entry 0 is a sine": torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1),
        "sine and cosine of a pair have different rates; they share one": mixed,
        "the exponent lacks its 2: 10000 ** (2j / d)": torch.stack([natural.sin(), natural.cos()], dim=2).flatten(1),
        "counting begins at 1; the first token is at 0": torch.stack(
            [(angles + rates).sin(), (angles + rates).cos()], dim=2
        ).flatten(1),
        "tokens and features are exchanged": torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).T,
    }


# --- 2 divided ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def of_divided(seed: int, rows: int, columns: int, frames: int) -> Slips:
    """What a layer gives whose axes, residuals or class token go astray."""
    one = probes.Layer(seed, rows, columns, frames)
    states, patches = one.states, rows * columns
    n, _, d = states.shape
    first, rest = states[:, :1], states[:, 1:]

    def run(how: str) -> torch.Tensor:
        if how == "frame by frame":
            lines = rest.view(n, frames, patches, d).transpose(1, 2).flatten(0, 1)
            along = one.over_time(lines).view(n, patches, frames, d).transpose(1, 2).flatten(1, 2)
        elif how == "all at once":
            along = one.over_time(rest)
        else:
            along = one.over_time(rest.reshape(n * patches, frames, d)).view(n, -1, d)
        moved = along if how == "no residual" else rest + along
        looked = rest if how == "not updated" else moved
        if how == "frame by frame":
            grid = looked.view(n, frames, patches, d)
        else:
            grid = looked.view(n, patches, frames, d).transpose(1, 2)
        pages = torch.cat([first[:, None].expand(-1, frames, -1, -1), grid], dim=2).flatten(0, 1)
        if how == "no class token":
            across = one.over_space(pages[:, 1:])
            across = torch.cat([torch.zeros_like(across[:, :1]), across], dim=1)
        else:
            across = one.over_space(pages)
        across = across.view(n, frames, 1 + patches, d)
        own = across[:, :, :1].transpose(1, 2)
        own = {"first frame": own[:, :, 0], "sum": own.sum(2), "last frame": own[:, :, -1]}.get(how, own.mean(2))
        back = across[:, :, 1:] if how == "frame by frame" else across[:, :, 1:].transpose(1, 2)
        if how == "left folded":
            back = across[:, :, 1:]
        token = torch.zeros_like(own) if how == "no class token" else own
        return torch.cat([first + token, moved + back.reshape(n, -1, d)], dim=1)

    return {
        "tokens were taken frame by frame; they stand patch by patch, each with its frames in order": run(
            "frame by frame"
        ),
        "time attention saw all patches at once: each patch attends along its own frames only": run("all at once"),
        "what over_time gives was not added to the patches": run("no residual"),
        "space was given the patches as they were before time: it sees what time made of them": run("not updated"),
        "the class token's result is the first frame's; it is the mean over the frames": run("first frame"),
        "the class token's result is the last frame's; it is the mean over the frames": run("last frame"),
        "the class token's results were summed over the frames; it is their mean": run("sum"),
        "the class token takes part in space, in every frame": run("no class token"),
        "after space the tokens were left frame by frame": run("left folded"),
    }


# --- 3 tube_mask ----------------------------------------------------------------------------------------------------


def of_loss(film: torch.Tensor, predicted: torch.Tensor, mask: torch.Tensor, t: int, p: int) -> Slips:
    """Losses of other pixels, or of pixels normalised in another way."""
    n, frames, channels = film.shape[:3]

    def against(targets: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(predicted, targets[mask].view_as(predicted))

    blocks = film.unfold(1, t, t).unfold(3, p, p).unfold(4, p, p)
    last = blocks.permute(0, 1, 3, 4, 5, 6, 7, 2).flatten(4).flatten(1, 3)
    plain = last.view(n, last.shape[1], -1, channels)
    together = (last - last.mean(-1, keepdim=True)) / (last.std(-1, keepdim=True) + 1e-6)
    right = reference.reference_targets(film, t, p)
    ahead = right.view(*right.shape[:2], -1, channels).mT.flatten(2)
    slips = {
        "the pixels are as they are; each tubelet's channels are normalised": against(last),
        "channels were normalised together; each has a mean and deviation of its own": against(together),
        "the variance was divided by m; m - 1 was asked for": against(reference.reference_targets(film, t, p, 0)),
        "channels come first in the target; they run fastest": against(ahead),
        "the mean was taken off, and nothing divided by the deviation": against(
            (plain - plain.mean(2, keepdim=True)).flatten(2)
        ),
        "errors were summed; their mean was asked for": F.mse_loss(
            predicted, right[mask].view_as(predicted), reduction="sum"
        ),
    }
    if 2 * int(mask[0].sum()) == mask.shape[1]:
        slips["it is the loss on what is *visible*; True means hidden"] = against_visible(right, predicted, mask)
    return slips


def against_visible(targets: torch.Tensor, predicted: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The loss where the mask is read the other way round."""
    return F.mse_loss(predicted, targets[~mask].view_as(predicted))


# --- 4 temporal -----------------------------------------------------------------------------------------------------


def of_inflated(kernel: torch.Tensor, t: int, central: bool) -> Slips:
    """Kernels that are inflated in another way."""
    spread, zero = kernel[:, :, None].expand(-1, -1, t, -1, -1), torch.zeros(*kernel.shape[:2], t, *kernel.shape[2:])
    first, centre = zero.clone(), zero.clone()
    first[:, :, 0], centre[:, :, t // 2] = kernel, kernel
    if central:
        return {
            "the kernel stands in the first frame; with central=True it belongs in the middle one": first,
            "`central` is not used: the kernel is spread over all frames": spread / t,
            "the middle frame was divided by t as well": centre / t,
            "time stands last; it comes before rows and columns": centre.permute(0, 1, 3, 4, 2),
        }
    return {
        "the kernel was repeated and not divided by t: a film that stands still comes out t times as bright": spread,
        "`central` is turned round: that is the kernel in the middle frame": centre,
        "time stands last; it comes before rows and columns": (spread / t).permute(0, 1, 3, 4, 2),
        "each frame's kernel was divided by the square root of t": spread / t**0.5,
    }


@torch.no_grad()
def of_moved(seed: int, frames: int, height: int, width: int) -> Slips:
    """What a motion module gives whose axes or residual go astray."""
    one = probes.Module(seed, frames, height, width)
    states, (c, h, w) = one.states, one.states.shape[1:]

    def run(how: str) -> torch.Tensor:
        if how == "frames first":
            films = states.view(frames, -1, c, h, w).transpose(0, 1)
        else:
            films = states.view(-1, frames, c, h, w)
        if how == "norm of frames":
            normed = one.norm(films.flatten(0, 1)).view_as(films)
        else:
            normed = films if how == "no norm" else one.norm(films.transpose(1, 2)).transpose(1, 2)
        if how == "across space":
            rows = normed.permute(0, 1, 3, 4, 2).reshape(-1, h * w, c)
        elif how == "reshaped":
            rows = normed.permute(0, 1, 3, 4, 2).reshape(-1, frames, c)
        else:
            rows = normed.permute(0, 3, 4, 1, 2).reshape(-1, frames, c)
        made = one.inside(rows[:, :16] if rows.shape[1] > 16 else rows)
        made = made @ one.weight.T + (0 if how == "no bias" else one.bias)
        if how in ("across space", "reshaped"):
            back = made.reshape(-1, frames, h, w, c).permute(0, 1, 4, 2, 3)
        elif how == "left folded":
            back = made.reshape(-1, frames, c, h, w)
        else:
            back = made.reshape(-1, h, w, frames, c).permute(0, 3, 4, 1, 2)
        under = {"no residual": torch.zeros_like(films), "norm added": normed}.get(how, films)
        found = under + back
        return (found.transpose(0, 1) if how == "frames first" else found).reshape_as(states)

    said = {
        "frames first": "frames and films are exchanged: the first `frames` rows of states are the first film",
        "norm of frames": "the norm saw each frame alone; it is given the film, (n, c, frames, h, w)",
        "no norm": "the norm was left out",
        "reshaped": "rows were made by reshape alone, so that each mixes places; each place's frames are a row",
        "left folded": "what comes out was put back without moving its axes",
        "no residual": "states were not added to what comes out",
        "norm added": "the normalised states were added; states as they came were asked for",
        "no bias": "the bias of the last layer is missing",
    }
    slips = {message: run(how) for how, message in said.items()}
    if h * w <= 16:
        slips["attention runs across space; each place attends along its frames"] = run("across space")
    return slips


# --- 5 rotary3d -----------------------------------------------------------------------------------------------------


def turned(
    x: torch.Tensor, sizes: Sequence[int], parts: Sequence[int], how: str = "", theta: float = 10_000.0
) -> torch.Tensor:
    """Features turned in pairs. sizes: frames, height, width.   parts: features of each axis, in this order."""
    places = torch.cartesian_prod(*(torch.arange(float(n)) for n in sizes)).view(-1, len(sizes))
    if how == "places as h, w, t":
        height, width = sizes[1], sizes[2]
        places = torch.cartesian_prod(*(torch.arange(float(n)) for n in (height, width, sizes[0])))[:, [2, 0, 1]]
    if how == "from one":
        places = places + 1
    angles = []
    for axis, d in enumerate(parts):
        rates = theta ** (-torch.arange(0, d, 2) / (x.shape[-1] if how == "rates of all" else d))
        angles.append(places[:, axis, None] * rates)
    angle = torch.cat(angles, dim=1)
    angle = -angle if how == "backwards" else angle
    if how == "halves":
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], dim=-1)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], dim=-1).flatten(-2)


def of_rotary(x: torch.Tensor, frames: int, height: int, width: int) -> Slips:
    """Vectors that are turned by other angles."""
    d, sizes = x.shape[-1], (frames, height, width)
    parts = d // 4, 3 * d // 8, 3 * d // 8
    flat = turned(x, (frames * height * width,), (d,))
    return {
        "features were turned by the token's number, as in a text: frame, row and column have their own": flat,
        "the token order is rows, columns, frames; frames run slowest": turned(x, sizes, parts, "places as h, w, t"),
        "counting begins at 1; the first frame, row and column are 0": turned(x, sizes, parts, "from one"),
        "they are turned the other way round": turned(x, sizes, parts, "backwards"),
        "the first half is paired with the second (GPT-NeoX); here neighbours are, 2i and 2i + 1": turned(
            x, sizes, parts, "halves"
        ),
        "the rates are those of all d features; each axis has its own, by its own number of features": turned(
            x, sizes, parts, "rates of all"
        ),
        "rows and columns are exchanged": turned(
            x.view(*x.shape[:2], frames, height, width, d).transpose(3, 4).reshape(x.shape),
            (frames, width, height),
            parts,
        )
        .view(*x.shape[:2], frames, width, height, d)
        .transpose(3, 4)
        .reshape(x.shape),
        "time has the last quarter of the features; it has the first": torch.cat(
            [
                turned(x[..., : 3 * d // 4], sizes, (0, 3 * d // 8, 3 * d // 8)),
                turned(x[..., 3 * d // 4 :], sizes, (d // 4, 0, 0)),
            ],
            dim=-1,
        ),
        "the result is half as long as x: one number of each pair is missing": turned(x, sizes, parts)[..., ::2],
    }


# --- 5 block --------------------------------------------------------------------------------------------------------


def of_met(seed: int, frames: int, height: int, width: int, words: int) -> Slips:
    """Text and film, side by side, as a layer gives them whose streams, gates or turns go astray."""
    one = probes.Block(seed, frames, height, width, words)
    said = {
        "not turned": "queries and keys were not turned, so that no token knows its place",
        "values turned": "values were turned too: places say who looks at whom, and not what is seen there",
        "own stream only": "words and film attend apart; they are one sequence, in which each looks at all",
        "one for both": "the text was modulated as the film is; its shift, scale and gate are the last three",
        "text's for the film": "the film has the first three of the six, and the text the last three",
        "scale first": "shift comes first, then scale, then gate",
        "no one": "scale is counted from 0: normed * (1 + scale) + shift",
        "no gates": "what comes out was added without its gate",
        "no norm": "tokens were modulated without the norm before",
        "side by side": "the feed-forward layer was given what came in; it sees what attention made of it",
        "heads mixed": "heads were flattened before they stood beside their features: transpose(1, 2) first",
        "no last layer": "attention's last layer, `out`, is missing",
        "text as it came": "the text came back as it was: it is a stream of its own, and changes too",
    }
    return {message: _met(one, how) for how, message in said.items()}


@torch.no_grad()
def _met(one: probes.Block, how: str) -> torch.Tensor:
    """Text and film (2, words + tokens, 32) as a layer gives them that goes astray in one way."""
    parts, streams, words = one.parts, [one.text, one.film], one.text.shape[1]
    for i in range(2):
        rows = parts.modulations[i](one.time)[:, None].chunk(6, dim=2)
        if how == "text's for the film":
            rows = rows[3:] + rows[:3]
        if how == "one for both":
            rows = 2 * rows[:3]
        shift, scale, gate, text_shift, text_scale, text_gate = rows
        if how == "scale first":
            shift, scale, text_shift, text_scale = scale, shift, text_scale, text_shift
        if how == "no gates":
            gate, text_gate = torch.ones_like(gate), torch.ones_like(gate)
        unit = 0.0 if how == "no one" else 1.0
        source = [one.text, one.film] if how == "side by side" else streams
        text, film = source if how == "no norm" else [parts.norms[i](stream) for stream in source]
        tokens = torch.cat([text * (unit + text_scale) + text_shift, film * (unit + scale) + shift], dim=1)
        made = _attended(parts, tokens, words, how) if i == 0 else parts.feed(tokens)
        streams = [streams[0] + text_gate * made[:, :words], streams[1] + gate * made[:, words:]]
        if how == "text as it came":
            streams[0] = one.text
    return torch.cat(streams, dim=1)


def _attended(parts: probes.Parts, tokens: torch.Tensor, words: int, how: str) -> torch.Tensor:
    """What attention that goes astray in one way makes of tokens, the words first."""

    def turned(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :, :words], parts.turn(x[:, :, words:])], dim=2)

    q, k, v = parts.project(tokens)
    if how != "not turned":
        q, k = turned(q), turned(k)
    if how == "values turned":
        v = turned(v)
    streams = (slice(None, words), slice(words, None)) if how == "own stream only" else (slice(None),)
    looked = torch.cat(
        [F.scaled_dot_product_attention(q[:, :, part], k[:, :, part], v[:, :, part]) for part in streams], dim=2
    )
    side_by_side = looked.reshape(tokens.shape) if how == "heads mixed" else looked.transpose(1, 2).flatten(2)
    return side_by_side if how == "no last layer" else parts.out(side_by_side)
