# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `sequence`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("sequence")

JOIN = """
def join(parts, modality, positions):
    tokens = [part + modality[i] + positions[: part.shape[1]] for i, part in enumerate(parts)]
    segments = [torch.full((part.shape[1],), i) for i, part in enumerate(parts)]
    return torch.cat(tokens, dim=1), torch.cat(segments)
"""
ANSWERS.right(
    "loops over tokens",
    cell(
        """
def join(parts, modality, positions):
    rows, kinds = [], []
    for i in range(len(parts)):
        for j in range(parts[i].shape[1]):
            rows.append(parts[i][:, j] + positions[j] + modality[i])
            kinds.append(i)
    return torch.stack(rows, 1), torch.tensor(kinds)
"""
    ),
)
ANSWERS.right(
    "repeat_interleave",
    cell(
        """
def join(parts, modality, positions):
    lengths = torch.tensor([p.size(1) for p in parts])
    segments = torch.arange(len(parts)).repeat_interleave(lengths)
    places = torch.cat([torch.arange(n) for n in lengths.tolist()])
    return torch.cat(list(parts), 1) + modality[segments] + positions[places], segments
"""
    ),
)
ANSWERS.wrong(
    "positions run on",
    cell(
        """
def join(parts, modality, positions):
    segments = torch.cat([torch.full((p.shape[1],), i) for i, p in enumerate(parts)])
    return torch.cat(parts, 1) + modality[segments] + positions[: len(segments)], segments
"""
    ),
    "counts positions over the whole sequence",
    slip="the positions run on",
)
ANSWERS.wrong(
    "no modality",
    cell(swap(JOIN, (" + modality[i]", ""))),
    "forgets the modality vectors",
    slip="the modality vectors are missing",
)
ANSWERS.wrong(
    "no positions",
    cell(swap(JOIN, (" + positions[: part.shape[1]]", ""))),
    "forgets the positions",
    slip="the positions are missing",
)
ANSWERS.wrong(
    "segments from one", cell(swap(JOIN, ("), i)", "), i + 1)"))), "counts the parts from 1", slip="they begin with 1"
)
ANSWERS.wrong(
    "three parts",
    cell(
        """
def join(parts, modality, positions):
    first, second, third = parts
    out = [p + modality[i] + positions[: p.shape[1]] for i, p in enumerate((first, second, third))]
    segments = [torch.full((p.shape[1],), i) for i, p in enumerate(parts)]
    return torch.cat(out, dim=1), torch.cat(segments)
"""
    ),
    "takes it that there are always three modalities",
    slip="not enough values to unpack",
)
ANSWERS.wrong(
    "writes into the parts",
    cell(
        """
def join(parts, modality, positions):
    for i, part in enumerate(parts):
        part += modality[i] + positions[: part.shape[1]]
    segments = [torch.full((p.shape[1],), i) for i, p in enumerate(parts)]
    return torch.cat(parts, dim=1), torch.cat(segments)
"""
    ),
    "changes its arguments",
    visible_passes=True,
    slip="",
)
