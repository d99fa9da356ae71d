"""Notebooks with nothing in them that a page would run, open or fetch.

nbgrader's pages, formgrader's and the feedback that `nbgrader generate_feedback` makes, show Markdown and outputs as
the HTML that they are, on the instructor's own origin: a picture that fails to load could change grades there. So what
is written to autograded/ is text, pictures and plain HTML. What was handed in stays as it is in submitted/.
"""

from __future__ import annotations

import base64
import copy
import html
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote

import nbformat
import nh3
from nbformat import NotebookNode

PLAIN = {
    *("b", "i", "em", "strong", "u", "s", "del", "ins", "sub", "sup", "small", "mark", "kbd", "code", "tt", "q"),
    *("p", "br", "hr", "div", "span", "center", "blockquote", "pre", "details", "summary", "wbr", "abbr"),
    *("ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "colgroup", "col"),
}
TAGS = PLAIN | {"a", "img", "audio", "video", "source", "figure", "figcaption", "font"}
ATTRIBUTES = {
    "*": {"title", "style", "align", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "audio": {"controls", "src"},
    "video": {"controls", "src", "width", "height"},
    "source": {"src", "type"},
    "font": {"color", "size"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
    "ol": {"start", "type"},
}
STYLES = {
    *("color", "background-color", "text-align", "vertical-align", "font-weight", "font-style", "font-size"),
    *("width", "max-width", "height", "max-height", "padding", "border", "border-collapse", "white-space"),
}
MEDIA = r"image/(png|jpeg|gif|webp|svg\+xml)|(audio|video)/[\w.+-]+"
DATA = re.compile(rf"data:({MEDIA});base64,[A-Za-z0-9+/=\s]*\Z", re.ASCII)
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z", re.ASCII)
LARGEST_HTML, MOST_TAGS = 8_000_000, 100_000  # of one output: what a table of ten thousand cells takes
PICTURES = ("image/png", "image/jpeg", "image/gif")
LEFT_OUT = "(Left out here, because a page would run it: {}. It is in what was handed in.)"

# --- Markdown: where HTML or an address begins ---------------------------------------------------------------------
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_HARMLESS_TAG = re.compile(rf"</?(?:{'|'.join(sorted(PLAIN))})[ \t]*/?>", re.IGNORECASE)
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>\"'`&]*>", re.IGNORECASE)
_ADDRESS = re.compile(r"\]([(:])(\s*<?)([^\s)>]*)")
_HARMLESS_ADDRESS = re.compile(r"(?:https?://|mailto:|#|attachment:|\.{0,2}/|[\w./-]*(?:[?#]|\Z))", re.IGNORECASE)
_PICTURE = re.compile(r"!(?=\[)(?:(?=\[[^\]\n]{0,500}\]\(attachment:([\w. %-]{1,300})\)))?")
_REACHING = re.compile(r"\\+(?=(?:href|url|require|style|class|cssId|data|html\w*)\b)", re.IGNORECASE)  # of MathJax
_DIAGRAM = re.compile(r"^([ \t>*-]*(?:`{3,}|~{3,})[ \t]*)mermaid", re.IGNORECASE | re.MULTILINE)


def markdown(text: str, attachments: Collection[str] = ()) -> str:
    """Markdown in which HTML other than plain tags is text, and links lead to the web or nowhere.

    attachments: names of the pictures that were pasted in. They are shown; other pictures become links.
    """
    parts, done = [], 0
    for found in _TAG.finditer(text):
        if not (_HARMLESS_TAG.match(text, found.start()) or _AUTOLINK.match(text, found.start())):
            parts += [text[done : found.start()], "&lt;"]
            done = found.end()
    text = "".join([*parts, text[done:]])
    text = _PICTURE.sub(lambda found: "!" if unquote(found[1] or "") in attachments else "", text)
    text = _DIAGRAM.sub(r"\1text", _ADDRESS.sub(_address, text))
    return _REACHING.sub(r"\\ ", text)


def _address(found: re.Match[str]) -> str:
    """The beginning of a link, or the same as text."""
    kind, before, address = found.groups()
    plain = html.unescape(address)
    if "\\" not in address and plain == address and _HARMLESS_ADDRESS.match(address):
        return found[0]
    return f"] {kind}{before}{address}"  # which is no link


def page(text: str) -> str:
    """HTML without scripts, styles, forms and frames, that fetches nothing: media only where they are part of it."""
    if len(text) > LARGEST_HTML or text.count("<") > MOST_TAGS:
        return f"<p>{LEFT_OUT.format('more HTML than a page can show')}</p>"
    return nh3.clean(
        text,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        clean_content_tags={"script", "style", "title", "textarea", "noscript", "template", "svg", "math"},
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties=STYLES,
        link_rel="noopener noreferrer",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """An attribute's value, or None for none at all."""
    if name == "src":
        return value if DATA.match(value) else None
    if name == "href" and value.strip().lower().startswith("data:"):
        return None
    if name == "style" and "url(" in value.lower().replace(" ", ""):
        return None
    return value


# --- notebooks --------------------------------------------------------------------------------------------------------


def harmless(notebook: NotebookNode, released: Collection[str] = ()) -> NotebookNode:
    """A copy of a notebook that a page can show.

    released: sources of the course's own cells, which stay as they are.
    """
    made = copy.deepcopy(notebook)
    made.metadata = NotebookNode(
        {name: made.metadata[name] for name in ("kernelspec", "language_info", "celltoolbar") if name in made.metadata}
    )
    for cell in made.cells:
        own = cell.source in released
        _tidy(cell)
        if "attachments" in cell:
            cell.attachments = _attachments(cell.attachments)
        if cell.cell_type != "code" and not own:
            cell.source = markdown(cell.source, cell.get("attachments", {}))
        if cell.cell_type == "code":
            cell.outputs = [_output(output) for output in cell.outputs]
    return made


def _tidy(cell: NotebookNode) -> None:
    """A cell's metadata, of what notebooks and nbgrader mean by it."""
    meant = ("nbgrader", "collapsed", "deletable", "editable")
    kept = {name: cell.metadata[name] for name in meant if name in cell.metadata}
    tags = [tag for tag in cell.metadata.get("tags", ()) if isinstance(tag, str) and re.fullmatch(r"[\w-]{1,80}", tag)]
    cell.metadata = NotebookNode(kept | ({"tags": tags} if tags else {}))
    if "id" in cell and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(cell["id"])):
        cell["id"] = nbformat.v4.new_raw_cell()["id"]


def _attachments(given: Mapping[str, Any]) -> NotebookNode:
    """Of what was pasted in, the pictures."""
    kept: dict[str, dict[str, str]] = {}
    for name, bundle in given.items():
        pictures = {kind: data for kind, data in bundle.items() if kind in PICTURES and _is_base64(data)}
        if pictures and re.fullmatch(r"[\w. -]{1,200}", name):
            kept[name] = pictures
    return NotebookNode(kept)


def _is_base64(data: Any) -> bool:
    return isinstance(data, str) and BASE64.match(data) is not None


def _output(output: NotebookNode) -> NotebookNode:
    if output.output_type not in ("display_data", "execute_result"):
        return output  # streams and errors are shown as text
    data: dict[str, Any] = {}
    dropped = []
    for kind, value in output.data.items():
        if kind == "text/plain" or kind == "text/latex" and isinstance(value, str):
            data[kind] = _REACHING.sub(r"\\ ", value) if kind == "text/latex" else value
        elif kind in PICTURES and _is_base64(value):
            data[kind] = value
        elif kind == "image/svg+xml" and isinstance(value, str):  # as a picture it runs and fetches nothing
            shown = base64.b64encode(value.encode("utf-8", "replace")).decode()
            data.setdefault("text/html", f'<img src="data:image/svg+xml;base64,{shown}" alt="">')
        elif kind == "text/html" and isinstance(value, str):
            data[kind] = page(value)
        elif kind == "text/markdown" and isinstance(value, str):
            data[kind] = markdown(value)
        else:
            dropped.append(kind)
    if dropped and not data:
        data["text/plain"] = LEFT_OUT.format(", ".join(kind[:60] for kind in dropped[:5]))
    return NotebookNode(output | {"data": data, "metadata": _display_metadata(output.get("metadata", {}))})


def _display_metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes and words for who cannot see a picture."""
    kept: dict[str, Any] = {}
    for kind in PICTURES:
        about = given.get(kind)
        if isinstance(about, Mapping):
            sizes = {k: v for k in ("width", "height") if type(v := about.get(k)) in (int, float)}
            alt = {"alt": html.escape(v)} if isinstance(v := about.get("alt"), str) else {}
            if sizes or alt:
                kept[kind] = {**sizes, **alt}
    return kept
