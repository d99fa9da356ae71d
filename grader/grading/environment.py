"""What a kernel of this week is given: variables, libraries already imported, and what its sandbox shows."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

from grader.analysis import imports
from grader.course.files import GRADER
from grader.course.syllabus import Course, CourseError, Week
from grader.execution import gpus
from grader.execution.kernel import environment
from grader.execution.kernelspecs import WARM, must_exist
from grader.execution.sandbox import Policy, SandboxError, unavailable
from grader.grading.options import Options

CHECKS = "checks"  # the folder of a helper package that holds its visible checks


def kernel_environment(course: Course, week: Week, options: Options, graded: bool = True) -> dict[str, str]:
    """The environment of the kernels of this week. graded: not for the course's own notebooks, which may check."""
    weeks = course.root / "weeks"
    full = options.parameters.get("PROFILE") == "full"
    offline = options.sandboxed or not full  # there is no network in a sandbox to wait for
    env = environment([weeks, weeks / week.slug, course.root / "datasets"], options.threads, offline)
    env |= gpus.environment(options.share)
    if week.helper:
        # an answer that is compiled is judged by what it does, not by how long a compiler takes
        env |= {"CROSSMODAL_HELPER": week.helper, "TORCHDYNAMO_DISABLE": "1"}
        env |= {"CROSSMODAL_GRADED": "1"} if graded else {}
    if course.classic:
        env["NBGRADER_EXECUTION"] = "autograde"  # as in stock nbgrader, whose NBGRADER_VALIDATING is not set then
    return env | {"HF_HUB_CACHE": str(_hub_cache())} if full else env


def _hub_cache() -> Path:
    """Where models from the Hub are, by its library's own rules. A token may lie beside them, so no more is shown."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def sandbox_policy(course: Course, week: Week, options: Options, graded: bool = True) -> Policy | None:
    """What notebooks of this week can see and use, or None for no sandbox. Raises SandboxError.

    graded: not for the course's own notebooks, whose figures may draw what the checks compare with.
    """
    if not options.sandboxed:
        return None
    if why := unavailable():
        raise SandboxError(f"no sandbox, so nothing is graded: {why}")
    readable = [course.root / "weeks", course.root / "datasets", *_student_packages()]
    if options.parameters.get("PROFILE") == "full":
        readable.append(_hub_cache())
    for path in week.readable:
        if not path.exists():
            raise CourseError(f"{path}, which the course names under readable, is not there")
        readable.append(path)
    hidden = [course.root, course.work, GRADER, *(_answers(course) if graded else ())]
    return Policy(tuple(readable), tuple(hidden), week.limits, gpus.files(options.share))


def _answers(course: Course) -> list[Path]:
    """Folders of the student's side that hold answers, of all weeks.

    The visible checks with their references, the recipes of the models, and bytecode of modules that are gone.
    """
    labs = [course.root / "weeks" / week.slug / week.helper for week in course.weeks.values() if week.helper]
    labs += _installed(*(week.helper for week in course.weeks.values() if week.helper))  # perhaps elsewhere
    worlds = [course.root / "datasets" / "tinyworld", *_installed("tinyworld")]
    found = [*(lab / CHECKS for lab in labs), *(world / "train" for world in worlds)]
    for lab in labs:
        modules = {path.stem for path in lab.glob("*.py")}
        if any(path.name.partition(".")[0] not in modules for path in lab.glob("__pycache__/*.pyc")):
            found.append(lab / "__pycache__")
    return [path for path in dict.fromkeys(found) if path.is_dir()]


def _student_packages() -> list[Path]:
    """Where the student's side is installed, which can be another place than this course's tree."""
    return _installed("coursekit", "tinyworld")


def _installed(*packages: str) -> list[Path]:
    """The folders of those packages that this Python finds."""
    return [Path(place) for spec in map(find_spec, packages) if spec for place in spec.submodule_search_locations or ()]


def libraries_of(kernel: str, course: Course, week: Week) -> list[str]:
    """What the server of this kernelspec imports. Raises KernelStartError.

    What it lists; else what the week needs. Nothing where the kernelspec is not one of ours.
    """
    must_exist(kernel)
    chosen = KernelSpecManager().get_kernel_spec(kernel).metadata.get("kernel_provisioner", {})
    if chosen.get("provisioner_name") != WARM:
        return []
    listed = chosen.get("config", {}).get("libraries")
    return imports.libraries(course, week) if listed is None else list(listed)
