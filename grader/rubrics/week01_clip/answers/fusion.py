# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `fusion`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("fusion")

FUSION = "def fuse_and_classify(images, texts, labels, test_images, test_texts):"
FUSION_TAIL = """
with clip_lab.needs("fusion"):
    fusion_guesses = fuse_and_classify(train_u, train_v, train_labels, test_u, test_v)
    deal = torch.randperm(len(train_labels), generator=torch.Generator().manual_seed(SEED))
    control_guesses = fuse_and_classify(train_u, train_v[deal], train_labels, test_u, test_v.roll(1, dims=0))
"""


def _fusion(body: str, tail: str = FUSION_TAIL) -> str:
    return cell(function(FUSION, body), tail)


def _fit(features: str) -> str:
    return f"""
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

fuse = lambda u, v: {features}
classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
classifier.fit(fuse(images, texts).numpy(), labels.numpy())
return torch.from_numpy(classifier.predict(fuse(test_images, test_texts).numpy()))
"""


ANSWERS.right("with the difference too", _fusion(_fit("torch.cat([u, v, u * v, (u - v).abs()], dim=1)")))
ANSWERS.right(
    "torch, full batch",
    _fusion(
        """
train, test = (torch.cat([u, v, u * v], 1) for u, v in ((images, texts), (test_images, test_texts)))
middle, spread = train.mean(0), train.std(0) + 1e-6
train, test = (train - middle) / spread, (test - middle) / spread
with torch.enable_grad():
    w = torch.zeros(train.shape[1], requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([w, b], lr=0.02)
    for _ in range(300):
        loss = F.binary_cross_entropy_with_logits(train @ w + b, labels.float()) + 0.005 * w.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
return (test @ w.detach() + b.detach() > 0).long()
"""
    ),
)
ANSWERS.wrong(
    "concatenation",
    _fusion(_fit("torch.cat([u, v], dim=1)")),
    "has all the information and cannot use it",
    slip="add their product",
)
ANSWERS.wrong(
    "the picture alone",
    _fusion(_fit("u")),
    "never looks at the caption",
    slip="add their product",
)
ANSWERS.wrong(
    "the sum",
    _fusion(_fit("u + v")),
    "a linear function of a sum has no interaction either",
    slip="add their product",
)
ANSWERS.wrong(
    "tested on the training pairs",
    _fusion(_fit("torch.cat([u, v, u * v], dim=1)").replace("fuse(test_images, test_texts)", "fuse(images, texts)")),
    "predicts the pairs it was trained on",
    slip="of the training pairs",
)
ANSWERS.wrong(
    "the product alone",
    _fusion(_fit("u * v")),
    "cannot learn what hangs on one side",
    slip="among the features, by itself",
)
ANSWERS.wrong(
    "a threshold on the cosine",
    _fusion(
        """
cosine = (images * texts).sum(dim=1)
candidates = cosine.sort().values
right = torch.stack([((cosine > t).long() == labels).float().mean() for t in candidates])
return ((test_images * test_texts).sum(dim=1) > candidates[right.argmax()]).long()
"""
    ),
    "one number for the agreement, and only one direction of it",
    slip="among the features, by itself",
)
ANSWERS.wrong(
    "made-up control",
    _fusion(
        _fit("torch.cat([u, v, u * v], dim=1)"),
        FUSION_TAIL.replace(
            "fuse_and_classify(train_u, train_v[deal], train_labels, test_u, test_v.roll(1, dims=0))",
            "1 - fusion_guesses",
        ),
    ),
    "the control is not chance but the opposite",
    visible_passes=True,
    slip="",
)
