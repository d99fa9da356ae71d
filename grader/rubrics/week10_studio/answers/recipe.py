# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `recipe`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("recipe")

RECIPE = """
def stamp(picture, recipe):
    info = PngInfo()
    info.add_itxt("recipe", json.dumps(recipe, ensure_ascii=False))
    info.add_itxt("Disclaimer", "This picture was made by a model.")
    out = io.BytesIO()
    picture.save(out, format="PNG", pnginfo=info)
    return out.getvalue()


def read_recipe(data):
    if data[:4] == b"\\x89PNG":
        if len(data) > 10 * 2**20:
            raise ValueError("This file is too large.")
        try:
            info = Image.open(io.BytesIO(data)).info
        except Exception:
            raise ValueError("This picture cannot be read.")
        if "recipe" not in info:
            raise ValueError("This picture has no recipe.")
        data = info["recipe"].encode()
    if len(data) > 100_000:
        raise ValueError("This recipe is too large.")
    try:
        found = json.loads(data)
    except Exception:
        raise ValueError("This recipe is no JSON.")
    recipe, inner, depth, steps = None, None, 0, 0
    while True:
        if type(found) is not dict:
            raise ValueError("from: this recipe is no object.")
        names = ["format", "kind", "prompt", "seed", "steps", "guidance", "profile", "pixels"]
        names += {"vary": ["strength", "from"], "repaint": ["region", "from"]}.get(str(found.get("kind")), [])
        for name in names:
            if name not in found:
                raise ValueError(f"The field {name} is missing.")
        part = {name: found[name] for name in names}
        for name, value in part.items():
            number = type(value) in (int, float)
            right = True
            if name == "format":
                right = value == FORMAT
            elif name == "kind":
                right = value in ["paint", "vary", "repaint"]
            elif name == "prompt":
                right = type(value) is str and 0 < len(value) < 301
            elif name == "seed":
                right = type(value) is int and 0 <= value < 2**53
            elif name == "steps":
                right = type(value) is int and 0 < value < 101
            elif name == "guidance":
                right = number and 0 <= value <= 20
            elif name == "profile":
                right = value in ["tiny", "full"]
            elif name == "pixels":
                right = type(value) is str and len(value) == 64 and set(value) <= set("0123456789abcdef")
            elif name == "strength":
                right = number and 0 <= value <= 1
            elif name == "region":
                right = type(value) is list and len(value) == 4
                right = right and all(type(x) in (int, float) and 0 <= x <= 1 for x in value)
            if not right:
                raise ValueError(f"The field {name} is wrong.")
        steps += part["steps"]
        if steps > 600:
            raise ValueError("steps: more than 600 in all.")
        if recipe is None:
            recipe = part
        else:
            inner["from"] = part
        inner = part
        if "from" not in part:
            return recipe
        depth += 1
        if depth > 20:
            raise ValueError("from: too many edits.")
        found = part["from"]
"""
ANSWERS.right("one loop", RECIPE)
ANSWERS.right(
    "compressed chunks",
    swap(
        RECIPE,
        ("json.dumps(recipe, ensure_ascii=False)", "json.dumps(recipe), zip=True"),
        ('"This picture was made by a model."', '"This picture was made by a model.", "en", "Disclaimer"'),
    ),
)
ANSWERS.wrong(
    "nothing in the picture",
    swap(RECIPE, (", pnginfo=info", "")),
    "the chunks are made and not written",
    slip="holds no iTXt chunk",
)
ANSWERS.wrong(
    "whatever JSON says",
    swap(RECIPE, ("            if not right:\n", "            if False:\n")),
    "values are not looked at",
    slip="expected a ValueError, and it returned",
)
ANSWERS.wrong(
    "KeyError",
    swap(
        RECIPE,
        ('                raise ValueError(f"The field {name} is missing.")', "                raise KeyError(name)"),
    ),
    "not the error that was asked for",
    slip="expected a ValueError, and it raised KeyError",
)
ANSWERS.wrong(
    "no field named",
    swap(RECIPE, ('f"The field {name} is wrong."', '"Something is wrong with it."')),
    "nobody knows what to mend",
    slip="the message should name",
)
ANSWERS.wrong(
    "only pictures",
    swap(RECIPE, ('    if data[:4] == b"\\x89PNG":\n', "    if True:\n")),
    "no JSON",
    slip="JSON files hold recipes",
)
ANSWERS.wrong(
    "True is a number",
    swap(RECIPE, ("type(value) is int", "isinstance(value, int)")),
    "a bool is an int in Python",
    slip="steps = True",
)
ANSWERS.wrong(
    "nan let through",
    swap(RECIPE, ("number and 0 <= value <= 20", "number and not (value < 0 or value > 20)")),
    "nan is neither smaller nor larger",
    slip="guidance = nan",
)
ANSWERS.wrong(
    "everything kept",
    swap(RECIPE, ("part = {name: found[name] for name in names}", "part = dict(found)")),
    "fields that nobody asked for come along",
    slip="nobody asked for come along",
)
ANSWERS.wrong(
    "the first one is not looked at",
    swap(RECIPE, ('        found = part["from"]\n', "        return recipe\n")),
    "what it goes back to is believed",
    slip="what it goes back to",
)
ANSWERS.wrong(
    "steps not added up",
    swap(RECIPE, ("steps > 600", "steps > 10**9")),
    "five kilobytes order minutes of work",
    slip="601 steps",
)
ANSWERS.wrong(
    "no disclaimer",
    swap(RECIPE, ('    info.add_itxt("Disclaimer", "This picture was made by a model.")\n', "")),
    "nobody is told what made it",
    slip="Disclaimer",
)

ANSWERS.wrong(
    "as deep as it likes",
    swap(RECIPE, ("depth > 20", "depth > 2000")),
    "edits of edits without end",
    visible_passes=True,
    slip="",
)
