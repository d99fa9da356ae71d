"""Which Jupyter kernel a notebook runs in, and what to do where it is not installed."""

from __future__ import annotations

from pathlib import Path

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode

from grader.course.syllabus import CourseError
from grader.execution.sandbox import interpreter

WARM = "crossmodal-warm"  # the name of our provisioner
PYTHON = ("python3", WARM)  # kernelspecs that stand for whichever Python grading uses
INSTALL = {  # of languages' kernels, how to install them, by the language in lower case
    "r": "in R: install.packages('IRkernel'); IRkernel::installspec(user = FALSE)",
    "julia": 'in Julia: using Pkg; Pkg.add("IJulia")',
    "bash": "pip install bash_kernel; python -m bash_kernel.install --sys-prefix",
    "octave": "pip install octave_kernel",
    "matlab": "pip install jupyter-matlab-proxy",
    "sas": "pip install sas_kernel",
    "c++": "conda install -c conda-forge xeus-cling",
    "scilab": "pip install scilab_kernel",
    "stata": "pip install stata_kernel; python -m stata_kernel.install",
    "sql": "conda install -c conda-forge xeus-sql",
}

LANGUAGE = (("kernelspec", "language"), ("language_info", "name"))  # where a notebook says it


class KernelStartError(CourseError):
    """The kernel did not start. The text says which and why."""


def must_exist(name: str) -> None:
    """Raises KernelStartError where no kernelspec has this name."""
    try:
        KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        there = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        raise KernelStartError(f"no Jupyter kernel is called {name!r}; there are: {there}") from None


def own_kernel(notebook: NotebookNode, chosen: str) -> str:
    """The kernelspec that a notebook of somebody else's course runs in: the one it names, as nbgrader has it.

    chosen: what grading would use; it holds where it is none of `PYTHON`, for then somebody chose it, and for Python
    notebooks whose kernel is not installed here. Raises KernelStartError where that of another language is not.
    """
    spec = notebook.metadata.get("kernelspec") or {}
    name = str(spec.get("name") or "")
    if chosen not in PYTHON or name in ("", "python", *PYTHON):
        return chosen
    there = KernelSpecManager().find_kernel_specs()
    if name.lower() in there:
        return name.lower()
    language = language_of(notebook)
    if language == "python" or not language and "py" in f"{name} {spec.get('display_name', '')}".lower():
        return chosen
    how = INSTALL.get(language, "see https://github.com/jupyter/jupyter/wiki/Jupyter-kernels")
    raise KernelStartError(
        f"the notebook is for the Jupyter kernel {name!r}{f' ({language})' if language else ''}, which is not "
        f"installed here, so nothing is graded. There are: {', '.join(sorted(there))}. To install it: {how}. "
        "Where it has another name here, give that with --kernel"
    )


def language_of(notebook: NotebookNode) -> str:
    """The language that a notebook says it is in, in lower case; "" where it does not say."""
    said = [(notebook.metadata.get(name) or {}).get(key) for name, key in LANGUAGE]
    language = str(next(filter(None, said), "")).lower()
    return "python" if language.startswith(("python", "ipython")) else language


def usual_kernel() -> str:
    """The kernel whose libraries are imported once for all submissions; the plain one where it is not installed."""
    return WARM if WARM in KernelSpecManager().find_kernel_specs() else "python3"


def spec_of(manager: KernelManager) -> KernelSpec:
    """The kernelspec of its name. Raises NoSuchKernel."""
    if manager.kernel_spec is None:
        raise NoSuchKernel(manager.kernel_name)
    return manager.kernel_spec


def needs_of(spec: KernelSpec) -> set[Path]:
    """What a kernelspec's command needs to be seen in a sandbox: its program, its own files, those that it names."""
    named = (Path(argument) for argument in spec.argv[1:] if argument.startswith("/"))
    return {*interpreter(spec.argv[0]), Path(spec.resource_dir), *(path.parent for path in named if path.is_file())}
