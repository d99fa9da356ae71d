"""Week 3: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "attend": """
def attend(*a, **k):
    return taken("library_attention")(*a, **k)
""",
    "caption_loss": "def caption_loss(*a):\n    return taken('library_caption_loss')(*a)",
    "beam_search": """
def beam_search(step, start, end, longest, beams=3, length_penalty=1.0):
    return taken("plain_beams")(step, longest, beams, length_penalty)
""",
    "sampling": """
def filtered(*a, **k):
    return taken("library_filtered")(*a, **k)
def sample(*a, **k):
    return filtered(*a, **k).multinomial(1)[:, 0]
""",
    "matching": """
def match(model, processor, pictures, captions):
    from coursekit.models import Loaded
    return taken("library_match")(Loaded(model, processor), pictures, captions)
""",
    "prefix_loss": "def prefix_loss(*a):\n    return taken('library_prefix_loss')(*a)",
    "bleu": "def bleu(*a, **k):\n    return taken('library_bleu')(*a, **k)",
    "consensus": """
def rouge_l(*a):
    return taken("reference_rouge_l")(*a)
def cider(*a):
    return list(taken("library_cider")(*a))
""",
    "word_maps": "def word_maps(weights):\n    return taken('reference_maps')(weights)",
    "fine_tune": "def fine_tune(*a, **k):\n    return taken('library_fine_tune')(*a, **k)",
}
