"""Week 4: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "first_token": """
def first(model, features):
    from coursekit.models import Loaded
    return taken("first_probabilities")(Loaded(model, None), features)
def language_probabilities(model, features):
    return first(model, features)[0]
def no_speech_probability(model, features):
    return first(model, features)[1]
""",
    "word_errors": "def error_rate(*a, **k):\n    return taken('error_rate')(*a, **k)",
    "dtw": """
def dtw(cost):
    return taken("library_path")(cost)
def token_times(weights, width=7):
    return taken("library_times")(weights, width)[0]
""",
    "merge": "def merge(parts):\n    return taken('library_merge')(parts)",
}
