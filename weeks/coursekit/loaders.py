"""How a model of each role is read: from the shipped files of a folder, or from the Hub at a pinned revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

import tinyworld


@dataclass(frozen=True)
class Role:
    """One row of the table: what is shipped, and what it stands for on the Hub.

    shipped: folder under tinyworld's checkpoints.  size_mb: download of the Hub's weights.  memory_mb: to run them.
    modules: what loading it imports of its library, which loads its parts only when they are used.
    """

    model_class: str
    shipped: str
    hub_id: str
    revision: str
    licence: str
    size_mb: int
    memory_mb: int
    loader: Callable[[str | Path, Role], Loaded]
    modules: tuple[str, ...]
    files: tuple[str, ...] = ()  # what to fetch of the Hub's repository, where the loader needs a folder
    variant: str | None = None  # of the shipped files, where several classes share one folder
    subfolder: str = ""  # of the Hub's repository, where it holds several models


class Loaded(NamedTuple):
    """A model in eval mode on the session's device, and the processor that makes its inputs.

    A diffusion pipeline is a model too; its processor is its tokenizer. That of a masked painter makes conditions.
    """

    model: Any
    processor: Any


class OpenClipProcessor:
    """open_clip's image transform and tokenizer under one roof, as transformers has them."""

    def __init__(self, transform: Any, tokenizer: Any) -> None:
        self.transform, self.tokenizer = transform, tokenizer

    def images(self, images: Sequence[Image.Image]) -> Any:
        """PIL images to a float tensor (n, 3, side, side)."""
        import torch

        return torch.stack([self.transform(image.convert("RGB")) for image in images])

    def texts(self, texts: Sequence[str]) -> Any:
        """Texts to token ids (n, context length)."""
        return self.tokenizer(list(texts))


def load_clip(where: str | Path, role: Role) -> Loaded:
    import torch
    from transformers import CLIPModel, CLIPProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar for a model that loads in an instant is noise
    kwargs: dict[str, Any] = {"revision": role.revision} if isinstance(where, str) else {}
    model = CLIPModel.from_pretrained(where, dtype=torch.float32, **kwargs)
    return Loaded(model, CLIPProcessor.from_pretrained(where, **kwargs))


def load_open_clip(where: str | Path, role: Role) -> Loaded:
    """Of what is shipped, CLIP's own weights under open_clip's names."""
    import tempfile

    if isinstance(where, str):  # open_clip takes no revision, so the pinned files are fetched first
        from huggingface_hub import snapshot_download

        return _open_clip_in(snapshot_download(where, revision=role.revision, allow_patterns=list(role.files)))
    from tinyworld import openclip

    with tempfile.TemporaryDirectory() as folder:
        openclip.export(where, Path(folder))
        return _open_clip_in(folder)


def _open_clip_in(folder: str) -> Loaded:
    import open_clip

    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    return Loaded(model.float(), OpenClipProcessor(transform, open_clip.get_tokenizer(name)))


def load_blip(where: str | Path, role: Role) -> Loaded:
    """The role's own class: the three share one shipped folder, of which each reads its parts."""
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    kwargs: dict[str, Any] = {"revision": role.revision} if isinstance(where, str) else {}
    kind = getattr(transformers, role.model_class.removeprefix("transformers."))
    variant: dict[str, Any] = {} if isinstance(where, str) else {"variant": role.variant}
    model = kind.from_pretrained(where, dtype=torch.float32, **kwargs, **variant)
    return Loaded(model, transformers.BlipProcessor.from_pretrained(where, **kwargs))


def load_llava(where: str | Path, role: Role) -> Loaded:
    """The shipped one is a LLaVA; on the Hub there are newer families, each with a class of its own."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    kwargs: dict[str, Any] = {"revision": role.revision} if isinstance(where, str) else {}
    precision = torch.float16 if isinstance(where, str) and torch.cuda.is_available() else torch.float32
    model = AutoModelForImageTextToText.from_pretrained(
        where,
        dtype=precision,
        attn_implementation="eager",  # the others do not give their attention away
        **kwargs,
    )
    return Loaded(model, AutoProcessor.from_pretrained(where, **kwargs))


def load_diffusion(where: str | Path, role: Role) -> Loaded:
    from diffusers import StableDiffusionPipeline

    return _pipeline(StableDiffusionPipeline, where, role)


def load_inpainting(where: str | Path, role: Role) -> Loaded:
    from diffusers import StableDiffusionInpaintPipeline

    return _pipeline(StableDiffusionInpaintPipeline, where, role)


def load_whisper(where: str | Path, role: Role) -> Loaded:
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    kwargs: dict[str, Any] = {"revision": role.revision} if isinstance(where, str) else {}
    model = WhisperForConditionalGeneration.from_pretrained(
        where,
        dtype=torch.float32,
        attn_implementation="eager",  # the others do not give their attention away
        **kwargs,
    )
    return Loaded(model, WhisperProcessor.from_pretrained(where, **kwargs))


def load_vq(where: str | Path, role: Role) -> Loaded:
    from diffusers import VQModel
    from diffusers.image_processor import VaeImageProcessor

    vq = _part_of_amused(VQModel, where, role, role.subfolder)  # in single precision: in half, aMUSEd's gives NaN
    vq.quantize.legacy = False  # diffusers' default puts beta on the wrong term (issue 8226); there is no setting
    return Loaded(vq, VaeImageProcessor(do_normalize=False))


def load_masked(where: str | Path, role: Role) -> Loaded:
    """The transformer, and as its processor what it is told: our CLIP's text tower, or aMUSEd's."""
    import torch
    from diffusers import UVit2DModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
    from transformers.utils import logging

    from tinyworld.conditions import TextConditions

    logging.disable_progress_bar()
    transformer = _part_of_amused(UVit2DModel, where, role, role.subfolder)
    if not isinstance(where, str):
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()  # that CLIP's other tower is left over is no news
        encoder = CLIPTextModel.from_pretrained(tinyworld.checkpoint("clip"), dtype=torch.float32)
        logging.set_verbosity(verbosity)
        return Loaded(
            transformer, TextConditions(encoder.eval(), CLIPTokenizer.from_pretrained(tinyworld.checkpoint("clip")))
        )
    encoder = _part_of_amused(CLIPTextModelWithProjection, where, role, "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(where, revision=role.revision, subfolder="tokenizer")
    return Loaded(transformer, TextConditions(encoder.eval(), tokenizer, side=256, penultimate=True))


def _part_of_amused(kind: Any, where: str | Path, role: Role, subfolder: str) -> Any:
    """A model in single precision; of the Hub's the half-precision files are fetched."""
    from diffusers.utils import logging

    logging.disable_progress_bar()
    settings: dict[str, Any] = {"low_cpu_mem_usage": False}  # it wants accelerate, which small models can do without
    if isinstance(where, str):
        settings |= {"revision": role.revision, "variant": "fp16", "subfolder": subfolder}
    if kind.__module__.startswith("transformers."):
        del settings["low_cpu_mem_usage"]
    return kind.from_pretrained(where, **settings).float()


def load_token_lm(where: str | Path, role: Role) -> Loaded:
    """The shipped one is a GPT-2 over words and image tokens; Janus has a class of its own."""
    import torch
    from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, JanusForConditionalGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()
    if not isinstance(where, str):
        return Loaded(
            AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32), AutoTokenizer.from_pretrained(where)
        )
    precision = torch.float16 if torch.cuda.is_available() else torch.float32
    model = JanusForConditionalGeneration.from_pretrained(where, dtype=precision, revision=role.revision)
    return Loaded(model, AutoProcessor.from_pretrained(where, revision=role.revision))


def load_programs(where: str | Path, role: Role) -> Loaded:
    import torch
    from transformers import AutoProcessor, VisionEncoderDecoderModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    kwargs: dict[str, Any] = {"revision": role.revision} if isinstance(where, str) else {}
    model = VisionEncoderDecoderModel.from_pretrained(where, dtype=torch.float32, **kwargs)
    return Loaded(model, AutoProcessor.from_pretrained(where, **kwargs))


def load_speaker(where: str | Path, role: Role) -> Loaded:
    from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

    return _model_and_processor(WavLMForXVector, Wav2Vec2FeatureExtractor, where, role)


def load_vocoder(where: str | Path, role: Role) -> Loaded:
    """The processor makes its mel spectrograms; the Hub's repository has none beside the weights."""
    from transformers import SpeechT5FeatureExtractor, SpeechT5HifiGan

    loaded = _model_and_processor(SpeechT5HifiGan, None, where, role)
    return Loaded(loaded.model, SpeechT5FeatureExtractor())


def load_talker(where: str | Path, role: Role) -> Loaded:
    """The shipped one reads the world's phones; the Hub's has a tokenizer of its own, which wants g2p_en."""
    from transformers import FastSpeech2ConformerModel, FastSpeech2ConformerTokenizer

    from tinyworld.phones import Phones

    reader = FastSpeech2ConformerTokenizer if isinstance(where, str) else Phones
    return _model_and_processor(FastSpeech2ConformerModel, reader, where, role)


def load_reader(where: str | Path, role: Role) -> Loaded:
    """The shipped one reads the world's phones, the Hub's letters: its tokenizer wants sentencepiece."""
    from transformers import SpeechT5ForTextToSpeech, SpeechT5Processor

    from tinyworld.phones import Phones

    return _model_and_processor(
        SpeechT5ForTextToSpeech, SpeechT5Processor if isinstance(where, str) else Phones, where, role
    )


def load_codec(where: str | Path, role: Role) -> Loaded:
    """The shipped one codes mel frames and holds its vocoder; on the Hub it is EnCodec, whose quantiser it shares."""
    if not isinstance(where, str):
        from tinyworld.codec import MelCodec

        codec = MelCodec.from_pretrained(where)
        return Loaded(codec, codec.extractor)
    from transformers import EncodecFeatureExtractor, EncodecModel

    return _model_and_processor(EncodecModel, EncodecFeatureExtractor, where, role)


def load_clap(where: str | Path, role: Role) -> Loaded:
    from transformers import ClapModel, ClapProcessor

    return _model_and_processor(ClapModel, ClapProcessor, where, role)


def load_video(where: str | Path, role: Role) -> Loaded:
    import torch
    from transformers import VideoMAEForVideoClassification, VideoMAEImageProcessor

    loaded = _model_and_processor(VideoMAEForVideoClassification, VideoMAEImageProcessor, where, role)
    if isinstance(where, str):  # transformers 5.15, which Colab has, leaves these at 0 without a word
        from huggingface_hub import hf_hub_download
        from safetensors.torch import load_file

        stored = load_file(hf_hub_download(where, "model.safetensors", revision=role.revision))
        with torch.no_grad():
            for name, values in stored.items():
                if name.endswith((".q_bias", ".v_bias")):
                    found = name.replace(".q_bias", ".query.bias").replace(".v_bias", ".value.bias")
                    loaded.model.get_parameter(found).copy_(values)
    return loaded


def _model_and_processor(kind: Any, processor: Any, where: str | Path, role: Role) -> Loaded:
    """A model in single precision, and what `processor` makes of the same folder or repository."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    kwargs: dict[str, Any] = {"revision": role.revision} if isinstance(where, str) else {}
    model = kind.from_pretrained(where, dtype=torch.float32, **kwargs)
    return Loaded(model, processor.from_pretrained(where, **kwargs) if processor else None)


def _pipeline(kind: Any, where: str | Path, role: Role) -> Loaded:
    """A pipeline in single precision; the Hub's, of which the half-precision files are fetched, in half on a GPU."""
    import torch
    from diffusers.utils import logging

    logging.disable_progress_bar()  # of the parts; the shipped ones take no time
    hub = isinstance(where, str)
    if not hub:  # transformers, which loads the text tower, has a bar of its own; a download keeps it
        from transformers.utils import logging as towers

        towers.disable_progress_bar()
    settings: dict[str, Any] = {"low_cpu_mem_usage": False}  # it wants accelerate, which small models can do without
    if hub:
        settings = {"revision": role.revision, "variant": "fp16", "safety_checker": None}
    pipe = kind.from_pretrained(where, **settings)  # the argument for the precision has another name in each version
    wanted = torch.float16 if hub and torch.cuda.is_available() else torch.float32
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module) and part.dtype != wanted:
            part.to(wanted)
    pipe.set_progress_bar_config(disable=True)
    return Loaded(pipe, pipe.tokenizer)
