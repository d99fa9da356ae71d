# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `words_and_codes`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("words_and_codes")

ROWS = """
def words_and_codes(words, codes, places, offset, marks):
    pad, begins, painting = marks
    texts = torch.tensor([list(row) + [pad] * (places - len(row)) for row in words])
    there = torch.tensor([[i < len(row) for i in range(places)] for row in words])
    one = torch.ones(len(codes), 1, dtype=torch.int64)
    ids = torch.cat([begins * one, texts, painting * one, codes + offset], dim=1)
    labels = torch.cat([-100 * one, texts.masked_fill(~there, -100), -100 * one, codes + offset], dim=1)
    return ids, labels
"""
LOSS = """
def sentence_loss(logits, labels, m, text=1 / 8, image=7 / 8):
    ahead, told = logits[:, :-1], labels[:, 1:]
    paid = F.cross_entropy(ahead.transpose(1, 2), told, reduction="none", ignore_index=-100)
    counted = (told != -100).float()
    words = paid[:, :-m].sum() / counted[:, :-m].sum().clamp(min=1)
    codes = paid[:, -m:].sum() / counted[:, -m:].sum().clamp(min=1)
    return text * words + image * codes
"""
TAIL = """
with needs("words_and_codes"), torch.no_grad():
    begun = tokens.TEXT, tokens.IMAGE_OFFSET, token_lab.MARKS
    my_rows, my_labels = words_and_codes(opening_words, opening_tokens, *begun)
    my_loss = sentence_loss(painter(input_ids=my_rows).logits, my_labels, tokens.PICTURE).item()
    print(f"{len(my_rows)} sequences of {my_rows.shape[1]} tokens; the painter pays {my_loss:.3f} nats a token")
"""


def rows(*pairs: tuple[str, str]) -> str:
    return cell(swap(ROWS, *pairs), LOSS, TAIL)


def loss(*pairs: tuple[str, str]) -> str:
    return cell(ROWS, swap(LOSS, *pairs), TAIL)


ANSWERS.right(
    "row by row",
    cell(
        """
def words_and_codes(words, codes, places, offset, marks):
    ids, labels = [], []
    for text, picture in zip(words, codes):
        empty = places - len(text)
        painted = [int(code) + offset for code in picture]
        ids.append([marks[1]] + list(text) + [marks[0]] * empty + [marks[2]] + painted)
        labels.append([-100] + list(text) + [-100] * (empty + 1) + painted)
    return torch.tensor(ids), torch.tensor(labels)
""",
        """
def sentence_loss(logits, labels, m, text=1 / 8, image=7 / 8):
    chances = logits.log_softmax(dim=-1)
    n, length = labels.shape
    sums, numbers = [0.0, 0.0], [0, 0]
    for i in range(n):
        for j in range(1, length):
            if labels[i, j] >= 0:
                part = int(j >= length - m)
                sums[part] = sums[part] - chances[i, j - 1, labels[i, j]]
                numbers[part] += 1
    return torch.as_tensor(text * sums[0] / max(numbers[0], 1) + image * sums[1] / max(numbers[1], 1))
""",
        TAIL,
    ),
)
ANSWERS.right(
    "filled in",
    cell(
        """
def words_and_codes(words, codes, places, offset, marks):
    n, m = codes.shape
    ids = torch.full((n, places + 2 + m), marks[0])
    labels = torch.full_like(ids, -100)
    ids[:, 0], ids[:, places + 1] = marks[1], marks[2]
    for i, row in enumerate(words):
        if len(row):
            ids[i, 1 : 1 + len(row)] = labels[i, 1 : 1 + len(row)] = torch.as_tensor(row)
    ids[:, -m:] = labels[:, -m:] = codes + offset
    return ids, labels
""",
        """
def sentence_loss(logits, labels, m, text=1 / 8, image=7 / 8):
    told = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], dim=1)
    seam = labels.shape[1] - m - 1
    total = logits.new_zeros(())
    for weight, part in ((text, slice(0, seam)), (image, slice(seam, None))):
        if (told[:, part] != -100).any():
            total = total + weight * F.cross_entropy(logits[:, part].flatten(0, 1), told[:, part].flatten())
    return total
""",
        TAIL,
    ),
)
ANSWERS.wrong(
    "no offset",
    rows(("codes + offset], dim=1)\n    labels", "codes], dim=1)\n    labels")),
    "gives codes the ids of words",
    slip="the codes lack the offset",
)
ANSWERS.wrong(
    "shifted labels",
    rows(("    return ids, labels\n", "    return ids, torch.cat([labels[:, 1:], -100 * one], dim=1)\n")),
    "shifts labels that the model shifts",
    slip="the labels are shifted",
)
ANSWERS.wrong(
    "padding is learnt",
    rows(("texts.masked_fill(~there, -100)", "texts")),
    "charges what fills up",
    slip="what fills up is learnt",
)
ANSWERS.wrong(
    "everything is learnt",
    rows(("    return ids, labels\n", "    return ids, ids.clone()\n")),
    "charges everything",
    slip="everything is learnt",
)
ANSWERS.wrong(
    "filled on the left",
    rows(("list(row) + [pad] * (places - len(row))", "[pad] * (places - len(row)) + list(row)")),
    "fills up on the left",
    slip="filled up on the left",
)
ANSWERS.wrong(
    "no mark",
    rows((" painting * one,", "")),
    "forgets the mark before the picture",
    slip="the mark before the picture is missing",
)
ANSWERS.wrong(
    "seam too late",
    loss(
        ("paid[:, :-m].sum() / counted[:, :-m]", "paid[:, :1 - m].sum() / counted[:, :1 - m]"),
        ("paid[:, -m:].sum() / counted[:, -m:]", "paid[:, 1 - m:].sum() / counted[:, 1 - m:]"),
    ),
    "charges the first code to the words",
    slip="the seam lies one place too late",
)
ANSWERS.wrong(
    "first code free",
    loss(("paid[:, -m:].sum() / counted[:, -m:]", "paid[:, 1 - m:].sum() / counted[:, 1 - m:]")),
    "charges the first code to nobody",
    slip="charged to nobody",
)
ANSWERS.wrong(
    "not shifted",
    loss(("ahead, told = logits[:, :-1], labels[:, 1:]", "ahead, told = logits, labels")),
    "charges each token to its own scores",
    slip="charged to its own scores",
)
ANSWERS.wrong(
    "weights exchanged",
    loss(("text * words + image * codes", "image * words + text * codes")),
    "exchanges the weights",
    slip="the weights are exchanged",
)
ANSWERS.wrong(
    "one mean",
    loss(("return text * words + image * codes", "return paid.sum() / counted.sum()")),
    "takes one mean over all tokens",
    slip="one mean over all tokens",
)
ANSWERS.wrong(
    "nan of no words",
    loss((".sum().clamp(min=1)", ".sum()")),
    "gives nan where no word is charged",
    visible_passes=True,
    slip="",
)
