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
    slip="divide among the languages only",
)
ANSWERS.wrong("logits", swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids]")), "no softmax", slip="those are logits")
ANSWERS.wrong(
    "the wrong neighbour",
    swap(FIRST, ("no_timestamps_token_id - 1", "no_timestamps_token_id")),
    "the token without times is taken for the one without speech",
    slip="that is the token <|notimestamps|>",
)
ANSWERS.wrong(
    "over the utterances",
    swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids].softmax(dim=0)")),
    "the softmax runs over the wrong dimension",
    slip="runs over the utterances",
)
ANSWERS.wrong(
    "sorted by number",
    swap(FIRST, ("ids = list(", "ids = sorted(")),
    "columns in the order of the tokens, not of the languages",
    slip="in the order of the tokens' numbers",
)
ANSWERS.wrong(
    "its own start token",
    swap(FIRST, ("model.generation_config.decoder_start_token_id", "model.config.decoder_start_token_id")),
    "ignores what the generation config says",
    slip="the start token is another",
)
ANSWERS.wrong(
    "logarithms",
    swap(FIRST, ("features).softmax(dim=-1)[:, model", "features).log_softmax(dim=-1)[:, model")),
    "log-probabilities for probabilities",
    slip="that is a logarithm of a probability",
)
ANSWERS.wrong(
    "that somebody speaks",
    swap(
        FIRST,
        ("    return first_logits(model, features).softmax", "    return 1 - first_logits(model, features).softmax"),
    ),
    "the other probability",
    slip="the probability that there IS speech",
)
ANSWERS.wrong(
    "a logit",
    swap(FIRST, ("features).softmax(dim=-1)[:, model", "features)[:, model")),
    "no softmax over the tokens",
    slip="that is a logit",
)
ANSWERS.wrong(
    "one alone without its dimension",
    swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids].softmax(dim=-1).squeeze(0)")),
    "one utterance is a row too",
    visible_passes=True,
    slip="",
)
