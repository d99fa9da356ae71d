"""The script that runs the weeks as Colab would: what it installs, and what it says of a week that fails."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import colab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

WEEKS = sorted(path.stem for path in (colab.ROOT / "solutions").glob("*/*.ipynb"))


def test_whoever_starts_it_needs_nothing_installed():
    tree = ast.parse(Path(colab.__file__).read_text())
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {one.partition(".")[0] for one in names} <= sys.stdlib_module_names
    done = subprocess.run([sys.executable, "-I", "-S", colab.__file__, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--venv" in done.stdout, done.stderr


@pytest.mark.parametrize("slug", WEEKS)
def test_it_installs_what_the_released_set_up_cell_says(slug):
    notebook = json.loads((colab.ROOT / "weeks" / slug / f"{slug}.ipynb").read_text())
    (line,) = re.findall(r"%pip install (.*)", "\n".join("".join(cell["source"]) for cell in notebook["cells"]))
    words = colab.set_up(slug)
    assert str(colab.ROOT) in words and "--no-deps" in words and not any("git+" in word for word in words)
    assert set(colab.brought(slug)) == {word for word in line.split() if word[0] not in '-"'}


def test_week_10_gets_streamlit_from_its_own_cell():
    assert "streamlit" in colab.brought("week10_studio") and "streamlit" not in colab.brought("week01_clip")


def test_cells_have_the_week_s_own_budget(tmp_path):
    (tmp_path / "weeks").mkdir()
    (tmp_path / "weeks" / "course.toml").write_text(
        "[course.budget]\ncell = 120\nnotebook = 600\n[weeks.a]\n[weeks.b.budget]\ncell = 300\n"
    )
    assert colab.budget("a", tmp_path) == {"cell": 120, "notebook": 600}
    assert colab.budget("b", tmp_path) == {"cell": 300, "notebook": 600}


def test_packages_are_colab_s_in_its_versions_and_what_nothing_brings_is_named():
    needed = colab.pinned(
        ["torch==9.9  # newest", "Open_CLIP.torch==3.0", "nvidia-cublas==13.1", "jedi==1.0", "numpy==2"]
    )
    has = colab.pinned(["torch==2.11.0", "numpy==2.1.3", "pandas==2.2", "nvidia-cublas==12.8", "# a remark"])
    preinstalled, lacking = colab.split(needed, has, ["open_clip_torch"])
    assert preinstalled == {"torch": "2.11.0", "numpy": "2.1.3", "nvidia-cublas": "13.1"}
    assert lacking == ["jedi"]


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """executed(cells, seconds for each) is what the script says of such a notebook, run by this Python."""
    decoy = tmp_path / "home" / "kernels" / "python3"
    decoy.mkdir(parents=True)
    (decoy / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(decoy.parent.parent))

    def run(*sources: str, cell: int = 30, notebook: int = 60) -> list[str]:
        path = tmp_path / "week.ipynb"
        nbformat.write(new_notebook(cells=[new_markdown_cell("# A"), *map(new_code_cell, sources)]), path)
        return colab.execute(Path(sys.executable), path, tmp_path, {"cell": cell, "notebook": notebook})

    return run


def test_a_week_whose_checks_pass_has_nothing_to_say(executed):
    assert executed("def check(name):\n    print(f'{name}   1 of 1   all right')", 'check("a")') == []


def test_a_check_that_fails_is_quoted(executed):
    assert executed("def check(name):\n    print(f'{name}   0 of 1')", 'check("a")', 'check("b")') == [
        "a   0 of 1",
        "b   0 of 1",
    ]


def test_the_failing_cell_and_its_exception_are_said(executed):
    said = executed("x = 1", "import math\nraise RuntimeError('the app needs Streamlit\\n' + 40 * '-')", 'check("a")')
    assert said[0].startswith("cell 3 stopped it: RuntimeError: the app needs Streamlit")
    assert "    import math" in said and any("----> 2 raise RuntimeError" in line for line in said)
    assert not any("\x1b" in line for line in said) and not any("printed nothing" in line for line in said)


def test_a_cell_that_takes_too_long_is_said(executed):
    said = executed("x = 1", "import time\ntime.sleep(30)", cell=2)
    assert said[0].startswith("cell 3 stopped it: CellTimeoutError: ") and "    time.sleep(30)" in said


def test_a_kernel_that_dies_and_a_python_that_cannot_are_said(executed, tmp_path):
    assert "cell 2 stopped it: DeadKernelError" in executed("import os; os._exit(1)")[0]
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'first line' >&2\necho 'no module named nbclient' >&2\nexit 1\n")
    fake.chmod(0o755)
    said = colab.execute(fake, tmp_path / "week.ipynb", tmp_path, {"cell": 1, "notebook": 1})
    assert said == ["it could not be executed:", "first line", "no module named nbclient"]


def test_a_notebook_that_never_ends_is_ended(executed, monkeypatch):
    monkeypatch.setattr(colab, "SLACK", 2)
    assert executed("import time\ntime.sleep(60)", notebook=1) == ["it took longer than 3 s"]


def test_colab_s_python_is_one_that_runs(tmp_path, monkeypatch):
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")
    assert colab.colab_s_python() == sys.executable
    shim.unlink()
    shim.symlink_to(shutil.which("true"))
    assert colab.colab_s_python() == str(shim)
