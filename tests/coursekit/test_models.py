"""Models by role: the shipped checkpoints in the tiny profile, the Hub's ids in the full one."""

import os
import subprocess
import sys

import pytest
import torch
from support import hub

import tinyworld
from coursekit import loaders, models, session

SCENES = tinyworld.scenes("test", 12, objects=1)
PICTURES = [scene.render() for scene in SCENES]
CAPTIONS = [scene.caption() for scene in SCENES]


@pytest.fixture(scope="module")
def clip():
    return models.load("clip", profile="tiny")


def test_every_role_is_fully_described():
    for name, role in models.ROLES.items():
        assert tinyworld.checkpoint(role.shipped).is_dir(), name
        assert len(role.revision) == 40 and int(role.revision, 16), "a revision is a full commit"
        assert role.hub_id.count("/") == 1 and role.licence and role.size_mb > 0 and role.memory_mb >= role.size_mb


def test_an_unknown_role_names_those_there_are():
    with pytest.raises(KeyError, match="clip"):
        models.load("clop")


def test_embeddings_are_one_float_row_each_whatever_the_batch(clip):
    whole = models.embed_images(clip, PICTURES)
    parts = models.embed_images(clip, PICTURES, batch=5)
    assert whole.dtype == torch.float32 and whole.shape == (12, clip.model.config.projection_dim)
    assert torch.allclose(whole, parts, atol=1e-4)
    assert models.embed_texts(clip, CAPTIONS).shape == whole.shape
    assert not whole.requires_grad


def test_any_picture_and_any_text_can_be_embedded(clip):
    odd = [PICTURES[0].convert(mode) for mode in ("L", "RGBA", "P")] + [PICTURES[0].resize((301, 77))]
    assert torch.isfinite(models.embed_images(clip, odd)).all()
    assert torch.isfinite(models.embed_texts(clip, ["", "Zürich 42 !?", "word " * 500])).all()
    with pytest.raises(ValueError, match="empty"):
        models.embed_texts(clip, [])


@pytest.mark.parametrize("role", models.ROLES)
def test_training_one_model_leaves_the_next_as_it_was_shipped(role):
    def network(loaded):
        return getattr(loaded.model, "unet", loaded.model)  # a pipeline has several

    first = models.load(role, profile="tiny")
    shipped = {name: value.clone() for name, value in network(first).state_dict().items()}
    learnt = [parameter.requires_grad for parameter in network(first).parameters()]  # Whisper's positions are fixed
    with torch.no_grad():
        for parameter in network(first).train().parameters():
            parameter.add_(1)
    second = models.load(role, profile="tiny")
    assert not network(second).training and second.processor is not first.processor
    assert all(torch.equal(value, shipped[name]) for name, value in network(second).state_dict().items())
    assert any(learnt) and learnt == [parameter.requires_grad for parameter in network(second).parameters()]


def test_a_shipped_model_is_read_once():
    models.load("clip", profile="tiny")
    before = models._shipped.cache_info().misses
    models.load("clip", profile="tiny")
    assert models._shipped.cache_info().misses == before


def test_both_libraries_give_the_same_embeddings(clip):
    other = models.load("open_clip", profile="tiny")
    assert torch.allclose(models.embed_images(clip, PICTURES), models.embed_images(other, PICTURES), atol=1e-3)
    assert torch.allclose(models.embed_texts(clip, CAPTIONS), models.embed_texts(other, CAPTIONS), atol=1e-3)


def test_a_shipped_pipeline_loads_without_a_bar():
    """Of its parts diffusers loads some, and transformers, which has a bar of its own, the others."""
    code = "from coursekit import models; models.load('diffusion', profile='tiny', device='cpu')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Loading" not in done.stderr + done.stdout


def test_the_full_profile_loads_the_hub_ids_from_a_cache(tmp_path):
    code = """
import torch, tinyworld
from coursekit import loaders, models, session
session.setup("full", "cpu")
pictures = [s.render() for s in tinyworld.scenes("test", 3)]
a, b = (models.embed_images(models.load(role), pictures) for role in ("clip", "open_clip"))
assert torch.allclose(a, b, atol=1e-3) and a.shape[0] == 3
print("loaded")
"""
    done = python(code, hub.fill(tmp_path / "hf"))
    assert done.returncode == 0 and done.stdout.endswith("loaded\n"), done.stderr[-2000:]


def test_the_full_profile_loads_a_pipeline_from_a_cache(tmp_path):
    code = """
import torch
from coursekit import models
pipe, ours = (models.load("diffusion", profile=p, device="cpu").model for p in ("full", "tiny"))
same = zip(pipe.unet.parameters(), ours.unet.parameters(), strict=True)
assert all(torch.equal(a, b) for a, b in same) and pipe.unet.dtype == torch.float32 and pipe.safety_checker is None
print("loaded")
"""
    done = python(code, hub.fill(tmp_path / "hf"))
    assert done.returncode == 0 and done.stdout.endswith("loaded\n"), done.stderr[-2000:]


def test_the_full_profile_without_network_or_cache_says_what_to_do(tmp_path):
    empty = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    code = """
from coursekit import models
for role in models.ROLES:
    try:
        models.load(role, profile="full")
    except RuntimeError as error:
        assert 'PROFILE = "tiny"' in str(error), (role, error)
    else:
        raise AssertionError(role)
print("refused", len(models.ROLES))
"""
    done = python(code, empty)
    assert done.stdout == f"refused {len(models.ROLES)}\n", done.stderr[-2000:]


def test_setup_says_one_line_and_refuses_what_is_not_there(capsys):
    before = session.current, torch.get_num_threads()
    try:
        chosen = session.setup("tiny", "cpu", seed=3)
        first = torch.rand(2)
        assert capsys.readouterr().out.count("\n") == 1
        session.setup("tiny", "cpu", seed=3)
        assert torch.equal(first, torch.rand(2)) and chosen.device == torch.device("cpu")
        with pytest.raises(ValueError, match='"tiny"'):
            session.setup("huge")
        with pytest.raises(RuntimeError, match="auto"):
            session.setup("tiny", "tpu")
    finally:
        session.current = before[0]
        torch.set_num_threads(before[1])


@pytest.mark.parametrize(
    ("course", "openmp", "threads", "said"),
    [
        ("3", "2", 3, "3 CPU threads (CROSSMODAL_THREADS)"),
        (None, "2", 2, "2 CPU threads (OMP_NUM_THREADS)"),
        ("", "1,2", 1, "1 CPU thread (OMP_NUM_THREADS)"),
        (None, "none", 2, "2 CPU threads, seed"),
        ("0", None, 2, "2 CPU threads, seed"),
    ],
)
def test_setup_says_how_many_threads_and_who_chose_them(course, openmp, threads, said, capsys, monkeypatch):
    before = session.current, torch.get_num_threads()
    monkeypatch.setattr(session, "_cores", lambda: 5)
    for name, value in (("CROSSMODAL_THREADS", course), ("OMP_NUM_THREADS", openmp)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    try:
        assert session.setup("tiny", "cpu").threads == threads == torch.get_num_threads()
        assert said in capsys.readouterr().out
    finally:
        session.current = before[0]
        torch.set_num_threads(before[1])


def test_large_models_have_all_cores_and_small_ones_always_one(monkeypatch):
    for name in ("CROSSMODAL_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(session, "_cores", lambda: 1)
    assert session._threads("tiny") == session._threads("full") == (1, "")
    monkeypatch.setattr(session, "_cores", lambda: 8)
    assert session._threads("tiny") == (4, "") and session._threads("full") == (8, "")


def python(code: str, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, timeout=300
    )


def test_biases_that_a_library_leaves_out_are_put_back(monkeypatch, tmp_path):
    """Of a VideoMAE on the Hub, whose file calls them otherwise."""
    import huggingface_hub
    from safetensors.torch import save_file

    role, name = models.ROLES["video"], "videomae.encoder.layer.1.attention.attention"
    stored = {f"{name}.q_bias": torch.full((128,), 2.0), f"{name}.v_bias": torch.full((128,), 3.0)}
    save_file(stored, tmp_path / "model.safetensors")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: tmp_path / "model.safetensors")
    shipped = models.load("video", "tiny", "cpu")
    monkeypatch.setattr(loaders, "_model_and_processor", lambda *_: shipped)
    model = loaders.load_video(role.hub_id, role).model
    assert (model.get_parameter(f"{name}.query.bias") == 2).all()
    assert (model.get_parameter(f"{name}.value.bias") == 3).all()
