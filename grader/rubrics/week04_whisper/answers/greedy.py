# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `greedy`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("greedy")

GREEDY = """
def greedy(model, features, prompt, suppress, begin_suppress, most):
    end = model.generation_config.eos_token_id
    said, feed, cache = [], list(prompt), None
    with torch.no_grad():
        encoded = model.get_encoder()(features)
        while len(said) < most:
            ids = torch.tensor([feed])
            answer = model(encoder_outputs=encoded, decoder_input_ids=ids, past_key_values=cache, use_cache=True)
            scores, cache = answer.logits[0, -1], answer.past_key_values
            scores[suppress] = -torch.inf
            if not said:
                scores[begin_suppress] = -torch.inf
            token = int(scores.argmax())
            if token == end:
                break
            said.append(token)
            feed = [token]
    return said


with needs("greedy"):
    never, not_first = whisper_lab.suppressed(model)
    my_transcripts = []
    for one in whisper_lab.features(whisper, [one.audio for one in sentences]):
        tokens = greedy(model, one[None], whisper_lab.prompt(model), never, not_first, 40)
        my_transcripts.append(whisper_lab.text_of(whisper, tokens))
"""
ANSWERS.right(
    "the decoder itself",
    swap(
        GREEDY,
        ("encoded = model.get_encoder()(features)", "encoded = model.model.encoder(features).last_hidden_state"),
        (
            "answer = model(encoder_outputs=encoded, decoder_input_ids=ids, past_key_values=cache, use_cache=True)",
            "answer = model.model.decoder(\n"
            "                input_ids=ids, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True\n"
            "            )",
        ),
        ("answer.logits[0, -1]", "model.proj_out(answer.last_hidden_state)[0, -1]"),
    ),
)
ANSWERS.right(
    "a mask and a flag",
    swap(
        GREEDY,
        ("        while len(said) < most:\n", "        for i in range(most):\n"),
        (
            "            scores[suppress] = -torch.inf\n"
            "            if not said:\n"
            "                scores[begin_suppress] = -torch.inf\n"
            "            token = int(scores.argmax())",
            "            allowed = torch.ones(len(scores), dtype=torch.bool)\n"
            "            for t in [*suppress, *(begin_suppress if i == 0 else [])]:\n"
            "                allowed[t] = False\n"
            "            token = scores.log_softmax(-1).where(allowed, torch.tensor(-1e9)).argmax().item()",
        ),
    ),
)
ANSWERS.wrong(
    "nothing suppressed",
    swap(GREEDY, ("            scores[suppress] = -torch.inf\n", "")),
    "says tokens it must never say",
    slip="suppressed tokens were said",
)
ANSWERS.wrong(
    "never the end",
    swap(GREEDY, ("            if not said:\n    ", "            if True:\n    ")),
    "forbids at every step what is forbidden only at the first",
    slip="was forbidden all the time",
)
ANSWERS.wrong(
    "no cache",
    swap(
        GREEDY,
        ("past_key_values=cache, use_cache=True", "use_cache=False"),
        (", cache = answer.logits[0, -1], answer.past_key_values", " = answer.logits[0, -1]"),
        ("feed = [token]", "feed.append(token)"),
    ),
    "reads everything again at every step",
    slip="the decoder was fed",
)
ANSWERS.wrong(
    "the encoder every time",
    swap(
        GREEDY,
        ("        encoded = model.get_encoder()(features)\n", ""),
        ("encoder_outputs=encoded", "input_features=features"),
    ),
    "hears the sound again at every step",
    slip="the encoder ran",
)
ANSWERS.wrong(
    "with the prompt",
    swap(GREEDY, ("    return said", "    return [*prompt, *said]")),
    "the prompt is no answer",
    slip="the prompt is part of the result",
)
ANSWERS.wrong(
    "with the end",
    swap(
        GREEDY,
        (
            "            if token == end:\n                break\n            said.append(token)",
            "            said.append(token)\n            if token == end:\n                break",
        ),
    ),
    "the end token is part of the answer",
    slip="the end token is part of the result",
)
ANSWERS.wrong(
    "sixteen at most", swap(GREEDY, ("len(said) < most", "len(said) < 16")), "ignores `most`", slip="`most` was ignored"
)
ANSWERS.wrong(
    "always one token",
    swap(
        GREEDY,
        (
            "        while len(said) < most:\n",
            "        begin_suppress = [*begin_suppress, end]\n        while len(said) < most:\n",
        ),
    ),
    "never lets it say nothing",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "the end first",
    swap(GREEDY, ("            if not said:\n                scores[begin_suppress] = -torch.inf\n", "")),
    "begin_suppress is ignored",
    slip="begin_suppress was ignored",
)
ANSWERS.wrong(
    "everything again, with a cache",
    swap(GREEDY, ("feed = [token]", "feed = [*feed, token]")),
    "feeds what the cache has already",
    slip="the decoder was fed",
)
ANSWERS.wrong(
    "one too many",
    swap(GREEDY, ("len(said) < most", "len(said) <= most")),
    "a token more than was allowed",
    slip="more than `most` tokens were said",
)
ANSWERS.wrong(
    "suppressed at first",
    swap(
        GREEDY,
        ("            scores[suppress] = -torch.inf\n", ""),
        ("scores[begin_suppress] = -torch.inf", "scores[[*suppress, *begin_suppress]] = -torch.inf"),
    ),
    "only the first token is minded",
    slip="`suppress` was minded at the first step only",
)
