# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `redraw`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("redraw")

RUN = """
def run_program(text):
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not re.fullmatch(r"<!--.*-->", line)]
    ground = re.fullmatch(r'<use href="#([a-z]+)"/>', lines[0]) if lines else None
    if ground is None:
        raise ValueError("the first line of a program is its background")
    objects = []
    for line in lines[1:]:
        found = re.fullmatch(r'<use href="#([a-z]+)-([a-z]+)" class="([a-z]+)" x="([0-9]+)" y="([0-9]+)"/>', line)
        if found is None:
            raise ValueError(f"this line draws nothing: {line!r}")
        size, shape, colour, x, y = found.groups()
        objects.append(tinyworld.Object(shape, colour, size, int(x) / 128, int(y) / 128))
    return tinyworld.Scene(tuple(objects), ground[1])
"""
REDRAW = """
def redraw(tries, picture, close):
    wanted = np.asarray(picture, dtype=float)
    best, least, count = None, 1.0, 0
    for text in tries:
        count += 1
        try:
            scene = run_program(text)
        except ValueError:
            continue
        off = float(np.abs(np.asarray(scene.render(64), dtype=float) - wanted).mean() / 255)
        if best is None or off < least:
            best, least = scene, off
        if least <= close:
            break
    return best, least, count
"""
TAIL = """
with needs("redraw"):
    scribe = models.load("programs", "tiny", "cpu")
    my_scenes = []
    for scene, texts in zip(token_lab.scenes_to_redraw(), token_lab.tries_at(scribe), strict=True):
        drawn, _, _ = redraw(iter(texts), scene.render(64), token_lab.CLOSE)
        my_scenes.append(drawn.to_json() if drawn else "")
"""


def run(*pairs: tuple[str, str]) -> str:
    return cell(swap(RUN, *pairs), REDRAW, TAIL)


def again(*pairs: tuple[str, str]) -> str:
    return cell(RUN, swap(REDRAW, *pairs), TAIL)


ANSWERS.right(
    "as XML",
    cell(
        """
def attributes(line, names):
    import xml.etree.ElementTree as ET

    if not re.fullmatch(r'<use( [a-z]+="[#a-z0-9-]*")+/>', line):
        raise ValueError(line)
    found = ET.fromstring(line).attrib
    if list(found) != names or not found["href"].startswith("#"):
        raise ValueError(line)
    return found


def run_program(text):
    lines = [part for part in map(str.strip, text.split("\\n")) if part]
    lines = [part for part in lines if not (part.startswith("<!--") and part.endswith("-->"))]
    if not lines:
        raise ValueError("nothing")
    ground = attributes(lines[0], ["href"])["href"][1:]
    things = []
    for line in lines[1:]:
        one = attributes(line, ["href", "class", "x", "y"])
        size, _, shape = one["href"][1:].partition("-")
        if not (one["x"].isdecimal() and one["y"].isdecimal()):
            raise ValueError("a place is a whole number")
        things.append(tinyworld.Object(shape, one["class"], size, int(one["x"]) / 128, int(one["y"]) / 128))
    return tinyworld.Scene(tuple(things), ground)
""",
        """
def redraw(tries, picture, close):
    target, seen, n = np.asarray(picture).astype(np.int16), [], 0
    for n, text in enumerate(tries, start=1):
        try:
            scene = run_program(text)
        except ValueError:
            continue
        gap = np.abs(np.asarray(scene.render(64)).astype(np.int16) - target)
        seen.append((float(gap.mean()) / 255, -n, scene))
        if seen[-1][0] <= close:
            break
    if not seen:
        return None, 1.0, n
    gap, _, scene = min(seen, key=lambda one: (one[0], -one[1]))
    return scene, gap, n
""",
        TAIL,
    ),
)
ANSWERS.right(
    "piece by piece",
    cell(
        """
def between(line, before, after):
    if not (line.startswith(before) and line.endswith(after) and len(line) >= len(before) + len(after)):
        raise ValueError(line)
    return line[len(before) : len(line) - len(after)]


def run_program(text):
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not (line[:4] == "<!--" and line[-3:] == "-->")]
    if not lines:
        raise ValueError("an empty program")
    background, things = between(lines[0], '<use href="#', '"/>'), []
    for line in lines[1:]:
        parts = between(line, '<use href="#', '"/>').split('"')
        if len(parts) != 7 or [parts[1], parts[3], parts[5]] != [" class=", " x=", " y="]:
            raise ValueError(line)
        if any(not number or set(number) - set("0123456789") for number in (parts[4], parts[6])):
            raise ValueError(line)
        size, shape = (parts[0].split("-") + [""])[:2] if parts[0].count("-") == 1 else ("", "")
        things.append(tinyworld.Object(shape, parts[2], size, int(parts[4]) / 128, int(parts[6]) / 128))
    return tinyworld.Scene(tuple(things), background)
""",
        REDRAW,
        TAIL,
    ),
)
ANSWERS.wrong(
    "eval",
    run(
        ('x="([0-9]+)" y="([0-9]+)"', 'x="([^"]+)" y="([^"]+)"'),
        ("int(x) / 128, int(y) / 128", "eval(x) / 128, eval(y) / 128"),
    ),
    "evaluates what a model wrote",
    slip="code in the program was run",
)
ANSWERS.wrong(
    "no comments",
    run(('if line and not re.fullmatch(r"<!--.*-->", line)]', "if line]")),
    "takes a comment for a line that draws",
    slip="a comment was not left out",
)
ANSWERS.wrong(
    "bad lines are skipped",
    run(('            raise ValueError(f"this line draws nothing: {line!r}")\n', "            continue\n")),
    "skips lines that it does not understand",
    slip="was taken for a program",
)
ANSWERS.wrong(
    "search",
    run(("found = re.fullmatch(", "found = re.search("), ("ground = re.fullmatch(", "ground = re.search(")),
    "looks for the form anywhere in a line",
    slip="was taken for a program",
)
ANSWERS.wrong(
    "x for y",
    run(("int(x) / 128, int(y) / 128", "int(y) / 128, int(x) / 128")),
    "exchanges x and y",
    slip="x and y are exchanged",
)
ANSWERS.wrong(
    "units of the program",
    run(("int(x) / 128, int(y) / 128", "int(x), int(y)")),
    "does not divide by 128",
    slip="a centre is not divided by 128",
)
ANSWERS.wrong(
    "turned round",
    run(("tuple(objects), ground", "tuple(objects[::-1]), ground")),
    "gives the objects in another order",
    slip="in another order than the program's",
)
ANSWERS.wrong(
    "takes all",
    again(("for text in tries:", "for text in list(tries):")),
    "takes every text before it looks at the first",
    slip="every text was taken",
)
ANSWERS.wrong(
    "the last one",
    again(("if best is None or off < least:", "if True:")),
    "returns the last scene",
    slip="that is the last scene",
)
ANSWERS.wrong(
    "bytes go round",
    again(
        ("np.asarray(picture, dtype=float)", "np.asarray(picture)"),
        ("np.asarray(scene.render(64), dtype=float)", "np.asarray(scene.render(64))"),
    ),
    "subtracts bytes, which go round",
    slip="the bytes went round",
)
ANSWERS.wrong(
    "squares",
    again(
        (
            "np.abs(np.asarray(scene.render(64), dtype=float) - wanted).mean() / 255",
            "((np.asarray(scene.render(64), dtype=float) - wanted) ** 2).mean() / 255**2",
        )
    ),
    "takes the squared difference",
    slip="that is the squared difference",
)
ANSWERS.wrong(
    "compares texts",
    again(
        (
            "        off = float(np.abs(np.asarray(scene.render(64), dtype=float) - wanted).mean() / 255)\n",
            "        off = 0.0 if text.startswith('<use href=\"#') and text.endswith('/>') else 1.0\n",
        ),
    ),
    "looks at the text and not at the drawing",
    slip="",
)
ANSWERS.wrong(
    "signs and underscores",
    run(('x="([0-9]+)" y="([0-9]+)"', 'x="([0-9_+ ]*)" y="([0-9_+ ]*)"')),
    "takes what int() takes for a number",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "infinitely far",
    again(("best, least, count = None, 1.0, 0", "best, least, count = None, math.inf, 0")),
    "gives infinity where no text was a program",
    visible_passes=True,
    slip="",
)
