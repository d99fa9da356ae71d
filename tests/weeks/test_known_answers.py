"""Every week's known answers get the verdict they deserve, where that takes no notebook. The audit does the rest.

`DRAWS=8 pytest tests/weeks/test_known_answers.py -k week06` judges each on eight inputs: what chance lets through.
"""

from __future__ import annotations

import os

import pytest
from support.known import assert_judged, checks_of, defined, imported, known_answers

from coursekit.checks import run_check
from coursekit.student import local_student
from grader.authoring.known_answers import Answer
from grader.course.discovery import find_course

WEEKS = list(find_course().weeks)

# Questions whose checks ask for models or arrays of the notebook's: the audit judges their answers.
ELSEWHERE = {
    "week03_blip": {"greedy", "matching", "fine_tune"},
}
# Single answers that the notebook around them makes wrong, or right.
BY_THE_NOTEBOOK = {
    "week01_clip": {"the global model", "made-up arrays", "made-up control", "a control that is none"},
}
# Questions whose checks take long: of their answers the right ones only.
SLOW = {"week04_whisper": {"greedy", "beam"}, "week10_studio": {"transcribe", "paint", "edit"}}
# Single checks that ask for what the notebook made.
OF_THE_NOTEBOOK = {
    "week01_clip": {
        "the_album_was_embedded",
        "the_pictures_were_classified",
        "the_album_was_searched",
        "your_clip_learnt",
        "the_trained_clip_knows_things",
        "the_control_learnt_nothing",
        "the_gap_was_closed",
        "the_probe_was_scored",
        "the_captions_were_judged",
    },
    "week02_diffusion": {
        "the_scene_dissolved",
        "the_model_learnt_the_star",
        "what_the_notebook_painted",
        "the_maps_of_the_words",
        "the_edits",
        "the_other_half",
    },
    "week03_blip": {
        "the_opening_pictures",
        "through_blips_own_layer",
        "the_batch_was_learnt",
        "the_opening_beams",
        "the_map_was_learnt",
        "the_captions_were_scored",
        "the_maps_of_the_sentence",
    },
    "week04_whisper": {
        "the_chirp",
        "the_utterance",
        "what_the_layers_are_given",
        "the_sentences",
        "the_noisy_utterance",
        "the_words_of_the_utterance",
        "the_long_recording",
    },
    "week05_fusion": {"the_librarys_forward", "the_pupil_sees"},
    "week06_tokens": {
        "the_opening_tokens",
        "the_learnt_codebook",
        "what_the_painter_pays",
        "the_painted_prompt",
        "the_redrawn_pictures",
    },
}
# A check that takes long, and the one answer on which it is run here.
ONCE = {"the_app_runs_on_it": "in order"}
# Questions where chance decides: a right answer must not lose by it.
CHANCE = [("week03_blip", "sampling"), ("week05_fusion", "modality_dropout")]


def judged_here() -> list[tuple[str, Answer]]:
    found = []
    for slug in WEEKS:
        for answer in known_answers(slug):
            here = answer.question not in ELSEWHERE.get(slug, ())
            here = here and answer.name not in BY_THE_NOTEBOOK.get(slug, ())
            if here and (answer.right or answer.question not in SLOW.get(slug, ())):
                found.append((slug, answer))
    return found


def name_of(value: object) -> str:
    return f"{value.question}-{value.name}".replace(" ", "_") if isinstance(value, Answer) else str(value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("slug", "answer"), judged_here(), ids=name_of)
def test_known_answers_get_the_verdict_they_deserve(slug, answer):
    once = {check for check, name in ONCE.items() if name != answer.name}
    assert_judged(slug, answer, OF_THE_NOTEBOOK.get(slug, set()) | once, int(os.environ.get("DRAWS", "1")))


@pytest.mark.parametrize(("slug", "question"), CHANCE)
def test_right_answers_survive_many_seeds(slug, question):
    right = next(a for a in known_answers(slug) if a.question == question and a.right)
    student = local_student(defined(right.source, imported(slug)))
    visible, hidden = checks_of(slug, question)
    for one in (*visible, *hidden):
        verdicts = [run_check(one, student, f"seed {i}") for i in range(12)]
        assert all(verdict.passed for verdict in verdicts), [verdict.message for verdict in verdicts]


def test_whatever_is_named_above_is_there():
    """A check or a question that is renamed is not left out unnoticed."""
    questions = {slug: {answer.question for answer in known_answers(slug)} for slug in WEEKS}
    names = {
        slug: {one.name for question in some for checks in checks_of(slug, question) for one in checks}
        for slug, some in questions.items()
    }
    for table in (ELSEWHERE, SLOW):
        assert all(some <= questions[slug] for slug, some in table.items())
    assert all(some <= names[slug] for slug, some in OF_THE_NOTEBOOK.items())
    every = {slug: {answer.name for answer in known_answers(slug)} for slug in WEEKS}
    assert all(some <= every[slug] for slug, some in BY_THE_NOTEBOOK.items())
    assert ONCE.keys() <= set().union(*names.values())
    assert set(ONCE.values()) <= {answer.name for slug in WEEKS for answer in known_answers(slug) if answer.right}
