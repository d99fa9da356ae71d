"""Why no sandbox can be made here, told apart by what this machine says of itself, each with its remedy."""

import pytest
from typer.testing import CliRunner

from grader.cli import doctor
from grader.cli.main import app
from grader.execution import sandbox

REFUSED = "bubblewrap made no sandbox: bwrap: No permissions to create new namespace. " + sandbox.REMEDY
UBUNTU = {
    "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
    "proc/sys/user/max_user_namespaces": "63535\n",
    "proc/sys/kernel/unprivileged_userns_clone": "1\n",
    "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
    "proc/self/status": "Name:\tcat\nSeccomp:\t0\n",
    "proc/self/attr/current": "unconfined\n",
}
DOCKER = {".dockerenv": "", "proc/self/status": "Seccomp:\t2\n", "proc/self/attr/current": "docker-default (enforce)\n"}
APPARMOR = {"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}
NONE = {"proc/sys/user/max_user_namespaces": "0\n"}
DEBIAN = {"proc/sys/kernel/unprivileged_userns_clone": "0\n"}


def faults(root, files, why=REFUSED, user=1000):
    for name, text in (UBUNTU | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return doctor.sandbox_faults(why, root, user)


@pytest.mark.parametrize(
    ("files", "reasons", "remedies"),
    [
        (APPARMOR, ["Ubuntu 24.04"], ["sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"]),
        (NONE, ["max_user_namespaces is 0"], ["sudo sysctl -w user.max_user_namespaces=15000"]),
        (DEBIAN, ["unprivileged_userns_clone is 0"], ["sudo sysctl -w kernel.unprivileged_userns_clone=1"]),
        (
            DOCKER,
            ["seccomp filter", "AppArmor profile, docker-default,"],
            ["--security-opt seccomp=unconfined", "--security-opt apparmor=unconfined"],
        ),
        (DOCKER | {"proc/self/attr/current": ""}, ["seccomp filter"], ["seccomp=unconfined"]),
        (DOCKER | {"proc/self/status": "Seccomp:\t0\n"}, ["docker-default"], ["apparmor=unconfined"]),
        (
            {"proc/1/cgroup": "0::/kubepods/pod7\n", "proc/self/status": "Seccomp:\t2\n"},
            ["seccomp filter"],
            ["seccompProfile.type: Unconfined"],
        ),
        (
            {**DOCKER, **NONE, "proc/self/attr/current": ""},
            ["max_user_namespaces is 0", "seccomp"],
            ["on the host of this container, sudo sysctl", "docker run"],
        ),
        (APPARMOR | NONE, ["max_user_namespaces", "AppArmor restricts"], ["15000", "=0"]),
        ({"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"}, ["WSL 1"], ["wsl --set-version DISTRIBUTION 2"]),
        (
            {"proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n", **NONE},
            ["max_user_namespaces is 0"],
            ["sysctl"],
        ),
    ],
)
def test_each_cause_has_its_remedy(tmp_path, files, reasons, remedies):
    found = faults(tmp_path, files)
    assert len(found) == len(reasons)
    for (reason, remedy), expected, cure in zip(found, reasons, remedies, strict=True):
        assert expected in reason and cure in remedy


@pytest.mark.parametrize(
    ("why", "reason", "remedy"),
    [
        (f"bubblewrap is not installed. {sandbox.REMEDY}", "not installed", "sudo apt install bubblewrap"),
        (
            "a sandbox cannot be entered: OSError: libseccomp.so.2: cannot open.",
            "libseccomp",
            "apt install libseccomp2",
        ),
        ("bubblewrap made no sandbox: bwrap: Unknown option --disable-userns.", "older than 0.8", "Debian 12"),
        (f"sandboxes need Linux (and its bubblewrap). {sandbox.REMEDY}", "need Linux", "WSL 2"),
        (REFUSED, "bwrap: No permissions to create new namespace", "--unsandboxed"),
    ],
)
def test_what_bubblewrap_says_is_used(tmp_path, why, reason, remedy):
    ((found, cure),) = faults(tmp_path, {}, why)
    assert reason in found and remedy in cure and sandbox.REMEDY not in found


def test_what_does_not_hold_for_root_is_not_blamed(tmp_path):
    assert faults(tmp_path, APPARMOR | DEBIAN, user=0) == [
        ("bubblewrap made no sandbox: bwrap: No permissions to create new namespace", sandbox.REMEDY)
    ]


@pytest.mark.parametrize(("unsandboxed", "code"), [("", 1), ("1", 0)])
def test_doctor_fails_where_grading_would_refuse(toy, monkeypatch, unsandboxed, code):
    monkeypatch.setattr(doctor, "unavailable", lambda: REFUSED)
    monkeypatch.setattr(doctor, "sandbox_faults", lambda why: [("one", "do this"), ("two", "do that")])
    monkeypatch.setattr(doctor, "examine", lambda course: list(doctor._sandbox()))
    monkeypatch.setenv("CROSSMODAL_UNSANDBOXED", unsandboxed)
    done = CliRunner().invoke(app, ["doctor", "--course", str(toy.root)])
    assert done.exit_code == code
    assert "do this" in done.output and "do that" in done.output
    assert ("lacks" in done.output) == bool(code)


def test_a_gradebook_that_grading_would_refuse(toy, empty_gradebook):
    assert list(doctor._gradebook(toy)) == []
    toy.work.mkdir()
    toy.gradebook.write_bytes(empty_gradebook.read_bytes())
    assert [found.there for found in doctor._gradebook(toy)] == [True]
    toy.gradebook.write_bytes(b"not a database, " * 100)
    (found,) = doctor._gradebook(toy)
    assert not found.there and found.essential and "grader rebuild" in found.remedy


def test_a_class_that_another_teacher_has_closed(toy, monkeypatch):
    (toy.work / "records").mkdir(parents=True)
    assert doctor._writable(toy).there
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: path.name != "records")
    found = doctor._writable(toy)
    assert not found.there and found.essential and "not to records" in found.detail and "chmod" in found.remedy


def test_it_looks_for_every_model_that_ships():
    from coursekit.models import ROLES

    assert doctor.shipped() == sorted({role.shipped for role in ROLES.values()})


def test_whether_torchvision_loads_is_tried_once_for_each_installation(tmp_path, monkeypatch):
    class Done:
        returncode, stderr = 1, "Traceback\nOSError: undefined symbol"

    tried, installed = [], {"torch": ["2.15.0"], "torchvision": ["0.29.2"]}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "_installed", installed.get)
    monkeypatch.setattr(doctor.subprocess, "run", lambda command, **_: tried.append(command) or Done)
    for _ in range(2):
        found = doctor._pairing()
        assert not found.there and found.detail == "OSError: undefined symbol"
    assert len(tried) == 1
    installed["torchvision"], Done.returncode = ["0.29.3"], 0
    assert doctor._pairing().there and len(tried) == 2
    (tmp_path / "cache" / "crossmodal" / "torchvision.json").write_text("no json")
    assert doctor._pairing().there and len(tried) == 3
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")  # where nothing can be kept, it is tried each time
    assert doctor._pairing().there and len(tried) == 4


def test_doctor_says_what_lacks_and_how_to_get_it(call, monkeypatch):
    missing = doctor.Found(
        "frobnicator", False, "", "frobnicating", "sudo apt-get install frobnicator", essential=False
    )
    monkeypatch.setattr(doctor, "examine", lambda course: [missing])
    result = call("doctor")
    assert result.exit_code == 0 and "could have" in result.output
    assert "sudo apt-get install frobnicator" in result.output and "frobnicating" in result.output
    essential = doctor.Found("Python", False, "3.9", "everything", "make PYTHON=python3.12", essential=True)
    monkeypatch.setattr(doctor, "examine", lambda course: [essential])
    assert call("doctor").exit_code == 1


def test_doctor_install_without_the_right_to(monkeypatch):
    monkeypatch.setattr(doctor, "SYSTEM", {"frobnicator": (("no-such-program",), "frobnicating")})
    monkeypatch.setattr(doctor, "_privilege", lambda: None)
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: pytest.fail("nothing may be run"))
    (line,) = doctor.install_missing()
    assert line.endswith("sudo apt-get install -y --no-install-recommends frobnicator libseccomp2")


def test_doctor_installs_with_it(monkeypatch):
    ran = []

    class Done:
        returncode, stdout, stderr = 0, "", ""

    monkeypatch.setattr(doctor, "SYSTEM", {"frobnicator": (("no-such-program",), "frobnicating")})
    monkeypatch.setattr(doctor, "_privilege", lambda: ["sudo", "-n"])
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(doctor.subprocess, "run", lambda command, **_: ran.append(command) or Done)
    assert list(doctor.install_missing()) == ["Installing frobnicator ..."]
    assert ran[1] == ["sudo", "-n", "apt-get", "install", "-y", "--no-install-recommends", "frobnicator", "libseccomp2"]
