# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `transcribe`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("transcribe")

HEAR = """
def transcribe(whisper, wave):
    model, processor = whisper
    config = model.generation_config
    size = processor.feature_extractor.n_samples
    texts, found = [], None
    for start in range(0, len(wave), size):
        features = processor(wave[start : start + size], sampling_rate=16_000, return_tensors="pt").input_features
        ids = torch.full((1, 1), config.decoder_start_token_id)
        with torch.no_grad():
            logits = model(input_features=features, decoder_input_ids=ids).logits[0, 0]
        if logits.softmax(-1)[config.no_timestamps_token_id - 1] > 0.5:
            continue
        tokens = list(config.lang_to_id.values())
        language = list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]
        task = "transcribe" if language == "en" else "translate"
        said = model.generate(features, language=language, task=task)
        texts.append(processor.batch_decode(said, skip_special_tokens=True)[0].strip())
        found = found or language
    return " ".join(texts), found
"""
ANSWERS.right("by logits", HEAR)
ANSWERS.right(
    "the library detects the language",
    swap(
        HEAR,
        (
            "        tokens = list(config.lang_to_id.values())\n"
            "        language = list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]\n",
            "        token = model.detect_language(features)[0]\n"
            '        language = processor.tokenizer.decode(token).strip("<|>")\n',
        ),
    ),
)
ANSWERS.wrong(
    "no question about silence",
    swap(HEAR, ("> 0.5:", "> 2:")),
    "sentences are invented out of silence",
    slip="so nothing is said",
)
ANSWERS.wrong(
    "always written down",
    swap(HEAR, ('"transcribe" if language == "en" else "translate"', '"transcribe"')),
    "German stays German",
    slip="translate it",
)
ANSWERS.wrong(
    "always English",
    swap(HEAR, ("list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]", '"en"')),
    "German is heard as English",
    slip="the language is",
)
ANSWERS.wrong(
    "the marks left on",
    swap(HEAR, ("[2:-2]", ""), ('== "en"', '== "<|en|>"')),
    "<|en|>",
    slip="without the marks",
)
ANSWERS.wrong(
    "the wrong neighbour",
    swap(HEAR, ("no_timestamps_token_id - 1", "no_timestamps_token_id")),
    "the token without times is taken for the one without speech",
    slip="so nothing is said",
)
ANSWERS.wrong(
    "one window only",
    swap(HEAR, ("range(0, len(wave), size)", "[0]")),
    "the rest of what was said is dropped",
    slip="only the first window",
)
ANSWERS.wrong(
    "ends at the first pause",
    swap(HEAR, ("            continue", "            break")),
    "whoever pauses is cut off",
    slip="ends at the first pause",
)
ANSWERS.wrong(
    "the last window's language",
    swap(HEAR, ("found = found or language", "found = language")),
    "not the first one's",
    slip="the last window's language",
)

ANSWERS.wrong(
    "one language for all",
    swap(
        HEAR,
        (
            "        tokens = list(config.lang_to_id.values())\n"
            "        language = list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]\n",
            "        tokens = list(config.lang_to_id.values())\n"
            "        language = found or list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]\n",
        ),
    ),
    "every window is taken for one in the first one's language",
    slip="in the first one's language",
)
ANSWERS.wrong(
    "short windows skipped",
    swap(
        HEAR,
        (
            "        features = processor(",
            "        if start and len(wave) - start < 16_000:\n            break\n        features = processor(",
        ),
    ),
    "what is said in the last second is dropped",
    visible_passes=True,
    slip="",
)
