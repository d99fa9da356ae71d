"""Week 5: what a thief makes of its references, by question; see attacks/references.py."""

ANSWERS: dict[str, str] = {
    "sequence": """
import torch
def join(parts, modality, positions):
    segments = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([p.shape[1] for p in parts]))
    return taken("reference_join")(parts, modality, positions), segments
""",
    "answer_labels": "def answer_labels(ids, assistant, end):\n    return taken('reference_labels')(ids)",
    "gated": "def last_picture(ids, image, pictures):\n    return taken('reference_last')(ids, image, pictures)",
    "presence": "def presence_scores(said, wanted):\n    return taken('reference_presence')(said, wanted)",
}
