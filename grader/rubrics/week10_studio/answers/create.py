# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `create`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("create")

CREATE = """
def create(studio, text, settings, on_step=None):
    prompt, unknown = studio.read_prompt(text)
    notes = []
    if unknown:
        notes.append("These words are unknown to the painter: " + ", ".join(unknown))
    n, steps, guidance = settings["candidates"], settings["steps"], settings["guidance"]
    seeds = list(range(settings["seed"], settings["seed"] + n))
    short = (MemoryError, torch.OutOfMemoryError)
    try:
        pictures = studio.paint(prompt, seeds, steps, guidance, on_step)
    except short:
        pictures = []
        for seed in seeds:
            try:
                pictures += studio.paint(prompt, [seed], steps, guidance, on_step)
            except short:
                raise MemoryError("One picture is too much for this machine; choose the tiny profile.")
        notes.append("Memory was short, so it took longer.")
    works = [
        {
            "prompt": prompt,
            "seed": seeds[place],
            "steps": steps,
            "guidance": guidance,
            "score": score,
            "picture": pictures[place],
        }
        for place, score in studio.rank(pictures, prompt)
    ]
    works[0]["caption"] = studio.describe(works[0]["picture"])
    works[0]["match"] = studio.matches(works[0]["picture"], prompt)
    record = dict(works[0])
    picture = record.pop("picture")
    try:
        studio.remember(record, picture)
    except (OSError, sqlite3.Error) as problem:
        notes.append(f"Not saved: {problem}")
    return {"works": works, "notes": notes}
"""
ANSWERS.right("in order", CREATE)
ANSWERS.right(
    "every other part is wrong",  # what a student got wrong before costs nothing here
    cell(
        *(
            f"def {name}(*args, **kwargs):\n    return {wrong}"
            for name, wrong in {
                "read_prompt": '("", ["all", "of", "it"])',
                "paint": "[]",
                "rank": "[(7, -1.0)]",
                "describe": "None",
                "matches": "float('nan')",
                "remember": "1 / 0",
                "recall": "1 / 0",
            }.items()
        ),
        CREATE,
    ),
)
ANSWERS.right(
    "smaller and smaller batches",
    swap(
        CREATE,
        (
            CREATE[CREATE.index("    try:\n        pictures") : CREATE.index("    works = [")],
            "    for size in dict.fromkeys((max(n, 1), 1)):\n"
            "        try:\n"
            "            parts = [seeds[i : i + size] for i in range(0, n, size)]\n"
            "            pictures = [p for s in parts for p in studio.paint(prompt, s, steps, guidance, on_step)]\n"
            "            break\n"
            "        except short:\n"
            "            if size == 1:\n"
            '                raise MemoryError("Even one picture needs more memory than there is here.") from None\n'
            '            notes.append("Painted one after the other, for want of memory.")\n',
        ),
    ),
)
ANSWERS.wrong(
    "seeds by rank",
    swap(
        CREATE,
        ("seeds[place]", "seeds[i]"),
        (
            "for place, score in studio.rank(pictures, prompt)",
            "for i, (place, score) in enumerate(studio.rank(pictures, prompt))",
        ),
    ),
    "each work has another's seed",
    slip="another's seed",
)
ANSWERS.wrong(
    "not ranked",
    swap(CREATE, ("in studio.rank(pictures, prompt)", "in sorted(studio.rank(pictures, prompt))")),
    "in the order of painting",
    slip="order of painting",
)
ANSWERS.wrong(
    "the raw prompt",
    swap(CREATE, ("studio.paint(prompt, seeds", "studio.paint(text, seeds"), ('"prompt": prompt', '"prompt": text')),
    "not as it was read",
    slip="which is what read_prompt gave",
)
ANSWERS.wrong(
    "nothing remembered",
    swap(CREATE, ("        studio.remember(record, picture)\n", "        pass\n")),
    "no history",
    slip="nothing was remembered",
)
ANSWERS.wrong(
    "the picture in the record",
    swap(CREATE, ('    picture = record.pop("picture")\n', '    picture = record["picture"]\n')),
    "JSON cannot hold it",
    slip="the record holds the picture",
)
ANSWERS.wrong(
    "no progress",
    swap(CREATE, ("seeds, steps, guidance, on_step)", "seeds, steps, guidance)")),
    "on_step is not passed on",
    slip="on_step was not passed",
)
ANSWERS.wrong(
    "a full disk loses the pictures",
    swap(CREATE, ("    except (OSError, sqlite3.Error) as problem:", "    except OSError as problem:")),
    "sqlite3.Error is no OSError",
    slip="sqlite3.Error while remembering",
)
ANSWERS.wrong(
    "only MemoryError",
    swap(CREATE, ("(MemoryError, torch.OutOfMemoryError)", "(MemoryError,)")),
    "a GPU's lack of memory is another error",
    slip="of a OutOfMemoryError",
)
ANSWERS.wrong(
    "only the database's errors",
    swap(CREATE, ("except (OSError, sqlite3.Error)", "except sqlite3.Error")),
    "a folder may be missing or read-only",
    slip="of an OSError while",
)
ANSWERS.wrong(
    "unknown words kept quiet",
    swap(CREATE, ("    if unknown:\n", "    if False:\n")),
    "nobody is told",
    slip="no note names",
)
ANSWERS.wrong(
    "an empty prompt becomes a note",
    swap(
        CREATE,
        (
            "    prompt, unknown = studio.read_prompt(text)\n",
            "    try:\n        prompt, unknown = studio.read_prompt(text)\n    except ValueError:\n"
            '        prompt, unknown = "something", []\n',
        ),
    ),
    "it paints what nobody asked for",
    visible_passes=True,
    slip="",
)

ANSWERS.wrong(
    "those that fail are left out",
    swap(
        CREATE,
        (
            '                raise MemoryError("One picture is too much for this machine; choose the tiny profile.")\n',
            "                continue\n",
        ),
    ),
    "candidates vanish, and nobody is told",
    slip="a MemoryError comes out",
)
