"""The tiny Whisper's tokenizer, its shape, how its weights start, and what is asked of it while it learns.

A transformer that is told only the words takes long to find out which sounds they stand for: the attention from word to
sound has to appear first. The synthesiser knows more: which phone and which word every hundredth of a second belongs
to. Heads that predict both from each encoder frame are trained along and thrown away, and the attention of the heads
that word timestamps are read from is drawn to the word that comes next.
"""

from __future__ import annotations

import copy
from collections import Counter

import torch
import torch.nn.functional as F
from tokenizers import AddedToken
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES as ALL_LANGUAGES

from tinyworld import german
from tinyworld.captions import RELATION_WORDS, SHAPE_WORDS, SIZE_WORDS
from tinyworld.train.tokenizer import learn_merges
from tinyworld.vocabulary import BACKGROUNDS, COLOURS

SECONDS = 5  # the window
FRAMES = 50 * SECONDS  # of the encoder, 20 ms each
TEXT = 64  # tokens at most
END, START, NO_SPEECH, PLAIN = "<|endoftext|>", "<|startoftranscript|>", "<|nospeech|>", "<|notimestamps|>"
SPECIAL = (START, *(f"<|{code}|>" for code in ALL_LANGUAGES), "<|translate|>", "<|transcribe|>", "<|startoflm|>")
SPECIAL += ("<|startofprev|>", NO_SPEECH, PLAIN)  # in Whisper's order
ALIGNED = ((1, 0), (1, 1))  # decoder layer and head: whose cross-attention tells when a word is spoken
BLUR = 2.0  # steps of 20 ms: how exact a timestamp is asked for


def words() -> list[str]:
    """Every word of the world's sentences, in both languages."""
    english = ["a", "an", "and", "is", "sits", "there", "on", "against", "background"]
    english += [word for verb in german.VERBS.values() for word in verb.split()]
    for group in (SIZE_WORDS, SHAPE_WORDS, RELATION_WORDS):
        english += [word for wordings in group.values() for wording in wordings for word in wording.split()]
    english += [*COLOURS, *BACKGROUNDS, *german.ENGLISH_NUMBERS]
    return sorted({*english, *german.words()})


def build_tokenizer() -> WhisperTokenizer:
    """A `WhisperTokenizer`: bytes, the words of the world with the space before them, Whisper's special tokens."""
    spelt = [ByteLevel(add_prefix_space=True).pre_tokenize_str(word)[0][0] for word in words()]
    merges = learn_merges(Counter(spelt), end="")
    pieces = [*sorted(ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    tokenizer = WhisperTokenizer(
        vocab={piece: i for i, piece in enumerate(dict.fromkeys([*pieces, END]))},
        merges=merges,
        additional_special_tokens=list(SPECIAL),
        pad_token=END,
        model_max_length=TEXT,
    )
    stamps = [f"<|{0.02 * i:.2f}|>" for i in range(FRAMES + 1)]
    tokenizer.add_tokens([AddedToken(stamp, special=False, normalized=False) for stamp in stamps])
    return tokenizer


def build_processor() -> WhisperProcessor:
    """Sound to log-mel spectrograms of 5 seconds, text to tokens and back."""
    return WhisperProcessor(WhisperFeatureExtractor(feature_size=80, chunk_length=SECONDS), build_tokenizer())


def build_model(
    tokenizer: WhisperTokenizer, width: int, layers: int, decoder_layers: int
) -> WhisperForConditionalGeneration:
    """A `WhisperForConditionalGeneration` for windows of 5 seconds, started as `initialise` says."""
    heads = width // 32
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in (("end", END), ("start", START))}
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=80,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=decoder_layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_source_positions=FRAMES,
        max_target_positions=TEXT,
        pad_token_id=ids["end"],
        bos_token_id=ids["end"],
        eos_token_id=ids["end"],
        decoder_start_token_id=ids["start"],
        attn_implementation="eager",  # its attention maps are needed
        median_filter_width=3,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = build_generation_config(tokenizer)
    initialise(model)
    return model


def build_generation_config(tokenizer: WhisperTokenizer) -> GenerationConfig:
    """What `generate` needs to know: the special tokens, what is never said, and the heads that tell the time."""
    number = tokenizer.convert_tokens_to_ids
    marks = [piece for piece in tokenizer.get_vocab() if len(piece) == 1 and piece in '"#()*+/:;<=>@[\\]^_`{|}~']
    return GenerationConfig(
        alignment_heads=[list(pair) for pair in ALIGNED],
        begin_suppress_tokens=[number("Ġ"), number(END)],
        suppress_tokens=sorted(
            [number(piece) for piece in marks]
            + [
                number(t)
                for t in (START, "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", NO_SPEECH)
            ]
        ),
        bos_token_id=number(END),
        eos_token_id=number(END),
        pad_token_id=number(END),
        decoder_start_token_id=number(START),
        prev_sot_token_id=number("<|startofprev|>"),
        no_timestamps_token_id=number(PLAIN),
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": number(f"<|{code}|>") for code in ALL_LANGUAGES},
        task_to_id={task: number(f"<|{task}|>") for task in ("transcribe", "translate")},
        task="transcribe",
        max_initial_timestamp_index=FRAMES,
        return_timestamps=False,
        max_length=TEXT,
    )


@torch.no_grad()
def initialise(model: WhisperForConditionalGeneration) -> None:
    """Encoder heads that look around themselves, and larger queries and keys everywhere.

    In so narrow a model Whisper's own initialisation leaves every attention map uniform for long (see `towers.py`). The
    encoder's positions are sine waves; a head whose query is its key turned by some steps looks so many frames away.
    """
    for name, weight in model.named_parameters():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight.normal_(0, 0.1)
        elif name.endswith(("v_proj.weight", "out_proj.weight")):
            weight.normal_(0, 0.06)
    width = model.config.d_model
    waves, size = width // 2, width // model.config.encoder_attention_heads
    speeds = 10000 ** (-torch.arange(waves) / (waves - 1))  # radians a frame (modeling_whisper.sinusoids)
    for layer in model.model.encoder.layers:
        query, key = layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight
        query.mul_(0.5), key.mul_(0.5)
        for head, steps in enumerate((-5, 0, 5)[: width // size]):  # other heads stay free
            for i in range(size // 2):
                wave, sine, cosine = 1 + i, head * size + i, head * size + size // 2 + i
                turn = steps * speeds[wave]
                key[sine, wave] += 1.2
                key[cosine, waves + wave] += 1.2
                query[sine, wave] += 1.2 * turn.cos()
                query[sine, waves + wave] += 1.2 * turn.sin()
                query[cosine, waves + wave] += 1.2 * turn.cos()
                query[cosine, wave] -= 1.2 * turn.sin()
    decoder = model.model.decoder
    decoder.embed_tokens.weight.normal_(0, 0.1)
    place = torch.arange(TEXT)[:, None] * (2 * 100 ** (-torch.arange(waves) / (waves - 1)))
    decoder.embed_positions.weight.copy_(0.1 * torch.cat([place.sin(), place.cos()], dim=-1))


class Listener(nn.Module):
    """The model and the heads that are thrown away in the end; `forward` gives one loss.

    phones, words: how many there are of each, 0 being silence.
    """

    near: torch.Tensor

    def __init__(self, model: WhisperForConditionalGeneration, phones: int, words: int) -> None:
        super().__init__()
        self.whisper = model
        for layer in model.model.encoder.layers:  # the same attention, faster where nobody wants to see its maps
            layer.self_attn.config = copy.deepcopy(model.config)
            layer.self_attn.config._attn_implementation = "sdpa"
        self.phones = nn.Linear(model.config.d_model, phones)
        self.words = nn.Linear(model.config.d_model, words)
        begin = model.generation_config.no_timestamps_token_id + 1
        self.first_stamp = begin
        steps = torch.arange(FRAMES + 1)
        near = torch.exp(-((steps[:, None] - steps) ** 2) / (2 * BLUR**2))
        self.register_buffer("near", near / near.sum(-1, keepdim=True), persistent=False)

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch (`utterances.py`), with the decoder's part where there is text, and figures to print."""
        heard = self.whisper.model.encoder(batch["features"]).last_hidden_state
        phones = F.cross_entropy(self.phones(heard).flatten(0, 1), batch["phones"].flatten())
        words = F.cross_entropy(self.words(heard).flatten(0, 1), batch["words"].flatten())
        figures = {"phones": phones.item(), "words": words.item()}
        loss = 0.5 * (phones + words)
        if "tokens" in batch:
            decoded = self.whisper.model.decoder(
                input_ids=batch["tokens"], encoder_hidden_states=heard, output_attentions=True, use_cache=False
            )
            logits = self.whisper.proj_out(decoded.last_hidden_state)
            said, stamped = self.text(logits, batch["labels"])
            drawn = self.attention(decoded.cross_attentions, batch["spans"])
            figures |= {"text": said.item(), "stamps": stamped.item(), "attention": drawn.item()}
            loss = said + 0.3 * stamped + 0.2 * drawn + 0.5 * loss
        return loss, figures

    def text(self, logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy of the words, and of the timestamps, whose neighbours are nearly as right as they are.

        logits: (n, tokens, vocabulary).   labels: (n, tokens), -100 where nothing is asked.
        """
        stamps = labels >= self.first_stamp
        said = F.cross_entropy(logits[~stamps], labels[~stamps], ignore_index=-100)
        if not stamps.any():
            return said, said.new_zeros(())
        wanted = self.near[labels[stamps] - self.first_stamp]
        wanted = F.pad(wanted, (self.first_stamp, 0))
        return said, F.cross_entropy(logits[stamps], wanted)

    def attention(self, maps: tuple[torch.Tensor, ...], spans: torch.Tensor) -> torch.Tensor:
        """How little of the aligned heads' attention falls on the next token's frames: -log of that part.

        maps: a layer's (n, heads, tokens, frames).   spans: (n, tokens, 2), first frame and the one after the last;
        equal where nothing is asked.
        """
        asked = spans[..., 1] > spans[..., 0]
        frames = torch.arange(FRAMES, device=spans.device)
        inside = (frames >= spans[asked][:, :1]) & (frames < spans[asked][:, 1:])
        parts = [(maps[layer][:, head][asked] * inside).sum(-1) for layer, head in ALIGNED]
        return -(torch.stack(parts) + 1e-4).log().mean()
