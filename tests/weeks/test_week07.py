"""Week 7: its helper package, against the libraries and against itself."""

from __future__ import annotations

import io

import jiwer
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import SpeechT5FeatureExtractor

from coursekit import models
from coursekit import plots as shared_plots
from tinyworld import voices
from voice_lab import cloning, data, hearing, measuring, plots, probes, reading, sounding, spectra
from voice_lab.checks import library, mistakes_coded, mistakes_said, reference


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def shown(monkeypatch):
    """The pictures that figures show, with their words; players are left out."""
    found: list[tuple[Image.Image, str]] = []

    def keep(png):
        found.append((Image.open(io.BytesIO(png.getvalue())), png.alt))

    monkeypatch.setattr(shared_plots, "_display", keep)
    monkeypatch.setattr(plots, "play", lambda wave: None)
    return found


# --- what checks compare with ---


def test_dynamic_programming_finds_what_trying_all_ways_finds(rng):
    for _ in range(10):
        t, f = int(rng.integers(1, 6)), int(rng.integers(6, 10))
        scores = torch.from_numpy(rng.normal(size=(1, t, f)))
        found = reference.reference_align(scores, torch.tensor([t]), torch.tensor([f]))
        assert found[0].tolist() == reference.brute_force(scores[0], t, f)


def test_numpys_rounds_are_torchs(rng):
    magnitude, phase = reference.a_spectrum(rng)
    wave, misses = reference.reference_griffin_lim(magnitude, phase, 64, 16, 5)
    found = mistakes_said._griffin_lim(magnitude, phase, 64, 16, 5, "")
    assert np.allclose(found, wave, atol=1e-4)
    assert all(after <= before for before, after in zip(misses, misses[1:], strict=False))


def test_the_small_speaker_says_what_the_library_says():
    for seed in range(3):
        wanted, steps = reference.library_speech(seed, 9.0, 1, 4)
        speaker = probes.Speaker(seed)
        found, count = library.speak(speaker, probes.MELS, 9.0, 1, 4)
        assert count == steps and torch.allclose(found, wanted, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_the_shipped_reader_says_in_the_loop_what_the_library_says(monkeypatch):
    one = reading.Reader("a small red star")
    monkeypatch.setattr(one.model.speecht5.decoder.prenet, "_consistent_dropout", lambda states, p: states)
    frames, count = library.speak(one, spectra.MELS, 0.5, 3, 60)
    found = one.model.speech_decoder_postnet.postnet(frames[None])[0]
    ratio = 3 * one.model.config.reduction_factor / len(one.names)
    wanted = one.model.generate_speech(one.given["input_ids"], reading.VOICE, minlenratio=ratio + 1e-6)
    assert found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-3) and count == len(one.attention)


def test_a_control_of_the_reader_looks_at_all_phones_evenly():
    one = reading.Reader("a small red star", even=True)
    one(torch.zeros(1, spectra.MELS))
    assert torch.allclose(one.attention[0], torch.full((len(one.names),), 1 / len(one.names)), atol=1e-5)
    assert not reading.follows(torch.stack(one.attention)) and reading.follows(torch.eye(9).repeat_interleave(2, dim=0))


def test_a_bank_of_known_mistakes_differs_from_what_is_right(rng):
    scores, same = reference.some_scores(rng)
    right = reference.library_eer(scores, same)
    assert all(wrong != list(right) for wrong in mistakes_coded.of_eer(scores, same).values())
    wave = reference.some_sound(rng)
    wanted = reference.library_mel(wave)
    for wrong in mistakes_said.of_mel(wave).values():
        assert wrong.shape != wanted.shape or not np.allclose(wrong, wanted, atol=2e-3)


def test_musicgens_pattern_is_undone(rng):
    codes = torch.from_numpy(rng.integers(1, 9, size=(2, 4, 9)))
    rows = reference.library_delay(codes, 99)
    assert rows.shape == (2, 4, 12) and rows[0, 3, :3].eq(99).all()
    assert torch.equal(torch.stack([rows[:, i, i : i + 9] for i in range(4)], dim=1), codes)


# --- sounds ---


def test_ranks_count_what_lies_nearer():
    alike = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.5, 0.6], [0.3, 0.2, 0.7]])
    assert sounding.ranks(alike).tolist() == [0, 2, 0]


def test_the_sixty_four_are_different_kinds_and_said_so():
    kept = sounding.shelf()
    assert len(set(kept.kinds)) == len(kept.waves) == len(kept.captions) == sounding.OF
    assert all(wave.shape == (32_000,) for wave in kept.waves)


# --- spectra ---


def test_the_mel_is_the_librarys():
    one = data.sentence()
    found = spectra.mel_of(one.audio)
    wanted = SpeechT5FeatureExtractor()(audio_target=one.audio, sampling_rate=16_000, return_tensors="pt")
    assert torch.allclose(found, wanted["input_values"][0].float(), atol=5e-3)


def test_pitch_is_that_of_a_tone():
    t = torch.arange(16_000) / 16_000
    for hertz in (90.0, 180.0, 300.0):
        wave = sum(torch.sin(2 * torch.pi * k * hertz * t) / k for k in range(1, 6))
        found = spectra.pitch_of(0.2 * wave)[4:-4]
        assert (found / hertz - 1).abs().max() < 0.03
    assert float((spectra.pitch_of(torch.randn(16_000)) > 0).float().mean()) < 0.1


def test_pulses_have_the_pitch_that_was_asked_for():
    one = data.sentence()
    mel = spectra.mel_of(one.audio)
    found = spectra.pitch_of(spectra.hummed(mel, torch.full((len(mel),), 160.0)))
    assert abs(float(found[found > 0].median()) / 160 - 1) < 0.04


def test_what_is_played_is_not_too_loud_and_has_no_clicks():
    for wave in (3 * torch.randn(4000), torch.zeros(100), torch.ones(7), torch.zeros(0), 0.1 * torch.ones(900)):
        found = spectra.finished(wave)
        assert len(found) == len(wave) and float(found.abs().max() if len(found) else 0) <= 10 ** (-1 / 20) + 1e-6
        if len(found):
            assert found[0] == found[-1] == 0


# --- data, hearing, experiments ---


def test_durations_add_up_to_the_frames():
    for one in data.spoken(9):
        names, durations = data.phones_of(one)
        assert len(names) == len(durations) and int(durations.sum()) == len(spectra.mel_of(one.audio))
        assert int(durations.min()) >= 0


def test_the_ear_learns_from_none_of_the_nine():
    assert not {data.name_of(one.voice) for one in data.many_voices()} & set(voices.VOICES)
    assert len({one.voice for one in data.spoken(9)}) == 9


def test_word_errors_are_jiwers():
    said, found = ["a red star", "two blue rings and a cross"], ["a red big star", "two rings and cross"]
    assert hearing.word_errors(said, found) == pytest.approx(jiwer.wer(said, found))


def test_books_leave_less_and_less_over():
    mel = measuring.mels()[0]
    off = [measuring.distance(measuring.coded(library.residual_codes, mel, n), mel) for n in (1, 2, 4)]
    assert off[0] > off[1] > off[2]


def test_the_exercises_codes_are_the_shipped_codecs(rng):
    one = data.sentence()
    codec = models.load("codec", "tiny", "cpu").model
    codes = codec.encode(one.audio)
    frames = codec.frames(one.audio)
    found, _ = library.residual_codes(frames.T[None], measuring.books())
    assert (found[0] == codes).float().mean() > 0.99
    for n in (1, 4):
        mel = measuring.coded(library.residual_codes, spectra.mel_of(one.audio), n)
        assert measuring.distance(mel, codec.mel(codes[:n])) < 0.2


def test_figures_have_pictures_and_words(shown):
    found = measuring.Row(0.1, 2.0, 0.01, 0.8, 1.5)
    plots.show_rows({"a": found, "b": found._replace(bits=None)})
    plots.show_delay(torch.arange(8).view(2, 4), 2, -1)
    plots.show_guide(library.guided_attention)
    plots.hear({"recorded": data.wave_of(data.sentence())}, "a text", listen=False)
    assert len(shown) == 4 and all(min(picture.size) > 40 and len(alt) > 10 for picture, alt in shown)
    assert "a text" in shown[-1][1]


def test_the_cell_of_the_real_models_does_with_the_shipped_ones(shown):
    found = cloning.show_real(models.load("speaker"), models.load("vocoder"), spectra.mel_of)
    same, other = found["the same voice in another sentence"], found["another voice"]
    assert same > 0.8 > 0.6 > other and other < found["its copy"] <= same  # the small vocoder keeps half of a voice
    assert len(shown) == 1
