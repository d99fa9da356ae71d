"""Models by role. `load("clip")` is the course's own small checkpoint in the tiny profile, the Hub's in the full one.

    clip = models.load("clip")
    images, texts = models.embed_images(clip, pictures), models.embed_texts(clip, captions)

This table is the only place where a model's id stands.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

import tinyworld
from coursekit import session
from coursekit.loaders import (
    Loaded as Loaded,
)
from coursekit.loaders import (
    OpenClipProcessor as OpenClipProcessor,
)
from coursekit.loaders import (
    Role as Role,
)
from coursekit.loaders import (
    load_blip,
    load_clap,
    load_clip,
    load_codec,
    load_diffusion,
    load_inpainting,
    load_llava,
    load_masked,
    load_open_clip,
    load_programs,
    load_reader,
    load_speaker,
    load_talker,
    load_token_lm,
    load_video,
    load_vocoder,
    load_vq,
    load_whisper,
)


def load(role: str, profile: str | None = None, device: Any = None) -> Loaded:
    """The model of a role and its processor, in eval mode.

    role: a key of ROLES.   profile, device: those of `setup`, unless given.
    Every call gives a model and a processor of its own: training one leaves the next as it was shipped.
    Raises KeyError for an unknown role, and RuntimeError with what to do where the Hub cannot be reached.
    """
    if role not in ROLES:
        raise KeyError(f"no model has the role {role!r}; there are: {', '.join(ROLES)}")
    row = ROLES[role]
    now = session.current
    profile = profile or (now.profile if now else "tiny")
    device = device or (now.device if now else "cpu")
    loaded = copy.deepcopy(_shipped(row, tinyworld.checkpoint(row.shipped))) if profile == "tiny" else _from_hub(row)
    model = loaded.model.to(device)
    if role == "masked":  # its processor holds a network of its own
        loaded.processor.to(device)
    return Loaded(model.eval() if hasattr(model, "eval") else model, loaded.processor)


def keep(role: str) -> None:
    """Read the shipped model of a role now: from then on `load` copies it, in this process and in every fork of it.

    On one thread, for a pool of them would not be in a fork.
    """
    row = ROLES[role]
    with session.one_thread():
        _shipped(row, tinyworld.checkpoint(row.shipped))


@lru_cache
def _shipped(row: Role, folder: Path) -> Loaded:
    """A shipped checkpoint, read once a process. Give away copies of it: they take a fifth of the time."""
    return row.loader(folder, row)


def _from_hub(row: Role) -> Loaded:
    """The Hub's model, read anew each time: a copy of one this large would be in memory for nothing."""
    try:
        return row.loader(row.hub_id, row)
    except OSError as error:
        raise RuntimeError(
            f"{row.hub_id} ({row.size_mb} MB) is not in the Hub cache and could not be fetched. Go online once, "
            f'or set PROFILE = "tiny" for the model the course ships. ({str(error).splitlines()[0]})'
        ) from error


def _load_lcm(where: str | Path, role: Role) -> Loaded:
    """The base model with the few-step LoRA; shipped there is none, so the base model alone."""
    base = ROLES["diffusion"]
    if not isinstance(where, str):
        return load_diffusion(where, base)
    from diffusers import LCMScheduler

    loaded = load_diffusion(base.hub_id, base)
    loaded.model.scheduler = LCMScheduler.from_config(loaded.model.scheduler.config)
    loaded.model.load_lora_weights(where, revision=role.revision)
    return loaded


def _parts(family: str, *kinds: str) -> tuple[str, ...]:
    """The modules of a family of models in transformers: `kinds` are modeling, processing, ..."""
    return tuple(f"transformers.models.{family}.{kind}_{family}" for kind in kinds)


CLIP = _parts("clip", "modeling", "processing", "tokenization", "image_processing")
DIFFUSION = (*CLIP, "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion")
BLIP = (*_parts("blip", "modeling", "processing", "image_processing"), *_parts("bert", "tokenization"))
WHISPER = _parts("whisper", "modeling", "processing", "tokenization", "feature_extraction")
GPT2 = _parts("gpt2", "modeling")
PROGRAMS = (*_parts("vision_encoder_decoder", "modeling"), *_parts("trocr", "processing"), *CLIP, *GPT2)
LLAVA = (*_parts("llava", "modeling", "processing"), *_parts("llama", "modeling"), *CLIP)

ROLES: dict[str, Role] = {
    "clip": Role(
        model_class="transformers.CLIPModel",
        shipped="clip",
        hub_id="openai/clip-vit-base-patch32",
        revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        licence="MIT",
        size_mb=605,
        memory_mb=900,
        loader=load_clip,
        modules=CLIP,
    ),
    "open_clip": Role(
        model_class="open_clip.CLIP",
        shipped="clip",
        hub_id="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        revision="1a25a446712ba5ee05982a381eed697ef9b435cf",
        licence="MIT",
        size_mb=605,
        memory_mb=900,
        loader=load_open_clip,
        modules=("open_clip", *CLIP),
        files=("open_clip_config.json", "open_clip_model.safetensors", "*token*", "vocab.json", "merges.txt"),
    ),
    "diffusion": Role(
        model_class="diffusers.StableDiffusionPipeline",
        shipped="diffusion",
        hub_id="stable-diffusion-v1-5/stable-diffusion-v1-5",
        revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
        licence="CreativeML OpenRAIL-M",
        size_mb=2140,
        memory_mb=3500,
        loader=load_diffusion,
        modules=DIFFUSION,
    ),
    "diffusion_lcm": Role(
        model_class="diffusers.StableDiffusionPipeline",
        shipped="diffusion",
        hub_id="latent-consistency/lcm-lora-sdv1-5",
        revision="cf2fced511dbe7e26c8d1d397e728fbab875db4b",
        licence="OpenRAIL++",
        size_mb=135,
        memory_mb=3600,
        loader=_load_lcm,
        modules=DIFFUSION,
    ),
    "inpainting": Role(
        model_class="diffusers.StableDiffusionInpaintPipeline",
        shipped="diffusion",
        hub_id="stable-diffusion-v1-5/stable-diffusion-inpainting",
        revision="8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
        licence="CreativeML OpenRAIL-M",
        size_mb=2140,
        memory_mb=3500,
        loader=load_inpainting,
        modules=(*DIFFUSION, "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint"),
    ),
    "captioning": Role(
        model_class="transformers.BlipForConditionalGeneration",
        shipped="blip",
        hub_id="Salesforce/blip-image-captioning-base",
        revision="82a37760796d32b1411fe092ab5d4e227313294b",
        licence="BSD-3-Clause",
        size_mb=990,
        memory_mb=1300,
        loader=load_blip,
        modules=BLIP,
    ),
    "retrieval": Role(
        model_class="transformers.BlipForImageTextRetrieval",
        shipped="blip",
        hub_id="Salesforce/blip-itm-base-coco",
        revision="bed8ad38cb2d04a5a4bdf2d071b3c3c0a4aa724c",
        licence="BSD-3-Clause",
        size_mb=895,
        memory_mb=1200,
        loader=load_blip,
        modules=BLIP,
        variant="matching",
    ),
    "vqa": Role(
        model_class="transformers.BlipForQuestionAnswering",
        shipped="blip",
        hub_id="Salesforce/blip-vqa-base",
        revision="787b3d35d57e49572baabd22884b3d5a05acf072",
        licence="BSD-3-Clause",
        size_mb=1540,
        memory_mb=1900,
        loader=load_blip,
        modules=BLIP,
        variant="answering",
    ),
    "whisper": Role(
        model_class="transformers.WhisperForConditionalGeneration",
        shipped="whisper",
        hub_id="openai/whisper-tiny",
        revision="169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        licence="Apache-2.0",
        size_mb=151,
        memory_mb=400,
        loader=load_whisper,
        modules=WHISPER,
    ),
    "whisper_base": Role(
        model_class="transformers.WhisperForConditionalGeneration",
        shipped="whisper",
        hub_id="openai/whisper-base",
        revision="e37978b90ca9030d5170a5c07aadb050351a65bb",
        licence="Apache-2.0",
        size_mb=290,
        memory_mb=600,
        loader=load_whisper,
        modules=WHISPER,
    ),
    "llava": Role(
        model_class="transformers.LlavaForConditionalGeneration",
        shipped="llava",
        hub_id="llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        revision="74dd0bf867a4cda7950c17663794267c60cf4b40",
        licence="Apache-2.0",
        size_mb=1790,
        memory_mb=3600,
        loader=load_llava,
        modules=LLAVA,
    ),
    "smolvlm": Role(
        model_class="transformers.LlavaForConditionalGeneration",
        shipped="llava",
        hub_id="HuggingFaceTB/SmolVLM-256M-Instruct",
        revision="7e3e67edbbed1bf9888184d9df282b700a323964",
        licence="Apache-2.0",
        size_mb=515,
        memory_mb=1200,
        loader=load_llava,
        modules=LLAVA,
    ),
    # aMUSEd's tokeniser and its transformer, of one repository.
    "vq": Role(
        model_class="diffusers.VQModel",
        shipped="vq",
        hub_id="amused/amused-256",
        revision="09b6259bf96dbe6d70a852b70812420fe02df55e",
        licence="CreativeML OpenRAIL++-M",
        size_mb=293,
        memory_mb=700,
        loader=load_vq,
        modules=("diffusers.models.autoencoders.vq_model", "diffusers.image_processor"),
        subfolder="vqvae",
    ),
    "masked": Role(
        model_class="diffusers.UVit2DModel",
        shipped="masked",
        hub_id="amused/amused-256",
        revision="09b6259bf96dbe6d70a852b70812420fe02df55e",
        licence="CreativeML OpenRAIL++-M",
        size_mb=1455,
        memory_mb=3000,
        loader=load_masked,
        modules=(*CLIP, "diffusers.models.unets.uvit_2d", "diffusers.schedulers.scheduling_amused"),
        subfolder="transformer",
    ),
    "token_lm": Role(
        model_class="transformers.GPT2LMHeadModel",
        shipped="token_lm",
        hub_id="deepseek-community/Janus-Pro-1B",
        revision="1655280bb75959cc1cb85529a2a8b26e7016072e",
        licence="MIT",
        size_mb=4200,
        memory_mb=8400,
        loader=load_token_lm,
        modules=GPT2,
    ),
    # On the Hub no model writes such programs untrained: Donut is the same class, to be fine-tuned.
    "programs": Role(
        model_class="transformers.VisionEncoderDecoderModel",
        shipped="programs",
        hub_id="naver-clova-ix/donut-base",
        revision="a959cf33c20e09215873e338299c900f57047c61",
        licence="MIT",
        size_mb=809,
        memory_mb=1200,
        loader=load_programs,
        modules=PROGRAMS,
    ),
    "speaker": Role(
        model_class="transformers.WavLMForXVector",
        shipped="speaker",
        hub_id="microsoft/wavlm-base-plus-sv",
        revision="feb593a6c23c1cc3d9510425c29b0a14d2b07b1e",
        licence="CC-BY-SA-3.0",
        size_mb=405,
        memory_mb=600,
        loader=load_speaker,
        modules=(*_parts("wavlm", "modeling"), *_parts("wav2vec2", "feature_extraction")),
    ),
    "vocoder": Role(
        model_class="transformers.SpeechT5HifiGan",
        shipped="vocoder",
        hub_id="microsoft/speecht5_hifigan",
        revision="bb6f429406e86a9992357a972c0698b22043307d",
        licence="MIT",
        size_mb=51,
        memory_mb=150,
        loader=load_vocoder,
        modules=_parts("speecht5", "modeling", "feature_extraction"),
    ),
    "talker": Role(
        model_class="transformers.FastSpeech2ConformerModel",
        shipped="talker",
        hub_id="espnet/fastspeech2_conformer",
        revision="07f9c4a2d6bbc69b277d87d2202ad1e35b05e113",
        licence="Apache-2.0",
        size_mb=283,
        memory_mb=500,
        loader=load_talker,
        modules=_parts("fastspeech2_conformer", "modeling", "tokenization"),
    ),
    "reader": Role(
        model_class="transformers.SpeechT5ForTextToSpeech",
        shipped="reader",
        hub_id="microsoft/speecht5_tts",
        revision="30fcde30f19b87502b8435427b5f5068e401d5f6",
        licence="MIT",
        size_mb=585,
        memory_mb=900,
        loader=load_reader,
        modules=_parts("speecht5", "modeling", "processing", "tokenization", "feature_extraction"),
    ),
    # The Hub's is not for commerce; ours is MIT, as all that is shipped.
    "codec": Role(
        model_class="transformers.EncodecModel",
        shipped="codec",
        hub_id="facebook/encodec_24khz",
        revision="c1dbe2ae3f1de713481a3b3e7c47f357092ee040",
        licence="CC-BY-NC-4.0",
        size_mb=93,
        memory_mb=300,
        loader=load_codec,
        modules=(
            *_parts("encodec", "modeling", "feature_extraction"),
            *_parts("speecht5", "modeling", "feature_extraction"),
        ),
    ),
    "clap": Role(
        model_class="transformers.ClapModel",
        shipped="clap",
        hub_id="laion/clap-htsat-unfused",
        revision="8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a",
        licence="Apache-2.0",
        size_mb=615,
        memory_mb=900,
        loader=load_clap,
        modules=(
            *_parts("clap", "modeling", "processing", "feature_extraction"),
            *_parts("roberta", "tokenization"),
        ),
    ),
    # The Hub's is not for commerce; ours is MIT, as all that is shipped.
    "video": Role(
        model_class="transformers.VideoMAEForVideoClassification",
        shipped="video",
        hub_id="MCG-NJU/videomae-base-finetuned-kinetics",
        revision="488eb9a0565f257b32866000305c8178965eb9f6",
        licence="CC-BY-NC-4.0",
        size_mb=346,
        memory_mb=500,
        loader=load_video,
        modules=_parts("videomae", "modeling", "image_processing"),
    ),
}


# --- embeddings -----------------------------------------------------------------------------------------------------


def embed_images(loaded: Loaded, images: Sequence[Image.Image], batch: int = 64) -> Any:
    """Pictures to a float32 tensor (n, d) on the CPU, as the model gives them: not normalised."""
    images = [image.convert("RGB") for image in images]

    def embed(part: Sequence[Image.Image], device: Any) -> Any:
        if isinstance(loaded.processor, OpenClipProcessor):
            return loaded.model.encode_image(loaded.processor.images(part).to(device))
        inputs = loaded.processor(images=part, return_tensors="pt").to(device)
        return features(loaded.model.get_image_features(**inputs))

    return _in_batches(loaded, images, batch, embed)


def embed_texts(loaded: Loaded, texts: Sequence[str], batch: int = 256) -> Any:
    """Texts to a float32 tensor (n, d) on the CPU, as the model gives them: not normalised. Long texts are cut."""

    def embed(part: Sequence[str], device: Any) -> Any:
        if isinstance(loaded.processor, OpenClipProcessor):
            return loaded.model.encode_text(loaded.processor.texts(part).to(device))
        inputs = loaded.processor(text=list(part), return_tensors="pt", padding=True, truncation=True).to(device)
        return features(loaded.model.get_text_features(**inputs))

    return _in_batches(loaded, list(texts), batch, embed)


def features(output: Any) -> Any:
    """The embedding in what get_image_features or get_text_features returns: versions differ in its wrapping."""
    return getattr(output, "pooler_output", output)


def _in_batches(loaded: Loaded, items: Sequence[Any], batch: int, embed: Callable[[Sequence[Any], Any], Any]) -> Any:
    import torch

    if not items:
        raise ValueError("nothing to embed: the list is empty")
    device = next(loaded.model.parameters()).device
    with torch.inference_mode():
        parts = [embed(items[i : i + batch], device).float().cpu() for i in range(0, len(items), batch)]
    return torch.cat(parts).clone()
