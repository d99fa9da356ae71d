# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `rank`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("rank")

RANK = """
def rank(clip, pictures, prompt):
    seen = models.embed_images(clip, pictures)
    said = models.embed_texts(clip, [prompt])
    cosines = F.cosine_similarity(seen, said, dim=1).tolist()
    order = sorted(range(len(pictures)), key=lambda i: -cosines[i])
    return [(i, cosines[i]) for i in order]
"""
ANSWERS.right("places sorted", RANK)
ANSWERS.right(
    "NumPy",
    """
def rank(clip, pictures, prompt):
    seen = np.asarray(models.embed_images(clip, pictures))
    said = np.asarray(models.embed_texts(clip, [prompt]))[0]
    cosines = seen @ said / np.linalg.norm(seen, axis=1) / np.linalg.norm(said)
    cosines = cosines.round(6)
    return [(int(i), float(cosines[i])) for i in np.argsort(-cosines, kind="stable")]
""",
)
ANSWERS.wrong(
    "dot products",
    swap(RANK, ("F.cosine_similarity(seen, said, dim=1)", "(seen @ said[0])")),
    "no cosine",
    slip="no cosines",
)
ANSWERS.wrong(
    "the worst first",
    swap(RANK, ("-cosines[i])", "cosines[i])")),
    "ascending",
    slip="the best picture comes first",
)
ANSWERS.wrong(
    "no places",
    swap(RANK, ("[(i, cosines[i]) for i in order]", "[cosines[i] for i in order]")),
    "scores",
    slip="expected a list of (place, cosine)",
)
ANSWERS.wrong(
    "not sorted",
    swap(RANK, ("sorted(range(len(pictures)), key=lambda i: -cosines[i])", "range(len(pictures))")),
    "as they came",
    slip="the best picture comes first",
)
ANSWERS.wrong(
    "ranks for places",
    swap(RANK, ("[(i, cosines[i]) for i in order]", "[(n, cosines[i]) for n, i in enumerate(order)]")),
    "0, 1, 2, ... whatever the order",
    slip="are ranks",
)
ANSWERS.wrong(
    "squeezed",
    swap(
        RANK,
        (
            "F.cosine_similarity(seen, said, dim=1).tolist()",
            "F.cosine_similarity(seen, said, dim=1).squeeze().tolist()",
        ),
    ),
    "one picture's cosine is no list",
    slip="a list of one",
)
ANSWERS.wrong(
    "a dictionary of pictures",
    """
def rank(clip, pictures, prompt):
    said = models.embed_texts(clip, [prompt])
    scores = {}
    for picture in pictures:
        score = F.cosine_similarity(models.embed_images(clip, [picture]), said).item()
        scores[picture.tobytes()] = score
    found = sorted(scores.items(), key=lambda pair: -pair[1])
    return [([p.tobytes() for p in pictures].index(key), score) for key, score in found]
""",
    "of equal pictures only one is left",
    visible_passes=True,
    slip="",
)
