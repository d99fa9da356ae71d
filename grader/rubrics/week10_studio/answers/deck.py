# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `deck`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("deck")

DECK = '''
def deck(title, slides):
    page = "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
    page += f"<title>{html.escape(title)}</title></head><body><section><h1>{html.escape(title)}</h1></section>"
    for slide in slides:
        out = io.BytesIO()
        slide["picture"].save(out, "PNG")
        code = base64.b64encode(out.getvalue()).decode("ascii")
        alt = html.escape(slide["caption"], quote=True)
        page += f"""<section><h2>{html.escape(slide["prompt"])}</h2><img alt="{alt}" src="data:image/png;base64,{code}">
<p>{alt}</p><p>seed {slide["seed"]}</p></section>"""
    return page + "</body></html>"
'''
ANSWERS.right("one string", DECK)
ANSWERS.right(
    "a template and a table of marks",
    """
def deck(title, slides):
    marks = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
    made = []
    for slide in slides:
        with io.BytesIO() as file:
            slide["picture"].convert("RGB").save(file, format="PNG", optimize=True)
            url = "data:image/png;base64," + base64.standard_b64encode(file.getvalue()).decode()
        said = {name: str(slide[name]).translate(marks) for name in ("prompt", "caption", "seed")}
        made.append(
            "<section><figure><img src='%s' alt='%s'><figcaption>%s</figcaption></figure><p>%s</p><p>%s</p></section>"
            % (url, said["caption"], said["caption"], said["prompt"], said["seed"])
        )
    head = "<head><meta charset=utf-8><style>body { font-family: sans-serif }</style></head>"
    first = "<section><h1>%s</h1></section>" % title.translate(marks)
    return "<!doctype html>" + "<html>" + head + "<body>" + first + "".join(made) + "</body></html>"
""",
)
ANSWERS.wrong(
    "no title",
    swap(DECK, ("<section><h1>{html.escape(title)}</h1></section>", "")),
    "a section too few",
    slip="does not show the title",
)
ANSWERS.wrong(
    "the last ones only",
    swap(DECK, ("in slides:", "in slides[1:]:")),
    "a slide is missing",
    slip="the number of <section>s",
)
ANSWERS.wrong(
    "files beside it",
    swap(DECK, ("data:image/png;base64,{code}", '{slide["seed"]}.png')),
    "not one file",
    slip="source begins with",
)
ANSWERS.wrong(
    "no alternative text",
    swap(DECK, ('alt="{alt}" ', "")),
    "a blind reader gets nothing",
    slip="alternative text",
)
ANSWERS.wrong(
    "as JPEG",
    swap(DECK, ('save(out, "PNG")', 'save(out, "JPEG")')),
    "another format, and other pixels",
    slip="a JPEG",
)
ANSWERS.wrong(
    "text as it came",
    swap(DECK, ('html.escape(slide["prompt"])', 'slide["prompt"]')),
    "a prompt may be a script",
    slip="became a tag",
)
ANSWERS.wrong(
    "quotes left",
    swap(DECK, ("quote=True", "quote=False")),
    "a caption may leave its attribute",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "escaped twice",
    swap(DECK, ('html.escape(slide["caption"], quote=True)', 'html.escape(html.escape(slide["caption"]))')),
    "&amp;lt; is shown",
    slip="escaped twice",
)
ANSWERS.wrong(
    "no seed",
    swap(DECK, ('<p>seed {slide["seed"]}</p>', "")),
    "it cannot be made again",
    slip="does not show its seed",
)
ANSWERS.wrong(
    "a font from elsewhere",
    swap(
        DECK,
        ("<meta charset='utf-8'>", "<meta charset='utf-8'><link rel='stylesheet' href='https://example.org/a.css'>"),
    ),
    "it tells another server who reads it",
    slip="from elsewhere",
)
