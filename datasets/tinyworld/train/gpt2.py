"""How a small GPT-2 starts."""

from __future__ import annotations

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tinyworld.train.towers import sine_cosine


def build_gpt2(vocabulary: int, places: int, width: int, layers: int, **others) -> GPT2LMHeadModel:
    """A `GPT2LMHeadModel` without dropout, heads 32 wide, started as `initialise` says.

    others: more of its configuration.
    """
    others = {"activation_function": "gelu_pytorch_tanh"} | others  # GPT-2's own in one operation
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=places,
        n_embd=width,
        n_layer=layers,
        n_head=width // 32,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        **others,
    )
    model = GPT2LMHeadModel._from_config(config, attn_implementation="eager")  # its backward is the faster in bfloat16
    initialise(model)
    return model


@torch.no_grad()
def initialise(model: GPT2LMHeadModel) -> None:
    """Larger queries and keys, and positions that say where they are from the start, as in `towers.initialise`."""
    width = model.config.n_embd
    for name, weight in model.named_parameters():
        if name.endswith("crossattention.c_attn.weight"):
            weight[:, :width].normal_(0, 0.1)  # keys, then values
            weight[:, width:].normal_(0, 0.06)
        elif name.endswith("attn.c_attn.weight"):
            weight[:, : 2 * width].normal_(0, 0.1)  # queries and keys, then values
            weight[:, 2 * width :].normal_(0, 0.06)
        elif name.endswith("q_attn.weight"):
            weight.normal_(0, 0.1)
        elif name.endswith("attn.c_proj.weight") or name.endswith("attention.c_proj.weight"):
            weight.normal_(0, 0.06)
        elif name.endswith("c_fc.weight") or name.endswith("mlp.c_proj.weight"):
            weight.normal_(0, 0.7 * weight.shape[0] ** -0.5)
    model.transformer.wte.weight.normal_(0, 0.1)
    if not model.config.tie_word_embeddings:
        model.lm_head.weight.normal_(0, 0.02)
    places = torch.arange(model.config.n_positions, dtype=torch.float32)
    model.transformer.wpe.weight.copy_(0.1 * sine_cosine(places, width))
