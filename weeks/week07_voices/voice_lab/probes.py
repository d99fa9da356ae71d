"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from coursekit.probes import arguments_after as arguments_after  # for the checks

MELS, FRAMES_A_STEP = 8, 3


class Speaker:
    """A small SpeechT5ForTextToSpeech with random weights, that says one text step by step.

    model: it returns frames as its decoder makes them, with no postnet, and its prenet drops nothing, so that two runs
    agree.   ids: int64 (1, 7), the text.   voice: float (1, 4).   calls: how many frames each call was given.
    """

    def __init__(self, seed: int) -> None:
        from transformers import SpeechT5Config, SpeechT5ForTextToSpeech

        config = SpeechT5Config(
            vocab_size=12,
            hidden_size=16,
            encoder_layers=1,
            encoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=16,
            num_mel_bins=MELS,
            speech_decoder_prenet_units=12,
            speech_decoder_postnet_units=8,
            reduction_factor=FRAMES_A_STEP,
            speaker_embedding_dim=4,
            max_speech_positions=80,
            initializer_range=0.6,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model: Any = SpeechT5ForTextToSpeech(config).eval().requires_grad_(False)
            self.ids = torch.randint(4, 12, (1, 7))
            self.voice = torch.randn(1, 4)
        self.model.speecht5.decoder.prenet._consistent_dropout = lambda states, p: states
        self.model.speech_decoder_postnet.postnet = lambda frames: frames
        self.model.speech_decoder_postnet.feat_out.weight.mul_(6)  # so that what was said changes what comes
        self.model.speech_decoder_postnet.prob_out.weight.mul_(1.5)
        self.calls: list[list[int]] = []

    @torch.no_grad()
    def __call__(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The next frames (3, 8) and their stop probabilities (3,), after frames (t, 8) of which the first is 0."""
        self.calls.append(list(frames.shape))
        frames = frames if len(frames) else torch.zeros(1, MELS)  # what lacks the first frame is told so by `calls`
        speech, rest = self.model.speecht5, self.model.speech_decoder_postnet
        encoded = speech.encoder(input_values=self.ids, attention_mask=torch.ones_like(self.ids), return_dict=True)
        length = frames.shape[0]
        heard = speech.decoder.wrapped_decoder(
            hidden_states=speech.decoder.prenet(frames[None], self.voice),
            attention_mask=torch.ones(1, length, dtype=torch.long),
            encoder_hidden_states=encoded.last_hidden_state,
            encoder_attention_mask=torch.ones_like(self.ids),
            use_cache=False,
            return_dict=True,
        ).last_hidden_state[:, -1]
        return rest.feat_out(heard).view(FRAMES_A_STEP, MELS), torch.sigmoid(rest.prob_out(heard))[0]


def spoken(function: Callable[..., Any], seed: int, threshold: float, least: int, most: int) -> dict[str, Any]:
    """What a student's `speak` says with a `Speaker`, and the shapes that it was called with."""
    speaker = Speaker(seed)
    found = function(speaker, MELS, threshold, least, most)
    return {"found": found, "calls": speaker.calls}


def played(function: Callable[..., Any], frames: torch.Tensor, stops: torch.Tensor, *how: Any) -> dict[str, Any]:
    """What a student's `speak` says where step i gives frames[i] (r, mels) and stops[i] (r,), and what it was given.

    how: threshold, least, most.   Returns found, and given: the frames of the last call.
    """
    given: list[torch.Tensor] = []

    def step(before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        given.append(before.detach().clone())
        at = min(len(given), len(frames)) - 1
        return frames[at].clone(), stops[at].clone()

    found = function(step, frames.shape[2], *how)
    return {"found": found, "given": given[-1] if given else torch.zeros(0), "calls": len(given)}
