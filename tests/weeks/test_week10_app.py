"""Week 10: its app, without a browser."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from support.studio import STAR

import studio_lab
from studio_lab import data, parts, probes
from studio_lab.driving import app_test, new_history, press, said
from studio_lab.page.drawing import plain
from studio_lab.studio import Models, Studio, forget, sessions

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
        names = [page.session_state["session"] for page in (one, two)]
        assert {(name, count) for name, _, count in sessions(history)} == {(names[0], 2), (names[1], 1)}
        assert [name for name, *_ in sessions(history, names[1:])] == names[1:] and sessions(history, []) == []


def shown(page):
    """Every text and label of the page that Streamlit reads as Markdown."""
    kinds = (page.markdown, page.caption, page.error, page.info, page.warning, page.success, page.title, page.header)
    pictures = [image.caption for images in page.get("imgs") for image in images.proto.imgs]
    return [*(one.value for kind in kinds for one in kind), *pictures, *(one.label for one in page.button)]


def test_a_session_is_its_secret_address_and_nobody_is_shown_another():
    history = new_history()
    with app_test(history=history) as one:
        painted(one)
        secret = one.session_state["session"]
        assert re.fullmatch("[0-9a-f]{32}", secret)
        assert not any(secret in text for text in shown(one)), "it is in the address and nowhere else"
        assert secret not in one.get("download_button")[-1].proto.url
        assert not one.get("selectbox") or all(box.label != "Earlier ones" for box in one.selectbox)
    for guess in (None, "", secret[:8], secret[:-1], secret.upper() + "0", "' OR 1=1 --", "%"):
        with app_test(history=history, session=guess) as other:
            assert other.session_state["session"] != secret and not opens(other)
            assert all(box.label != "Earlier ones" for box in other.selectbox)
            if guess is None:
                press(other, "New session")
                assert not opens(other) and all(box.label != "Earlier ones" for box in other.selectbox)
    with app_test(history=history, session=secret) as again:
        assert len(opens(again)) == 1
        press(again, "New session")
        assert not opens(again)
        (earlier,) = [box for box in again.selectbox if box.label == "Earlier ones"]
        assert earlier.value == secret, "where one has just been, one may go back to"
        press(again, "Open it")
        assert len(opens(again)) == 1


def test_slides_do_not_carry_the_address_of_their_session(studio, monkeypatch):
    titles = []
    history, deck = new_history(), parts.deck
    own = {**studio_lab.studio.parts_of(), "deck": lambda title, slides: titles.append(title) or deck(title, slides)}
    with app_test(own, history) as page:
        painted(page)
        assert titles and all(page.session_state["session"] not in title for title in titles)


def test_a_work_and_a_session_are_deleted_for_good():
    history = new_history()
    with app_test(history=history) as one, app_test(history=history) as other:
        painted(one, "a large red star")
        painted(one, "a small blue ring")
        painted(other, "a large green cross")
        one.toggle(key="deleting").set_value(True).run()
        press(one, "Delete", 0)
        assert [work["record"]["prompt"][:11] for work in parts.recall(history, one.session_state["session"])] == [
            "a large red"
        ]
        assert b"small blue ring" not in probes.file_bytes(history), "its bytes are overwritten"
        session = one.session_state["session"]
        press(one, "Delete it")
        assert not said(one) and one.session_state["session"] != session and not opens(one)
        assert parts.recall(history, session) == [] and b"large red star" not in probes.file_bytes(history)
        other.run()
        assert len(opens(other)) == 1, "nobody else's"
    assert forget(new_history(), session) == 0


def test_a_new_history_is_for_its_owner_only():
    history = new_history()
    with app_test(history=history):
        assert Path(history).stat().st_mode & 0o077 == 0


# what stands for markup somewhere in Markdown, and in what Streamlit adds to it
MARKS = [
    *("![](http://x.org/a.png)", "<img src=http://x.org/b.png>", "[a](http://x.org)", "[a]: http://x.org", "\n\n"),
    *("# ", "- ", "+ ", "1. ", "1) ", "> ", "```", "`", "~~", "**", "__", "|", "$$", "---", "===", "\t", "    "),
    *(
        ":red[a]",
        ":material/home:",
        "&lt;",
        "&#60;",
        "\\",
        "<!--",
        "<a@x.org>",
        "a",
        " ",
        "\ud800",
        "\u2028",
        "^1",
        "!",
    ),
]


def test_text_of_people_is_text_whatever_marks_it_holds():
    rng, markdown = np.random.default_rng(0), MarkdownIt("commonmark").enable(["table", "strikethrough"])
    texts = [*MARKS, *("".join(rng.choice(MARKS, size=rng.integers(2, 9))) for _ in range(2000))]
    for text in texts:
        blocks = markdown.parse(plain(text))
        inner = [token.type for block in blocks for token in block.children or []]
        assert {block.type for block in blocks} <= {"paragraph_open", "inline", "paragraph_close"}, text
        assert set(inner) <= {"text", "text_special"}, text
        wanted = " ".join(text.encode("utf-8", "replace").decode().split())
        assert "".join(token.content for block in blocks for token in block.children or []) == wanted
    assert "\\" not in plain("The prompt has 10,000 characters (it's long); at most 300, please."), (
        "and it stays legible"
    )


TRAP = "![](http://127.0.0.1:9/x.png) <img src=http://127.0.0.1:9/y.png>"


def test_no_text_of_people_is_markup_anywhere_on_the_page(studio):
    """Prompts, captions, notes, errors, what was heard, thumbnails' captions."""
    work = studio.create(STAR, {"seed": 3, "candidates": 1, "steps": 2, "guidance": 3.0})["works"][0]
    recipe = studio.recipe({**work, "prompt": TRAP})
    own = {
        **studio_lab.studio.parts_of(),
        "describe": lambda *_: TRAP,
        "transcribe": lambda *_: (TRAP, TRAP),
        "read_prompt": lambda text, known=None: (text, [TRAP]),
    }

    def broken(*_):
        raise RuntimeError(TRAP)

    texts = []
    with app_test(own) as page:
        painted(page, TRAP)
        texts += shown(page)
        page.audio_input(key="microphone").upload("mine.wav", data.sound_file(np.zeros(16_000))).run()
        texts += shown(page)
        page.file_uploader(key="recipe").upload("mine.json", json.dumps(recipe).encode()).run()
        press(page, "Paint it again")
        texts += shown(page)
        page.file_uploader(key="recipe").upload("mine.json", json.dumps(recipe | {"kind": TRAP}).encode()).run()
        press(page, "Paint it again")
        assert said(page)
        texts += shown(page)
    for part in ("rank", "paint", "recall", "deck"):
        with app_test({**own, part: broken}) as page:
            painted(page, TRAP)
            texts += shown(page)
    assert sum("127" in text for text in texts) > 12, "it is shown"
    for text in texts:
        inner = [token.type for block in MarkdownIt("commonmark").parse(text) for token in block.children or []]
        assert not {"image", "html_inline", "link_open"} & set(inner), text


def test_a_recipe_that_asks_for_too_much_is_refused_and_edits_tell_when_theirs_does(studio):
    work = studio.create(STAR, {"seed": 3, "candidates": 1, "steps": 2, "guidance": 3.0})["works"][0]
    recipe = studio.recipe(work)
    for _ in range(6):
        recipe = {**recipe, "kind": "vary", "steps": 100, "strength": 0.0, "from": recipe}
    with pytest.raises(ValueError, match="add up to 602"):
        studio.replay(recipe)
    with app_test() as page:
        page.file_uploader(key="recipe").upload("mine.json", json.dumps(recipe).encode()).run()
        press(page, "Paint it again")
        assert ["add up to 602" in error for error in said(page)] == [True] and not opens(page)
        painted(page, steps=2)
        page.session_state["work"]["from"] = recipe
        page.session_state["work"]["kind"], page.session_state["work"]["strength"] = "vary", 0.0
        press(page, "Vary it")
        assert not said(page) and any("add up to" in note.value for note in page.info)
        assert not page.get("progress") and all(button.label != "Stop" for button in page.button)


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


def test_a_part_of_ones_own_gets_no_sound_whose_header_asks_for_too_much():
    asked = []
    own = {**studio_lab.studio.parts_of(), "read_sound": lambda file: asked.append(file) or np.zeros(16_000, "f4")}
    with app_test(own) as page:
        for rate, calls in ((16_000, 1), (4_999_999, 1), (99_999_989, 1)):
            page.file_uploader(key="recording").upload("mine.wav", data.sound_file(np.zeros(16_000), rate)).run()
            assert len(asked) == calls
            assert [f"states {rate:,} Hz" in error for error in said(page)] == [True] * (rate > 192_000)


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

    folder = Path(__file__).parents[2] / "weeks" / "week10_studio"
    setting = tomllib.loads((folder / ".streamlit" / "config.toml").read_text())
    assert setting["server"]["address"] == "127.0.0.1" and setting["server"]["maxUploadSize"] == 10
    assert setting["browser"]["gatherUsageStats"] is False
