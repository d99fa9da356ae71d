"""The shipped CLIP once more, in open_clip's format: the same weights under open_clip's names, nothing trained.

Both libraries implement the same network, so their embeddings agree to rounding. Week 1 loads such a folder where the
full profile loads a model of the OpenCLIP project. It is made when it is loaded: no weights are shipped twice.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json")
# transformers' name within a layer -> open_clip's; the attention's three inputs are joined separately
IN_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
Weights = dict[str, torch.Tensor]


def export(clip: Path, out: Path) -> None:
    """Write open_clip's configuration, weights (fp16) and tokenizer files for the CLIPModel in the folder `clip`.

    What is written is loaded as `open_clip.create_model_and_transforms(f"local-dir:{out}")`.
    """
    out.mkdir(parents=True, exist_ok=True)
    config = CLIPConfig.from_pretrained(clip)
    images = json.loads(_image_settings(clip).read_text(encoding="utf-8"))
    images = images.get("image_processor", images)
    save_file(convert(load_file(clip / "model.safetensors"), config), out / "open_clip_model.safetensors")
    (out / "open_clip_config.json").write_text(json.dumps(open_clip_config(config, images), indent=2) + "\n")
    # what tells transformers' AutoTokenizer, which open_clip asks, that this is a CLIP tokenizer
    (out / "config.json").write_text(json.dumps({"model_type": "clip"}) + "\n")
    for name in TOKENIZER_FILES:
        if (clip / name).is_file():
            shutil.copy(clip / name, out / name)


def _image_settings(clip: Path) -> Path:
    return next(p for p in (clip / "preprocessor_config.json", clip / "processor_config.json") if p.is_file())


def open_clip_config(config: CLIPConfig, images: dict) -> dict:
    """open_clip_config.json for a CLIPModel with plain GELU."""
    vision, text = config.vision_config, config.text_config
    if (vision.hidden_act, text.hidden_act) != ("gelu", "gelu"):
        raise ValueError(f"this writes models with plain GELU; {vision.hidden_act} and {text.hidden_act} were found")
    return {
        "model_cfg": {
            "embed_dim": config.projection_dim,
            "vision_cfg": {
                "image_size": vision.image_size,
                "patch_size": vision.patch_size,
                "width": vision.hidden_size,
                "layers": vision.num_hidden_layers,
                "head_width": vision.hidden_size // vision.num_attention_heads,
                "mlp_ratio": vision.intermediate_size / vision.hidden_size,
            },
            "text_cfg": {
                "context_length": text.max_position_embeddings,
                "vocab_size": text.vocab_size,
                "width": text.hidden_size,
                "layers": text.num_hidden_layers,
                "heads": text.num_attention_heads,
                "mlp_ratio": text.intermediate_size / text.hidden_size,
                "hf_tokenizer_name": "tinyworld",  # any name: open_clip takes the files beside this one
            },
        },
        "preprocess_cfg": {
            "mean": images["image_mean"],
            "std": images["image_std"],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def convert(weights: Weights, config: CLIPConfig) -> Weights:
    """transformers' names and shapes to open_clip's."""
    new: Weights = {
        "logit_scale": weights["logit_scale"],
        "visual.proj": weights["visual_projection.weight"].T,
        "text_projection": weights["text_projection.weight"].T,
        "visual.class_embedding": weights["vision_model.embeddings.class_embedding"],
        "visual.conv1.weight": weights["vision_model.embeddings.patch_embedding.weight"],
        "visual.positional_embedding": weights["vision_model.embeddings.position_embedding.weight"],
        "positional_embedding": weights["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": weights["text_model.embeddings.token_embedding.weight"],
    }
    norms = {
        "vision_model.pre_layrnorm": "visual.ln_pre",  # so spelt in transformers
        "vision_model.post_layernorm": "visual.ln_post",
        "text_model.final_layer_norm": "ln_final",
    }
    for old, name in norms.items():
        new |= {f"{name}.{part}": weights[f"{old}.{part}"] for part in ("weight", "bias")}
    towers = (("vision_model", "visual.", config.vision_config), ("text_model", "", config.text_config))
    for tower, prefix, settings in towers:
        for i in range(settings.num_hidden_layers):
            old, name = f"{tower}.encoder.layers.{i}", f"{prefix}transformer.resblocks.{i}"
            for part in ("weight", "bias"):
                new |= {f"{name}.{b}.{part}": weights[f"{old}.{a}.{part}"] for a, b in IN_LAYER.items()}
                inputs = [weights[f"{old}.self_attn.{x}_proj.{part}"] for x in "qkv"]
                new[f"{name}.attn.in_proj_{part}"] = torch.cat(inputs)
    return {name: weight.half().contiguous() for name, weight in new.items()}
