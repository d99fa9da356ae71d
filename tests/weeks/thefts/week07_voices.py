"""Week 7: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "griffin_lim": "def griffin_lim(*a):\n    return taken('reference_griffin_lim')(*a)",
    "log_mel": "def log_mel(*a):\n    return taken('library_mel')(*a)",
    "stretch": """
def stretch(states, durations, speed=1.0):
    return taken("library_stretch")(states, durations, speed)
""",
    "align": "def align(*a):\n    return taken('reference_align')(*a)",
    "guided": """
def guided_attention(attention, tokens, frames, sigma=0.4):
    return taken("library_guided")(attention, tokens, frames, sigma)
""",
    "intonation": """
def phone_pitch(*a):
    return taken("reference_pitch")(*a)
def drawn_pitch(*a):
    return taken("reference_factors")(*a)
""",
    "speaker": """
def pool(*a):
    return taken("reference_pool")(*a)
def margin_loss(embeddings, weights, labels, scale=30.0, margin=0.4):
    return taken("library_margin")(embeddings, weights, labels, scale, margin)
""",
    "eer": """
def trials(*a):
    return taken("library_trials")(*a)
def false_rates(*a):
    raise NotImplementedError
def equal_error(*a):
    return taken("library_eer")(*a)
""",
    "residual": """
def residual_codes(*a):
    return taken("library_codes")(*a)
def bitrate(*a):
    raise NotImplementedError
""",
    "delay": """
def delay(codes, pad):
    return taken("library_delay")(codes, pad)
def undelay(*a):
    raise NotImplementedError
""",
    "watermark": """
def add_mark(*a):
    return taken("reference_mark")(*a)
def find_mark(*a):
    return taken("reference_z")(*a)
""",
}
