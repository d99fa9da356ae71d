"""What those who carry on are told and given: the guide's paths and commands, pre-commit's hooks, GitHub's forms."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
HOOKS = ROOT / ".pre-commit-config.yaml"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
FOLDERS = "datasets|docs|grader|solutions|tests|weeks|benchmarks|[.]github"


def commands(path: Path) -> list[list[str]]:
    """What a page tells to type in a shell, in words: its blocks without a language, and what it names in passing."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    lines += re.findall(r"`((?:make|grader|python|pytest) [^`\n]*)`", text)
    parts = [part for line in lines for part in line.partition(" #")[0].split(" && ")]
    return [shlex.split(part) for part in parts if part.strip()]


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / program), *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_the_paths_they_name_exist(page: Path) -> None:
    named = re.findall(rf"(?<![\w/.])(?:{FOLDERS})/[\w./<>*-]*\w/?>?", page.read_text(encoding="utf-8"))
    assert named
    made = {"solutions/week01_clip/week01_clip.py"}  # for as long as one edits it
    missing = [path for path in named if path not in made and not [*ROOT.glob(re.sub(r"<\w+>", "*", path).rstrip("/"))]]
    assert not missing


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_the_commands_they_tell_to_type_exist(page: Path) -> None:
    """Those of `grader` are parsed with their options in test_commands.py."""
    typed = commands(page)
    for words in typed:
        program, *rest = words
        if program == "make":
            targets = [word for word in rest if "=" not in word]
            assert targets and all(re.search(rf"^{one}:", MAKEFILE, re.MULTILINE) for one in targets), words
        elif program == "python":
            assert find_spec(rest[1]) if rest[0] == "-m" else (ROOT / rest[0]).exists(), words
        elif program not in ("source", "rm"):
            assert (BIN / program).exists(), program
    assert typed


def test_the_tests_they_name_are_there() -> None:
    named = [words[1:] for words in commands(ROOT / "CONTRIBUTING.md") if words[0] == "pytest"]
    assert len(named) >= 3
    for place, *options in named:
        file, _, test = place.partition("::")
        tests = re.findall(r"^def (test_\w+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert not test or test in tests
        if "-k" in options:
            assert any(options[options.index("-k") + 1] in one for one in tests)


def test_pre_commit_takes_its_configuration(tmp_path: Path) -> None:
    done = run("pre-commit", "validate-config", HOOKS)
    assert done.returncode == 0, done.stdout
    (tmp_path / "bad.yaml").write_text(HOOKS.read_text(encoding="utf-8").replace("entry:", "entrance:", 1))
    assert run("pre-commit", "validate-config", tmp_path / "bad.yaml").returncode == 1


def test_hooks_run_what_the_environment_has() -> None:
    made = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in made["repos"]] == ["local"], "a hook from elsewhere would be fetched at a commit"
    for hook in made["repos"][0]["hooks"]:
        program = Path(hook["entry"].split()[0])
        assert program.parent == Path(".venv/bin") and (BIN / program.name).exists(), hook["id"]
        assert (
            "files" not in hook
            or any(re.search(hook["files"], path.relative_to(ROOT).as_posix()) for path in ROOT.glob("[!.]*/**/*.*"))
            or re.search(hook["files"], ".github/workflows/ci.yml")
        ), f"{hook['id']} fits no file"


def forms_fit(schema: str, *paths: Path) -> bool:
    """By the schemas of SchemaStore that check-jsonschema carries, so nothing is fetched."""
    return run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *paths).returncode == 0


def test_the_forms_fit_the_schema(tmp_path: Path) -> None:
    assert len(FORMS) == 3 and forms_fit("github-issue-forms", *FORMS)
    assert forms_fit("github-issue-config", FORMS[0].parent / "config.yml")
    (tmp_path / "bad.yml").write_text(FORMS[0].read_text(encoding="utf-8").replace("type: dropdown", "type: list"))
    assert not forms_fit("github-issue-forms", tmp_path / "bad.yml")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_something_and_names_each_field_once(path: Path) -> None:
    fields = [one for one in yaml.safe_load(path.read_text(encoding="utf-8"))["body"] if one["type"] != "markdown"]
    assert len({one["id"] for one in fields}) == len(fields)
    assert any(one.get("validations", {}).get("required") for one in fields)
    assert any(one["type"] == "textarea" for one in fields)


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert versions and versions[0] == "Unreleased" and len(re.findall(r"^## ", text, re.MULTILINE)) == len(versions)
    kinds = {kind.partition(":")[0] for kind in re.findall(r"^### (.+)$", text, re.MULTILINE)}
    assert kinds and kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
