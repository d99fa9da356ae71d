"""The files that name versions say the same: pyproject.toml, requirements.lock, environment.yml, Colab's, CI's."""

import json
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STUDENT = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = [Requirement(text) for texts in PROJECT["optional-dependencies"].values() for text in texts]
PYTHONS = SpecifierSet(PROJECT["requires-python"])
SUPPORTED = [minor for minor in range(8, 30) if f"3.{minor}.0" in PYTHONS]
COLAB_PYTHON = "3.13"
SETUP = re.compile(r"^\s*%pip install (.*)$", re.MULTILINE)


def name(requirement):
    return canonicalize_name(requirement.name)


def pins(path):
    """[(name, version, for these environments)] of a file of exact versions."""
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line]
    for one in found:
        (exact,) = one.specifier
        assert exact.operator == "==" and not exact.version.endswith("*"), f"{path.name}: {one} is not one version"
    return [(name(one), Version(next(iter(one.specifier)).version), one.marker) for one in found]


LOCK = pins(ROOT / "requirements.lock")
COLAB = {package: version for package, version, _ in pins(ROOT / "tests" / "colab-versions.txt")}


def locked(package, minor):
    """The version that the lock has for a package on Linux with this Python, or None."""
    where = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.9", "sys_platform": "linux"}
    where |= {"platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
    found = [version for other, version, marker in LOCK if other == package and (not marker or marker.evaluate(where))]
    assert len(found) <= 1, f"{package} has {len(found)} versions for Python 3.{minor}"
    return found[0] if found else None


@pytest.mark.parametrize("minor", SUPPORTED)
@pytest.mark.parametrize("requirement", [*STUDENT, *EXTRAS], ids=str)
def test_the_lock_has_what_pyproject_asks_for(requirement, minor):
    version = locked(name(requirement), minor)
    assert version is not None, f"{requirement} is not in requirements.lock: make lock"
    assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, locked {version}: make lock"


def test_the_lock_names_no_package_index():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text and "--" not in text and "file:" not in text


def test_conda_installs_the_lock_on_the_same_pythons():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [Requirement(one) for one in environment["dependencies"] if isinstance(one, str)]
    assert [one.name for one in conda] == ["python", "pip"], "all else comes from the lock"
    assert conda[0].specifier == PYTHONS
    (from_pip,) = (one["pip"] for one in environment["dependencies"] if isinstance(one, dict))
    assert from_pip == ["-r requirements.lock", "-e ."]


def test_the_makefile_and_ci_know_the_same_pythons():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    low, high = re.search(r"\(3, (\d+)\) <= sys\.version_info < \(3, (\d+)\)", makefile).groups()
    assert list(range(int(low), int(high))) == SUPPORTED
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    matrix = [
        job["strategy"]["matrix"]["python"]
        for job in workflow["jobs"].values()
        if "python" in job.get("strategy", {}).get("matrix", {})
    ]
    assert matrix == [[f"3.{minor}" for minor in SUPPORTED]]
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert ruff["target-version"] == f"py3{SUPPORTED[0]}"
    told = re.search(r"fresh machine with Python ([\d., or]+):", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    assert re.findall(r"3\.\d+", told) == [f"3.{minor}" for minor in SUPPORTED]


def test_gradescopes_set_up_installs_as_the_makefile_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = (ROOT / "grader" / "reporting" / "bundles" / "setup.sh").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -vE '([^']+)'", setup)
    assert f"grep -vE '{pattern}' requirements.lock" in makefile
    assert "grep -E '^(torch|torchvision)==' requirements.lock" in makefile and "'^(torch|torchvision)=='" in setup
    assert "download.pytorch.org/whl/cpu" in makefile and "download.pytorch.org/whl/cpu" in setup
    assert f"{re.search(r'--python (3[.][0-9]+)', setup)[1]}.0" in PYTHONS
    kernel = re.search(r"kernels/[\w-]+", setup)[0]
    assert (
        f"grader/execution/{kernel}" in makefile and (ROOT / "grader" / "execution" / kernel / "kernel.json").is_file()
    )


# --- Colab ------------------------------------------------------------------------------------------------------------


def setup_lines():
    """What the set-up cell of every week installs on Colab."""
    found = {}
    for path in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lines = SETUP.findall("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
        assert len(lines) == 1, f"{path.name} installs {len(lines)} times"
        found[path.parent.name] = lines[0]
    return found


def test_colab_has_a_python_that_is_supported():
    assert f"{COLAB_PYTHON}.0" in PYTHONS


@pytest.mark.parametrize("week", setup_lines())
def test_the_set_up_cell_brings_what_colab_lacks_and_nothing_else(week):
    line = setup_lines()[week]
    assert "--no-deps" in line, "else pip may change what Colab has, and ask for a restart"
    assert not added(line) & set(COLAB), "Colab has these already"
    assert lacking(week) <= added(line), "what this week imports and Colab lacks"


def added(line):
    """The packages that a set-up cell brings, besides the course."""
    words = [word for word in re.sub(r'"[^"]*"', "", line).split() if not word.startswith("-")]
    assert all(re.fullmatch(r"[\w-]+", word) for word in words), "it pins nothing"
    return {canonicalize_name(word) for word in words}


def lacking(week):
    """The students' packages that Colab does not have and that a week's notebook or helper package imports."""
    notebook = json.loads((ROOT / "solutions" / week / f"{week}.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code += [path.read_text(encoding="utf-8") for path in (ROOT / "weeks" / week).rglob("*.py")]
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", "\n".join(code), re.MULTILINE))
    brings = packages_distributions()
    found = {canonicalize_name(one) for module in imported for one in brings.get(module, [])}
    return found & {name(one) for one in STUDENT} - set(COLAB)


def test_every_package_that_colab_lacks_is_brought_by_some_week():
    brought = set().union(*map(added, setup_lines().values()))
    assert {name(one) for one in STUDENT} - set(COLAB) <= brought, "or tests/colab-versions.txt lacks a line"


@pytest.mark.parametrize("requirement", [one for one in STUDENT if name(one) in COLAB], ids=str)
def test_what_colab_has_is_enough(requirement):
    version = COLAB[name(requirement)]
    assert requirement.specifier.contains(version), f"Colab has {version}"
    newest = locked(name(requirement), SUPPORTED[-1])
    assert newest >= version, f"the tests run with {newest}, which is older than Colab's {version}"
    assert newest.major - version.major <= 2, f"the tests run with {newest}, far from Colab's {version}"


def test_students_pin_nothing_that_colab_has():
    for one in STUDENT:
        assert all(part.operator == ">=" for part in one.specifier), f"{one} would hold Colab back"
