"""The figures of week 8."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from coursekit import films as player
from coursekit.plots import PALETTE, Sheet, panels, show
from tinyworld import films
from video_lab import data, measuring, probes

SIDE = 128  # pixels on the screen of a picture
GREY = "#8a8a8a"


def as_pictures(frames: Any, side: int = SIDE) -> list[Image.Image]:
    """Frames uint8 (n, h, w, 3), or floats (n, 3, h, w) in [0, 1], as pictures."""
    if isinstance(frames, torch.Tensor):
        frames = (frames.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return list(player.clip(frames, side=side).frames)


def play_side_by_side(shown: Mapping[str, Any], alt: str, still: bool = True) -> None:
    """Films under their names, playing together; below them their frames side by side, for where nothing plays.

    shown: {name: frames, as in `as_pictures`}, all of one length.
    """
    rows = {name: as_pictures(frames) for name, frames in shown.items()}
    step, count = SIDE + 12, len(next(iter(rows.values())))
    pages = []
    for t in range(count):
        sheet = Sheet(step * len(rows), SIDE + 26)
        for i, (name, pictures) in enumerate(rows.items()):
            sheet.text(name, i * step + 6 + SIDE / 2, 10, "mm", size=11)
            sheet.picture(pictures[t], i * step + 6, 22, SIDE)
        pages.append(sheet.image)
    player.play(pages, alt=alt)
    if still:
        strips(shown, f"The same films frame by frame: {', '.join(rows)}")


def strips(shown: Mapping[str, Any], alt: str, side: int = 64) -> None:
    """Films frame by frame, a row each."""
    rows = {name: as_pictures(frames, side) for name, frames in shown.items()}
    count = max(len(pictures) for pictures in rows.values())
    sheet = Sheet(150 + count * (side + 5), len(rows) * (side + 8) + 4)
    for i, (name, pictures) in enumerate(rows.items()):
        sheet.text(name, 142, i * (side + 8) + 4 + side / 2, "rm", size=11)
        for t, picture in enumerate(pictures):
            sheet.picture(picture, 150 + t * (side + 5), i * (side + 8) + 4, side)
    sheet.show(alt)


def show_opening() -> None:
    """One film of each of six motions, playing."""
    names = ("right", "bounces", "flies", "clockwise", "swings", "bumps")
    shown = {name: measuring.example(name).frames(16) for name in names}
    told = "; ".join(films.caption(measuring.example(name)) for name in names)
    play_side_by_side(shown, f"Six films of one second: {told}", still=False)


# --- bars -----------------------------------------------------------------------------------------------------------


def bars(
    found: Mapping[str, float], label: str, alt: str, most: float | None = 1.0, chance: float | None = None
) -> None:
    """Numbers by name as bars, each with its value. chance: where a line stands.   most: the axis' end."""
    figure, (axis,) = panels(4.2, height=0.32 * len(found) + 0.15, left=2.2, right=0.6)
    names = list(found)[::-1]
    axis.barh(names, [found[name] for name in names], color=PALETTE[0], height=0.6)
    end = most or 1.15 * max(found.values())
    for i, name in enumerate(names):
        text = f"{found[name]:.0%}" if most == 1.0 else f"{found[name]:.2g}"
        axis.text(found[name] + 0.01 * end, i, text, va="center", fontsize=8)
    if chance is not None:
        axis.axvline(chance, color="0.6", linestyle="--", linewidth=1)
    axis.set(xlim=(0, end), xlabel=label)
    axis.tick_params(axis="y", labelsize=8)
    show(figure, alt=alt)


# --- 1 tubelets -----------------------------------------------------------------------------------------------------


def show_slices(motions: Sequence[str] = ("right", "left", "bounces", "clockwise")) -> None:
    """Films cut along time: one row (or column) of pixels of each of 16 frames, time to the right."""
    sheet = Sheet(len(motions) * 290, 160)
    for i, motion in enumerate(motions):
        frames = measuring.example(motion).frames(16)
        upright = motion in ("bounces", "falls", "up", "down")
        place = measuring.example(motion).trajectory(16).position[:, 0].mean(0)
        if upright:
            cut = frames[:, :, int(place[0] * 64)].transpose(1, 0, 2)  # (y, time)
        else:
            cut = frames[:, int(place[1] * 64)].transpose(1, 0, 2)  # (x, time)
        x = 290 * i + 8
        sheet.picture(Image.fromarray(frames[4]).resize((SIDE, SIDE), Image.Resampling.NEAREST), x, 24, SIDE)
        wide = Image.fromarray(np.ascontiguousarray(cut)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        sheet.picture(wide, x + SIDE + 8, 24, SIDE)
        sheet.text(motion, x + SIDE / 2, 11, "mm", size=12)
        sheet.text(f"{'y' if upright else 'x'} down, time to the right", x + SIDE * 1.5 + 8, 11, "mm", size=10)
    sheet.show(
        f"Four films ({', '.join(motions)}), each a frame and a slice through all frames: what moves evenly is a "
        "slanted stripe, what bounces a V, what circles a wave or blobs"
    )


def show_places(table: Callable[..., Any], slices: int = 3, side: int = 8) -> dict[str, float]:
    """How alike the codes of a film's places are to that of one place, in three slices of eight by eight tubelets."""
    codes = torch.as_tensor(table(slices * side * side, 64))
    at = side * side + 3 * side + 3  # the fourth tubelet of the fourth row, in the middle slice
    alike = torch.cosine_similarity(codes, codes[at][None]).view(slices, side, side)
    sheet = Sheet(slices * (SIDE + 20), SIDE + 34)
    low, high = float(alike.min()), 1.0
    for i in range(slices):
        grey = (255 * (alike[i] - low) / (high - low)).byte().numpy()
        sheet.text(f"slice {i}", i * (SIDE + 20) + 10 + SIDE / 2, 11, "mm", size=11)
        sheet.picture(Image.fromarray(grey), i * (SIDE + 20) + 10, 24, SIDE)
    place = at % (side * side)
    near = {
        "the next column": float(alike.flatten()[at + 1]),
        "the next row": float(alike.flatten()[at + side]),
        "the next slice": float(alike.flatten()[at + side * side]),
        "the end of its row": float(alike[1, place // side, side - 1]),
    }
    told = ", ".join(f"{name} {value:.2f}" for name, value in near.items())
    sheet.show(f"How alike codes are to that of the tubelet in row 3 and column 3 of slice 1 (bright: alike): {told}")
    return near


def show_ways(embed: Callable[..., torch.Tensor]) -> dict[str, float]:
    """How often the way something goes is told from random tubelets."""
    found = measuring.ways_told(embed)
    told = ", ".join(f"{name} {value:.0%}" for name, value in found.items())
    bars(found, "which of four ways, told rightly", f"Told rightly, where luck gives 25 %: {told}", chance=0.25)
    return found


# --- 2 divided ------------------------------------------------------------------------------------------------------


def show_reach(divided: Callable[..., torch.Tensor], side: int = 4, frames: int = 4) -> dict[str, int]:
    """What one patch of one frame depends on after each half of divided attention, and what both halves cost."""
    d, patches = 8, side * side
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(0)) / d**0.5

    def attention(rows: torch.Tensor) -> torch.Tensor:
        return (rows @ rows.mT / d).softmax(-1) @ rows @ mixing

    def nothing(rows: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(rows)

    ways = {"time": (attention, nothing), "space": (nothing, attention), "time, then space": (attention, attention)}
    asked = 5 * frames + 1  # of patch 5, the second frame
    reached, sheet = {}, Sheet(130 + frames * 84, len(ways) * 92)
    states = torch.randn(1, 1 + patches * frames, d, generator=torch.Generator().manual_seed(1))
    for i, (name, halves) in enumerate(ways.items()):
        given = states.clone().requires_grad_()
        divided(given, frames, *halves)[0, 1 + asked].sum().backward()
        assert given.grad is not None
        there = given.grad[0, 1:].abs().sum(-1).view(patches, frames) > 1e-7
        reached[name] = int(there.sum())
        sheet.text(name, 122, 92 * i + 44, "rm", size=11)
        for t in range(frames):
            for place in range(patches):
                x, y = 130 + 84 * t + place % side * 19, 92 * i + 6 + place // side * 19
                sheet.block(x, y, 17, 17, PALETTE[0] if there[place, t] else "#e4e4e4")
                if place * frames + t == asked:
                    sheet.frame(x + 1, y + 1, 15, 15, PALETTE[1], 2)
    told = "; ".join(f"{name}: {n} of {patches * frames} patches" for name, n in reached.items())
    sheet.show(f"What the framed patch depends on, in four frames of four by four. {told}")
    joint, split = measuring.pairs(196, 8)
    print(f"A film of 8 frames of 196 patches: joint attention compares {joint:,} pairs, divided {split:,}.")
    return reached


# --- 3 masks --------------------------------------------------------------------------------------------------------


def show_masks(tube: Callable[..., Any], loss: Callable[..., Any], hidden: int = 48) -> dict[str, float]:
    """A film under two masks, and what comes back by copying from other frames; how much does in all.

    loss: as `masked_pixels`; VideoMAE's loss of what was copied is printed.
    """
    film = data.tensor(data.frames_of([data.film_of("left", 2, objects=2)], measuring.LONG))[0]
    shown = {"the film": film}
    names = {"a tube": "copied under a tube", "new in each slice": "copied from slices"}
    for name, mask in measuring.masks(tube, 1, hidden, seed=3).items():
        blocks = measuring.blocks_of(film).clone()
        blocks[mask[0]] = 0.5
        shown[name], shown[names[name]] = measuring.film_from(blocks), measuring.copied(film, mask[0])
    words = f"A film, {', '.join(list(shown)[1:])}: three quarters of the places are hidden"
    play_side_by_side(shown, words, still=False)
    strips({name: frames[::2] for name, frames in shown.items()}, f"The same, every second frame. {words}")
    found = measuring.leaks(tube, hidden)
    told = ", ".join(f"{name} {max(0.0, value):.0%}" for name, value in found.items())
    at_least = {name: max(0.0, value) for name, value in found.items()}
    for name, value in measuring.losses(tube, loss, hidden).items():
        print(f"VideoMAE's loss, {name}: {value:.2f}")
    bars(at_least, "of hidden things, restored by copying", f"Restored by copying from other frames: {told}")
    return found


# --- 4 temporal -----------------------------------------------------------------------------------------------------


def show_inflated(inflate: Callable[..., Any], motion: str = "right") -> dict[str, dict[str, float]]:
    """Upright edges of the middle of three frames by a kernel that was inflated in two ways, still and moving."""
    film = data.tensor(data.frames_of([measuring.example(motion)]))[0]
    found = measuring.edges_off(inflate, motion)
    sheet = Sheet(4 * (SIDE + 24), SIDE + 46)
    i = 0
    for name, central in (("spread over the frames", False), ("in the middle frame", True)):
        for kind, frames in (("still", film[3:4].expand(3, -1, -1, -1)), ("moving", film[2:5])):
            answer = measuring.edges(inflate, central, frames).abs().clamp(0, 1)
            picture = Image.fromarray((255 * (1 - answer)).byte().numpy())
            x = i * (SIDE + 24) + 12
            sheet.text(f"{kind}, {name}", x + SIDE / 2, 11, "mm", size=9)
            sheet.picture(picture, x, 24, SIDE)
            sheet.text(f"{found[name][kind]:.0%} off", x + SIDE / 2, SIDE + 36, "mm", size=11)
            i += 1
    told = "; ".join(f"{name}: {k['still']:.0%} off still, {k['moving']:.0%} moving" for name, k in found.items())
    sheet.show(f"Upright edges by a kernel of three frames, against the picture's own. {told}")
    return found


def show_beginning(module: Callable[..., Any]) -> dict[str, float]:
    """By how much new motion modules change what the painter says. module: as `motion_module`, tried by itself too."""
    for scale, value in measuring.opened(module).items():
        print(f"A motion module with its last layer times {scale:g}: states change by {value:.1%}")
    found = measuring.beginning()
    told = ", ".join(f"{name} {value:.1%}" for name, value in found.items())
    label = "change of the painter's answer, as a part of it"
    bars(found, label, f"How far the painter's answer moves: {told}", most=None)
    return found


# --- 5 rotary3d -----------------------------------------------------------------------------------------------------


def show_turns(turn: Callable[..., Any]) -> float:
    """How well one query and one key match over their distance in time and along the columns, from three places each.

    Returns the largest difference between scores at the same distance.
    """
    scores = measuring.matches(turn)
    figure, axes = panels(2.9, 2.9, height=1.9, between=0.5)
    for j, place in enumerate((0, 1, 2)):
        axes[0].plot(range(6), [scores[place, 1, 1, place + i, 1, 1] for i in range(6)], "o-", ms=3, color=PALETTE[j])
        axes[1].plot(range(6), [scores[1, 1, place, 1, 1, place + i] for i in range(6)], "o-", ms=3, color=PALETTE[j])
    for axis, label in zip(axes, ("frames apart", "columns apart"), strict=True):
        axis.set(xlabel=label)
    axes[0].set(ylabel="q · k")
    same = spread(scores)
    show(
        figure,
        alt="How well a query and a key match, over their distance in frames and in columns, from three places each: "
        f"the curves lie on each other, within {same:.1e}. At distance 0 {scores[0, 0, 0, 0, 0, 0]:.1f}; three frames "
        f"apart {scores[0, 0, 0, 3, 0, 0]:.1f}, three columns apart {scores[0, 0, 0, 0, 0, 3]:.1f}",
    )
    return same


def spread(scores: np.ndarray) -> float:
    """The largest difference between scores of places that are equally far apart, in frames, rows and columns."""
    far: dict[tuple[int, ...], list[float]] = {}
    for at in np.ndindex(scores.shape):
        far.setdefault(tuple(at[i + 3] - at[i] for i in range(3)), []).append(float(scores[at]))
    return max(max(values) - min(values) for values in far.values())


def show_meeting(block: Callable[..., Any]) -> dict[str, np.ndarray]:
    """Which token changes with which, through one layer for words and film, with its gates shut and open.

    Returns of each the sizes of the derivatives, (tokens, tokens): row, what comes out; column, what came in.
    """
    words, frames, height, width = 3, 2, 1, 3
    found: dict[str, np.ndarray] = {}
    for name, shut in (("gates shut", True), ("gates open", False)):
        one = probes.Block(0, frames, height, width, words, shut)

        def through(tokens: torch.Tensor, one: probes.Block = one) -> torch.Tensor:
            film, text = block(tokens[None, words:], tokens[None, :words], one.time[:1], one.parts)
            return torch.cat([text[0], film[0]])

        tokens = torch.cat([one.text[0], one.film[0]])
        slopes = torch.autograd.functional.jacobian(through, tokens)
        found[name] = slopes.square().sum(dim=(1, 3)).sqrt().numpy()
    figure, axes = panels(2.3, 2.3, height=2.3, between=0.9)
    names = [f"word {i}" for i in range(words)] + [f"frame {t}, {x}" for t in range(frames) for x in range(width)]
    for axis, (name, sizes) in zip(axes, found.items(), strict=True):
        axis.imshow(np.log10(sizes + 1e-3), cmap="Greys", vmin=-2, vmax=1)
        axis.set(title=name, xticks=range(len(names)), yticks=range(len(names)))
        axis.set_xticklabels(names, rotation=90, fontsize=6)
        axis.set_yticklabels(names, fontsize=6)
    told = "; ".join(f"{name}: {int((s > 1e-6).sum())} of {s.size} pairs" for name, s in found.items())
    show(figure, alt=f"Which token (row) changes with which (column): three words and six of the film. {told}")
    return found
