"""A Hugging Face cache filled with the course's tiny checkpoints under the ids of the real models.

With HF_HUB_OFFLINE=1 the full profile then runs without a network: the code is the full profile's, only the weights are
small.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import tinyworld
from coursekit.models import ROLES
from tinyworld import openclip


def fill(home: Path) -> dict[str, str]:
    """Make a cache of every role under `home`. Returns the environment that makes Python use it, offline."""
    for role in ROLES.values():
        repository = home / "hub" / f"models--{role.hub_id.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True, exist_ok=True)  # two roles may share a repository
        (repository / "refs" / "main").write_text(role.revision)
        folder = repository / "snapshots" / role.revision
        if role.model_class.startswith("open_clip."):
            openclip.export(tinyworld.checkpoint(role.shipped), folder)
            continue
        shutil.copytree(tinyworld.checkpoint(role.shipped), folder / role.subfolder)
        if role.variant:  # the Hub has a repository for each class
            (folder / f"model.safetensors.index.{role.variant}.json").replace(folder / "model.safetensors.index.json")
        if role.model_class.startswith("diffusers."):  # of pipelines the half-precision files are fetched
            for weights in folder.glob("*/*.safetensors"):
                weights.rename(weights.with_suffix(".fp16.safetensors"))
    return {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
