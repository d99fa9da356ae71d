"""Two other ways to bring what a vision tower sees to a language model, in the place of LLaVA's projector.

Both give as many vectors as there are learned queries, however many patches a picture has:
- `QFormer`: BLIP-2's querying transformer (Li et al. 2023, section 3.1); the queries attend to each other, then to the
  patches.
- `Resampler`: Flamingo's Perceiver resampler (Alayrac et al. 2022, section 3.1.1); the queries attend to the patches
  and to each other at once.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import Blip2QFormerConfig, Blip2QFormerModel, IdeficsConfig, LlavaProcessor
from transformers import LlavaForConditionalGeneration as Llava
from transformers.models.idefics.perceiver import IdeficsPerceiverResampler
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from tinyworld.checkpoints import checkpoint
from tinyworld.scene import Scene

KINDS: tuple[str, ...] = ("projector", "qformer", "resampler")
LAYERS, HEADS = 2, 4


class QFormer(nn.Module):
    """Patches (n, patches, width) to (n, queries, text width)."""

    def __init__(self, width: int, text_width: int, queries: int) -> None:
        super().__init__()
        config = Blip2QFormerConfig(
            hidden_size=width,
            encoder_hidden_size=width,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * width,
            cross_attention_frequency=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        self.queries = nn.Parameter(torch.randn(1, queries, width))
        self.former = Blip2QFormerModel(config)
        self.out = nn.Linear(width, text_width)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        queries = self.queries.expand(len(patches), -1, -1)
        return self.out(self.former(query_embeds=queries, encoder_hidden_states=patches).last_hidden_state)


class Resampler(nn.Module):
    """Patches (n, patches, width) to (n, queries, text width)."""

    def __init__(self, width: int, text_width: int, queries: int) -> None:
        super().__init__()
        config = IdeficsConfig(vision_config={"embed_dim": width})
        self.resampler = IdeficsPerceiverResampler(config, width, LAYERS, HEADS, width // HEADS, queries)
        self.out = nn.Linear(width, text_width)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return self.out(self.resampler(patches))


def give(llava: Llava, kind: str, queries: int) -> None:
    """Put a new connector of a kind, one of KINDS, in the place of a LLaVA's own; its weights are random."""
    if kind not in KINDS:
        raise ValueError(f"a connector is one of {', '.join(KINDS)}; got {kind!r}")
    config = llava.config
    if kind == "projector":
        connector = LlavaMultiModalProjector(config)
    else:
        sizes = config.vision_config.hidden_size, config.text_config.hidden_size, queries
        connector = {"qformer": QFormer, "resampler": Resampler}[kind](*sizes)
    llava.model.multi_modal_projector = connector


def load(folder: Path, llava: Path | None = None) -> Llava:
    """A LLaVA, the course's unless told otherwise, with the connector that is in a folder; float32, in eval mode."""
    kind = json.loads((folder / "connector.json").read_text())
    model = Llava.from_pretrained(llava or checkpoint("llava"), dtype=torch.float32)
    give(model, kind["connector"], kind["queries"])
    model.model.multi_modal_projector.load_state_dict(load_file(folder / "model.safetensors"))
    return model.float().eval()


@torch.inference_mode()
def cost(model: Llava, processor: LlavaProcessor, scene: Scene) -> dict[str, float]:
    """Image tokens, the connector's parameters, and the time of one pass over a scene in ms: the least of five."""
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what do you see?"}]}]
    text = processor.apply_chat_template(asked, add_generation_prompt=True)
    inputs = processor(images=[scene.render(64)], text=[text], return_tensors="pt")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        model(**inputs)
        times.append(time.perf_counter() - start)
    tokens = (inputs["input_ids"] == model.config.image_token_id).sum().item()
    parameters = sum(p.numel() for p in model.model.multi_modal_projector.parameters())
    return {"image tokens": float(tokens), "parameters": float(parameters), "ms": 1000 * min(times)}
