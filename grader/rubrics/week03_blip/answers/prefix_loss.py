# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `prefix_loss`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("prefix_loss")

PREFIX = "def prefix_loss(gpt, prefix, ids, pad):"
PREFIX_TAIL = """
with needs("prefix_loss"):
    my_map = caption_lab.clipcap.mapper(clip_width, SEED)
    map_losses = caption_lab.clipcap.train(gpt, my_map, prefix_loss, steps=100, seed=SEED)
"""
PREFIX_BODY = """
embedded = torch.cat([prefix, gpt.get_input_embeddings()(ids)], dim=1)
scores = gpt(inputs_embeds=embedded).logits[:, prefix.shape[1] - 1 : -1]
return F.cross_entropy(scores.transpose(1, 2), ids, ignore_index=pad)
"""


def _prefix(body: str = PREFIX_BODY) -> str:
    return cell(function(PREFIX, body), PREFIX_TAIL)


ANSWERS.right(
    "the library's labels",
    _prefix("""
x = torch.cat([prefix, gpt.transformer.wte(ids)], dim=1)
labels = torch.cat([torch.full(prefix.shape[:2], -100), torch.where(ids == pad, -100, ids)], dim=1)
return gpt(inputs_embeds=x, labels=labels).loss
"""),
)
ANSWERS.right(
    "one place at a time",
    _prefix("""
x = torch.cat([prefix, gpt.get_input_embeddings()(ids)], dim=1)
logp = gpt(inputs_embeds=x).logits.log_softmax(-1)
total, count = 0.0, 0
for t in range(ids.shape[1]):
    real = ids[:, t] != pad
    total = total - logp[real, prefix.shape[1] + t - 1, ids[real, t]].sum()
    count = count + real.sum()
return total / count
"""),
)
ANSWERS.wrong(
    "off by one",
    _prefix(PREFIX_BODY.replace("prefix.shape[1] - 1 : -1", "prefix.shape[1] :")),
    "reads the scores one place late",
    slip="off by one",
)
ANSWERS.wrong(
    "the first word for nothing",
    _prefix(
        PREFIX_BODY.replace("prefix.shape[1] - 1 : -1", "prefix.shape[1] : -1").replace(
            "scores.transpose(1, 2), ids,", "scores.transpose(1, 2), ids[:, 1:],"
        )
    ),
    "does not charge the first word",
    slip="the first token is not charged",
)
ANSWERS.wrong(
    "padding counts", _prefix(PREFIX_BODY.replace(", ignore_index=pad", "")), "pays for padding", slip="padding counts"
)
ANSWERS.wrong(
    "no prefix",
    _prefix("""
scores = gpt(input_ids=ids).logits + 0 * prefix.sum()
return F.cross_entropy(scores[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=pad)
"""),
    "leaves the prefix out",
    slip="the prefix is not there",
)
ANSWERS.wrong(
    "detached",
    _prefix(PREFIX_BODY.replace("torch.cat([prefix,", "torch.cat([prefix.detach() + 0 * prefix,")),
    "cuts the gradient to the map",
    slip="no gradient arrives at the prefix",
)
ANSWERS.wrong(
    "four tokens for ever",
    _prefix(PREFIX_BODY.replace("prefix.shape[1] - 1 : -1", "3 : 3 + ids.shape[1]")),
    "takes every prefix for one of four tokens",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "padding is 0",
    _prefix(PREFIX_BODY.replace("ignore_index=pad", "ignore_index=0")),
    "ignores `pad`",
    visible_passes=True,
    slip="",
)
