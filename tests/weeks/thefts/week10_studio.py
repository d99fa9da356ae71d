"""Week 10: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    question: "\n".join(f"def {name}(*a, **k):\n    return taken('{name}')(*a, **k)" for name in names.split())
    for question, names in {
        "read_sound": "read_sound",
        "transcribe": "transcribe",
        "read_prompt": "read_prompt",
        "paint": "paint",
        "rank": "rank",
        "describe": "describe matches",
        "edit": "vary repaint",
        "remember": "remember recall",
        "recipe": "stamp read_recipe",
        "deck": "deck",
        "create": "create",
    }.items()
}
