"""The shipped SpeechT5 reads a text, step by step as `speak` asks it, and shows where it was looking."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch

from coursekit import models
from coursekit.models import Loaded
from coursekit.plots import panels, show
from voice_lab import data, hearing, measuring, plots, spectra

TEXT = "draw a small red star above a large blue ring"
MOST = 6  # frames a phone, after which it is stopped
VOICE = torch.ones(1, 1)  # it has one voice


@cache
def _role() -> Loaded:
    return models.load("reader", "tiny", "cpu")


class Reader:
    """A text that is read: call it as `speak` calls a step.

    even: whether all phones are made alike to its attention, which then cannot but look at all of them evenly.
    attention: how much each step looked at each phone, (phones,), the mean over all heads.
    """

    @torch.no_grad()
    def __init__(self, text: str, even: bool = False, seed: int = 0) -> None:
        self.model: Any = _role().model
        self.seed, self.names = seed, _role().processor.phones(text)
        self.given = _role().processor([text])
        found = self.model.speecht5.encoder(
            input_values=self.given["input_ids"], attention_mask=self.given["attention_mask"], return_dict=True
        ).last_hidden_state
        self.encoded = found.mean(dim=1, keepdim=True).expand_as(found) if even else found
        self.attention: list[torch.Tensor] = []

    @torch.no_grad()
    def __call__(self, before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The next frames (r, 80) and their stop probabilities (r,), after frames (m, 80) of which the first is 0."""
        speech, rest = self.model.speecht5, self.model.speech_decoder_postnet
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)  # of the prenet, which drops numbers even now
            states = speech.decoder.prenet(before[None], VOICE)
        found = speech.decoder.wrapped_decoder(
            hidden_states=states,
            attention_mask=torch.ones(1, len(before), dtype=torch.long),
            encoder_hidden_states=self.encoded,
            encoder_attention_mask=self.given["attention_mask"],
            use_cache=False,
            output_attentions=True,
            return_dict=True,
        )
        self.attention.append(torch.stack([layer[0, :, -1] for layer in found.cross_attentions]).mean(dim=(0, 1)))
        last = found.last_hidden_state[:, -1]
        return rest.feat_out(last).view(-1, spectra.MELS), torch.sigmoid(rest.prob_out(last))[0]


class Said(NamedTuple):
    """wave: float32 (samples,).   attention: (steps, phones).   names: of the phones."""

    wave: torch.Tensor
    attention: torch.Tensor
    names: list[str]


@torch.no_grad()
def read(speak: Callable[..., Any], text: str, even: bool = False) -> Said:
    """A text in the loop of `speak`, and the vocoder's sound of it. even: see `Reader`."""
    reader = Reader(text, even)
    phones, step = len(reader.names), reader.model.config.reduction_factor
    frames = torch.as_tensor(speak(reader, spectra.MELS, 0.5, phones // step, MOST * phones // step)[0]).float()
    mel = reader.model.speech_decoder_postnet.postnet(frames[None])[0]
    return Said(measuring.hifi(mel), torch.stack(reader.attention), reader.names)


def show_reading(speak: Callable[..., Any], text: str = TEXT) -> dict[str, float]:
    """A text read by attention that was learnt, and by attention that cannot choose: maps, sounds, word errors.

    speak: as the notebook's.   text: words of the world.
    """
    made = {"learnt": read(speak, text), "even: it cannot choose": read(speak, text, even=True)}
    figure, axes = panels(3.5, 3.5, height=3.0, between=0.5)
    for axis, (name, said) in zip(axes, made.items(), strict=True):
        axis.imshow(said.attention.T.numpy(), aspect="auto", cmap="magma", vmin=0, vmax=0.8)
        axis.set(xlabel="step of the decoder", yticks=range(len(said.names)))
        axis.set_yticklabels(data.letters(said.names), fontsize=6)
        axis.set_title(name, fontsize=9)
    told = "a staircase from the first phone to the last" if follows(made["learnt"].attention) else "no staircase"
    show(figure, alt=f"Attention of decoder steps to the phones of {text!r}: {told}; the control: the same everywhere")
    found = plots.hear({name: said.wave for name, said in made.items()}, text)
    wrong = {name: hearing.word_errors([text], [found[name]]) for name in made}
    for name, value in wrong.items():
        print(f"{value:4.0%}  word errors, attention {name}")
    return wrong


def follows(attention: torch.Tensor) -> bool:
    """Whether attention (steps, phones) goes through the text in order: never more than one phone back, to the end."""
    peaks = attention.argmax(dim=1)
    return bool((peaks.diff() >= -1).all()) and int(peaks.max()) >= attention.shape[1] - 3
