"""A kernel does what it is told within its limits, and leaves nothing behind."""

import os
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from grader.execution.kernel import Kernel, environment
from grader.execution.kernelspecs import KernelStartError, must_exist
from grader.execution.outputs import OUTPUTS, TEXT_BYTES, Outputs


@pytest.fixture(scope="module")
def kernel():
    with Kernel("python3", environment([], threads=1)) as running:
        yield running


def text(ran) -> str:
    return "".join(output.text for output in ran.outputs if output.output_type == "stream")


def test_output_error_and_value(kernel):
    assert text(kernel.run("print('a'); print('b', end='')", 20)) == "a\nb"
    assert kernel.run("1 + 1", 20).outputs[0].data["text/plain"] == "2"
    failed = kernel.run("1 / 0", 20)
    assert (failed.status, failed.error) == ("error", "ZeroDivisionError: division by zero")
    assert kernel.run("x = 5", 20).status == "ok"
    assert kernel.evaluate("x + 1", 20).expressions["r"]["data"]["text/plain"] == "6"


def test_input_does_not_wait(kernel):
    assert kernel.run("input()", 20).error.startswith("StdinNotImplementedError")


def test_a_slow_cell_is_interrupted_and_the_kernel_lives_on(kernel):
    ran = kernel.run("import time\nwhile True: time.sleep(0.1)", 0.5)
    assert ran.status == "timeout" and 0.5 < ran.cost < 4
    assert kernel.run("3", 20).status == "ok"


def test_endless_output_is_cut(kernel):
    ran = kernel.run("while True: print('x' * 10_000)", 60)
    assert ran.status == "timeout" and ran.why == "it printed more than 40 MB" and ran.cost < 30
    assert TEXT_BYTES <= len(text(ran)) < TEXT_BYTES + 200 and "output cut here" in text(ran)
    many = kernel.run(f"from IPython.display import display\nfor n in range({OUTPUTS + 50}): display(n)", 20)
    assert len(many.outputs) == OUTPUTS + 1 and "output cut here" in text(many)


def test_progress_bars_leave_their_last_state(kernel):
    assert text(kernel.run("for n in range(5): print(f'\\r{n} of 4', end='')\nprint()", 20)) == "4 of 4\n"


def test_displays_can_be_cleared_and_updated(kernel):
    cleared = kernel.run("from IPython.display import *\nprint('a')\nclear_output()\nprint('b')", 20)
    assert text(cleared) == "b\n"
    updated = kernel.run("h = display('old', display_id='h')\nupdate_display('new', display_id='h')", 20)
    assert [output.data["text/plain"] for output in updated.outputs] == ["'new'"]


@pytest.mark.parametrize(
    ("code", "why"),
    [("import os; os._exit(3)", "died"), ("import os, signal; os.kill(os.getpid(), 9)", "died"), ("exit()", "exit()")],
)
def test_a_kernel_that_ends_is_noticed_at_once(code, why):
    with Kernel("python3", environment([], threads=1)) as kernel:
        ran = kernel.run(code, 30)
        assert ran.status == "dead" and why in ran.why and ran.seconds < 10
        assert kernel.run("1", 30).status == "dead" and not kernel.alive


def test_a_cell_that_cannot_be_interrupted_ends_the_kernel_and_its_children():
    code = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
while True: pass
"""
    with Kernel("python3", environment([], threads=1)) as kernel:
        ran = kernel.run(code, 3)
    assert ran.status == "dead" and 6 <= ran.cost < 10
    child = int(text(ran))
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.05)


def test_environment_and_folder_are_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_SECRET_TOKEN", "hush")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    env = environment([tmp_path], threads=3)
    assert "MY_SECRET_TOKEN" not in env and "MPLBACKEND" not in env
    assert env["OMP_NUM_THREADS"] == env["CROSSMODAL_THREADS"] == "3" and env["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in environment([], 1, offline=False) or "HF_HUB_OFFLINE" in os.environ
    with Kernel("python3", env, scratch=tmp_path) as kernel:
        ran = kernel.run("import os, sys; print(os.getcwd()); print('MY_SECRET_TOKEN' in os.environ)", 20)
        folder, secret = text(ran).split()
        assert Path(folder).parent == tmp_path and secret == "False"
        kernel.run("open('left.txt', 'w').write('x')", 20)
        private = Path(kernel.manager.connection_file).parent
    assert list(tmp_path.iterdir()) == [] and not private.exists()
    assert tempfile.gettempdir() in str(private) or str(private).startswith("/tmp")


def test_a_kernel_that_does_not_exist_is_named():
    with pytest.raises(KernelStartError, match="no Jupyter kernel is called 'nonsense'.*python3"):
        must_exist("nonsense")
    with pytest.raises(KernelStartError, match="nonsense"), Kernel("nonsense", environment([], 1)):
        raise AssertionError("it cannot have started")


def test_malformed_messages_are_no_output():
    outputs = Outputs()
    for content in (None, {}, {"data": 5}, {"data": {}, "metadata": 3}, {"name": 3}, {"text": None, "name": "stdout"}):
        for kind in ("stream", "display_data", "error", "update_display_data", "execute_result", "status"):
            assert outputs.take({"msg_type": kind, "content": content}) is False
    assert outputs.take({"msg_type": "status", "content": {"execution_state": "idle"}}) is True
    outputs.done()


def message(kind: str, **content) -> dict:
    return {"msg_type": kind, "content": content}


def test_forged_outputs_are_kept_only_as_a_notebook_may_hold_them():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    outputs = Outputs()
    for forged in (
        message("display_data", data={"application/json": deep}, metadata={}),
        message("display_data", data={"application/json": {"x": float("nan")}}, metadata={}),
        message("display_data", data={"text/plain": 5}, metadata={}),
        message("display_data", data={"text/plain": "x"}, metadata=[]),
        message("display_data", data={"text/plain": "x"}, metadata={"y": "z" * 9_000_000}),
        message("display_data", data=7, metadata={}),
        message("execute_result", data={"text/plain": "x"}, metadata={}, execution_count=-1),
        message("stream", name=["stdout"], text="fine \ud800 "),
        message("stream", name="x" * 10_000_000, text="too"),
        message("error", ename="e" * 10_000_000, evalue="\ud800", traceback=[5, "\ud800"]),
        message("display_data", data={"text/plain": "\ud800"}, metadata={}),
    ):
        assert not outputs.take(forged)
    stream, error, display, note = outputs.done()
    assert (stream.name, stream.text, display.data) == ("stdout", "fine ? too", {"text/plain": "?"})
    assert (len(error.ename), error.evalue, error.traceback) == (200, "?", ["5", "?"])
    assert "output cut here" in note.text


def test_errors_without_end_leave_the_last():
    outputs = Outputs()
    for n in range(3 * OUTPUTS):
        outputs.take(message("error", ename="E", evalue=str(n), traceback=["line" * 1000]))
    *_, error, _ = kept = outputs.done()
    assert error.evalue == str(3 * OUTPUTS - 1) and len(kept) == OUTPUTS + 2
    assert outputs.seen > 3 * OUTPUTS * 4000
