# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `fallback`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("fallback")

FALLBACK = """
def with_fallback(attempt, temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), most_compressed=2.4, least_likely=-1.0):
    for temperature in temperatures:
        text, mean = attempt(temperature)
        data = text.encode()
        if len(data) / len(zlib.compress(data)) <= most_compressed and mean >= least_likely:
            break
    return text, temperature
"""
ANSWERS.right(
    "an early return",
    swap(
        FALLBACK,
        (
            "        data = text.encode()\n"
            "        if len(data) / len(zlib.compress(data)) <= most_compressed and mean >= least_likely:\n"
            "            break\n",
            "        ratio = len(text.encode('utf-8')) / len(zlib.compress(text.encode('utf-8')))\n"
            "        if not (ratio > most_compressed or mean < least_likely):\n"
            "            return text, temperature\n",
        ),
    ),
)
ANSWERS.right(
    "a generator",
    """
def with_fallback(attempt, temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), most_compressed=2.4, least_likely=-1.0):
    def fine(text, mean):
        return whisper_lab.compression_ratio(text) <= most_compressed and mean >= least_likely

    tried = []
    for t in temperatures:
        tried.append((*attempt(t), t))
        if fine(*tried[-1][:2]):
            break
    text, _, t = tried[-1]
    return text, t
""",
)
ANSWERS.wrong(
    "likelihood alone",
    swap(FALLBACK, ("len(data) / len(zlib.compress(data)) <= most_compressed and ", "")),
    "a model can be very sure of a loop",
    slip="a text that repeats itself was taken",
)
ANSWERS.wrong(
    "repetition alone",
    swap(FALLBACK, (" and mean >= least_likely", "")),
    "takes improbable texts",
    slip="an improbable text was taken",
)
ANSWERS.wrong(
    "the likeliest of all",
    """
def with_fallback(attempt, temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), most_compressed=2.4, least_likely=-1.0):
    tried = [(*attempt(t), t) for t in temperatures]
    fine = [x for x in tried if whisper_lab.compression_ratio(x[0]) <= most_compressed and x[1] >= least_likely]
    text, _, t = max(fine or tried[-1:], key=lambda x: x[1])
    return text, t
""",
    "tries all, and not the first that will do",
    slip="the likeliest of all that will do",
)
ANSWERS.wrong(
    "the ratio upside down",
    swap(FALLBACK, ("len(data) / len(zlib.compress(data))", "len(zlib.compress(data)) / len(data)")),
    "compressed by raw: never above the limit",
    slip="the ratio is upside down",
)
ANSWERS.wrong(
    "the limits written in",
    swap(FALLBACK, ("<= most_compressed", "<= 2.4"), (">= least_likely", ">= -1")),
    "ignores the limits",
    slip="not 2.4 and -1",
)
ANSWERS.wrong(
    "nothing at all",
    swap(
        FALLBACK,
        ("            break\n    return text, temperature", "            return text, temperature\n    return '', 0.0"),
    ),
    "gives up where nothing will do",
    slip="the last text is what there is",
)
ANSWERS.wrong(
    "letters for bytes",
    swap(FALLBACK, ("len(data) / len", "len(text) / len")),
    "counts letters and compresses bytes",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "and for or",
    swap(FALLBACK, ("<= most_compressed and mean", "<= most_compressed or mean")),
    "tries again only where both are bad",
    slip="a text with one of the two faults was taken",
)
ANSWERS.wrong(
    "below the limit",
    swap(FALLBACK, ("<= most_compressed", "< most_compressed"), (">= least_likely", "> least_likely")),
    "a text that reaches the limit is thrown away",
    slip="exactly at the limit will do",
)
ANSWERS.wrong(
    "all of them first",
    swap(
        FALLBACK,
        (
            "    for temperature in temperatures:\n        text, mean = attempt(temperature)",
            "    tried = [(t, *attempt(t)) for t in temperatures]\n    for temperature, text, mean in tried:",
        ),
    ),
    "decodes at every temperature before it looks",
    slip="all temperatures were tried, and each costs",
)
