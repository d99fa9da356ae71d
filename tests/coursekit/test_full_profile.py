"""PROFILE = "full" runs the very same cells: with tiny checkpoints under the Hub's ids, without a network."""

import os
import subprocess
import sys
from pathlib import Path

from support import hub

ROOT = Path(__file__).parents[2]


def test_the_instructor_notebook_earns_everything_in_the_full_profile(tmp_path):
    env = {**os.environ, **hub.fill(tmp_path / "hf")}
    command = [sys.executable, "-m", "grader.cli.main", "run", "week01_clip", "--parameter", "PROFILE=full"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "all points" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


def test_without_the_cache_the_full_profile_fails_and_says_why(tmp_path):
    """So the test above did load what the full profile names."""
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "grader.cli.main", "run", "week01_clip", "--parameter", "PROFILE=full"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode and 'PROFILE = "tiny"' in " ".join(done.stdout.split()), done.stdout[-2000:]
