"""Only what pyproject.toml cannot say: the packages, one of which is each week's, and the grader's commands.

weeks/course.toml is the one list of the weeks, and a student copy of the tree has no grader.
"""

import tomllib
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
WEEKS = tomllib.loads((ROOT / "weeks" / "course.toml").read_text(encoding="utf-8"))["weeks"]

# Of each package at the top, the folder that holds it, and its files that are no modules.
FOLDERS = {"grader": ".", "coursekit": "weeks", "tinyworld": "datasets"}
FOLDERS |= {week["helper"]: f"weeks/{slug}" for slug, week in WEEKS.items()}
DATA = {
    "grader": ["reporting/templates/*", "reporting/bundles/*", "authoring/templates/**/*", "execution/kernels/*/*"],
    "tinyworld": ["checkpoints/**/*", "recordings/*"],
    **{week["helper"]: ["*.json"] for week in WEEKS.values()},
}
HERE = {name: folder for name, folder in FOLDERS.items() if (ROOT / folder / name).is_dir()}

COMMANDS = {
    "console_scripts": ["grader = grader.cli.main:app"],
    "papermill.engine": ["crossmodal = grader.execution.engine:CrossmodalEngine"],
    "jupyter_client.kernel_provisioners": ["crossmodal-warm = grader.execution.provisioner:WarmProvisioner"],
}

setup(
    packages=[one for name, folder in HERE.items() for one in find_packages(folder, include=[name, f"{name}.*"])],
    package_dir={name: f"{folder}/{name}" for name, folder in HERE.items()},
    package_data={name: patterns for name, patterns in DATA.items() if name in HERE},
    entry_points=COMMANDS if "grader" in HERE else {},
)
