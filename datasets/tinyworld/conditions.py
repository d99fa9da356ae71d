"""What a masked painter is told: a caption's states, as aMUSEd's transformer takes them (Patil et al. 2024).

told = conditions(["a small red star on a white background"])
logits = transformer(ids, **told)       # a `UVit2DModel`
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

AESTHETIC = 6.0  # the score that aMUSEd asks for; ours has seen no other


class TextConditions:
    """Captions to the arguments of a `UVit2DModel`.

    encoder, tokenizer: CLIP's text tower, with its projection or without.
    side: of the pictures, in pixels; it is among the micro-conditions, with the corner of a crop and a score of beauty.
    penultimate: take the states before the last layer and the projected embedding, as aMUSEd does; else those that the
    course's diffusion model is told: the last layer's, and the one at the caption's end.
    """

    def __init__(self, encoder, tokenizer, side: int = 64, penultimate: bool = False) -> None:
        self.encoder, self.tokenizer, self.side, self.penultimate = encoder, tokenizer, side, penultimate

    def to(self, device: torch.device | str) -> TextConditions:
        """Move the text tower to a device, where the conditions are then made."""
        self.encoder = self.encoder.to(device)
        return self

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> dict[str, torch.Tensor]:
        """encoder_hidden_states: float (n, 32, width).   pooled_text_emb: float (n, width).   micro_conds: (n, 5)."""
        ids = self.tokenizer(list(captions), padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
        out = self.encoder(ids.to(self.encoder.device), output_hidden_states=self.penultimate)
        states = out.hidden_states[-2] if self.penultimate else out.last_hidden_state
        pooled = out.text_embeds if self.penultimate else out.pooler_output
        micro = torch.tensor([self.side, self.side, 0.0, 0.0, AESTHETIC], device=states.device, dtype=states.dtype)
        return {
            "encoder_hidden_states": states,
            "pooled_text_emb": pooled,
            "micro_conds": micro.expand(len(states), -1),
        }
