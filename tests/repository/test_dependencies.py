"""All that the code imports is declared in pyproject.toml, in the group of those who run that code."""

import ast
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
STUDENT = PYPROJECT["project"]["dependencies"]
GRADER = [*STUDENT, *EXTRAS["grader"]]
SITE = [*GRADER, *EXTRAS["site"]]
DEVELOPER = [*GRADER, *EXTRAS["dev"], *EXTRAS["app"], *EXTRAS["cluster"], *EXTRAS["site"]]
MAY_IMPORT = {
    "weeks": [*STUDENT, *EXTRAS["app"]],
    "datasets": STUDENT,
    "solutions": STUDENT,
    "grader": [*GRADER, *EXTRAS["cluster"]],
    "nbgrader_config.py": GRADER,
    "docs/site": SITE,
    "tests": DEVELOPER,
    "benchmarks": DEVELOPER,
    "setup.py": PYPROJECT["build-system"]["requires"],
}
ELSEWHERE = {"google.colab"}  # only Colab has it, and no index


def sources(place: Path) -> Iterator[tuple[Path, str]]:
    """Each file of Python below a place, and each cell of a notebook, as (file, code)."""
    for path in [place] if place.is_file() else sorted([*place.rglob("*.py"), *place.rglob("*.ipynb")]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            yield path, text
            continue
        for cell in json.loads(text)["cells"]:
            if cell["cell_type"] == "code":
                yield path, TransformerManager().transform_cell("".join(cell["source"]))


def imported(code: str) -> set[str]:
    """The modules that code imports by their full names, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def own(root: Path) -> set[str]:
    """The top-level modules that the tree itself has."""
    packages = [root, root / "weeks", *(root / "weeks").glob("*/"), root / "datasets", root / "tests"]
    names = {path.parent.name for folder in packages for path in folder.glob("*/__init__.py")}
    scripts = [*(root / "tests").rglob("*.py"), *(root / "benchmarks").glob("*.py"), *(root / "docs/site").glob("*.py")]
    return names | {path.stem for path in scripts} - {"__init__"}


def undeclared(place: Path, declared: list[str], root: Path = ROOT) -> set[str]:
    """What a place imports that none of the declared distributions brings, as "file: module"."""
    allowed = {canonicalize_name(Requirement(one).name) for one in declared}
    distributions, known = packages_distributions(), sys.stdlib_module_names | own(root)
    found = set()
    for path, code in sources(place):
        for module in imported(code) - ELSEWHERE:
            top = module.partition(".")[0]
            brought = {canonicalize_name(one) for one in distributions.get(top, [])}
            if top not in known and not brought & allowed:
                found.add(f"{path.relative_to(root)}: {module}")
    return found


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_every_import_is_declared(place: str) -> None:
    assert list(sources(ROOT / place))
    assert not undeclared(ROOT / place, MAY_IMPORT[place])


def test_an_undeclared_import_is_found(tmp_path: Path) -> None:
    cell = "%matplotlib inline\n!ls\nimport sacrebleu\nfrom .own import PIL"
    notebook = {
        "cells": [{"cell_type": "code", "source": [cell]}, {"cell_type": "markdown", "source": "import sklearn"}]
    }
    (tmp_path / "week.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "module.py").write_text(
        "import numpy.linalg\n\n\ndef later():\n    from yaml import safe_load\n    import no_such\n"
    )
    assert undeclared(tmp_path, ["NumPy>=1"], tmp_path) == {
        "week.ipynb: sacrebleu",
        "module.py: yaml",
        "module.py: no_such",
    }
    assert undeclared(tmp_path, ["numpy", "PyYAML", "sacrebleu"], tmp_path) == {"module.py: no_such"}
