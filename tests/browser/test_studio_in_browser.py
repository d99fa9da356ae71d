"""The studio in a real browser: type, speak, paint, edit, reload, and what is downloaded opens."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support import browser

from studio_lab import data, measuring, parts
from studio_lab.bounds import FORMAT, digest
from studio_lab.checks.reference import Page

APP = Path(__file__).parents[2] / "weeks" / "week10_studio" / "app.py"
pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "a browser is here")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The app as `streamlit run` serves it: its address, and its history."""
    folder = tmp_path_factory.mktemp("studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "STUDIO_HISTORY": str(folder / "history.db"), "CROSSMODAL_THREADS": "1"}
    env.pop("STUDIO_PARTS", None)
    command = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            until = time.monotonic() + browser.WAIT
            while True:
                assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()[-3000:]
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=30).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/", folder / "history.db"
        finally:
            browser.ended(process)


def settled(page: Any) -> Any:
    """The page once it has nothing more to do."""
    page.wait_for_timeout(300)
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()
    return page


def press(page: Any, label: str) -> Any:
    page.get_by_role("button", name=label, exact=True).first.click()
    return settled(page)


def downloaded(page: Any, label: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(waiting.value.path()).read_bytes()


def opens(page: Any) -> int:
    return page.get_by_role("button", name="Reopen", exact=True).count()


def quick(page: Any) -> None:
    """Fewer steps: the slider takes the keyboard."""
    handle = page.get_by_role("slider", name="Steps")
    for _ in range(12):
        handle.press("ArrowLeft")
    settled(page)


def one_step(page: Any) -> None:
    """Pictures of noise, at once, where it does not matter what is on them."""
    page.get_by_role("slider", name="Steps").press("Home")
    settled(page)


def write(page: Any, prompt: str) -> None:
    page.get_by_role("textbox", name="Prompt").fill(prompt)
    page.get_by_role("textbox", name="Prompt").press("Control+Enter")
    settled(page)


def say(page: Any, wish: Any) -> None:
    """A recording is chosen."""
    page.get_by_text("Say it", exact=True).click()
    file = {"name": "wish.wav", "mimeType": "audio/wav", "buffer": data.sound_file(wish.audio)}
    page.locator("input[type=file]").first.set_input_files([file])


def upload(page: Any, recipe: dict[str, Any]) -> None:
    """Open a recipe: its file is chosen, and may be painted."""
    page.get_by_text("Open a recipe", exact=True).click()
    file = {"name": "mine.json", "mimeType": "application/json", "buffer": json.dumps(recipe).encode()}
    page.locator("input[type=file]").last.set_input_files([file])
    page.get_by_role("button", name="Paint it again", exact=True).wait_for()
    settled(page)


def test_it_listens_on_this_machine_only(server):
    address, _ = server
    port = int(re.search(r":(\d+)/", address)[1])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for other in others - {"127.0.0.1"}:
        with socket.socket() as tried:
            tried.settimeout(5)
            assert tried.connect_ex((other, port)) != 0, f"it answers at {other}"


def test_type_paint_edit_reload_and_download(server):
    address, _ = server
    with browser.browser(viewport={"width": 1400, "height": 1000}, accept_downloads=True) as context:
        page = context.new_page()
        page.goto(address)
        settled(page)
        quick(page)
        page.get_by_role("textbox", name="Prompt").fill("draw a large red star")
        page.get_by_role("textbox", name="Prompt").press("Control+Enter")
        settled(page)
        press(page, "Paint")
        page.get_by_text("BLIP sees:").wait_for()
        page.get_by_role("button", name="Reopen", exact=True).wait_for()
        assert opens(page) == 1 and page.get_by_text("Candidates, ranked by CLIP").count() == 1

        # drag over the picture: the sliders follow, and the region is painted anew
        canvas = page.locator("[data-testid='stVegaLiteChart'] canvas, [data-testid='stVegaLiteChart'] svg").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
        page.mouse.up()
        page.wait_for_timeout(1000)
        settled(page)
        press(page, "Repaint")
        page.get_by_role("button", name="Reopen", exact=True).nth(1).wait_for()
        recipe = parts.read_recipe(downloaded(page, "Recipe"))
        assert recipe["kind"] == "repaint" and recipe["from"]["kind"] == "paint"
        assert recipe["region"] == pytest.approx([0.1, 0.2, 0.6, 0.8], abs=0.06)

        png = downloaded(page, "Picture")
        assert parts.read_recipe(png) == recipe
        assert digest(Image.open(io.BytesIO(png))) == recipe["pixels"]

        page.reload()
        page.get_by_role("button", name="Reopen", exact=True).nth(1).wait_for()  # the history is there
        assert opens(page) == 2
        page.get_by_role("button", name="Reopen", exact=True).nth(1).click()
        settled(page)
        assert page.get_by_role("textbox", name="Prompt").input_value() == "a large red star on a white background"

        slides = downloaded(page, "The session as slides")
        assert re.search("session=([0-9a-f]{32})$", page.url)[1].encode() not in slides, "slides are handed on"
        assert len(Page(slides.decode()).sections) == 3
        (folder := Path(server[1]).parent / "slides.html").write_bytes(slides)
        deck = context.new_page()
        deck.goto(folder.as_uri())
        assert deck.evaluate("[...document.images].every(one => one.naturalWidth === 64)")
        assert deck.get_by_role("heading").first.inner_text().startswith("Studio session")
        assert not context.errors


def test_speak_and_the_right_picture_comes(server):
    address, _ = server
    one = next(wish for wish in data.wishes("en") if wish.facts.objects[0][0] == "large")
    with browser.browser(viewport={"width": 1400, "height": 1000}, accept_downloads=True) as context:
        page = context.new_page()
        page.goto(address)
        settled(page)
        say(page, one)
        page.get_by_text("Heard this").wait_for()
        settled(page)
        press(page, "Paint")
        page.get_by_text("BLIP sees:").wait_for()
        png = Image.open(io.BytesIO(downloaded(page, "Picture")))
        told = json.loads(downloaded(page, "Recipe"))
        assert one.facts.objects[0][1] in told["prompt"]
        assert measuring.shows(one.facts, measuring.read([png])[0])["all"]
        assert not context.errors


def test_what_is_pressed_while_it_listens_loses_no_recording(server):
    address, _ = server
    with browser.browser(viewport={"width": 1400, "height": 1000}) as context:
        page = context.new_page()
        page.goto(address)
        settled(page)
        say(page, data.wishes("en")[0])
        page.get_by_text("wish.wav").wait_for()  # it arrives, and is listened to
        steps = page.get_by_role("slider", name="Steps")
        while int(steps.input_value()) > 17:  # keys are lost, or count late, while a page is redrawn
            steps.press("ArrowLeft")
            page.wait_for_timeout(100)
        page.get_by_text("Heard this").wait_for()
        settled(page)
        assert int(page.get_by_role("slider", name="Steps").input_value()) <= 17
        assert page.get_by_role("textbox", name="Prompt").input_value()


def test_a_second_visitor_sees_nothing_of_the_first(server):
    address, history = server
    with browser.browser() as context:
        page = context.new_page()
        page.goto(address)
        settled(page)
        assert opens(page) == 0 and page.get_by_role("textbox", name="Prompt").input_value() == ""
        assert re.search(r"\?session=[0-9a-f]{32}$", page.url)
        assert page.get_by_text("Earlier ones").count() == 0


MADE = {"format": FORMAT, "kind": "paint", "prompt": "a large red star", "seed": 1, "steps": 2, "guidance": 3.0}
MADE |= {"profile": "tiny", "pixels": "0" * 64}


def test_nothing_that_is_typed_or_sent_makes_the_browser_fetch(server):
    """Prompts, notes and errors, recipes and their fields, thumbnails, slides; the pages ask no stranger's host."""
    address, history = server
    with browser.listener() as (host, asked), browser.browser(accept_downloads=True) as context:
        context.new_page().goto(f"{host}/it-can-be-reached")
        page = context.new_page()
        page.goto(address)
        settled(page)
        one_step(page)
        traps = browser.traps(host)
        write(page, traps[0])
        press(page, "Paint")
        page.get_by_text("BLIP sees:").wait_for()
        assert page.get_by_text(traps[0]).count() >= 1, "it is shown"
        write(page, "x " * 200 + traps[0])
        press(page, "Paint")
        page.get_by_text("at most 300").wait_for()
        upload(page, MADE | {"prompt": "\n\n".join(traps)[:300]})
        press(page, "Paint it again")
        page.get_by_text("Not the same to the pixel").wait_for()
        page.get_by_role("button", name="Reopen", exact=True).nth(1).wait_for()
        (slides := history.parent / "traps.html").write_bytes(downloaded(page, "The session as slides"))
        file = {"name": "mine.json", "mimeType": "application/json"}
        file["buffer"] = json.dumps(MADE | {"kind": traps[0], "profile": traps[1]}).encode()
        page.locator("input[type=file]").last.set_input_files([file])
        settled(page)
        press(page, "Paint it again")
        page.get_by_text("is not as it should be").wait_for()
        deck = context.new_page()
        deck.goto(slides.as_uri(), wait_until="load")
        assert deck.get_by_text("markdown.png").count() and deck.locator("img").count() == 2
        deck.wait_for_timeout(500)
        assert [path for path in asked if path != "/favicon.ico"] == ["/it-can-be-reached"]


def test_a_recipe_is_painted_with_progress_and_can_be_stopped(server):
    address, _ = server
    recipe = MADE | {"steps": 100}
    for _ in range(5):
        recipe = MADE | {"kind": "repaint", "steps": 100, "region": [0.0, 0.0, 1.0, 1.0], "from": recipe}
    with browser.browser(viewport={"width": 1400, "height": 1000}) as context:
        page = context.new_page()
        page.goto(address)
        settled(page)
        upload(page, recipe)
        page.get_by_role("button", name="Paint it again", exact=True).click()
        page.get_by_text(re.compile(r"Step \d+ of 600")).wait_for()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_text("Stopped.").wait_for()
        settled(page)
        assert opens(page) == 0 and page.get_by_role("button", name="Stop", exact=True).count() == 0
        for _ in range(2):  # and what is painted from a prompt
            page.get_by_role("slider", name="Steps").press("End")
        settled(page)
        write(page, "a large red star")
        page.get_by_role("button", name="Paint", exact=True).click()
        page.get_by_text(re.compile(r"Step \d+ of 100")).wait_for()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_text("Stopped.").wait_for()
        settled(page)
        assert opens(page) == 0 and page.get_by_text("BLIP sees:").count() == 0
        assert not context.errors


def test_a_browser_finds_its_own_sessions_again_and_can_delete_them(server):
    address, history = server
    with browser.browser(viewport={"width": 1400, "height": 1000}) as context:
        page = context.new_page()
        page.goto(address)
        settled(page)
        one_step(page)
        write(page, "a small blue ring on a grey background")
        press(page, "Paint")
        page.get_by_role("button", name="Reopen", exact=True).wait_for()
        settled(page)
        first = page.url
        page.close()
        page = context.new_page()
        page.goto(address)
        page.get_by_text("Earlier ones").wait_for()
        settled(page)
        assert page.url != first and opens(page) == 0
        press(page, "Open it")
        page.get_by_role("button", name="Reopen", exact=True).wait_for()
        assert page.url == first
        session = re.search("session=([0-9a-f]{32})$", first)[1]
        assert len(parts.recall(str(history), session)) == 1
        page.get_by_role("button", name="Delete this session").click()
        page.get_by_role("button", name="Delete it", exact=True).click()
        page.get_by_text("Deleted: 1 work.").wait_for()
        settled(page)
        assert opens(page) == 0 and parts.recall(str(history), session) == []
        page.goto(address)
        settled(page)
        page.wait_for_timeout(1000)
        assert page.get_by_text("Earlier ones").count() == 0
        assert session not in page.evaluate("localStorage.getItem('studio-sessions')")
        assert not context.errors
