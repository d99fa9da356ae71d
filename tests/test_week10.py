"""Week 10: its checks on known answers, its helper package, and its app without a browser."""

from __future__ import annotations

import base64
import copy
import html
import io
import json
import math
import re
import sqlite3
import unicodedata
from contextlib import closing
from datetime import UTC, datetime

import diffusers
import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from known import assert_judged
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy.signal import resample_poly

import studio_lab
from coursekit import models, plots
from coursekit.checks import checks_in, run_check
from coursekit.student import local_student
from grader.rubrics import week10_studio as hidden
from grader.rubrics.week10_studio_answers import ANSWERS
from studio_lab import checks, data, measuring, parts, probes, voice
from studio_lab.driving import app_test, new_history, press, said
from studio_lab.studio import WORLD, Forming, Models, Studio, assemble, load_parts, reworded, sessions, wish, words_of

SLOW = {"the_app_runs_on_it"}  # the audit runs it on every answer; here one right one suffices
PAINTS = ("transcribe", "paint", "edit")  # and so are these questions: of them the right answers only
NAMES = {
    **{module.__name__: module for module in (base64, copy, diffusers, html, io, json, math, re, sqlite3)},
    **{module.__name__: module for module in (soundfile, torch, unicodedata, studio_lab)},
    **{"models": models, "np": np, "F": F, "Image": Image, "PngInfo": PngInfo, "resample_poly": resample_poly},
    **{"closing": closing, "UTC": UTC, "datetime": datetime},
    **{"FORMAT": studio_lab.FORMAT, "SCHEMA": studio_lab.SCHEMA},
}
STAR = "a large red star on a white background"


@pytest.fixture(scope="module")
def loaded():
    return Models("tiny", "cpu")


@pytest.fixture
def studio(loaded):
    return Studio(loaded, new_history(), "0123abcd")


def picture(seed: int = 0, width: int = 12, height: int = 9) -> Image.Image:
    return checks.noise(np.random.default_rng(seed), width, height)


@pytest.mark.parametrize(
    "answer",
    [a for a in ANSWERS if a.right or a.question not in PAINTS],
    ids=lambda a: f"{a.question}-{a.name}".replace(" ", "_"),
)
def test_known_answers_get_the_verdict_they_deserve(answer):
    assert_judged(answer, checks, hidden, NAMES, () if answer.name == "in order" else SLOW)


# --- the parts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", sorted({one.question for one in checks_in(hidden)}))
def test_the_courses_own_parts_pass_every_check(question):
    student = local_student(vars(parts))
    for one in (*checks_in(checks), *checks_in(hidden)):
        if one.question == question and one.name not in SLOW:
            verdict = run_check(one, student, "another seed")
            assert verdict.passed, f"{one.name}: {verdict.message}"


def test_a_recipe_leads_to_the_very_same_picture_through_all_its_edits(studio):
    first = studio.create(STAR, {"seed": 3, "candidates": 1, "steps": 4, "guidance": 3.0})["works"][0]
    varied, _ = studio.finished(studio.vary(first, STAR, 5, 0.8))
    last, _ = studio.finished(studio.repaint(varied, (0.5, 0, 1, 1), f"{STAR} and a blue ring", 7))
    recipe = parts.read_recipe(studio.png(last))
    assert [one["kind"] for one in probes.flat(recipe)] == ["repaint", "vary", "paint"]
    again, same = studio.replay(recipe)
    assert same and again["picture"].tobytes() == last["picture"].tobytes()
    assert not studio.replay({**recipe, "seed": 8})[1], "another seed, another picture"
    with pytest.raises(ValueError, match="full profile"):
        studio.replay({**recipe, "profile": "full"})
    works = studio.works()
    assert [work["kind"] for work in works] == ["repaint", "vary", "paint"]
    assert [studio.recipe(work) for work in works] == [studio.recipe(work) for work in (last, varied, first)]


def test_what_is_heard_becomes_a_wish(studio):
    one = next(one for one in data.wishes("de") if "background" not in one.text and one.facts.background == "white")
    text, language = studio.hear(data.sound_file(one.audio, kind="FLAC"))
    assert language == "de" and "background" in text and not text.startswith(("draw", "paint", "show"))
    assert studio.hear(data.sound_file(np.zeros(16_000))) == ("", None)


def test_spoken_wishes_become_the_right_pictures(loaded):
    """A sample of what benchmarks/studio.py measures in full: there at least 80 % of 50 must be right."""
    spoken = data.wishes("en")[::11][:6]
    studio, right = Studio(loaded, new_history(), "0123abcd"), 0
    for one in spoken:
        text, _ = studio.hear(data.sound_file(one.audio))
        pictures = studio.paint(text, [0, 1], 12, 3.0)
        place = studio.rank(pictures, text)[0][0]
        right += measuring.shows(one.facts, measuring.read([pictures[place]])[0])["all"]
    assert right >= 5


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "painted"),
    [
        ("Show me a small red star", "a small red star on a white background"),
        ("draw a large blue ring on a black background.", "a large blue ring on a black background"),
        (STAR, STAR),
    ],
)
def test_a_wish_is_in_the_painters_words(typed, painted):
    assert wish(typed) == painted
    assert not parts.read_prompt(typed, WORLD)[1]


def test_the_world_has_every_word_of_its_captions():
    for one in studio_lab.told(20, objects=2):
        for caption in one.captions(4):
            assert not parts.read_prompt(caption, WORLD)[1]


def test_words_are_changed_whole():
    assert words_of("a red star on a red ring") == ["red", "star", "ring"]
    assert reworded("a red star, red-hot, reddish", "red", r"\1 blue ") == r"a \1 blue star, \1 blue-hot, reddish"


# --- putting it together --------------------------------------------------------------------------------------------

CELLS = [
    "import math\nfrom PIL import Image\nHALF = 0.5\nmodel = load()",
    "def helper():\n    return 1",
    "def rank(clip, pictures, prompt):\n    return [(0, HALF)]\ncheck('rank')",
    "def rank(clip, pictures, prompt):\n    return [(helper(), math.sqrt(HALF))]",
    "def broken(:",
    "def deck(title, slides):\n    raise NotImplementedError",
]


def test_the_notebooks_functions_become_a_module(tmp_path):
    assert assemble(tmp_path / "mine.py", CELLS) == ["rank"]
    text = (tmp_path / "mine.py").read_text()
    assert "load()" not in text and "check(" not in text and "[(0, HALF)]" not in text
    mine = load_parts(tmp_path / "mine.py")
    assert mine["rank"](None, [], "") == [(1, math.sqrt(0.5))]
    assert mine["deck"]("A title", []).startswith("<!DOCTYPE html>"), "the course's, where there is only a stub"
    assert mine["paint"] is parts.paint


def test_a_module_that_cannot_be_imported_says_why(tmp_path):
    (tmp_path / "mine.py").write_text("import nothing_of_that_name")
    with pytest.raises(ValueError, match="nothing_of_that_name"):
        load_parts(tmp_path / "mine.py")


def test_a_librarys_own_not_implemented_is_not_taken_for_a_stub():
    def rank(clip, pictures, prompt):
        raise NotImplementedError("no such operator on this device")

    with pytest.raises(NotImplementedError, match="operator"):
        studio_lab.parts_of({"rank": rank})["rank"](None, [], "")


def test_what_forms_is_what_comes(loaded):
    pipe, steps = loaded.painter, 8
    forming, guesses = Forming(pipe, steps), []
    (painted,) = parts.paint(pipe, STAR, [4], steps, 3.0, lambda done, x: guesses.append(forming(done, x)[0]))
    away = [float(np.abs(np.asarray(g, float) - np.asarray(painted, float)).mean()) for g in guesses]
    assert len(guesses) == steps and away[-1] < 1
    assert away[steps // 2] < 0.6 * away[0], "half-way it is nearer than the noise"


# --- voice, data, figures -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not voice.at_hand(), reason="no espeak-ng here")
def test_a_caption_is_spoken_and_can_be_heard():
    wave = parts.read_sound(voice.speak("a large red star; rm -rf / --version"))
    assert len(wave) > 16_000 and np.abs(wave).max() > 0.05


def test_without_a_voice_it_is_said(monkeypatch):
    monkeypatch.setattr(voice, "PROGRAM", "no-such-voice")
    assert not voice.at_hand()
    with pytest.raises(RuntimeError, match="no voice here"):
        voice.speak("a star")


def test_there_are_fifty_held_out_wishes():
    every = data.wishes("en")
    assert len(every) >= 50 and all(len(one.facts.objects) == 1 for one in every)


def test_a_chooser_that_sees_chooses_better(loaded):
    scenes = studio_lab.told(3, objects=1)
    painted = [[other.render(), scene.render()] for scene, other in zip(scenes, scenes[1:] + scenes[:1], strict=True)]
    chosen, right = measuring.choices(loaded, scenes, painted)
    assert right == [[False, True]] * 3
    assert chosen["by CLIP"] == chosen["by BLIP's matching"] == [1, 1, 1]
    assert chosen["the first"] == [0, 0, 0]


def test_figures_are_one_picture_each(monkeypatch):
    shown: list[Image.Image] = []
    monkeypatch.setattr(plots, "_display", lambda png: shown.append(Image.open(io.BytesIO(png.getvalue()))))
    one = picture(1, 64, 64)
    rows = [[one, one], [one, one]]
    for draw in (
        lambda: studio_lab.show_journey(np.zeros(1000), "said", "heard", one, "a caption", 0.4),
        lambda: studio_lab.show_forming({"a": [one, one], "b": [one]}),
        lambda: studio_lab.show_pictures([one, one], ["a", "b"]),
        lambda: studio_lab.show_choices(["a", "b"], rows, {"by CLIP": [0, 1]}, [[True, False]] * 2, rows=2),
        lambda: studio_lab.show_shares({"a": 0.0, "b": 1.0}, 12),
    ):
        draw()
    assert len(shown) == 5 and all(one.width > 200 for one in shown)


# --- the app, without a browser -------------------------------------------------------------------------------------

QUICK = {"steps": 4, "candidates": 2, "seed": 11, "guidance": 2.5}


def fill(page, text=STAR, **settings):
    page.text_area(key="text").set_value(text)
    for name, value in {**QUICK, **settings}.items():
        (page.number_input if name == "seed" else page.slider)(key=name).set_value(value)
    return page


def painted(page, text=STAR, **settings):
    return press(fill(page, text, **settings), "Paint")


def opens(page):
    return [button for button in page.button if button.label == "Reopen"]


def test_type_paint_edit_reload():
    history = new_history()
    with app_test(history=history) as page:
        assert not said(page) and not opens(page)
        painted(page)
        assert not said(page) and len(page.session_state["works"]) == 2 and len(opens(page)) == 1
        work = page.session_state["work"]
        assert work["caption"] in "".join(text.value for text in page.markdown).replace("\\", "")
        assert {button.label for button in page.get("download_button")} == {
            "Picture",
            "Recipe",
            "The session as slides",
        }
        press(page, "Take", 1)
        assert page.session_state["work"]["seed"] != work["seed"] and len(opens(page)) == 2
        page.slider(key="across").set_value((0.25, 0.75))
        press(page, "Repaint")
        edited = page.session_state["work"]
        assert edited["kind"] == "repaint" and edited["region"] == [0.25, 0.0, 0.75, 1.0]
        page.text_input(key="new_word").set_value("blue")
        press(page, "Change it")
        assert "blue" in page.session_state["work"]["prompt"]
        press(page, "Vary it")
        assert not said(page) and page.session_state["work"]["kind"] == "vary" and len(opens(page)) == 5
        session = page.session_state["session"]
    with app_test(history=history, session=session) as again:
        assert len(opens(again)) == 5
        press(again, "Reopen", -1)
        wanted = {"text": STAR, "steps": 4, "guidance": 2.5, "seed": work["seed"]}
        assert {name: again.session_state[name] for name in wanted} == wanted
        assert again.session_state["work"]["picture"].tobytes() == work["picture"].tobytes()


def test_two_sessions_do_not_mix():
    history = new_history()
    with app_test(history=history) as one, app_test(history=history) as two:
        painted(one, "a large red star")
        painted(two, "a small blue ring", seed=5)
        painted(one, "a large green cross", seed=7)
        assert one.session_state["session"] != two.session_state["session"]
        assert [len(opens(page)) for page in (one, two)] == [2, 1]
        assert "green" in one.session_state["work"]["prompt"] and "blue" in two.session_state["work"]["prompt"]
        assert {(name, count) for name, _, count in sessions(history)} == {
            (one.session_state["session"], 2),
            (two.session_state["session"], 1),
        }


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "Say or type"), ("  \n ", "Say or type"), ("x" * 10_000, "10,000 characters; at most 300")],
)
def test_a_prompt_that_cannot_be_painted_is_said_and_nothing_is_lost(text, says):
    with app_test() as page:
        painted(page)
        before = page.session_state["work"]["pixels"]
        painted(page, text)
        assert [says in error for error in said(page)] == [True]
        assert page.session_state["work"]["pixels"] == before and len(opens(page)) == 1
        assert not page.get("progress"), "no bar stays behind"


def test_words_that_the_painter_does_not_know_are_named():
    with app_test() as page:
        painted(page, "a large red zeppelin")
        assert not said(page) and any("zeppelin" in note.value for note in page.info)


def test_a_recording_is_heard_and_may_be_changed_before_it_is_painted():
    one = data.wishes("de")[0]
    with app_test() as page:
        page.audio_input(key="microphone").upload("mine.wav", data.sound_file(one.audio)).run()
        assert (
            not said(page)
            and page.session_state["text"]
            == Studio(Models(), new_history(), "0" * 8).hear(data.sound_file(one.audio))[0]
        )
        assert "(de)" in page.session_state["heard"] and not opens(page)
        assert page.text_area(key="text").value == page.session_state["text"]
        page.file_uploader(key="recording").upload("bad.wav", b"RIFF" + bytes(100)).run()
        assert ["no sound" in error for error in said(page)] == [True]
        assert page.text_area(key="text").value, "what was heard before is still there"


def full_disk(path, session, record, picture):
    raise sqlite3.OperationalError("database or disk is full")


def exhausted(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


@pytest.mark.parametrize(
    ("broken", "says", "shown"),
    [
        ({"remember": full_disk}, "disk is full", True),
        ({"paint": exhausted}, "not enough memory", False),
        ({"describe": exhausted}, "not enough memory", False),
    ],
)
def test_a_full_disk_and_a_lack_of_memory_are_said_and_lose_no_history(broken, says, shown):
    history = new_history()
    with app_test(history=history) as page:
        painted(page)
        session, before = page.session_state["session"], page.session_state["work"]["pixels"]
    with app_test({**studio_lab.parts_of(), **broken}, history, session) as page:
        painted(page, "a small blue ring", seed=99)
        told = [*said(page), *(note.value for note in page.info)]
        assert any(says in text for text in told), told
        assert ("work" in page.session_state) == shown, "a picture that could not be saved is shown all the same"
        assert len(opens(page)) == 1
    assert [work["record"]["pixels"] for work in parts.recall(history, session)] == [before]


def test_a_part_that_breaks_is_named_and_the_page_stays():
    with app_test({**studio_lab.parts_of(), "rank": lambda *_: {}["nothing"]}) as page:
        painted(page)
        assert ["KeyError" in error for error in said(page)] == [True] and not page.exception


def test_a_recipe_is_painted_again_in_the_app(studio):
    work = studio.create(STAR, {"seed": 3, "candidates": 1, "steps": 4, "guidance": 3.0})["works"][0]
    with app_test() as page:
        page.file_uploader(key="recipe").upload("mine.png", studio.png(work)).run()
        press(page, "Paint it again")
        assert not said(page) and page.session_state["work"]["pixels"] == work["pixels"]
        assert any("very same" in note.value for note in page.info) and len(opens(page)) == 1
        page.file_uploader(key="recipe").upload("mine.json", b'{"format": "crossmodal-studio/1"}').run()
        press(page, "Paint it again")
        assert ["lacks 'kind'" in error for error in said(page)] == [True]


def test_the_server_listens_on_this_machine_only_and_uploads_are_capped():
    import tomllib
    from pathlib import Path

    folder = Path(__file__).parents[1] / "weeks" / "week10_studio"
    setting = tomllib.loads((folder / ".streamlit" / "config.toml").read_text())
    assert setting["server"]["address"] == "127.0.0.1" and setting["server"]["maxUploadSize"] == 10
    assert setting["browser"]["gatherUsageStats"] is False
