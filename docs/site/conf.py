"""Sphinx's settings. The sources are put together by build.py; see there."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT)]

from grader.course.discovery import find_course  # noqa: E402

COURSE = find_course(ROOT)

project = "Crossmodal"
author = copyright = "the authors of Crossmodal"
extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
exclude_patterns = ["_extra", "_static"]
html_theme = "pydata_sphinx_theme"
html_title = "Crossmodal"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "Crossmodal"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "icon_links": [{"name": "The code", "url": f"https://github.com/{COURSE.repository}", "icon": "fa-solid fa-code"}],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}

nb_execution_mode = "off"
nb_merge_streams = True
nb_output_stderr = "remove"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_inline", "deflist"]
myst_heading_anchors = 4
# a notebook begins with its title and goes on with sections; texts link to files of the repository
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]
mathjax_path = "mathjax/tex-chtml.js"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

copybutton_selector = "div.highlight-ipython3 pre, div.highlight-default pre, div.highlight-python pre"


def plain_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Our docstrings are plain text: keep their lines, and let nothing in them be taken for markup."""
    if what == "module":
        lines[:] = _blocks(lines, keep_lines=False)
    else:
        lines[:] = _blocks(lines, keep_lines=True)


def _blocks(lines: list[str], keep_lines: bool) -> list[str]:
    """reST of a plain text. Indented paragraphs, tables and flow stay as they are typed; others are prose."""
    made: list[str] = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = block.split("\n")
        if rows[0].startswith("    "):
            made += ["::", "", *(f"    {row}" for row in rows), ""]
        elif keep_lines and any(": " in row or row.startswith(" ") for row in rows[:-1]):
            made += [f"| {_escaped(row)}" if row.strip() else "|" for row in rows] + [""]
        else:
            made += [_escaped(row.strip()) for row in rows] + [""]
    return made


def _escaped(text: str) -> str:
    parts = re.split(r"(`[^`]+`)", text)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = f"``{part.strip('`')}``"
            if i + 1 < len(parts) and parts[i + 1][:1].isalnum():
                parts[i] += "\\ "
            if parts[i - 1][-1:].isalnum():
                parts[i] = "\\ " + parts[i]
        else:
            parts[i] = re.sub(r"([*|\\]|_(?=\W|$))", r"\\\1", part)
    return "".join(parts)


def folders(app: Any, config: Any) -> None:
    """What build.py has put beside the sources, which lie elsewhere than these settings."""
    config.html_static_path = [str(Path(app.srcdir) / "_static")]
    config.html_extra_path = [str(Path(app.srcdir) / "_extra")]


def say_what_is_shown(app: Any, doctree: Any) -> None:
    """Give each figure of a notebook the words that it came with, which myst-nb drops. It names files by their hash."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    told = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            for kind, more in output.get("metadata", {}).items():
                if isinstance(more, dict) and "alt" in more and kind in output.data:
                    told[hashlib.sha256(base64.b64decode(output.data[kind])).hexdigest()] = more["alt"]
    for image in doctree.findall(nodes.image):
        if words := told.get(Path(image["uri"]).stem):
            image["alt"] = words


def setup(app: Any) -> None:
    app.connect("doctree-read", say_what_is_shown)
    app.connect("config-inited", folders)
    app.connect("autodoc-process-docstring", plain_docstring)
