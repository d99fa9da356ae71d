"""The course as pages: `python docs/site/build.py OUT`, which `make site` calls. Nothing is fetched.

The pages' sources are put together in OUT/../site-source (`pages`, `weeks`, `front`), the notebooks among them executed
in the tiny profile. What was executed is kept (jupyter-cache) until the notebook, or the code that it runs, changes.
Then Sphinx makes OUT of them, and only of what is new.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE)]

import front  # noqa: E402
import pages  # noqa: E402
import weeks  # noqa: E402
from grader.cli.base import console  # noqa: E402
from grader.course.discovery import find_course  # noqa: E402

FONTS = "static/mathjax/output/chtml/fonts/woff-v2/"
MATHJAX = "static/mathjax/tex-chtml.js"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder of the pages")
    parser.add_argument(
        "--unexecuted", action="store_true", help="notebooks as they are handed out: no figure, in seconds"
    )
    parser.add_argument("--cache", type=Path, default=ROOT / ".site-cache", help="of executed notebooks")
    options = parser.parse_args()
    build(options.out.absolute(), options.cache.absolute(), execute=not options.unexecuted)


def build(out: Path, cache: Path, execute: bool = True) -> None:
    """Make the pages. Raises CalledProcessError where Sphinx finds a fault: every warning is one."""
    course, say = find_course(ROOT), console()
    source = out.with_name(f"{out.name}-source")
    made = weeks.make(course, source, cache if execute else None, say)
    pages.make(course, source)
    front.make(course, source, made, cache, execute)
    _mathjax(source / "_static" / "mathjax")
    shutil.copytree(HERE / "static", source / "_static", dirs_exist_ok=True)
    say.print("pages")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(HERE), "-j", "2", "-q", "-W", "--keep-going"]
    subprocess.run([*command, str(source), str(out)], check=True)
    say.print(f"{out / 'index.html'}", soft_wrap=True)


def _mathjax(folder: Path) -> None:
    """MathJax for formulas, and its fonts, as a page asks for them."""
    if folder.is_dir():
        return
    for file in metadata.files("sphinx-mathjax-offline") or []:
        _, _, name = file.as_posix().partition("/")
        if name == MATHJAX or name.startswith(FONTS):
            target = folder / name.removeprefix("static/mathjax/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)


if __name__ == "__main__":
    main()
