# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `recall_at_k`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("recall_at_k")

RECALL = "def recall_at_k(similarity, answers, k):"
RECALL_TAIL = """
with clip_lab.needs("recall_at_k"):
    scores, own = text_vectors @ image_vectors.T, torch.arange(len(album))
    recalls = {
        "pictures, searched with words": [recall_at_k(scores, own, k) for k in (1, 5, 10)],
        "captions, searched with a picture": [recall_at_k(scores.T, own, k) for k in (1, 5, 10)],
    }
"""


def _recall(body: str, tail: str = RECALL_TAIL) -> str:
    return cell(function(RECALL, body), tail)


ANSWERS.right(
    "a loop",
    _recall(
        """
hits = 0
for row, answer in zip(similarity.tolist(), answers.tolist()):
    ahead = sum(score >= row[answer] for j, score in enumerate(row) if j != answer)
    hits += ahead < k
return hits / len(similarity)
"""
    ),
)
ANSWERS.right(
    "sorting, ties behind",
    _recall(
        """
lowered = similarity.clone()
rows = torch.arange(len(similarity))
own = lowered[rows, answers]
lowered[rows, answers] = -float("inf")
best = lowered.sort(dim=1, descending=True).values
if k > best.shape[1] - 1:
    return 1.0
return float((best[:, k - 1] < own).double().mean())
"""
    ),
)
ANSWERS.wrong(
    "off by one",
    _recall(
        """
right = similarity.gather(1, answers[:, None])
return ((similarity >= right).sum(dim=1) - 1 <= k).float().mean().item()
"""
    ),
    "rank 0 is the best, so rank < k",
    slip="R@(k + 1)",
)
ANSWERS.wrong(
    "ascending",
    _recall("return (similarity.argsort(dim=1)[:, :k] == answers[:, None]).any(dim=1).float().mean().item()"),
    "argsort without descending=True looks at the worst",
    slip="the worst candidates",
)
ANSWERS.wrong(
    "columns",
    _recall(
        "return (similarity.argsort(dim=0, descending=True)[:k] == answers[None, :]).any(dim=0).float().mean().item()"
    ),
    "sorts the columns",
    slip="columns' searches",
)
ANSWERS.wrong(
    "per cent",
    _recall(
        """
right = similarity.gather(1, answers[:, None])
return 100 * ((similarity >= right).sum(dim=1) <= k).float().mean().item()
"""
    ),
    "a percentage",
    slip="a percentage",
)
ANSWERS.wrong(
    "topk",
    _recall("return (similarity.topk(k, dim=1).indices == answers[:, None]).any(dim=1).float().mean().item()"),
    "ties count for the model, and topk cannot go beyond the candidates",
    slip="by accident",
)
ANSWERS.wrong(
    "ties in favour",
    _recall(
        """
right = similarity.gather(1, answers[:, None])
return ((similarity > right).sum(dim=1) < k).float().mean().item()
"""
    ),
    "a constant score would be perfect",
    slip="ties count for the model",
)
ANSWERS.wrong(
    "the diagonal",
    _recall(
        """
right = similarity.diagonal()[:, None]
return ((similarity >= right).sum(dim=1) <= k).float().mean().item()
"""
    ),
    "ignores the answers it is given",
    slip="`answers` is not used",
)

ANSWERS.wrong(
    "k beyond the candidates refused",
    _recall(
        """
if k > similarity.shape[1]:
    raise ValueError("there are not so many candidates")
right = similarity.gather(1, answers[:, None])
return ((similarity >= right).sum(dim=1) <= k).float().mean().item()
"""
    ),
    "k may be more than there are candidates",
    visible_passes=True,
    slip="",
)
