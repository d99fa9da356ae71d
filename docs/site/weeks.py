"""The weeks as pages: the released notebooks, executed in the tiny profile, with what a page has to say beside them."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbformat import NotebookNode
from rich.console import Console

from grader.course.notebooks import released_notebook
from grader.course.syllabus import Course, Week
from pages import Links, write

HERE = Path(__file__).parent
SECONDS = 900  # for one cell: a busy machine is slow
MARK = "# executed for the site, with code of "


@dataclass(frozen=True)
class Page:
    """A week's page. picture: the file of its first figure, and alt: what that shows; None and "" where nothing ran."""

    week: Week
    picture: Path | None
    alt: str


def make(course: Course, source: Path, cache: Path | None, say: Console) -> list[Page]:
    """Write weeks/<slug>.ipynb for every week that is no draft. cache: of executed notebooks; None: execute none."""
    shown = [week for week in course.weeks.values() if not week.draft]
    notebooks = {week.slug: copy.deepcopy(released_notebook(course, week)) for week in shown}
    if cache:
        get_cache(cache / "notebooks")  # here once, before two threads make its database at a time
        with ThreadPoolExecutor(2) as pool:
            run = {slug: pool.submit(executed, course, slug, notebooks[slug], cache, say) for slug in notebooks}
            notebooks = {slug: future.result() for slug, future in run.items()}
    links = Links(course, source)
    made = []
    for week in shown:
        notebook = page(course, week, notebooks[week.slug], links)
        handed_out = nbformat.writes(released_notebook(course, week)) + "\n"
        write(source / "weeks" / f"{week.slug}.ipynb", nbformat.writes(notebook) + "\n")
        write(source / "_extra" / "notebooks" / f"{week.slug}.ipynb", handed_out)
        made.append(Page(week, *_first_picture(notebook, source / "files" / "weeks" / f"{week.slug}.png")))
    entries = "\n".join(f"/weeks/{week.slug}" for week in shown)
    write(source / "weeks" / "index.md", f"# The weeks\n\n{TOLD}\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n")
    return made


TOLD = """Each page is the notebook as it is handed out, run on a laptop's processor: what you see and hear here is what
you will see and hear. Exercises are open. Where a figure waits for one of yours, the library's function stands in, and
says so."""


# --- executing --------------------------------------------------------------------------------------------------------


def executed(course: Course, slug: str, notebook: NotebookNode, cache: Path, say: Console) -> NotebookNode:
    """The notebook with its outputs, from the cache where neither it nor the code that it runs has changed."""
    kept = get_cache(cache / "notebooks")
    marked = copy.deepcopy(notebook)
    marked.cells.insert(0, nbformat.v4.new_code_cell(f"{MARK}{digest(course, slug)}", id="site-mark"))
    try:
        _, found = kept.merge_match_into_notebook(marked)
        say.print(f"{slug}: as it was executed before")
    except KeyError:
        say.print(f"{slug}: executing")
        with TemporaryDirectory() as folder:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": folder}
            client = NotebookClient(
                marked, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
            )
            found = client.execute(env=environment)
        kept.cache_notebook_bundle(CacheBundleIn(found, uri=f"{slug}.ipynb"), check_validity=False, overwrite=True)
        say.print(f"{slug}: done")
    found.cells = [cell for cell in found.cells if not cell.source.startswith(MARK)]
    return found


def digest(course: Course, slug: str) -> str:
    """Of all that a week's notebook runs: its helper package, coursekit, tinyworld and the models.

    The recipes too: what figures draw in place of an open exercise is partly theirs.
    """
    root, total = course.root, hashlib.sha256()
    for folder in (root / "weeks" / slug, root / "weeks" / "coursekit", root / "datasets" / "tinyworld"):
        for path in sorted(folder.rglob("*")):
            told = path.suffix in {".py", ".json", ".safetensors", ".ogg"}
            if told and "__pycache__" not in path.parts:
                total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


# --- a page -----------------------------------------------------------------------------------------------------------


def page(course: Course, week: Week, notebook: NotebookNode, links: Links) -> NotebookNode:
    """The notebook as a page: facts and buttons below its title, no cell that is for Colab alone, videos at the end."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in ("colab", "summary")]
    folder = course.root / "weeks" / week.slug
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links.rewritten(cell.source, folder)
        else:
            cell.metadata.pop("nbgrader", None)
            cell.outputs = [kept for kept in map(_shown, cell.outputs) if kept]
    title = notebook.cells[0]
    lines = [line for line in title.source.splitlines() if "colab-badge" not in line]
    at = next(i for i, line in enumerate(lines) if line.startswith("# "))
    title.source = "\n".join([*lines[at : at + 1], "", facts(course, week), "", *lines[at + 1 :]])
    if watch := videos(week):
        notebook.cells.append(nbformat.v4.new_markdown_cell(f"## Watch\n\n{watch}", id="watch"))
    return notebook


def facts(course: Course, week: Week) -> str:
    """Points, time, and where to open or get the notebook, as HTML."""
    colab = f"https://colab.research.google.com/github/{course.repository}/blob/{course.branch}"
    hours = f"{week.minutes // 60} h {week.minutes % 60:02} min"
    return (
        '<p class="facts">'
        f"<span>{week.points:g} points</span> <span>about {hours}</span> "
        f'<a class="sd-btn sd-btn-primary" href="{colab}/weeks/{week.slug}/{week.slug}.ipynb">Open in Colab</a> '
        f'<a class="sd-btn sd-btn-outline-primary" href="../notebooks/{week.slug}.ipynb" download>'
        "Get the notebook</a></p>"
    )


def videos(week: Week) -> str:
    """The videos worth watching, as a list in Markdown."""
    listed: list[dict[str, Any]] = tomllib.loads((HERE / "videos.toml").read_text(encoding="utf-8")).get(week.slug, [])
    return "\n".join(f"- [{video['title']}]({video['url']}), {video['who']}: {video['why']}" for video in listed)


def _shown(output: NotebookNode) -> NotebookNode | None:
    """The output as a page shows it: no progress bars, and no text beside a picture that says less."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    data = output.get("data", {})
    if len(data) > 1:
        data.pop("text/plain", None)
    return output


def _first_picture(notebook: NotebookNode, path: Path) -> tuple[Path | None, str]:
    """Write the notebook's first figure to a file; what it shows, in words."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(output.data["image/png"]))
                return path, output.metadata.get("image/png", {}).get("alt", "")
    return None, ""
