"""Week 6: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "quantise": "def quantise(z, codebook):\n    return taken('library_codes')(z, codebook)",
    "ema": """
def ema_codes(counts, sums, z, ids, decay=0.99, eps=1e-5):
    return taken("reference_ema")(counts, sums, z, ids, decay, eps)
def restart_dead(*a):
    raise NotImplementedError
""",
    "usage": "def usage(batches, k):\n    return taken('library_usage')(batches, k)",
    "words_and_codes": """
def words_and_codes(*a):
    return taken("reference_rows")(*a)
def sentence_loss(*a):
    raise NotImplementedError
""",
    "write": """
def next_token(scores, allowed, temperature=1.0, top_k=None, generator=None):
    return taken("choice_by")(scores, allowed, temperature, top_k, generator)
def write(*a):
    raise NotImplementedError
""",
    "guide": """
def guided(both, scale):
    return taken("library_guided")(both, scale)
def write_guided(*a):
    raise NotImplementedError
""",
    "prompt_to_paint": """
def cutouts(*a):
    return taken("torch_cutouts")(*a)
def prompt_to_paint(*a):
    raise NotImplementedError
""",
    "bits": """
def picture_bits(scores, codes):
    return taken("library_bits")(scores, codes)
def bit_report(*a):
    raise NotImplementedError
""",
    "redraw": """
def run_program(text):
    try:
        return taken("library_scene")(text)
    except NotImplementedError:
        return taken("parse")(text).scene()
def redraw(*a):
    raise NotImplementedError
""",
}
