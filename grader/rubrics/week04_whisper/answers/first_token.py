# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `first_token`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("first_token")

FIRST = """
def first_logits(model, features):
    start = torch.full((len(features), 1), model.generation_config.decoder_start_token_id)
    with torch.no_grad():
        return model(input_features=features, decoder_input_ids=start).logits[:, 0]


def language_probabilities(model, features):
    ids = list(model.generation_config.lang_to_id.values())
    return first_logits(model, features)[:, ids].softmax(dim=-1)


def no_speech_probability(model, features):
    return first_logits(model, features).softmax(dim=-1)[:, model.generation_config.no_timestamps_token_id - 1]
"""
ANSWERS.right(
    "masked, as OpenAI does it",
    swap(
        FIRST,
        (
            "    return first_logits(model, features)[:, ids].softmax(dim=-1)",
            "    logits = first_logits(model, features)\n"
            "    mask = torch.full_like(logits, -torch.inf)\n"
            "    mask[:, ids] = 0\n"
            "    return (logits + mask).softmax(dim=-1)[:, ids]",
        ),
    ),
)
ANSWERS.right(
    "encoder and decoder apart",
    swap(
        FIRST,
        (
            "        return model(input_features=features, decoder_input_ids=start).logits[:, 0]",
            "        encoded = model.get_encoder()(features).last_hidden_state\n"
            "        states = model.model.decoder(input_ids=start, encoder_hidden_states=encoded).last_hidden_state\n"
            "        return model.proj_out(states)[:, -1]",
        ),
        (
            "    return first_logits(model, features)[:, ids].softmax(dim=-1)",
            "    every = first_logits(model, features).double().softmax(dim=-1)[:, ids]\n"
            "    return every / every.sum(dim=1, keepdim=True)",
        ),
    ),
)
ANSWERS.wrong(
    "among all tokens",
    swap(FIRST, ("[:, ids].softmax(dim=-1)", ".softmax(dim=-1)[:, ids]")),
    "other tokens take their share of the languages",
)
ANSWERS.wrong("logits", swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids]")), "no softmax")
ANSWERS.wrong(
    "the wrong neighbour",
    swap(FIRST, ("no_timestamps_token_id - 1", "no_timestamps_token_id")),
    "the token without times is taken for the one without speech",
)
ANSWERS.wrong(
    "over the utterances",
    swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids].softmax(dim=0)")),
    "the softmax runs over the wrong dimension",
)
ANSWERS.wrong(
    "sorted by number",
    swap(FIRST, ("ids = list(", "ids = sorted(")),
    "columns in the order of the tokens, not of the languages",
    visible_passes=True,
)
ANSWERS.wrong(
    "its own start token",
    swap(FIRST, ("model.generation_config.decoder_start_token_id", "model.config.decoder_start_token_id")),
    "ignores what the generation config says",
    visible_passes=True,
)
