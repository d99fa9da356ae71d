"""The library's Whisper, piece by piece: what it sees, what it is told, what it says, and where it listened.

`loaded` is what models.load("whisper") gives: the model and its processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from coursekit.models import Loaded
from coursekit.notebook import oracle
from tinyworld.sound import RATE
from whisper_lab import data

Step = Callable[[Sequence[Sequence[int]]], torch.Tensor]
TICK = 0.02  # seconds: of one position of the encoder, and of one timestamp token
BATCH = 16  # windows that the model hears at once


def features(loaded: Loaded, waves: Sequence[np.ndarray]) -> torch.Tensor:
    """The log-mel spectrograms of waves at 16 kHz, each filled up to the model's window: (n, mels, frames)."""
    found = loaded.processor.feature_extractor(
        [np.asarray(wave, dtype=np.float32) for wave in waves], sampling_rate=RATE, return_tensors="pt"
    )
    return found.input_features


def window_seconds(loaded: Loaded) -> int:
    """How much the model hears at once."""
    return loaded.processor.feature_extractor.chunk_length


def first_states(model: Any, heard: torch.Tensor) -> torch.Tensor:
    """What the encoder's first layer is given for features (n, mels, frames): (n, positions, width)."""
    kept: list[torch.Tensor] = []
    layer = model.model.encoder.layers[0]
    hook = layer.register_forward_pre_hook(
        lambda _, given, named: kept.append(given[0] if given else named["hidden_states"]), with_kwargs=True
    )
    try:
        with torch.no_grad():
            model.model.encoder(heard.to(model.device))
    finally:
        hook.remove()
    return kept[0].float().cpu()


# --- saying ---------------------------------------------------------------------------------------------------------


def prompt(model: Any, language: str = "en", task: str = "transcribe", timestamps: bool = False) -> list[int]:
    """The tokens that tell the model what to do: start, language, task, and that no times are wanted."""
    known = model.generation_config
    tokens = [known.decoder_start_token_id, known.lang_to_id[f"<|{language}|>"], known.task_to_id[task]]
    return tokens if timestamps else [*tokens, known.no_timestamps_token_id]


def suppressed(model: Any) -> tuple[list[int], list[int]]:
    """Tokens never to be said, and those not to be said first: the model's own."""
    known = model.generation_config
    return list(known.suppress_tokens or []), list(known.begin_suppress_tokens or [])


def generated(model: Any, heard: torch.Tensor, **settings: Any) -> list[list[int]]:
    """The library's own decoding: the new tokens of every window, without the prompt and the end.

    heard: features (n, mels, frames).   settings: for `generate`, such as language, task, max_new_tokens, num_beams.
    """
    heard, found = heard.to(model.device), []
    with quiet():
        for part in heard.split(BATCH):
            mask = torch.ones_like(part[:, 0], dtype=torch.long)
            found += model.generate(part, attention_mask=mask, **settings).tolist()
    return [plain(model, row) for row in found]


@contextmanager
def quiet() -> Iterator[None]:
    """transformers warns of every setting that differs from the model's own; here they are meant."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def plain(model: Any, tokens: Sequence[int]) -> list[int]:
    """Tokens up to the end, without the prompt, where one stands before them."""
    known, tokens = model.generation_config, list(tokens)
    if tokens[:1] == [known.decoder_start_token_id]:
        tokens = tokens[4 if known.no_timestamps_token_id in tokens[:4] else 3 :]
    return tokens[: tokens.index(known.eos_token_id)] if known.eos_token_id in tokens else tokens


def text_of(loaded: Loaded, tokens: Sequence[int]) -> str:
    """Tokens as text, without special tokens and times."""
    begin = loaded.model.generation_config.no_timestamps_token_id
    return loaded.processor.tokenizer.decode([t for t in tokens if t < begin], skip_special_tokens=True).strip()


def transcribe(
    loaded: Loaded, waves: Sequence[np.ndarray], language: str = "en", task: str = "transcribe", **settings: Any
) -> list[str]:
    """What the library says to waves of at most one window each."""
    found = generated(loaded.model, features(loaded, waves), language=language, task=task, **settings)
    return [text_of(loaded, tokens) for tokens in found]


def listener(
    model: Any, heard: torch.Tensor, prompt: Sequence[int], suppress: Sequence[int], begin_suppress: Sequence[int]
) -> Step:
    """How likely the model finds each next token of one window, features (1, mels, frames), after what was said.

    Returns a function of n sequences of one length, which gives log-probabilities (n, vocabulary). Suppressed tokens
    have -inf; those of begin_suppress as the first token only.
    """
    with torch.no_grad():
        encoded = model.get_encoder()(heard.to(model.device)).last_hidden_state

    def step(sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        ids = torch.tensor([[*prompt, *tokens] for tokens in sequences], device=model.device)
        states = encoded.expand(len(ids), -1, -1)
        with torch.no_grad():
            logits = model(encoder_outputs=(states,), decoder_input_ids=ids, use_cache=False).logits[:, -1].float()
        scores = logits.log_softmax(dim=-1).cpu()
        scores[:, list(suppress)] = -torch.inf
        if len(sequences[0]) == 0:
            scores[:, list(begin_suppress)] = -torch.inf
        return scores

    return step


def attempts(loaded: Loaded, wave: np.ndarray, seed: int = 0, most: int = 48) -> Callable[[float], tuple[str, float]]:
    """A decoding to be tried at several temperatures: attempt(temperature) gives a text and its mean log-probability.

    At 0 the likeliest token is taken, above it is drawn. The mean is over all tokens and the end, at temperature 1.
    """
    model = loaded.model
    end, begin = model.generation_config.eos_token_id, suppressed(model)
    step = listener(model, features(loaded, [wave]), prompt(model), *begin)

    def attempt(temperature: float) -> tuple[str, float]:
        generator = torch.Generator().manual_seed(seed)
        tokens: list[int] = []
        total = 0.0
        while True:
            scores = step([tokens])[0]
            chances = (scores / max(temperature, 1e-6)).softmax(dim=-1)
            token = int(torch.multinomial(chances, 1, generator=generator) if temperature else scores.argmax())
            total += float(scores[token])
            if token == end or len(tokens) == most:
                return text_of(loaded, tokens), total / (len(tokens) + 1)
            tokens.append(token)

    return attempt


def compare_cache(layer: Any, attend_one: Callable[..., Any], positions: int = 6) -> None:
    """Print how far one position at a time, with a cache, is from a decoder layer's self-attention to all at once.

    attend_one: called as attend_one(layer, x, keys, values) gives (out, keys, values), or None where it is not written.
    """
    x = torch.randn(1, positions, layer.embed_dim, generator=torch.Generator().manual_seed(0)).to(layer.k_proj.weight)
    closed = torch.full((positions, positions), -torch.inf).triu(1).to(x)
    with torch.no_grad():
        wanted = layer(x, attention_mask=closed[None, None])[0][0]
        keys = values = x[0, :0]
        rows = []
        for place in x[0]:
            found = attend_one(layer, place[None], keys, values)
            if found is None:
                print("attend_one is not written yet. It is not graded.")
                return
            out, keys, values = found
            rows.append(out)
    print(f"largest difference to the layer itself {(torch.cat(rows) - wanted).abs().max():.1e}")


# --- the first token ------------------------------------------------------------------------------------------------


def first_probabilities(loaded: Loaded, heard: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """After the start token alone: the languages' shares (n, languages), and the probability of no speech (n,).

    For figures alone: see `coursekit.notebook.oracle`.
    """
    return oracle("whisper_lab.checks.reference").first_probabilities(loaded, heard)


def scored(loaded: Loaded, heard: torch.Tensor, said: Sequence[Sequence[int]]) -> list[list[float]]:
    """The log-probability of every token that was said to features (n, mels, frames), and of the end after them."""
    model = loaded.model
    end, begin = model.generation_config.eos_token_id, prompt(model)
    found: list[list[float]] = []
    for start in range(0, len(said), BATCH):
        rows = [[*tokens, end] for tokens in said[start : start + BATCH]]
        longest = max(map(len, rows))
        ids = torch.tensor([[*begin, *row, *[end] * (longest - len(row))] for row in rows], device=model.device)
        with torch.no_grad():
            part = heard[start : start + BATCH].to(model.device)
            scores = model(input_features=part, decoder_input_ids=ids[:, :-1], use_cache=False).logits.float()
        chosen = scores.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0].cpu()
        found += [chosen[i, len(begin) - 1 :][: len(row)].tolist() for i, row in enumerate(rows)]
    return found


def confidence(loaded: Loaded, waves: Sequence[np.ndarray]) -> list[tuple[str, float, float]]:
    """For every wave: what is said, the mean log-probability of its tokens and the end, and that of no speech."""
    heard = features(loaded, waves)
    silent = first_probabilities(loaded, heard)[1].tolist()
    said = generated(loaded.model, heard, language="en", task="transcribe")
    means = [float(np.mean(scores)) for scores in scored(loaded, heard, said)]
    return list(zip([text_of(loaded, tokens) for tokens in said], means, silent, strict=True))


# --- times ----------------------------------------------------------------------------------------------------------


def timed_tokens(loaded: Loaded, wave: np.ndarray) -> list[int]:
    """What the library says to one window when it is asked for times: tokens of text between timestamp tokens."""
    settings = {"language": "en", "task": "transcribe", "return_timestamps": True, "force_unique_generate_call": True}
    (tokens,) = generated(loaded.model, features(loaded, [wave]), **settings)
    end, first = loaded.model.generation_config.eos_token_id, loaded.model.generation_config.no_timestamps_token_id
    return [t for t in tokens if t < end or t > first]


def attention(loaded: Loaded, wave: np.ndarray, tokens: Sequence[int]) -> torch.Tensor:
    """Where the model's alignment heads listened when they said each token: (heads, tokens, positions of the wave).

    A row is the attention with which its token was predicted.   Source: OpenAI's whisper, timing.py.
    """
    model, begin = loaded.model, prompt(loaded.model)
    ids = torch.tensor([[*begin, *tokens]], device=model.device)
    with torch.no_grad():
        heard = features(loaded, [wave]).to(model.device)
        maps = model(input_features=heard, decoder_input_ids=ids, output_attentions=True, use_cache=False)
    rows = slice(len(begin) - 1, len(begin) - 1 + len(tokens))
    length = min(model.config.max_source_positions, -(-len(wave) // int(TICK * RATE)))
    heads = model.generation_config.alignment_heads
    return torch.stack([maps.cross_attentions[layer][0, head, rows, :length] for layer, head in heads]).float().cpu()


def median_filter(values: torch.Tensor, width: int) -> torch.Tensor:
    """Every value replaced by the median of the `width` around it along the last axis, mirrored at the ends."""
    if values.shape[-1] <= width // 2:
        return values
    flat = values.reshape(1, -1, values.shape[-1])
    padded = torch.nn.functional.pad(flat, (width // 2, width // 2), mode="reflect")
    return padded.unfold(-1, width, 1).median(dim=-1).values.reshape(values.shape)


def library_times(weights: torch.Tensor, width: int = 7) -> tuple[torch.Tensor, tuple[np.ndarray, np.ndarray]]:
    """When each token begins, in seconds, and the path, by the library's dynamic time warping. For figures alone.

    weights: attention (heads, tokens, positions).
    """
    return oracle("whisper_lab.checks.reference").library_times(weights, width)


def words_at(loaded: Loaded, tokens: Sequence[int], times: Any) -> list[tuple[str, float]]:
    """Words and when they begin, from tokens and theirs: a word begins with a token that has a space before it."""
    found: list[tuple[str, float]] = []
    for token, time in zip(tokens, times, strict=True):
        piece = loaded.processor.tokenizer.decode([token])
        if piece.startswith(" ") or not found:
            found.append((piece.strip(), float(time)))
        else:
            found[-1] = (found[-1][0] + piece, found[-1][1])
    return found


def word_times(loaded: Loaded, wave: np.ndarray) -> list[tuple[str, float]]:
    """The words of a wave of at most one window, and when each begins, in seconds."""
    (tokens,) = generated(loaded.model, features(loaded, [wave]), language="en", task="transcribe")
    width = loaded.model.config.median_filter_width
    times, _ = library_times(attention(loaded, wave, tokens), width)
    return words_at(loaded, tokens, times)


# --- long recordings ------------------------------------------------------------------------------------------------


def in_pieces(loaded: Loaded, wave: np.ndarray, overlap: float | None = None, loops: bool = False) -> list[list[int]]:
    """The tokens of every window of a long wave; windows overlap by half unless told otherwise.

    A cut in the middle of a sentence can send a model into a loop. Unless `loops` are wanted, five tokens in a row are
    not said twice.
    """
    seconds = window_seconds(loaded)
    parts = data.windows(wave, seconds, seconds / 2 if overlap is None else overlap)
    settings = {"language": "en", "task": "transcribe"} | ({} if loops else {"no_repeat_ngram_size": 5})
    return generated(loaded.model, features(loaded, parts), **settings)


def one_after_another(loaded: Loaded, wave: np.ndarray, previous: bool = False) -> list[tuple[float, float, str]]:
    """A long wave the way of Whisper's authors: each window begins where the last segment that was closed ended.

    previous: whether what was said goes before the next window's prompt. Returns (start, end, text), in seconds.
    Source: Radford et al. 2023, section 4.5; transformers' `generate` for more than one window.
    """
    seen = loaded.processor.feature_extractor(
        np.asarray(wave, dtype=np.float32),
        sampling_rate=RATE,
        return_tensors="pt",
        truncation=False,
        padding="longest",
        return_attention_mask=True,
    ).to(loaded.model.device)
    settings = {"language": "en", "task": "transcribe", "return_timestamps": True, "return_segments": True}
    with quiet():
        found = loaded.model.generate(
            seen.input_features, attention_mask=seen.attention_mask, condition_on_prev_tokens=previous, **settings
        )
    segments = found["segments"][0]
    return [(float(one["start"]), float(one["end"]), text_of(loaded, one["tokens"].tolist())) for one in segments]


def library_merge(parts: Sequence[Sequence[int]]) -> list[int]:
    """Pieces that overlap as one sequence, the way the library's speech pipeline does it. For figures alone."""
    return oracle("whisper_lab.checks.reference").library_merge(parts)


def long_transcript(loaded: Loaded, wave: np.ndarray) -> str:
    """The text of a wave of any length."""
    return text_of(loaded, library_merge(in_pieces(loaded, wave)))
