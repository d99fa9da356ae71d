"""What the checks of week 7 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from coursekit.inputs import gaussian
from voice_lab import probes

RATE = 16_000

# --- 1 griffin_lim --------------------------------------------------------------------------------------------------


def hann(size: int) -> np.ndarray:
    """The periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def analysed(wave: np.ndarray, size: int, hop: int) -> np.ndarray:
    """The spectrum of centred frames, complex (size // 2 + 1, frames), by NumPy."""
    padded = np.pad(wave, size // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.fft.rfft(frames * hann(size), axis=1).T


def overlapped(spectrum: np.ndarray, size: int, hop: int) -> np.ndarray:
    """The wave whose frames come nearest to a spectrum: weighted overlap-add, by NumPy."""
    frames = np.fft.irfft(spectrum.T, size, axis=1) * hann(size)
    wave, weight = (np.zeros(size + hop * (len(frames) - 1)) for _ in range(2))
    for i, frame in enumerate(frames):
        wave[i * hop : i * hop + size] += frame
        weight[i * hop : i * hop + size] += hann(size) ** 2
    inner = slice(size // 2, len(wave) - size // 2)
    return wave[inner] / weight[inner]


def reference_griffin_lim(
    magnitude: torch.Tensor, phase: torch.Tensor, size: int, hop: int, steps: int
) -> tuple[np.ndarray, list[float]]:
    """Griffin and Lim's wave, and how far its frames were from the magnitude before each round, by NumPy."""
    wanted = magnitude.double().numpy()
    wave = overlapped(wanted * np.exp(1j * phase.double().numpy()), size, hop)
    misses = []
    for _ in range(steps):
        found = analysed(wave, size, hop)
        misses.append(float(np.linalg.norm(abs(found) - wanted) / np.linalg.norm(wanted)))
        wave = overlapped(wanted * np.exp(1j * np.angle(found)), size, hop)
    return wave, misses


def a_spectrum(
    rng: np.random.Generator, size: int = 64, hop: int = 16, frames: int = 18
) -> tuple[torch.Tensor, torch.Tensor]:
    """The magnitude of tones in noise, and a phase drawn at random: float32 (size // 2 + 1, frames) each."""
    t = np.arange(hop * (frames - 1))
    wave = sum(np.sin(f * t + p) for f, p in rng.uniform(0.2, 2.6, size=(3, 2))) + 0.3 * rng.normal(size=len(t))
    magnitude = torch.from_numpy(abs(analysed(wave, size, hop))).float()
    return magnitude, torch.from_numpy(rng.uniform(-np.pi, np.pi, size=magnitude.shape)).float()


# --- 2 log_mel ------------------------------------------------------------------------------------------------------


def library_mel(wave: torch.Tensor, mels: int = 80, low: float = 80.0, high: float = 7600.0) -> np.ndarray:
    """SpeechT5FeatureExtractor's log-mel spectrogram, (frames, mels)."""
    from transformers import SpeechT5FeatureExtractor

    extractor = SpeechT5FeatureExtractor(num_mel_bins=mels, fmin=low, fmax=high)
    found = extractor(audio_target=wave.double().numpy(), sampling_rate=RATE, return_tensors="np")
    return np.asarray(found["input_values"][0])


def some_sound(rng: np.random.Generator, samples: int = 6000) -> torch.Tensor:
    """Tones that slide, in a little noise: float32 (samples,) in [-1, 1]."""
    t = np.arange(samples) / RATE
    wave = sum(np.sin(2 * np.pi * (f * t + 2000 * t**2)) for f in rng.uniform(100, 3000, size=4)) / 8
    return torch.from_numpy(wave + 0.02 * rng.normal(size=samples)).float()


# --- 3 stretch ------------------------------------------------------------------------------------------------------


def library_stretch(states: torch.Tensor, durations: torch.Tensor, speed: float) -> tuple[torch.Tensor, torch.Tensor]:
    """FastSpeech2Conformer's length_regulator, with at least a frame for each phone that had one."""
    from transformers.models.fastspeech2_conformer.modeling_fastspeech2_conformer import length_regulator

    frames = torch.round(durations.double() / speed).long().clamp(min=1) * (durations > 0)
    return length_regulator(states, frames.clone()), frames.sum(dim=1)


def some_phones(rng: np.random.Generator, lengths: Sequence[int] = (5, 3, 4)) -> tuple[torch.Tensor, torch.Tensor]:
    """States (n, phones, 3) and durations (n, phones) of 1 to 9 frames, 0 behind the end of each text."""
    durations = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in zip(durations, lengths, strict=True):
        row[:length] = torch.from_numpy(rng.integers(1, 10, size=length))
    return gaussian(rng, *durations.shape, 3), durations


# --- 4 align --------------------------------------------------------------------------------------------------------


def ways(tokens: int, frames: int) -> list[list[int]]:
    """Every way to share out frames among tokens in their order, each at least one."""
    cuts = itertools.combinations(range(1, frames), tokens - 1)
    return [np.diff([0, *cut, frames]).tolist() for cut in cuts]


def path_sum(scores: np.ndarray, durations: Sequence[int]) -> float:
    """The sum of the scores (tokens, frames) along a path."""
    owner = np.repeat(np.arange(len(durations)), durations)
    return float(scores[owner, np.arange(len(owner))].sum())


def brute_force(scores: torch.Tensor, tokens: int, frames: int) -> list[int]:
    """The best of all ways, tried one after the other."""
    part = scores[:tokens, :frames].double().numpy()
    return max(ways(tokens, frames), key=lambda durations: path_sum(part, durations))


def reference_align(scores: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """The best durations (n, tokens) by dynamic programming, from the end to the beginning."""
    found = torch.zeros(scores.shape[:2], dtype=torch.long)
    for i, (t, f) in enumerate(zip(tokens.tolist(), frames.tolist(), strict=True)):
        part = scores[i, :t, :f].double().numpy()
        best = np.full((t + 1, f + 1), -np.inf)  # from this frame of this token to the end
        best[t, f] = 0.0
        for k in reversed(range(f)):
            for j in range(t):
                best[j, k] = part[j, k] + max(best[j, k + 1] if k + 1 < f else -np.inf, best[j + 1, k + 1])
        j = 0
        for k in range(f):
            found[i, j] += 1
            stay = best[j, k + 1] if k + 1 < f else -np.inf
            j += int(best[j + 1, k + 1] > stay)
    return found


# --- 5 guided -------------------------------------------------------------------------------------------------------


def library_guided(attention: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor, sigma: float) -> torch.Tensor:
    """SpeechT5GuidedMultiheadAttentionLoss."""
    from transformers.models.speecht5.modeling_speecht5 import SpeechT5Config, SpeechT5GuidedMultiheadAttentionLoss

    config = SpeechT5Config(guided_attention_loss_sigma=sigma, guided_attention_loss_scale=1.0)
    heard, said = (
        torch.arange(size) < lengths[:, None]
        for size, lengths in ((attention.shape[3], tokens), (attention.shape[2], frames))
    )
    return SpeechT5GuidedMultiheadAttentionLoss(config)(attention, heard, said)


def some_attention(
    rng: np.random.Generator, tokens: Sequence[int] = (5, 7), frames: Sequence[int] = (12, 9), heads: int = 2
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Attention (n, heads, frames, tokens), and the lengths (n,) of texts and of sounds."""
    attention = (2 * gaussian(rng, len(tokens), heads, max(frames), max(tokens))).softmax(dim=-1)
    return attention, torch.tensor(tokens), torch.tensor(frames)


# --- 6 speak --------------------------------------------------------------------------------------------------------


def library_speech(seed: int, threshold: float, least: int, most: int) -> tuple[torch.Tensor, int]:
    """What generate_speech() of the small SpeechT5 says, and in how many steps."""
    speaker = probes.Speaker(seed)
    ids = speaker.ids
    r = speaker.model.config.reduction_factor
    found = speaker.model.generate_speech(
        ids,
        speaker_embeddings=speaker.voice,
        threshold=threshold,
        minlenratio=(least * r + 0.5 * r) / ids.shape[1],
        maxlenratio=(most * r + 0.5 * r) / ids.shape[1],
    )
    return found, len(found) // r


# --- 7 intonation ---------------------------------------------------------------------------------------------------


def reference_pitch(track: torch.Tensor, durations: torch.Tensor) -> np.ndarray:
    """The mean pitch of each phone over its voiced frames, phone by phone."""
    parts = np.split(track.double().numpy(), np.cumsum(durations.numpy())[:-1])
    return np.array([part[part > 0].mean() if (part > 0).any() else 0.0 for part in parts])


def reference_factors(points: Sequence[Sequence[float]], durations: torch.Tensor) -> np.ndarray:
    """Factors by NumPy's interp at the phones' middles."""
    ends = np.cumsum(durations.numpy())
    middles = (ends - durations.numpy() / 2) / ends[-1]
    return 2 ** (np.interp(middles, *np.asarray(points, dtype=float).T) / 12)


def a_track(rng: np.random.Generator, phones: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Durations (phones,) of 2 to 7 frames, and a pitch (frames,) with gaps; the second phone has no voice."""
    durations = torch.from_numpy(rng.integers(2, 8, size=phones))
    track = rng.uniform(80, 320, size=int(durations.sum())) * (rng.random(int(durations.sum())) > 0.3)
    first, second = durations[:2].tolist()
    track[first : first + second] = 0
    return torch.from_numpy(track).float(), durations


def some_points(rng: np.random.Generator, n: int = 4) -> list[tuple[float, float]]:
    """Points of a drawn intonation, which begin after the start and end before the end."""
    places = 0.15 + 0.7 * np.linspace(0, 1, n) + rng.uniform(-0.05, 0.05, size=n)
    return [(float(at), float(up)) for at, up in zip(places, rng.uniform(-9, 9, size=n), strict=True)]


# --- 8 speaker ------------------------------------------------------------------------------------------------------


def reference_pool(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of each row's own frames, row by row, as WavLMForXVector pools."""
    rows = [row[:n] for row, n in zip(states, lengths.tolist(), strict=True)]
    return torch.stack([torch.cat([row.mean(dim=0), row.std(dim=0)]) for row in rows])


def library_margin(
    embeddings: torch.Tensor, weights: torch.Tensor, labels: torch.Tensor, scale: float, margin: float
) -> torch.Tensor:
    """transformers' AMSoftmaxLoss."""
    from transformers.models.wavlm.modeling_wavlm import AMSoftmaxLoss

    loss = AMSoftmaxLoss(*weights.shape, scale=scale, margin=margin)
    with torch.no_grad():
        loss.weight.copy_(weights)
        return loss(embeddings, labels)


# --- 9 eer ----------------------------------------------------------------------------------------------------------


def library_trials(embeddings: torch.Tensor, voices: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The cosine of each pair by scikit-learn, and whether both are of one voice."""
    from sklearn.metrics.pairwise import cosine_similarity

    first, second = np.triu_indices(len(voices), k=1)
    names = np.asarray(voices)
    return cosine_similarity(embeddings.double().numpy())[first, second], names[first] == names[second]


def library_eer(scores: torch.Tensor, same: torch.Tensor) -> tuple[float, float]:
    """The equal error rate and its threshold from scikit-learn's roc_curve."""
    from sklearn.metrics import roc_curve

    accepted, hits, thresholds = roc_curve(same.numpy(), scores.numpy(), drop_intermediate=False)
    accepted, missed, thresholds = accepted[1:], 1 - hits[1:], thresholds[1:]
    at = int(np.argmin(np.round(abs(accepted - missed), 12)))
    return float(accepted[at] + missed[at]) / 2, float(thresholds[at])


def some_scores(rng: np.random.Generator, own: int = 24, others: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of pairs, those of one voice mostly higher, and which are: (own + others,) each, in no order."""
    scores = np.concatenate([rng.normal(0.55, 0.15, size=own), rng.normal(0.3, 0.15, size=others)])
    order = rng.permutation(own + others)
    return torch.from_numpy(scores[order]).float(), torch.from_numpy(order < own)


# --- 10 residual ----------------------------------------------------------------------------------------------------


def library_codes(z: torch.Tensor, books: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """EncodecResidualVectorQuantizer's codes (n, books, frames), and what it makes of them (n, d, frames)."""
    from transformers import EncodecConfig
    from transformers.models.encodec.modeling_encodec import EncodecResidualVectorQuantizer, EncodecVectorQuantization

    config = EncodecConfig(codebook_size=books.shape[1], codebook_dim=books.shape[2])
    quantizer = EncodecResidualVectorQuantizer(config)
    quantizer.num_quantizers = len(books)
    quantizer.layers = torch.nn.ModuleList([EncodecVectorQuantization(config) for _ in books])
    for layer, book in zip(quantizer.layers, books, strict=True):
        layer.codebook.embed = book.clone()
    codes = quantizer.encode(z)
    return codes.transpose(0, 1), quantizer.decode(codes)


def some_latents(
    rng: np.random.Generator, n: int = 2, frames: int = 7, books: int = 3, k: int = 6, d: int = 4
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (n, d, frames) and codebooks (books, k, d), each book about half as large as the one before."""
    scales = 0.5 ** torch.arange(books)
    return gaussian(rng, n, d, frames), gaussian(rng, books, k, d) * scales[:, None, None]


# --- 11 delay -------------------------------------------------------------------------------------------------------


def library_delay(codes: torch.Tensor, pad: int) -> torch.Tensor:
    """MusicGen's build_delay_pattern_mask for codes (n, books, frames), without the column that begins it."""
    from transformers import MusicgenForCausalLM

    n, books, frames = codes.shape
    begun = torch.cat([torch.full((n, books, 1), pad), codes], dim=2)
    model: Any = SimpleNamespace(
        num_codebooks=books, config=SimpleNamespace(audio_channels=1), generation_config=SimpleNamespace()
    )
    rows = begun.reshape(n * books, frames + 1)
    _, found = MusicgenForCausalLM.build_delay_pattern_mask(model, rows, pad, max_length=frames + books)
    return found.reshape(n, books, -1)[:, :, 1:]


# --- 12 watermark ---------------------------------------------------------------------------------------------------


def signs(key: int, samples: int) -> np.ndarray:
    """The key's pattern of +1 and -1."""
    return 2.0 * torch.randint(2, (samples,), generator=torch.Generator().manual_seed(key)).numpy() - 1


def reference_mark(wave: torch.Tensor, key: int, below: float) -> np.ndarray:
    """The wave with the key's pattern, so many decibels below it."""
    samples = wave.double().numpy()
    return samples + np.sqrt((samples**2).mean()) * 10 ** (-below / 20) * signs(key, len(samples))


def reference_z(wave: torch.Tensor, key: int) -> float:
    """By how many standard deviations a wave goes with a pattern, in closed form."""
    samples = wave.double().numpy()
    return float(samples @ signs(key, len(samples)) / np.sqrt((samples**2).sum()))
