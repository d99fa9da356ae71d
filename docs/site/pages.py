"""The tree's own texts as pages: each Markdown file that a reader may want, with its links made to fit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from grader.course.syllabus import Course
from tinyworld import gallery

GUIDE = {  # in the order of the menu; other files of docs/ come after them
    "grader/README.md": "guide/index.md",
    "docs/grading.md": "guide/grading.md",
    "docs/commands.md": "guide/commands.md",
    "docs/collecting.md": "guide/collecting.md",
    "docs/exporting.md": "guide/exporting.md",
    "docs/records.md": "guide/records.md",
    "docs/cluster.md": "guide/cluster.md",
    "docs/gpu.md": "guide/gpu.md",
}
PROJECT = {
    "docs/architecture.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
}
WORLD = "datasets/README.md"
PICTURES = {".png", ".jpg", ".svg", ".gif", ".webp"}
API = {  # page: its title, and the modules on it
    "coursekit": (
        "coursekit",
        "What every week's notebook imports, and what its checks are written with.",
        ["notebook", "checks", "models", "session", "inputs", "probes", "plots", "audio", "frames", "codec", "student"],
    ),
    "grader": (
        "grader",
        "One call grades a file; the packages below are the parts of it.",
        ["", "course.syllabus", "course.discovery", "course.questions", "records.grade", "records.store"]
        + ["submissions.loading", "submissions.reconcile", "execution.engine", "execution.sandbox"]
        + ["grading.options", "grading.rubric", "grading.judge", "grading.pipeline", "grading.batch", "grading.cluster"]
        + ["reporting.feedback", "reporting.class_report", "authoring.release", "authoring.audit", "authoring.publish"],
    ),
    "tinyworld": (
        "tinyworld",
        "The world: scenes, their captions, questions and sounds, and the judge that reads pictures.",
        ["objects", "scene", "sampling", "captions", "questions", "speech", "sound", "german", "judge", "checkpoints"],
    ),
}


def table(course: Course) -> dict[str, str]:
    """{path in the tree: path of its page}."""
    root = course.root
    found = {**GUIDE, **PROJECT, WORLD: "world/index.md", "README.md": "index.md", "colab_links.md": "index.md"}
    for path in sorted((root / "docs").glob("*.md")):
        found.setdefault(f"docs/{path.name}", f"guide/{path.name}")
    for path in sorted((root / "datasets/tinyworld/checkpoints").glob("*/README.md")):
        found[path.relative_to(root).as_posix()] = f"world/{path.parent.name}.md"
    for path in sorted((root / "benchmarks/results").glob("*.md")):
        found[path.relative_to(root).as_posix()] = f"figures/{path.name}"
    for week in (week for week in course.weeks.values() if not week.draft):
        found[f"weeks/{week.slug}/README.md"] = f"weeks/{week.slug}.ipynb"
        found[f"weeks/{week.slug}/{week.slug}.ipynb"] = f"weeks/{week.slug}.ipynb"
    return found


class Links:
    """Rewrites the links of a text of the tree: to pages, to copies of pictures, and else to the repository."""

    def __init__(self, course: Course, source: Path) -> None:
        self.course, self.source, self.pages = course, source, table(course)

    def rewritten(self, text: str, folder: Path) -> str:
        """The Markdown text, whose links are as seen from a folder of the tree. Code stays as it is."""
        parts = re.split(r"(^```.*?^```\s*$|`[^`\n]*`)", text, flags=re.MULTILINE | re.DOTALL)
        for i in range(0, len(parts), 2):
            parts[i] = re.sub(r"\]\(([^)\s]+)\)", lambda m: f"]({self.target(m[1], folder)})", parts[i])
            parts[i] = re.sub(r'src="([^"]+)"', lambda m: f'src="{self.target(m[1], folder)}"', parts[i])
        return "".join(parts)

    def target(self, link: str, folder: Path) -> str:
        """Where a link leads on the site."""
        if re.match(r"[a-z]+:|#", link):
            return link
        name, _, fragment = link.partition("#")
        path = (folder / name).resolve()
        if not path.is_relative_to(self.course.root):
            return link
        inside = path.relative_to(self.course.root).as_posix()
        if inside in self.pages:
            page = self.pages[inside]
            return f"/{page}" + (f"#{fragment}" if fragment and page.endswith(".md") else "")
        if path.suffix in PICTURES:
            copy(path, self.source / "files" / inside)
            return f"/files/{inside}"
        kind = "tree" if path.is_dir() else "blob"
        return f"https://github.com/{self.course.repository}/{kind}/{self.course.branch}/{inside}"


def make(course: Course, source: Path) -> None:
    """All pages but the weeks' and the first."""
    links, texts = Links(course, source), dict[str, str]()
    for inside, page in links.pages.items():
        if page != "index.md" and not page.startswith("weeks/"):
            path = course.root / inside
            texts[page] = flow(headed(links.rewritten(path.read_text(encoding="utf-8"), path.parent)))
    sheet = source / "files" / "alphabet.png"
    if not sheet.exists():
        sheet.parent.mkdir(parents=True, exist_ok=True)
        gallery.alphabet().save(sheet)
    shown = "![Twelve scenes: each of the six shapes, small and large, in several colours and on the six backgrounds]"
    world = texts["world/index.md"]
    texts["world/index.md"] = world.replace("\n## Why", f"\n{shown}(/files/alphabet.png)\n\n## Why", 1)
    texts["figures/index.md"] = FIGURES.format(audits=audits(course))
    texts["project/index.md"] = "# The project\n\nHow it is built, how to change it, and what has changed.\n"
    texts |= api()
    for section, caption in SECTIONS.items():
        listed = [page for page in texts if page.startswith(f"{section}/") and page != f"{section}/index.md"]
        texts[f"{section}/index.md"] += menu(caption, listed, shown=section in LISTED)
    for page, text in texts.items():
        write(source / page, text)


SECTIONS = {
    "guide": "The guide",
    "world": "The models",
    "figures": "The tables",
    "project": "Pages",
    "api": "Packages",
}
LISTED = ("figures", "project", "api")  # whose first page says what follows by nothing but that list
FIGURES = """# Figures

What the README and these pages claim was printed by programs of `benchmarks/`, rivals and ours in one run; each page
says on which machine, and with which command to run it again.

## What the checks catch

Every question has known wrong answers, which `grader audit` grades for real. *Seen*: a check in the student's own
notebook catches it already. *Named*: its message says which mistake it is.

{audits}
"""


def audits(course: Course) -> str:
    """The sums of docs/mistakes as a table. Which answers these are stays with the instructors."""
    rows = ["| week | known wrong answers | lose points | seen | named |", "|---|---:|---:|---:|---:|"]
    for week in course.weeks.values():
        path = course.root / "docs" / "mistakes" / f"{week.slug}.md"
        if path.is_file() and not week.draft:
            last = path.read_text(encoding="utf-8").strip().splitlines()[-1]
            _, _, wrong, seen, named, *_ = (cell.strip() for cell in last.split("|"))
            rows.append(f"| {week.number} {week.title} | {wrong} | all | {seen} | {named} |")
    return "\n".join(rows)


def api() -> dict[str, str]:
    """One page for each package of API, of its docstrings, and one that leads to them."""
    texts = {"api/index.md": "# Reference\n\nFrom the docstrings of the code itself.\n"}
    for package, (title, told, modules) in API.items():
        lines = [f"# {title}\n\n{told}\n"]
        for module in modules:
            name = f"{package}.{module}".rstrip(".")
            lines.append(f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n")
        texts[f"api/{package}.md"] = "\n".join(lines)
    return texts


def headed(text: str) -> str:
    """The text from its first heading on."""
    return text[text.index("# ") :] if text.startswith(("<", "!", "[")) and "# " in text else text


NODE = re.compile(r'^\s*\w+\["(.*)"\]\s*$', re.MULTILINE)


def flow(text: str) -> str:
    """The text, with a flow chart in Mermaid's notation as a list of its steps: a script would have to be fetched."""

    def steps(match: re.Match[str]) -> str:
        items = "\n".join(f"<li>{label}</li>" for label in NODE.findall(match[1]))
        return f'<ol class="flow">\n{items}\n</ol>\n'

    return re.sub(r"^```mermaid\n(.*?)^```\n", steps, text, flags=re.MULTILINE | re.DOTALL)


def menu(caption: str, listed: list[str], shown: bool = False) -> str:
    """A table of contents: the menu. shown: where it stands, too."""
    entries = "\n".join(f"/{page}" for page in listed)
    how = ":maxdepth: 1" if shown else ":hidden:"
    return f"\n\n```{{toctree}}\n{how}\n:caption: {caption}\n\n{entries}\n```\n"


def write(path: Path, text: str) -> None:
    """Write the file, unless it is so already: Sphinx then need not read it again."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def copy(path: Path, target: Path) -> None:
    """Copy a file, unless it is there already."""
    if not target.is_file() or target.read_bytes() != path.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
