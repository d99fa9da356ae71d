"""Week 1: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "training_step": """
def training_step(model, optimiser, pictures, tokens):
    run = taken("reference_run")
    run.__globals__["new_run"] = lambda *a, **k: (model, optimiser)
    return run(0, [(pictures, tokens)])[0][0]
""",
}
