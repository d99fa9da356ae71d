"""GitHub's workflows fit GitHub's schema, run commands that exist, and cover what CI promises."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from grader.cli.main import app
from grader.course.discovery import find_course

ROOT = Path(__file__).parents[2]
# Jobs that may write, and what; none of them runs code of the tree or of a package.
MAY_WRITE = {
    "colab.yml": {"issue": {"contents": "read", "issues": "write"}},
    "release.yml": {"publish": {"contents": "write"}},
    "site.yml": {"publish": {"pages": "write", "id-token": "write"}},
}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def check(*paths):
    """By the schema of SchemaStore that check-jsonschema carries, so nothing is fetched."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, paths),
    ]
    return subprocess.run(command, capture_output=True, text=True)


def jobs(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()


def commands(path):
    return [step["run"] for job in jobs(path) for step in job["steps"] if "run" in step]


def test_they_fit_the_schema():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "colab.yml", "gpu.yml", "release.yml", "site.yml"]
    done = check(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"), [("runs-on:", "runs-at:"), ("timeout-minutes: 180", "timeout-minutes: soon"), ("steps:", "step:")]
)
def test_the_schema_finds_faults(tmp_path, old, new):
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (tmp_path / "ci.yml").write_text(text.replace(old, new))
    assert old in text and check(tmp_path / "ci.yml").returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_they_run_exists(path):
    for text in commands(path):
        for target in re.findall(r"\bmake(?: -C \S+)? (\w+)", text):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"make {target}"
        for line in re.findall(r"bin/grader (.*)", text):
            command, *rest = line.split()
            known = typer.main.get_command(app).commands[command]
            options = {name for option in known.params for name in option.opts}
            assert {word for word in rest if word.startswith("-")} <= options, line
        for name in re.findall(r"(?:tests|benchmarks|[.]ci)/\S+\.py", text):
            assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_they_are_bounded_and_may_write_nothing_but_what_they_are_for(path):
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert made["permissions"] == {"contents": "read"} and "concurrency" in made
    more = {name: job["permissions"] for name, job in made["jobs"].items() if "permissions" in job}
    assert more == MAY_WRITE.get(path.name, {})
    for name in more:
        text = "\n".join(step.get("run", "") + step.get("uses", "") for step in made["jobs"][name]["steps"])
        assert not re.search(r"checkout|setup-python|python|make |\bpip\b|\buv\b", text), "it runs nothing of the tree"
    assert all(job["timeout-minutes"] <= 240 for job in made["jobs"].values())
    versions = [step["uses"] for job in made["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in versions), "GitHub's own, at a version"


def test_ci_covers_what_it_promises():
    text = "\n".join(commands(ROOT / ".github" / "workflows" / "ci.yml"))
    assert "make test" in text and "tests/repository/test_links.py" in text and "release --check" in text
    recipe = MAKEFILE.split("\ntest: env\n")[1].split("\n\n")[0]
    for part in ("release --check", "pytest", "grader run", "grader audit", "ruff check"):
        assert part.replace("grader ", "$(BIN)/grader ", 1) in recipe or part in recipe, f"make test leaves out {part}"


def test_every_week_of_the_syllabus_is_audited_whole(tmp_path):
    made = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    (step,) = (step for step in made["quick"]["steps"] if step.get("id") == "weeks")
    environment = {**os.environ, "GITHUB_OUTPUT": str(tmp_path / "output")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=ROOT, env=environment, check=True)
    name, _, value = (tmp_path / "output").read_text().strip().partition("=")
    assert name == "weeks" and json.loads(value) == list(find_course(ROOT).weeks)
    assert made["quick"]["outputs"] == {"weeks": "${{ steps.weeks.outputs.weeks }}"}
    audit = made["audit"]
    assert audit["needs"] == "quick"
    assert audit["strategy"]["matrix"] == {"week": "${{ fromJSON(needs.quick.outputs.weeks) }}"}
    assert audit["steps"][-1]["run"] == ".venv/bin/grader audit ${{ matrix.week }}"


def test_strangers_code_never_reaches_the_gpu_runner():
    path = ROOT / ".github" / "workflows" / "gpu.yml"
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    triggers = made[True]  # YAML takes "on" for a truth value
    assert set(triggers) == {"workflow_dispatch", "schedule"}
    assert all("self-hosted" in job["runs-on"] for job in made["jobs"].values())


def test_colab_s_month_runs_the_weeks_on_its_python_with_its_own_list():
    path = ROOT / ".github" / "workflows" / "colab.yml"
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(made[True]) == {"workflow_dispatch", "schedule"}
    (when,) = made[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \d+ \* \*", when["cron"]), "once a month"
    weeks, issue = made["jobs"]["weeks"], made["jobs"]["issue"]
    assert [step["with"]["python-version"] for step in weeks["steps"] if "setup-python" in step.get("uses", "")] == [
        "3.13"
    ]
    text = "\n".join(commands(path))
    assert "tests/colab.py --pins pip-freeze.gpu.txt" in text and "googlecolab/backend-info/main/" in text
    assert "failure" in issue["if"] and "moved == 'yes'" in issue["if"] and "gh issue create" in text


@pytest.mark.parametrize(
    ("script", "opened", "command"),
    [("moved", "", "issue create"), ("moved", "7", "issue comment 7"), ("", "", "issue create")],
)
def test_an_issue_is_opened_or_the_open_one_added_to(tmp_path, script, opened, command):
    """The step itself, with a `gh` that writes down what it is called with."""
    made = yaml.safe_load((ROOT / ".github" / "workflows" / "colab.yml").read_text(encoding="utf-8"))
    step = made["jobs"]["issue"]["steps"][-1]
    (tmp_path / "bin").mkdir()
    fake = f'#!/bin/sh\necho "$*" >> calls.txt\ncase "$*" in "issue list"*) echo "{opened}";; esac\n'
    (tmp_path / "bin" / "gh").write_text(fake)
    (tmp_path / "bin" / "gh").chmod(0o755)
    if script:
        (tmp_path / "moved.md").write_text("numpy moved\n")
        (tmp_path / "weeks.txt").write_text("week01_clip: every check passes\n")
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "RUN": "https://run"}
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment | {"RESULT": "failure"}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls.txt").read_text().splitlines()
    assert calls[-1].startswith(command) and "--body-file body.md" in calls[-1]
    body = (tmp_path / "body.md").read_text()
    assert "failure ([the run](https://run))" in body and ("numpy moved" in body) == bool(script)
    assert ("every check passes" in body) == bool(script)


def test_a_release_is_made_of_a_tag_alone_and_of_what_make_dist_builds():
    path = ROOT / ".github" / "workflows" / "release.yml"
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert made[True] == {"push": {"tags": ["v*"]}} and made["jobs"]["publish"]["needs"] == "build"
    runs = commands(path)
    notes, dist = ('python .ci/notes.py "$GITHUB_REF_NAME" > notes.md', "make dist")
    assert runs.index(notes) < runs.index(dist) and "tests/repository/test_release.py" in "\n".join(runs)
    assert "--verify-tag" in runs[-1] and "--notes-file notes.md" in runs[-1]
