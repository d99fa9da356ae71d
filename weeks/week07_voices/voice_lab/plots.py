"""The figures of week 7, and its players: each sound with its spectrogram and with what is said in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from coursekit.audio import play
from coursekit.plots import PALETTE, Sheet, panels, show
from tinyworld.voices import STYLES
from voice_lab import data, hearing, measuring, spectra, training

FLOOR = 70  # decibels below the loudest that a spectrogram still shows
GREY = "0.5"


def _picture(axis: Axes, wave: Any, highest: float = 8.0) -> None:
    level = 20 * spectra.spectrum(torch.as_tensor(wave)).abs().clamp(min=1e-6).log10()
    how: dict[str, Any] = {"origin": "lower", "aspect": "auto", "cmap": "magma"}
    top = float(level.max())
    axis.imshow(level.numpy(), extent=(0, len(wave) / spectra.RATE, 0, 8), vmax=top, vmin=top - FLOOR, **how)
    axis.set(xlabel="seconds", ylim=(0, highest))


def spectrograms(sounds: Mapping[str, Any], alt: str) -> None:
    """Named sounds side by side, up to 4 kHz. alt: what they are, in words."""
    figure, axes = panels(*[8.2 / len(sounds) - 0.35] * len(sounds), height=1.7, between=0.35)
    for axis, (name, wave) in zip(axes, sounds.items(), strict=True):
        _picture(axis, wave, 4.0)
        axis.set_title(name, fontsize=8)
    axes[0].set_ylabel("kHz")
    show(figure, alt=alt)


def hear(sounds: Mapping[str, Any], said: str, listen: bool = True) -> dict[str, str]:
    """Named sounds: their spectrograms side by side, a player for each, and what Whisper hears in it.

    said: what should be heard.   listen: whether Whisper is asked.   Returns what it heard, by name.
    """
    ready = {name: spectra.finished(wave) for name, wave in sounds.items()}
    found = dict(zip(ready, hearing.heard(list(ready.values())), strict=True)) if listen else {}
    told = "; ".join(f"{name}: {found.get(name, said)!r}" for name in ready)
    spectrograms(ready, f"Spectrograms of one sentence, {said!r}. What is heard in each: {told}")
    for name, wave in ready.items():
        print(f"{name}" + (f": Whisper hears “{found[name]}”" if listen else ""))
        play(wave)
    return found


def show_opening(rounds: Callable[..., Any]) -> None:
    """One sentence: as it was recorded, from 80 numbers a frame, and from the same numbers at another pitch."""
    one = data.sentence()
    mel, track = spectra.mel_of(one.audio), measuring.pitch(one)
    octave = 2 ** torch.linspace(-0.5, 0.7, len(track))
    sounds = {
        "recorded": data.wave_of(one),
        "from its mel, Griffin-Lim": spectra.invert(mel, rounds, 20),
        "from its mel, at a pitch we drew": spectra.hummed(mel, torch.where(track > 0, 120 * octave, 0 * track)),
    }
    hear(sounds, one.text, listen=False)


def show_phase(rounds: Callable[..., Any], numbers: Sequence[int] = (0, 2, 40)) -> list[float]:
    """Griffin-Lim's misses over the rounds, and the sounds after so many. Returns the misses."""
    one = data.sentence()
    magnitude = spectra.spectrum(data.wave_of(one)).abs()
    phase = spectra.random_phase(magnitude.shape)
    made = {n: rounds(magnitude, phase, spectra.SIZE, spectra.HOP, n) for n in numbers}
    misses = list(map(float, made[max(numbers)][1]))
    figure, (axis,) = panels(4.6, height=1.9)
    axis.plot(range(len(misses)), misses, color=PALETTE[0])
    axis.set(xlabel="rounds", ylabel="miss", ylim=(0, None))
    told = f"from {misses[0]:.2f} to {misses[-1]:.2f} in {len(misses)} rounds"
    show(figure, alt=f"How far the frames of the wave are from the magnitude falls {told}, quickly at first")
    hear({"recorded": data.wave_of(one)} | {f"after {n} rounds": wave for n, (wave, _) in made.items()}, one.text)
    return misses


def show_mel(mel_of: Callable[..., Any], rounds: Callable[..., Any]) -> None:
    """A spectrum of 513 numbers a frame, its 80 mel bands, and the sound that comes back from these."""
    one = data.sentence()
    wave = data.wave_of(one)
    mel = torch.as_tensor(mel_of(wave)).float()
    figure, (left, right) = panels(3.6, 3.6, height=1.9, between=0.6)
    _picture(left, wave)
    left.set_title("513 frequencies a frame", fontsize=9)
    left.set_ylabel("kHz")
    end = len(wave) / spectra.RATE
    right.imshow(mel.T.numpy(), origin="lower", aspect="auto", cmap="magma", extent=(0, end, 0, 80), vmin=-3.5)
    right.set(xlabel="seconds", ylabel="band")
    right.set_title("80 mel bands", fontsize=9)
    show(figure, alt=f"The spectrum of {one.text!r}, and its mel spectrogram: fine lines below, broad bands above")
    hear({"recorded": wave, "from 80 bands": spectra.invert(mel, rounds)}, one.text)


def show_speeds(stretch: Callable[..., Any], speeds: Sequence[float] = (0.6, 1.0, 1.7)) -> dict[str, str]:
    """One mel vector for each phone, stretched to frames at several speeds, and spoken with pulses."""
    one = data.sentence()
    _, durations = data.phones_of(one)
    mel, track = spectra.mel_of(one.audio), measuring.pitch(one)
    parts = mel.split(durations.tolist())
    means = torch.stack([part.mean(0) if len(part) else mel.mean(0) for part in parts])
    high = torch.stack([part.median() if len(part) else torch.zeros(()) for part in track.split(durations.tolist())])
    sounds = {}
    for speed in speeds:
        states = torch.cat([means, high[:, None]], dim=1)
        found = torch.as_tensor(stretch(states[None], durations[None], speed)[0])[0]
        sounds[f"speed {speed:g}"] = spectra.hummed(found[:, :80], found[:, 80])
    return hear(sounds, one.text)


def show_alignment(align: Callable[..., torch.Tensor]) -> dict[str, float]:
    """How well each phone fits each frame, the best path, and how far phones' ends are off. Returns these."""
    one = data.sentence()
    scores, (names, durations) = training.fit(one), data.phones_of(one)
    t, f = torch.tensor([len(names)]), torch.tensor([scores.shape[1]])
    path = torch.as_tensor(align(scores[None], t, f))[0]
    figure, (axis,) = panels(7.4, height=3.4)
    shown = scores.numpy()
    axis.imshow(shown, aspect="auto", cmap="magma", vmin=np.quantile(shown, 0.2), vmax=shown.max())
    ends = path.cumsum(0)
    axis.step(np.r_[0, ends.numpy()] - 0.5, np.r_[np.arange(len(names)), len(names) - 1], where="post", color="#56B4E9")
    axis.plot(durations.cumsum(0).numpy() - 0.5, np.arange(len(names)), ".", color="white", markersize=3)
    axis.set(yticks=range(len(names)), xlabel="frame")
    axis.set_yticklabels(data.letters(names), fontsize=6)
    off = measuring.misplaced(align)
    told = ", ".join(f"{name} {value:.0f} ms" for name, value in off.items())
    show(figure, alt=f"The fit of phones and frames, and a staircase through it. Ends of phones are off by: {told}")
    for name, value in off.items():
        print(f"{value:4.0f} ms  {name}")
    return off


def attentions() -> dict[str, torch.Tensor]:
    """Attention of a sentence's frames to its phones, (1, 1, frames, phones), of four kinds."""
    one = data.sentence()
    _, durations = data.phones_of(one)
    right = torch.eye(len(durations)).repeat_interleave(durations, dim=0)
    return {
        name: found[None, None]
        for name, found in {
            "as it is spoken": right,
            "free: what fits best": (0.2 * training.fit(one).T).softmax(dim=1),
            "even: not learnt": torch.full_like(right, 1 / len(durations)),
            "backwards": right.flip(1),
        }.items()
    }


def show_guide(loss: Callable[..., torch.Tensor], sigma: float = 0.4) -> dict[str, float]:
    """Attentions of four kinds and what guided attention charges for each. Returns the losses."""
    found = {}
    every = attentions()
    figure, axes = panels(*[1.75] * len(every), height=1.9, between=0.2, left=0.5)
    for axis, (name, attention) in zip(axes, every.items(), strict=True):
        lengths = torch.tensor([attention.shape[3]]), torch.tensor([attention.shape[2]])
        found[name] = float(loss(attention, *lengths, sigma)) * attention.shape[3]
        axis.imshow(attention[0, 0].T.numpy(), aspect="auto", cmap="magma", vmax=0.5, vmin=0)
        axis.set(xticks=[], yticks=[], xlabel="frames")
        axis.set_title(f"{name}\n{found[name]:.3f}", fontsize=8)
    axes[0].set_ylabel("phones")
    told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    show(figure, alt=f"What guided attention charges a frame: {told}")
    return found


def show_intonation(
    phone_pitch: Callable[..., Any], drawn: Callable[..., Any], points: Sequence[Sequence[float]]
) -> None:
    """The pitch of a sentence's phones, what was drawn over it, and the sentence with it and without."""
    one = data.sentence()
    names, durations = data.phones_of(one)
    track, mel = measuring.pitch(one), spectra.mel_of(one.audio)
    plain = torch.as_tensor(phone_pitch(track, durations)).float()
    factors = torch.as_tensor(drawn(points, durations)).float()
    middles = durations.cumsum(0) - durations / 2
    figure, (axis,) = panels(7.4, height=2.2)
    for values, colour, name in ((plain, GREY, "as recorded"), (plain * factors, PALETTE[1], "as drawn")):
        there = values > 0
        axis.plot(middles[there], values[there], "o-", color=colour, markersize=4, linewidth=1, label=name)
    axis.set(xlabel="frame", ylabel="Hz")
    axis.legend(frameon=False, fontsize=8)
    for name, x in zip(data.letters(names), middles.tolist(), strict=True):
        axis.text(x, 1.0, name, fontsize=7, ha="center", transform=axis.get_xaxis_transform())
    told = ", ".join(f"{up:+g} semitones at {at:g}" for at, up in points)
    show(figure, alt=f"The pitch of each phone of {one.text!r}, and with a drawn line: {told}")
    bent = track * factors.repeat_interleave(durations)
    hear({"its own pitch": spectra.hummed(mel, track), "your pitch": spectra.hummed(mel, bent)}, one.text)


def show_styles(phone_pitch: Callable[..., Any]) -> tuple[float, float]:
    """Which acted style a classifier of five numbers hears. Returns the share that is right, and of the control."""
    found, control = measuring.styles_heard(phone_pitch)
    sheet = Sheet(430, 240)
    for j, style in enumerate(STYLES):
        sheet.text(style, 150 + 70 * j, 20, "mm", size=12)
        sheet.text(style, 100, 60 + 44 * j, "rm", size=12)
        for i in range(4):
            n = int(found[j, i])
            shade = int(255 - 150 * n / found[j].sum())
            sheet.block(118 + 70 * i, 42 + 44 * j, 64, 38, f"#{shade:02x}{shade:02x}ff")
            sheet.text(str(n), 150 + 70 * i, 61 + 44 * j, "mm", size=13)
    sheet.text("meant, and heard as", 10, 20, "lm", size=9)
    share, chance = (float(np.trace(table) / table.sum()) for table in (found, control))
    told = ", ".join(f"{style} {int(found[i, i])} of {int(found[i].sum())}" for i, style in enumerate(STYLES))
    sheet.show(f"Styles as a classifier hears them, of a voice it never heard: {told}")
    print(f"{share:.0%} right; {chance:.0%} where the styles' names were permuted; one in four by luck")
    return share, chance


def show_rows(rows: Mapping[str, measuring.Row], title: str = "") -> None:
    """A table of ways to make sound."""
    heads = ("", "kbit/s", "WER", "mel, dB off", "voice of nine", "real time")
    places = (8, 300, 370, 470, 580, 680)
    sheet = Sheet(700, 34 + 24 * len(rows))
    for head, x in zip(heads, places, strict=True):
        sheet.text(head, x, 16, "rm" if x > 8 else "lm", size=11, bold=True)
    lines = []
    for i, (name, row) in enumerate(rows.items()):
        bits = "" if row.bits is None else f"{row.bits:.1f}"
        values = (bits, f"{row.words:.0%}", f"{row.off:.1f}", f"{row.same:.0%}", f"{row.real_time:.3f}")
        for x, text in zip(places, (name, *values), strict=True):
            sheet.text(text, x, 42 + 24 * i, "rm" if x > 8 else "lm", size=12)
        lines.append(f"{name}: WER {values[1]}, {values[2]} dB off, the right voice {values[3]}")
    sheet.show(f"{title} " + "; ".join(lines))


def show_trials(scores: Any, same: Any, threshold: float, rate: float, title: str = "") -> None:
    """Cosines of pairs of one voice and of two, and the threshold where both errors are equal."""
    values, own = np.asarray(scores), np.asarray(same).astype(bool)
    figure, (axis,) = panels(5.4, height=2.0)
    edges = np.linspace(values.min(), values.max(), 40).tolist()
    for part, name, colour in ((values[~own], "two voices", GREY), (values[own], "one voice", PALETTE[0])):
        axis.hist(part, edges, density=True, alpha=0.6, color=colour, label=f"{name}: {len(part)} pairs")
    axis.axvline(threshold, color=PALETTE[1], linestyle="--", linewidth=1)
    axis.set(xlabel="cosine", yticks=[])
    axis.set_title(title, fontsize=9, loc="left")
    axis.legend(frameon=False, fontsize=8)
    told = f"equal error rate {rate:.1%} at a cosine of {threshold:.2f}"
    show(figure, alt=f"{title}: cosines of pairs of one voice lie above those of two; {told}")
    print(f"{title}: {told}")


def show_books(rows: Mapping[int, measuring.Row], without: float, card: Mapping[int, float]) -> None:
    """What more books bring, over the bitrate: how far the mel spectrogram is off, and words.

    without: the same distance where no codes are between.   card: the word error rate of more recordings, by books.
    """
    bits = [float(row.bits or 0) for row in rows.values()]
    figure, (left, right) = panels(3.2, 3.2, height=1.9, between=0.8)
    left.plot(bits, [row.off for row in rows.values()], "o-", color=PALETTE[0])
    left.axhline(without, color=GREY, linestyle="--", linewidth=1)
    left.text(bits[-1], without - 0.1, "no codes", fontsize=8, color=GREY, ha="right", va="top")
    right.plot(bits, [100 * card[n] for n in rows], "o-", color=PALETTE[1])
    left.set(xlabel="kbit/s", ylabel="mel, dB off", ylim=(0, None))
    right.set(xlabel="kbit/s", ylabel="WER, %", ylim=(0, None))
    right.set_title("on its card, of 45 recordings", fontsize=9)
    lines = [
        f"{n} of {len(rows)} books: {row.bits:.2f} kbit/s, {row.off:.1f} dB off, WER {row.words:.1%} here, "
        f"{card[n]:.1%} on its card"
        for n, row in rows.items()
    ]
    lines.append(f"no codes, the vocoder alone: {without:.1f} dB off")
    show(figure, alt="More books, less error. " + "; ".join(lines))
    print(*lines, sep="\n")


def show_delay(rows: Any, books: int, pad: int) -> None:
    """Rows of codes as colours, delayed; what was filled is white."""
    values = np.asarray(rows)
    sheet = Sheet(40 + 26 * values.shape[1], 20 + 26 * books)
    for i in range(books):
        sheet.text(f"{i}", 20, 23 + 26 * i, "mm", size=11)
        for j, code in enumerate(values[i].tolist()):
            colour = "#ffffff" if code == pad else PALETTE[i % len(PALETTE)]
            sheet.block(36 + 26 * j, 12 + 26 * i, 23, 22, colour)
            sheet.text("·" if code == pad else str(j - i), 48 + 26 * j, 23 + 26 * i, "mm", size=10)
    sheet.show(f"{books} books of codes: each begins a step after the one before, so frames lie on a diagonal")


def show_marks(found: Mapping[str, Sequence[float]], sure: float = 4.0) -> None:
    """z-scores of marked sentences after what happened to them."""
    figure, (axis,) = panels(5.4, height=0.32 * len(found) + 0.2, left=1.9)
    for i, (_, values) in enumerate(reversed(list(found.items()))):
        axis.scatter(values, [i] * len(values), s=14, color=PALETTE[0] if np.mean(values) > sure else PALETTE[1])
    axis.axvline(sure, color="0.6", linestyle="--", linewidth=1)
    axis.set(xlabel="z", yticks=range(len(found)))
    axis.set_yticklabels(list(found)[::-1], fontsize=8)
    told = ", ".join(f"{name} {np.mean(values):.1f}" for name, values in found.items())
    show(figure, alt=f"Mean z-scores of the mark: {told}")


def show_fakes(found: Mapping[str, tuple[Any, Any]], equal_error: Callable[..., Any]) -> dict[str, float]:
    """How often a detector of fakes errs. Returns its equal error rates."""
    rates = {name: float(equal_error(scores, real)[0]) for name, (scores, real) in found.items()}
    figure, axes = panels(3.2, 3.2, height=1.8, between=0.4, left=0.3)
    for axis, (name, (scores, real)) in zip(axes, found.items(), strict=True):
        values, true = np.asarray(scores), np.asarray(real).astype(bool)
        edges = np.linspace(values.min(), values.max(), 24).tolist()
        axis.hist(values[true], edges, color=PALETTE[0], alpha=0.6, label="recorded")
        axis.hist(values[~true], edges, color=PALETTE[1], alpha=0.6, label="made")
        axis.set(yticks=[], xlabel="the detector's score")
        axis.set_title(f"{name}: {rates[name]:.0%} wrong", fontsize=9)
        axis.legend(frameon=False, fontsize=8)
    told = "; ".join(f"{name}: equal error rate {value:.0%}" for name, value in rates.items())
    show(figure, alt=f"Scores of recorded and made sentences. {told}")
    return rates
