"""What this machine has and lacks for the course, what each thing is for, and the command that gets it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from grader.cli.base import CourseDir, WorkDir, console
from grader.course.discovery import find_course
from grader.course.files import GRADER
from grader.course.syllabus import GB, Course, CourseError
from grader.execution import gpus
from grader.execution.sandbox import REMEDY, unavailable
from grader.records.database import damage

PACKAGES = {
    "torch": "the models",
    "torchvision": "the models' picture transforms",
    "transformers": "CLIP and the later weeks' models",
    "diffusers": "diffusion",
    "open_clip_torch": "week 1's second CLIP",
    "matplotlib": "figures",
    "scikit-learn": "independent answers to check against",
    "scikit-image": "photographs for the full profile",
    "nbgrader": "release, gradebook, formgrader",
    "papermill": "running notebooks",
    "ipykernel": "running notebooks",
    "jinja2": "feedback and reports",
}
# Debian and Ubuntu's package, the program it brings, and what that is for
SYSTEM = {
    "bubblewrap": (("bwrap",), "a sandbox around every submission"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "looking at pages in the browser tests"),
}
WARM_KERNEL = "crossmodal-warm"
LEAST_MEMORY_GB, LEAST_DISK_GB = 3, 2


@dataclass(frozen=True)
class Found:
    """One thing looked for. there: it is as it should be. essential: grading cannot do without."""

    name: str
    there: bool
    detail: str
    purpose: str
    remedy: str = ""
    essential: bool = False


def examine(course: Course) -> list[Found]:
    """Look at everything, once. Changes nothing."""
    return [
        _python(),
        *_packages(),
        _pairing(),
        *_kernelspecs(course),
        *_machine(course),
        _gpu(),
        *_sandbox(),
        *_system(),
        _fonts(),
        *_checkpoints(course),
        _writable(course),
        *_gradebook(course),
    ]


def install_missing() -> Iterator[str]:
    """Install the system packages that are missing where that is allowed; yields lines that say what was done."""
    missing = [package for package, (programs, _) in SYSTEM.items() if not _which(programs)]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing, "libseccomp2"]
    prefix = _privilege()
    if not shutil.which("apt-get") or prefix is None:
        yield f"Not installed here: {', '.join(missing)}. To get them: sudo {' '.join(command)}"
        return
    yield f"Installing {', '.join(missing)} ..."
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        done = subprocess.run(prefix + step, env=environment, capture_output=True, text=True)
        if done.returncode and step is command:  # update fails where one of many sources is out of reach
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            yield f"That failed: {' '.join(last)}. Without bubblewrap, grading asks for --unsandboxed."
    unavailable.cache_clear()


def table(found: list[Found]) -> Table:
    """The findings as a table for a console."""
    shown = Table(box=None, padding=(0, 1), show_header=False)
    for column in ("mark", "name", "detail"):
        shown.add_column(column, no_wrap=column != "detail")
    for f in found:
        mark = (
            Text("ok", "green")
            if f.there
            else Text("lacks" if f.essential else "could have", "red" if f.essential else "yellow")
        )
        shown.add_row(mark, Text(f.name), Text(f.detail or f.purpose, "dim"))
    return shown


def _python() -> Found:
    right = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Found(
        "Python", right, platform.python_version(), "the course runs on 3.11 to 3.13", "make PYTHON=python3.12", True
    )


def _packages() -> Iterator[Found]:
    for name, purpose in PACKAGES.items():
        version = _version(name)
        yield Found(name, bool(version), version, purpose, f"{sys.executable} -m pip install {name}", True)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _pairing() -> Found:
    """torchvision is built for one torch; beside another its compiled part does not load. Only loading it tells.

    That takes seconds, so what was found is kept until one of the two is installed anew.
    """
    kept, both = _cache() / "torchvision.json", [_installed("torch"), _installed("torchvision")]
    with contextlib.suppress(OSError, ValueError, KeyError):
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["of"] == both:
            return _paired(str(known["fault"]))
    command = [sys.executable, "-c", "import torchvision; torchvision.ops.nms"]
    done = subprocess.run(command, capture_output=True, text=True)
    fault = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1] if done.returncode else ""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"of": both, "fault": fault}), encoding="utf-8")
    return _paired(fault)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crossmodal"


def _installed(package: str) -> list[str]:
    """Which one it is, and since when: another after it was installed anew."""
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return []
    record = Path(str(found.locate_file(""))) / f"{package}-{found.version}.dist-info" / "RECORD"
    return [found.version, str(record), str(record.stat().st_mtime_ns if record.exists() else 0)]


def _paired(fault: str) -> Found:
    return Found(
        "torchvision beside torch",
        not fault,
        fault or "loads",
        "torchvision only loads beside the torch it was built for, from the same index",
        f"{sys.executable} -m pip install --force-reinstall torch torchvision",
        True,
    )


def _kernelspecs(course: Course) -> Iterator[Found]:
    from jupyter_core.paths import jupyter_path  # jupyter_client's own search takes far longer to import

    found = (path for folder in jupyter_path("kernels") for path in sorted(Path(folder).glob("*/kernel.json")))
    specs = {path.parent.name: str(path.parent) for path in reversed(list(found))}  # the first of a name counts
    remedy = f"{sys.executable} -m ipykernel install --sys-prefix"
    yield Found("kernel python3", "python3" in specs, specs.get("python3", ""), "running notebooks", remedy, True)
    purpose = "kernels that start in a moment, for their libraries are imported once"
    remedy = f"jupyter kernelspec install --sys-prefix {GRADER / 'execution' / 'kernels' / WARM_KERNEL}"
    yield Found(f"kernel {WARM_KERNEL}", WARM_KERNEL in specs, specs.get(WARM_KERNEL, purpose), purpose, remedy)


def _machine(course: Course) -> Iterator[Found]:
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Found("cores", True, str(cores), "submissions graded at a time")
    free = psutil.virtual_memory().available / 2**30
    enough = free >= LEAST_MEMORY_GB
    advice = f"close other programs, or grade with --workers 1 (each takes about {LEAST_MEMORY_GB - 1} GB)"
    yield Found("memory", enough, f"{free:.1f} GB free", "each submission imports torch and its friends", advice)
    disk = shutil.disk_usage(course.root).free / 2**30
    advice = f"free {LEAST_DISK_GB} GB where {course.root} is"
    yield Found("disk", disk >= LEAST_DISK_GB, f"{disk:.0f} GB free", "executed notebooks and records", advice)


def _gpu() -> Found:
    with contextlib.suppress(CourseError):
        names = [f"{gpu.name}, {gpu.free / GB:.0f} of {gpu.total / GB:.0f} GB free" for gpu in gpus.gpus()]
        capped = "" if gpus.watched() else "; its processes cannot be told apart in here, see docs/gpu.md"
        return Found("GPU", True, "; ".join(names) + capped, "the full profile")
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return Found("GPU", True, "Apple (mps)", "the full profile")
    return Found("GPU", True, "none; the tiny profile needs none", "the full profile")


def _sandbox() -> Iterator[Found]:
    """One that works, or each reason why there is none."""
    purpose = "submissions run in it, away from everything else; without one, grading refuses"
    refuses = os.environ.get("CROSSMODAL_UNSANDBOXED") != "1"
    if why := unavailable():
        for reason, remedy in sandbox_faults(why):
            yield Found("sandbox", False, reason, purpose, remedy, refuses)
    else:
        yield Found("sandbox", True, "bubblewrap", purpose)
        yield _group()


def _group() -> Found:
    from grader.execution import cgroup

    group = cgroup.delegated()
    purpose = "memory of a sandbox limited by the system, sockets and all; without it the grader adds it up itself"
    how = "systemd-run --user --scope -p Delegate=yes grader grade WEEK"
    return Found("control group", group is not None, str(group or ""), purpose, how)


def sandbox_faults(why: str, root: Path = Path("/"), user: int | None = None) -> list[tuple[str, str]]:
    """What on this machine keeps a sandbox from being made, each with its remedy: [(reason, remedy)], never empty.

    why: what `sandbox.unavailable` says.   root: where /proc and the like are looked for.   user: 0 for root.
    """
    user = os.geteuid() if user is None and hasattr(os, "geteuid") else user
    system, said = _read(root / "proc/sys/kernel/osrelease"), why.partition(REMEDY)[0].strip().rstrip(".")
    if "need Linux" in said or not system:
        return [(said, "grade on Linux: in WSL 2 (wsl --install), in a virtual machine, or on a server")]
    if "Microsoft" in system:  # WSL 2 writes it small
        return [("WSL 1 has no namespaces", "in Windows: wsl --set-version DISTRIBUTION 2 (wsl --list names it)")]
    if "not installed" in said:
        return [("bubblewrap is not installed", "sudo apt install bubblewrap libseccomp2")]
    if "libseccomp" in said:
        return [("libseccomp is not installed", "sudo apt install libseccomp2")]
    if "nknown option" in said or "two user namespaces" in said:
        return [("bubblewrap is older than 0.8", "a newer system (Debian 12, Ubuntu 24.04), or bubblewrap built anew")]
    inside = any((root / name).exists() for name in (".dockerenv", "run/.containerenv")) or any(
        name in _read(root / "proc/1/cgroup") for name in ("docker", "kubepods", "containerd", "lxc")
    )
    where = "on the host of this container, " if inside else ""
    found = []
    if _read(root / "proc/sys/user/max_user_namespaces") == "0":
        remedy = "sudo sysctl -w user.max_user_namespaces=15000 (to keep it: a file in /etc/sysctl.d)"
        found.append(("user namespaces are off: user.max_user_namespaces is 0", where + remedy))
    if _read(root / "proc/sys/kernel/unprivileged_userns_clone") == "0" and (user or inside):
        remedy = "sudo sysctl -w kernel.unprivileged_userns_clone=1 (to keep it: a file in /etc/sysctl.d)"
        found.append(("user namespaces are root's: kernel.unprivileged_userns_clone is 0", where + remedy))
    if inside and re.search(r"^Seccomp:\s*2$", _read(root / "proc/self/status"), re.MULTILINE):
        remedy = (
            "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt "
            "systempaths=unconfined ...; in Kubernetes securityContext.seccompProfile.type: Unconfined"
        )
        found.append(("this container's seccomp filter forbids namespaces", remedy))
    profile = _read(root / "proc/self/attr/current")
    if inside and profile.endswith("(enforce)"):
        remedy = "docker run --security-opt apparmor=unconfined ..."
        found.append((f"this container's AppArmor profile, {profile.split()[0]}, forbids mounts", remedy))
    if _read(root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" and (user or inside):
        remedy = (
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (to keep it: a file in /etc/sysctl.d); or, "
            "for bubblewrap alone, a profile /etc/apparmor.d/bwrap with `userns,` (docs/grading.md)"
        )
        reason = "AppArmor restricts user namespaces (Ubuntu 24.04): kernel.apparmor_restrict_unprivileged_userns is 1"
        found.append((reason, where + remedy))
    return found or [(said, REMEDY)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00 \n")
    except OSError:
        return ""


def _system() -> Iterator[Found]:
    for package, (programs, purpose) in SYSTEM.items():
        where = _which(programs)
        yield Found(package, bool(where), where or purpose, purpose, _apt(package))


def _fonts() -> Found:
    """The one that figures fall back on, which matplotlib ships, or a packager in its place."""
    shipped = find_spec("matplotlib")
    places = [
        Path(place) / "mpl-data/fonts/ttf" for place in (shipped.submodule_search_locations or [] if shipped else [])
    ]
    places.append(Path("/usr/share/fonts/truetype/dejavu"))
    font = next((path for place in places if (path := place / "DejaVuSans.ttf").is_file()), None)
    return Found("font", font is not None, "DejaVu Sans", "text in figures", _apt("fonts-dejavu-core"))


def _checkpoints(course: Course) -> Iterator[Found]:
    folder = course.root / "datasets" / "tinyworld" / "checkpoints"
    purpose = "the small models that the tiny profile uses"
    for name in shipped():
        weights = list((folder / name).rglob("*.safetensors")) if (folder / name).is_dir() else []
        size = sum(path.stat().st_size for path in weights) / 2**20
        detail = f"{size:.1f} MB" if weights else f"no weights in {folder / name}"
        yield Found(f"checkpoint {name}", bool(weights), detail, purpose, "git checkout -- datasets/tinyworld", True)


def shipped() -> list[str]:
    """The folders of the models that `coursekit.models.ROLES` names.

    It is read, not imported: numpy and Pillow would come along.
    """
    package = find_spec("coursekit")
    places = package.submodule_search_locations or [] if package else []
    texts = [path.read_text(encoding="utf-8") for place in places if (path := Path(place) / "models.py").is_file()]
    return sorted({name for text in texts for name in re.findall(r'\bshipped="(\w+)"', text)})


def _writable(course: Course) -> Found:
    purpose = "records, gradebook and reports are written there"
    folder = next(f for f in (course.work, *course.work.parents) if f.is_dir())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Found("write access", False, f"{folder}: {error.strerror}", purpose, "--work ANOTHER_FOLDER", True)
    mine = [course.work / name for name in ("records", "autograded", "reports", "gradebook.db", "submitted")]
    closed = [path.name for path in mine if path.exists() and not os.access(path, os.W_OK)]
    if closed:
        remedy = f"sudo chgrp -R TEACHERS {course.work} && sudo chmod -R g+rwX {course.work}, or --work ANOTHER_FOLDER"
        return Found("write access", False, f"not to {', '.join(closed)} in {course.work}", purpose, remedy, True)
    return Found("write access", True, str(course.work), purpose)


def _gradebook(course: Course) -> Iterator[Found]:
    """Nothing where there is none yet."""
    if course.gradebook.is_file():
        try:
            why = damage(course.gradebook)
        except CourseError as error:
            why = str(error)
        purpose = "manual grades and comments; grading refuses a damaged one"
        remedy = "grader rebuild (it sets the damaged one aside, and takes over what can be read)"
        yield Found("gradebook", not why, why or str(course.gradebook), purpose, remedy, True)


def _which(programs: tuple[str, ...]) -> str:
    return next((path for program in programs if (path := shutil.which(program))), "")


def _apt(package: str) -> str:
    if sys.platform.startswith("linux"):
        return f"sudo apt-get install {package}"
    return f"install {package} with this system's package manager" if package != "bubblewrap" else "needs Linux"


def _privilege() -> list[str] | None:
    """What to put before a command to run it as root: nothing, sudo, or None where it cannot be done unasked."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if not (sudo := shutil.which("sudo")):
        return None
    allowed = subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0
    return [sudo, "-n"] if allowed else None


# --- the command ------------------------------------------------------------------------------------------------------


def command(
    install: Annotated[bool, typer.Option("--install", help="Install missing system packages, if allowed.")] = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Say what this machine has and lacks for the course, and how to get the rest.

    Example: [bold]grader doctor --install[/]
    """
    here = find_course(course, work)
    out = console()
    if install:
        for line in install_missing():
            out.print(line, markup=False)
    findings = examine(here)
    out.print(table(findings))
    lacking = [f for f in findings if not f.there]
    for finding in lacking:
        out.print(Text(f"\n{finding.name}: {finding.purpose}\n  ", "") + Text(finding.remedy, "bold"), soft_wrap=True)
    if any(f.essential for f in lacking):
        raise typer.Exit(1)
