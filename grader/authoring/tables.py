"""The tables of the weeks that students find in README.md and colab_links.md, made from weeks/course.toml."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from grader.course.syllabus import Course, CourseError, Week

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github"
BEGIN = "<!-- The weeks, by `grader release` from weeks/course.toml -->"
END = "<!-- end of the weeks -->"


def week_tables(course: Course) -> dict[Path, str]:
    """{path: text} of the pages that hold a table of the weeks, with the tables as they should be.

    README.md is among them where it has a place for one. Raises CourseError where that place has no end.
    """
    made = {course.root / "colab_links.md": colab_links(course)}
    readme = course.root / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if BEGIN in text:
        made[readme] = _with_table(text, readme_table(course), readme)
    return made


def readme_table(course: Course) -> str:
    """The weeks, what a student builds in each, and which library does the same."""
    rows = [
        f"| [{week.number:02} {week.title}](weeks/{week.slug}/README.md) | {week.builds} | {week.library} |"
        for week in _shown(course)
    ]
    return "\n".join(["| week | you build | then with the library |", "|---|---|---|", *rows])


def colab_links(course: Course) -> str:
    """colab_links.md: one row a week, with a badge that opens the released notebook in Colab."""
    base = in_colab(course)
    rows = [
        f"| {week.number} | {week.title}: {week.summary} | {week.minutes} | {week.points:g} "
        f"| [![Open in Colab]({BADGE})]({base}/weeks/{week.slug}/{week.slug}.ipynb) |"
        for week in _shown(course)
    ]
    head = [
        f"# {course.title} in Colab",
        "",
        "Written by `grader release` from weeks/course.toml.",
        "",
        "| week | | minutes | points | |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def in_colab(course: Course) -> str:
    """The address in Colab under which the course's notebooks are."""
    return f"{COLAB}/{course.repository}/blob/{quote(course.branch)}"


def _shown(course: Course) -> list[Week]:
    """The weeks that are not drafts, by number."""
    return sorted((week for week in course.weeks.values() if not week.draft), key=lambda week: week.number)


def _with_table(text: str, table: str, path: Path) -> str:
    """The page with this table between its two marks. Raises CourseError."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise CourseError(f"{path} has {BEGIN!r} without {END!r} below it")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
