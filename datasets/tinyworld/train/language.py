"""The small language model of week 5, its tokenizer and its way to chat.

The model is a `LlamaForCausalLM` (Touvron et al. 2023) of a few layers. The tokenizer is a byte-level BPE, learnt on
what the world says, in which every word of the grammar is one token; pictures, turns and places have tokens of their
own.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from tinyworld import albums
from tinyworld.checkpoints import checkpoint
from tinyworld.conversations import DESCRIBE, FOLLOW_UPS, WHERE, conversation
from tinyworld.grounding import LOCATIONS
from tinyworld.sampling import scenes

IMAGE, USER, ASSISTANT, END, PAD = "<image>", "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
LONGEST = 384  # tokens of a conversation
IGNORED = -100  # a label that is not asked for

# A turn of the user, which may hold pictures, then one of the assistant; what the assistant says ends with END.
CHAT = (
    "{% for message in messages %}"
    "{{ '<|user|>' if message['role'] == 'user' else '<|assistant|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{{ '<image>' if part['type'] == 'image' else part['text'] }}{% endfor %}"
    "{% endif %}"
    "{{ '' if message['role'] == 'user' else '<|end|>' }}"
    "{% endfor %}"
    "{{ '<|assistant|>' if add_generation_prompt else '' }}"
)


def corpus() -> Iterator[str]:
    """What the tokenizer learns its words from: conversations and albums of training scenes."""
    rng = np.random.default_rng(0)
    yield from (" ".join([*DESCRIBE, *(w for ways in FOLLOW_UPS.values() for w in ways), *WHERE]),)
    yield " ".join([*albums.PLACES, *albums.NUMBERS])
    for scene in scenes("train", 300):
        yield scene.caption(rng)
        for turn in conversation(scene, rng, 8):
            yield turn.question
            if turn.kind not in ("where", "follow-up"):
                yield turn.answer
    for kind in albums.KINDS:
        for _ in range(60):
            yield albums.album("train", kind, rng).question


@functools.lru_cache
def build_tokenizer() -> PreTrainedTokenizerFast:
    """Every word of the world is one token, the same at the start of a turn as inside it; any text can be written."""
    tokenizer = Tokenizer(models.BPE())
    # the prefix makes the first word after a special token the same token as elsewhere
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4000,  # more than there is to join: it stops when every word is one piece
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[PAD, END, USER, ASSISTANT, IMAGE],
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    # not special: an answer keeps its places when special tokens are left out
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in LOCATIONS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT, IMAGE],
        model_max_length=LONGEST,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )


def build_language(tokenizer: PreTrainedTokenizerFast, width: int, layers: int) -> LlamaConfig:
    """The configuration of the language model."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=LONGEST,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},  # the texts are short
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )


def vision_config() -> CLIPVisionConfig:
    """That of the course's CLIP, whose weights are stored in half precision and learnt with in single."""
    config = CLIPVisionConfig.from_pretrained(checkpoint("clip"))
    config.dtype = torch.float32
    return config


def build_config(tokenizer: PreTrainedTokenizerFast, width: int, layers: int) -> LlavaConfig:
    """The course's CLIP vision tower, its patches without the class token, and the language model."""
    return LlavaConfig(
        vision_config=vision_config(),
        text_config=build_language(tokenizer, width, layers),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        projector_hidden_act="gelu",
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
        image_seq_length=image_tokens(),
        tie_word_embeddings=True,
    )


def image_tokens() -> int:
    """Patches of a picture."""
    vision = vision_config()
    return (vision.image_size // vision.patch_size) ** 2


def build_processor(tokenizer: PreTrainedTokenizerFast, tokens: int | None = None) -> LlavaProcessor:
    """Pictures to 64x64, messages to text, and so many tokens for each picture as it is given: its patches' unless
    told otherwise."""
    return LlavaProcessor(
        image_processor=CLIPImageProcessor.from_pretrained(checkpoint("clip")),
        tokenizer=tokenizer,
        patch_size=vision_config().patch_size,
        vision_feature_select_strategy="default",
        # the class token is one more, which this strategy leaves out again; other connectors give fewer
        num_additional_image_tokens=1 + (tokens or image_tokens()) - image_tokens(),
        chat_template=CHAT,
        image_token=IMAGE,
    )


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Larger queries and keys, as in `towers.initialise`: the usual small ones leave a narrow model's attention
    uniform for long. Everything else so that what goes in and what comes out are of one size."""
    for name, weight in model.named_parameters():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight.normal_(0, 0.1)
        elif name.endswith(("v_proj.weight", "o_proj.weight")):
            weight.normal_(0, 0.06)
        elif name.endswith("embed_tokens.weight"):
            weight.normal_(0, 0.1)
        elif name.endswith(("gate_proj.weight", "up_proj.weight", "down_proj.weight")):
            weight.normal_(0, 0.7 * weight.shape[1] ** -0.5)
