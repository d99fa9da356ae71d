# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `describe`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("describe")

DESCRIBE = """
def describe(captioner, picture):
    model, processor = captioner
    inputs = processor(images=picture.convert("RGB"), return_tensors="pt")
    ids = model.generate(pixel_values=inputs["pixel_values"], max_new_tokens=40, num_beams=1, do_sample=False)
    return processor.batch_decode(ids, skip_special_tokens=True)[0].strip()


def matches(retriever, picture, prompt):
    model, processor = retriever
    inputs = processor(images=picture.convert("RGB"), text=prompt, truncation=True, return_tensors="pt")
    with torch.no_grad():
        scores = model(
            pixel_values=inputs["pixel_values"],
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
        ).itm_score
    return float(scores.softmax(dim=1)[0, 1])
"""
ANSWERS.right("straight on", DESCRIBE)
ANSWERS.right(
    "a sigmoid of the difference",
    swap(
        DESCRIBE,
        ("float(scores.softmax(dim=1)[0, 1])", "torch.sigmoid(scores[0, 1] - scores[0, 0]).item()"),
        (
            'picture.convert("RGB"), text=prompt, truncation=True, return_tensors="pt")',
            'picture.convert("RGB"), text=prompt, return_tensors="pt", truncation=True, max_length=None)',
        ),
    ),
)
ANSWERS.wrong(
    "the false one's",
    swap(DESCRIBE, ("[0, 1])", "[0, 0])")),
    "the probability that it is false",
    slip="that it is false",
)
ANSWERS.wrong(
    "logits",
    swap(DESCRIBE, ("scores.softmax(dim=1)[0, 1]", "scores[0, 1]")),
    "no softmax",
    slip="no probability",
)
ANSWERS.wrong(
    "a tensor",
    swap(DESCRIBE, ("float(scores.softmax(dim=1)[0, 1])", "scores.softmax(dim=1)[0, 1]")),
    "no float",
    slip="expected one number",
)
ANSWERS.wrong(
    "special tokens",
    swap(DESCRIBE, ("skip_special_tokens=True", "skip_special_tokens=False")),
    "[SEP]",
    slip="special tokens",
)
ANSWERS.wrong(
    "the similarity of the towers",
    swap(
        DESCRIBE,
        (
            '            attention_mask=inputs["attention_mask"],\n',
            '            attention_mask=inputs["attention_mask"],\n            use_itm_head=False,\n',
        ),
        ("scores.softmax(dim=1)[0, 1]", "scores[0, 0]"),
    ),
    "a cosine is no probability",
    slip="two towers",
)
ANSWERS.wrong(
    "only RGB",
    swap(DESCRIBE, ('picture.convert("RGB")', "np.asarray(picture)[..., :3]")),
    "a grey picture has no third dimension",
    visible_passes=True,
    slip="",
)

ANSWERS.wrong(
    "twenty tokens",
    swap(DESCRIBE, ("max_new_tokens=40, ", "max_new_tokens=20, ")),
    "captions of several objects break off",
    slip="breaks off",
)
