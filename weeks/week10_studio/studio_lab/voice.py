"""A voice for captions, where this machine has one: espeak-ng, a free synthesiser. Nothing is cloned from anybody."""

from __future__ import annotations

import shutil
import subprocess

PROGRAM = "espeak-ng"
LONGEST = 500  # characters


def at_hand() -> bool:
    """Whether this machine can speak."""
    return shutil.which(PROGRAM) is not None


def speak(text: str) -> bytes:
    """The text as a WAV file. Raises RuntimeError where there is no voice, or it fails."""
    if not at_hand():
        raise RuntimeError("There is no voice here; on Debian and Ubuntu: apt install espeak-ng")
    command = [PROGRAM, "-v", "en", "-s", "150", "--stdin", "--stdout"]
    try:
        done = subprocess.run(command, input=text[:LONGEST].encode(), capture_output=True, timeout=30, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise RuntimeError("The voice failed; try another caption.") from error
    return done.stdout
