# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `answer_labels`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("answer_labels")

LABELS = """
def answer_labels(ids, assistant, end):
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(ids.tolist()):
        speaking = False
        for j, token in enumerate(row):
            if speaking:
                labels[i, j] = token
                speaking = token != end
            elif token == assistant:
                speaking = True
    return labels
"""
ANSWERS.right(
    "by counting",
    cell(
        """
def answer_labels(ids, assistant, end):
    opened = (ids == assistant).cumsum(1) - (ids == assistant).int()
    closed = (ids == end).cumsum(1) - (ids == end).int()
    # what closes nothing must not count: compare with the last mark before each token
    places = torch.arange(ids.shape[1]).expand_as(ids)
    def last(mark):
        at = torch.where(ids == mark, places, -1)
        return torch.cat([torch.full((len(ids), 1), -1), at.cummax(1).values[:, :-1]], 1)
    return torch.where(last(assistant) > last(end), ids, -100)
"""
    ),
)
ANSWERS.right(
    "index by index",
    cell(
        """
def answer_labels(ids, assistant, end):
    out = []
    for row in ids.tolist():
        labels, i = [-100] * len(row), 0
        while i < len(row):
            if row[i] == assistant:
                stop = row.index(end, i + 1) + 1 if end in row[i + 1 :] else len(row)
                labels[i + 1 : stop] = row[i + 1 : stop]
                i = stop
            else:
                i += 1
        out.append(labels)
    return torch.tensor(out)
"""
    ),
)
ANSWERS.wrong(
    "no end",
    cell(
        swap(
            LABELS,
            (
                "                labels[i, j] = token\n                speaking = token != end",
                "                speaking = token != end\n"
                "                if speaking:\n                    labels[i, j] = token",
            ),
        )
    ),
    "leaves the end out",
    slip="the end of the answers is not learnt",
)
ANSWERS.wrong(
    "opens too",
    cell(
        swap(
            LABELS,
            (
                "                speaking = True",
                "                speaking = True\n                labels[i, j] = token",
            ),
        )
    ),
    "learns the opening token too",
    slip="the token that opens the turn is learnt too",
)
ANSWERS.wrong(
    "everything",
    cell("def answer_labels(ids, assistant, end):\n    return ids.clone()"),
    "learns everything",
    slip="everything is learnt",
)
ANSWERS.wrong(
    "shifted",
    cell(
        swap(
            LABELS,
            ("    return labels", "    return torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], 1)"),
        )
    ),
    "shifts, which the library does itself",
    slip="the labels are shifted",
)
ANSWERS.wrong(
    "known marks",
    cell(swap(swap(LABELS, ("token != end", "token != 4")), ("token == assistant", "token == 3"))),
    "has the marks' ids built in",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "only closed answers",
    cell(
        """
def answer_labels(ids, assistant, end):
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(ids.tolist()):
        start = None
        for j, token in enumerate(row):
            if start is not None and token == end:
                labels[i, start : j + 1] = ids[i, start : j + 1]
                start = None
            elif token == assistant and start is None:
                start = j + 1
    return labels
"""
    ),
    "drops an answer that is never closed",
    slip="an answer that is never closed is learnt",
)
