"""What is said when Colab's list of packages has moved: what students need by name, the rest by number."""

import subprocess
import sys
from pathlib import Path

import colab
import colab_moved
import pytest

KEPT = "# All of a runtime, Python 3.13 (commit a)\nnumpy==2.1.3\nopen_clip.torch==3.0\nabsl-py==1.4\nextra==1\n"
WANTED = {"numpy", "torch", "open-clip-torch", "sacrebleu"}


def test_the_list_that_is_kept_has_not_moved_away_from_itself():
    text = colab.PINS.read_text(encoding="utf-8")
    told, moved = colab_moved.report(text, text)
    assert not moved and told == "Colab has what `tests/colab-versions.txt` says of the course's packages.\n"
    assert {"numpy", "torch", "transformers"} <= colab_moved.needed()
    assert colab_moved.KEPT_PYTHON.search(text.partition("\n")[0])[1] == "3.13"


def test_what_students_need_is_named_and_the_rest_counted():
    now = KEPT.replace("2.1.3", "2.2.0").replace("open_clip.torch==3.0\n", "").replace("absl-py==1.4", "absl-py==1.5")
    told, moved = colab_moved.report(KEPT, now + "sacrebleu==2.5\nother==1 # new\n", wanted=WANTED)
    assert moved and told.startswith("3 of what students need moved, and 2 other packages.\n")
    rows = [line for line in told.splitlines() if line.startswith("|")][2:]
    assert rows == [
        "| numpy | 2.1.3 | 2.2.0 |",
        "| open-clip-torch | 3.0 | not there |",
        "| sacrebleu | not there | 2.5 |",
    ]


def test_other_packages_alone_are_no_reason():
    told, moved = colab_moved.report(KEPT, KEPT.replace("extra==1", "extra==2"), wanted=WANTED)
    assert not moved and "; 1 others differ" in told


def test_another_python_is():
    told, moved = colab_moved.report(KEPT, KEPT, "# made by a script\nUbuntu 24.04\nPython 3.14.1\nR version 4", WANTED)
    assert moved and "| Python | 3.13 | 3.14 |" in told
    assert not colab_moved.report(KEPT, KEPT, "Python 3.13.9", WANTED)[1]


def test_what_is_no_list_is_not_taken_for_one():
    with pytest.raises(ValueError, match="is it the list"):
        colab_moved.report(KEPT, "<html>not found</html>", wanted=WANTED)


def test_as_a_command_it_needs_nothing_but_python(tmp_path):
    (tmp_path / "now.txt").write_text(colab.PINS.read_text(encoding="utf-8").replace("numpy==", "numpy==9"))
    command = [sys.executable, "-S", colab_moved.__file__, str(tmp_path / "now.txt")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(colab.__file__).parent)
    assert done.returncode == 1 and "| numpy |" in done.stdout, done.stderr
