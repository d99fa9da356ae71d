# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `read_prompt`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("read_prompt")

PROMPT = """
def read_prompt(text, known=None, most=300):
    text = unicodedata.normalize("NFKC", text)
    for letter in set(text):
        if unicodedata.category(letter)[0] == "C":
            text = text.replace(letter, " ")
    text = re.sub(r"\\s+", " ", text).strip()
    if text == "":
        raise ValueError("The prompt is empty.")
    if len(text) > most:
        raise ValueError(f"The prompt is longer than {most} characters.")
    unknown = []
    if known is not None:
        for word in re.findall(r"[^\\W\\d_]+", text.lower()):
            if word not in known and word not in unknown:
                unknown.append(word)
    return text, unknown
"""
ANSWERS.right("with regular expressions", PROMPT)
ANSWERS.right(
    "letter by letter",
    """
def read_prompt(text, known=None, most=300):
    plain = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFKC", text))
    prompt = " ".join(plain.split())
    if not 1 <= len(prompt) <= most:
        raise ValueError(f"A prompt has 1 to {most} characters, and this one {len(prompt)}.")
    words = "".join(c if c.isalpha() else " " for c in prompt.lower()).split()
    return prompt, [] if known is None else list(dict.fromkeys(word for word in words if word not in known))
""",
)
ANSWERS.wrong(
    "ends only",
    swap(PROMPT, ('re.sub(r"\\s+", " ", text).strip()', "text.strip()")),
    "inside not",
    slip="runs of spaces are left",
)
ANSWERS.wrong(
    "split at spaces",
    swap(PROMPT, ('re.findall(r"[^\\W\\d_]+", text.lower())', "text.lower().split()")),
    "a comma makes a word unknown",
    slip="a comma is part",
)
ANSWERS.wrong(
    "told twice",
    swap(PROMPT, (" and word not in unknown", "")),
    "every time that the word comes",
    slip="is told once",
)
ANSWERS.wrong(
    "with capitals",
    swap(PROMPT, ("text.lower()", "text")),
    "Large is not large",
    slip="in lower case",
)
ANSWERS.wrong(
    "cut off at the limit",
    swap(
        PROMPT,
        ('        raise ValueError(f"The prompt is longer than {most} characters.")', "        text = text[:most]"),
    ),
    "nobody is told",
    slip="expected a ValueError, and it returned",
)
ANSWERS.wrong(
    "no normal form",
    swap(PROMPT, ('    text = unicodedata.normalize("NFKC", text)\n', "")),
    "wide letters are other words",
    slip="form NFKC",
)
ANSWERS.wrong(
    "300 written into it",
    swap(PROMPT, ("len(text) > most", "len(text) > 300"), ("{most}", "300")),
    "ignores its argument",
    slip="where most=",
)
ANSWERS.wrong(
    "letters from a to z",
    swap(PROMPT, ('r"[^\\W\\d_]+"', 'r"[a-z]+"')),
    "other alphabets have letters too",
    slip="from a to z",
)
ANSWERS.wrong(
    "counted before tidying",
    swap(
        PROMPT,
        (
            '    text = unicodedata.normalize("NFKC", text)\n',
            '    text = unicodedata.normalize("NFKC", text)\n    before = len(text)\n',
        ),
        ("len(text) > most", "before > most"),
    ),
    "spaces are counted that are not left",
    visible_passes=True,
    slip="",
)
