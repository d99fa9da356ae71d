"""The images and dev containers: the Dockerfile is sound, it says who runs what, and no class's work is sent."""

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import dockerfile
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = dockerfile.stages(TEXT)
TARGETS = ("student", "instructor")
CONTAINERS = sorted((ROOT / ".devcontainer").glob("*/devcontainer.json"))
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def hadolint(path):
    done = subprocess.run([HADOLINT, "--no-color", "--format", "json", path], capture_output=True, text=True)
    return [(one["code"], one["line"]) for one in json.loads(done.stdout)]


@pytest.mark.skipif(not HADOLINT, reason="hadolint has no wheel for this system")
def test_hadolint_finds_nothing(tmp_path):
    assert hadolint(ROOT / "Dockerfile") == []
    worse = (
        TEXT.replace(" --no-install-recommends", "")
        .replace("USER 1000", "USER root")
        .replace("FROM base AS", "FROM debian AS")
    )
    (tmp_path / "Dockerfile").write_text(worse)
    assert {"DL3015", "DL3002", "DL3006"} <= {code for code, _ in hadolint(tmp_path / "Dockerfile")}


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_a_user_of_its_own_and_starts_jupyter(target):
    steps = STAGES[target].steps
    assert [value for kind, value in steps if kind == "USER"][-1] == "1000", "by number: a hub may forbid root"
    assert any("useradd" in value and "--uid 1000" in value for kind, value in steps if kind == "RUN")
    (command,) = (json.loads(value) for kind, value in steps if kind == "CMD")
    assert command[:2] == ["jupyter", "lab"] and not any("token" in word or "password" in word for word in command)


def test_the_student_s_image_gets_nothing_that_students_do_not_get():
    sources = [word for kind, value in STAGES["student"].steps if kind == "COPY" for word in value.split()[:-1]]
    sources = [word for word in sources if not word.startswith("--")]
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    listed = subprocess.run(["tar", "-t"], input=archive, capture_output=True, check=True).stdout.decode().split()
    new = {"MANIFEST.in"}  # until it is committed
    for source in sources:
        assert source in {*listed, *new} or f"{source}/" in listed, f"{source} is not in the students' copy"
    assert "." not in sources and "grader" not in " ".join(
        value for kind, value in STAGES["student"].steps if kind == "RUN"
    )


def test_it_installs_the_versions_of_the_lock_as_the_makefile_does():
    (pattern,) = set(re.findall(r"grep -vE '([^']+)'", TEXT))
    assert f"grep -vE '{pattern}' requirements.lock" in MAKEFILE
    assert "grep -E '^(torch|torchvision)==' requirements.lock" in TEXT
    assert "download.pytorch.org/whl/cpu" in TEXT
    assert re.search(r"make (\w+) VENV=/opt/venv", TEXT)[1] == "env"
    (python,) = re.findall(r"^ARG PYTHON=(3\.\d+)$", TEXT, re.MULTILINE)
    (low, high) = re.search(r"\(3, (\d+)\) <= sys\.version_info < \(3, (\d+)\)", MAKEFILE).groups()
    assert int(low) <= int(python.partition(".")[2]) < int(high)


def test_nothing_of_a_class_is_sent_to_a_builder():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    made = [
        line.strip("/")
        for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
        if line[:1] not in "#"
    ]
    missing = [name for name in made if not any(fnmatch(name, one.removeprefix("**/")) for one in ignored)]
    assert missing == [] and ".git" in ignored
    kept = [name for name in dockerfile.context() if any(fnmatch(name, one) for one in ignored if one[:1] not in "#*")]
    assert kept == [], "what the tree itself holds is sent"


@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: path.parent.name)
def test_a_dev_container_builds_a_target_that_is_there(path):
    told = json.loads(path.read_text(encoding="utf-8"))
    build = told["build"]
    assert (path.parent / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (path.parent / build["context"]).resolve() == ROOT
    assert build["target"] == path.parent.name and build["target"] in STAGES
    assert f"useradd --create-home --uid 1000 --shell /bin/bash {told['remoteUser']}" in TEXT
    assert told["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == "/opt/venv/bin/python"


def test_only_the_instructor_s_may_make_sandboxes_and_students_do_not_get_it():
    args = {path.parent.name: json.loads(path.read_text()).get("runArgs", []) for path in CONTAINERS}
    assert set(args) == set(TARGETS) and args["student"] == []
    assert args["instructor"] == ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    page = (ROOT / "docs" / "jupyterhub.md").read_text(encoding="utf-8")
    assert " ".join(args["instructor"]) in page and "--privileged" not in "".join(args["instructor"])
    attributes = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "/.devcontainer/instructor export-ignore" in attributes


def test_the_page_names_targets_arguments_and_folders_of_the_dockerfile():
    page = (ROOT / "docs" / "jupyterhub.md").read_text(encoding="utf-8")
    assert set(re.findall(r"--target (\w+)", page)) == set(TARGETS)
    for name in re.findall(r"--build-arg (\w+)=", page):
        assert re.search(rf"^ARG {name}=", TEXT, re.MULTILINE), name
    for folder in ("/opt/venv", "/srv/crossmodal", "/home/jovyan/weeks"):
        assert folder in page and folder in TEXT


# --- the script that runs the steps -----------------------------------------------------------------------------------

SMALL = """
ARG BASE=3.13
FROM python:${BASE} AS base
RUN apt-get update
ENV GREETING=hello PATH=/opt/own/bin:$PATH
ARG WHAT=nothing
WORKDIR /srv/thing

FROM base AS student
USER 1000
COPY LICENSE setup.py ./
COPY tests/support support
# a remark
RUN test "$(id -u)" = 1000 && mkdir -p /opt/own/bin \\
    && printf '#!/bin/sh\\necho "$GREETING, $WHAT"' > /opt/own/bin/greet && chmod +x /opt/own/bin/greet
RUN greet > said.txt && ls support >> said.txt
"""


def test_steps_run_as_they_are_written_at_the_image_s_own_paths(tmp_path):
    why = subprocess.run(["bwrap", "--ro-bind", "/", "/", "--unshare-user", "true"], capture_output=True)
    if why.returncode:
        pytest.skip("no user namespaces here")
    image = dockerfile.Image(tmp_path, sys.executable, {"WHAT": "world"})
    for kind, value in dockerfile.stages(SMALL)["student"].steps:
        image.take(kind, value)
    said = (tmp_path / "srv" / "thing" / "said.txt").read_text().splitlines()
    assert said[0] == "hello, world" and "toy.py" in said
    assert (tmp_path / "srv" / "thing" / "LICENSE").is_file() and image.skipped == ["apt-get update"]
    with pytest.raises(subprocess.CalledProcessError):
        image.take("RUN", "false")
    with pytest.raises(FileNotFoundError, match="no such file in the tree"):
        image.take("COPY", "no_such_folder there")
    with pytest.raises(ValueError, match="not in a folder"):
        image.take("WORKDIR", "/usr/share")
