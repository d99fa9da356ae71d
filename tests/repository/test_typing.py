"""mypy is as strict with the grader and coursekit as --strict is, and lets nothing through unnamed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
MYPY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
STRICT = next(one for one in MYPY["overrides"] if "grader.*" in one["module"])
OURS = [  # packages that lie in no other
    path.parent.name for path in ROOT.glob("[!.]*/**/__init__.py") if not (path.parents[1] / "__init__.py").exists()
]


def test_mypy_finds_nothing() -> None:
    """Here and not before all tests, where the other core would wait for it."""
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_grader_and_coursekit_are_held_to_all_that_strict_asks() -> None:
    """`strict` cannot be said of some modules alone, so its flags are written out; mypy's help lists them."""
    done = subprocess.run([sys.executable, "-m", "mypy", "--help"], capture_output=True, text=True, check=True)
    listed = re.search(
        r"Strict mode; enables the following flags:(.*?)\n  --disable-error-code", done.stdout, re.DOTALL
    )
    assert listed
    words = re.sub(r"-\s+", "-", listed[1])  # the help breaks lines at hyphens
    flags = {flag.replace("-", "_") for flag in re.findall(r"--([a-z-]+)", words)}
    assert len(flags) > 10
    assert set(STRICT["module"]) == {"grader.*", "coursekit.*"}
    assert not {flag for flag in flags if not (STRICT.get(flag) or MYPY.get(flag))}


def test_every_package_is_looked_at() -> None:
    seen = {path for pattern in MYPY["files"] for path in ROOT.glob(pattern)}
    for package in ("grader", "weeks/coursekit", "weeks/*/*", "datasets/tinyworld"):
        for path in ROOT.glob(f"{package}/__init__.py"):
            assert path in seen or seen & set(path.parents), path


def test_what_is_ignored_is_named_and_not_ours() -> None:
    ignored = [name for one in MYPY["overrides"] if one.get("ignore_missing_imports") for name in one["module"]]
    assert ignored and "ignore_missing_imports" not in MYPY and "ignore_errors" not in str(MYPY)
    assert not {name.partition(".")[0] for name in ignored} & {"*", *OURS}


def test_no_module_and_no_line_is_let_through_whole() -> None:
    """`# type: ignore` says which error it means."""
    for path in ROOT.glob("[!.]*/**/*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^ *# *mypy: *ignore-errors|# *type: *ignore(?!\[[a-z, -]+\])", text, re.MULTILINE) or (
            path == Path(__file__)
        ), path
