"""A real browser, headless, for the tests that look at pages; and a Jupyter server with nbgrader's formgrader in it."""

from __future__ import annotations

import http.server
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
ROOT = Path(__file__).parents[2]
TOKEN = secrets.token_hex(16)  # of the servers that are started here
UNNEEDED = ["jupyter_lsp", "jupyterlab_jupytext", "jupyter_server_terminals", "notebook"]  # and slow to import
WAIT = 300  # seconds: a busy machine is slow, and a wait ends as soon as what it waits for is there


def missing() -> str:
    """Why no browser can be driven here; "" where one can."""
    if not PROGRAM:
        return "no chromium here; `grader doctor` says how to get it"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "no playwright here; pip install playwright"
    return ""


@contextmanager
def browser(**settings: Any) -> Iterator[Any]:
    """A browser context of Playwright's with these settings, which reaches nothing but this machine.

    What pages ask of other machines is refused, and what breaks in their scripts is in its list `errors`.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # the user namespaces that chromium's own sandbox needs are not to be had in most containers
        started = driver.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu"])
        context = started.new_context(**settings)
        context.set_extra_http_headers({"Authorization": f"token {TOKEN}"})
        context.set_default_timeout(1000 * WAIT)
        context.errors = []
        context.on("weberror", lambda error: context.errors.append(str(error.error)))
        context.route(lambda url: not url.startswith(("http://127.0.0.1:", "file:", "data:")), lambda r: r.abort())
        try:
            yield context
        except BaseException:
            for page in context.pages:  # what it showed, for whoever reads why a test failed
                print(page.url, page.inner_text("body", timeout=10_000)[:3000], sep="\n")
            raise
        finally:
            started.close()


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A stranger's host, on this machine: its address, and the paths that were asked of it."""
    asked: list[str] = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def traps(host: str) -> list[str]:
    """Texts that make whoever takes them for markup fetch from a host."""
    return [
        f"![]({host}/markdown.png)",
        f"<img src={host}/html.png>",
        f'"><link rel=stylesheet href={host}/style.css><img srcset="{host}/set.png 1x">',
        f"a star\n\n![x][y]\n\n[y]: {host}/reference.png",
        f"[![]({host}/linked.png)]({host}) <iframe src='{host}/frame'></iframe>",
        f"</section><svg><image href='{host}/svg.png'/></svg><style>body {{ background: url({host}/css.png) }}</style>",
    ]


@contextmanager
def jupyter(folder: Path, work: Path) -> Iterator[str]:
    """JupyterLab on a folder, with nbgrader's extensions. Yields its address, which takes a path: `address("lab")`.

    work: an empty folder for its settings and logs.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    work.mkdir(parents=True, exist_ok=True)
    (work / "config").mkdir()
    off = {"ServerApp": {"jpserver_extensions": dict.fromkeys(UNNEEDED, False)}}
    (work / "config" / "jupyter_server_config.json").write_text(json.dumps(off))
    env = os.environ | {f"JUPYTER_{name}_DIR": str(work / name.lower()) for name in ("CONFIG", "RUNTIME", "DATA")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", "--ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder}", f"--LabApp.workspaces_dir={work / 'workspaces'}"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]

    def address(path: str) -> str:
        return f"http://127.0.0.1:{port}/{path}"

    with (work / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            until = time.monotonic() + WAIT
            while server.poll() is None and time.monotonic() < until:
                try:
                    urllib.request.urlopen(address("api"), timeout=30).close()
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                raise RuntimeError(f"JupyterLab did not start:\n{(work / 'log').read_text()[-3000:]}")
            yield address
        finally:
            ended(server)


def ended(process: subprocess.Popen[Any]) -> None:
    """End a server that leads its own group; one that is slow to tidy up is killed, for nothing waits for it."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
