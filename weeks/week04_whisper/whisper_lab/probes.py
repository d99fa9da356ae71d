"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from coursekit.probes import arguments_after as arguments_after  # for the checks
from whisper_lab.listening import Step

FRAMES = 100  # of the random model's window: one second
MELS = 80
TEXT = 40  # tokens of text in its vocabulary; the special ones follow as in Whisper
END, START = TEXT, TEXT + 1
LANGUAGES = {f"<|{code}|>": START + 1 + i for i, code in enumerate(("en", "de", "fr", "es", "it"))}
TRANSLATE = START + 1 + len(LANGUAGES)
TASKS = {"translate": TRANSLATE, "transcribe": TRANSLATE + 1}
NO_SPEECH, NO_TIMESTAMPS = TRANSLATE + 4, TRANSLATE + 5
VOCABULARY = NO_TIMESTAMPS + 1 + FRAMES // 2 + 1


def whisper(seed: int) -> Any:
    """A WhisperForConditionalGeneration with random weights, a window of one second and 104 tokens, in eval mode."""
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=VOCABULARY,
        num_mel_bins=MELS,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_source_positions=FRAMES // 2,
        max_target_positions=64,
        init_std=0.3,
        pad_token_id=END,
        bos_token_id=END,
        eos_token_id=END,
        decoder_start_token_id=START,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = WhisperForConditionalGeneration(config).eval().requires_grad_(False)
        decoder = model.model.decoder
        decoder.embed_tokens.weight.normal_(std=0.3)  # tied to the logits
        decoder.embed_positions.weight.normal_(std=0.5)
        decoder.layer_norm.weight.normal_()  # else every token is followed by itself
        for layer in decoder.layers:  # let it listen
            layer.encoder_attn.out_proj.weight.normal_(std=0.3)
    model.generation_config = GenerationConfig(
        pad_token_id=END,
        bos_token_id=END,
        eos_token_id=END,
        decoder_start_token_id=START,
        is_multilingual=True,
        lang_to_id=dict(LANGUAGES),
        task_to_id=dict(TASKS),
        no_timestamps_token_id=NO_TIMESTAMPS,
        alignment_heads=[[0, 1], [1, 2]],
    )
    return model


def configured(model: Any, languages: Sequence[str], start: int) -> Any:
    """The model with other languages, in this order, and another start token in its generation config."""
    model.generation_config.lang_to_id = {code: LANGUAGES[code] for code in languages}
    model.generation_config.decoder_start_token_id = start
    return model


def work(function: Callable[..., Any], model: Any, *args: Any) -> dict[str, Any]:
    """Call function(model, *args), and count: how often the encoder ran, and how many tokens the decoder was fed."""
    counted = {"encoder": 0, "decoder": 0, "longest": 0}

    def fed(_: Any, given: tuple, named: dict) -> None:
        ids = named.get("input_ids", given[0] if given else None)
        length = ids.shape[-1] if ids is not None else named["inputs_embeds"].shape[1]
        counted["decoder"] += length
        counted["longest"] = max(counted["longest"], length)

    def heard(*_: Any) -> None:
        counted["encoder"] += 1

    hooks = [
        model.model.decoder.register_forward_pre_hook(fed, with_kwargs=True),
        model.model.encoder.register_forward_pre_hook(heard),
    ]
    try:
        counted["result"] = function(model, *args)
    finally:
        for hook in hooks:
            hook.remove()
    return counted


def tree(seed: int, vocabulary: int) -> Step:
    """Made-up log-probabilities of next tokens, others after every sequence."""

    def step(sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        rows = []
        for tokens in sequences:
            place = seed
            for token in tokens:
                place = (place * 31 + int(token) + 7) % 2_147_483_647
            rows.append(2 * torch.randn(vocabulary, generator=torch.Generator().manual_seed(place)))
        return torch.stack(rows).log_softmax(dim=-1)

    return step


class Attempts:
    """Decodings made up in advance, one a temperature, called as attempts(temperature). It keeps what was asked."""

    def __init__(self, results: Sequence[tuple[str, float]], temperatures: Sequence[float]) -> None:
        self.results = dict(zip(temperatures, results, strict=True))
        self.asked: list[float] = []

    def __call__(self, temperature: float) -> tuple[str, float]:
        """The text and its mean log-probability."""
        self.asked.append(float(temperature))
        return self.results[min(self.results, key=lambda known: abs(known - temperature))]


def asked_by_fallback(
    function: Any, results: Sequence[tuple[str, float]], temperatures: Sequence[float], *limits: float
) -> Any:
    """What function(attempt, temperatures, ...) gives for these decodings, and the temperatures it asked for."""
    attempts = Attempts(results, temperatures)
    return function(attempts, list(temperatures), *limits), attempts.asked
