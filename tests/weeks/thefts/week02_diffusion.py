"""Week 2: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "ddim_step": """
def ddim_step(epsilon, noisy, t, previous, kept, eta=0.0, noise=None):
    return taken("library_ddim")(kept, len(kept) // (t - previous), epsilon, noisy, t, eta, noise)
""",
    "timesteps": "def timesteps(n, spacing, total=1000):\n    return taken('library_times')(n, spacing, total)",
    "attention": "def attention_weights(*a):\n    return taken('library_attention')(*a)",
    "sdedit": """
def edit_start(clean, noise, strength, times, kept):
    return taken("library_start")(strength, times, kept, clean, noise)
""",
    "inpaint": "def inpaint(*a):\n    return taken('reference_inpaint')(*a)",
}
