"""Warm kernels: chosen by kernelspec, forked from a process that has the imports done, and gone when they should be."""

import json
import os
import signal
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient

from grader.execution import provisioner

PYTHON = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.fixture(scope="module", autouse=True)
def kernelspec(tmp_path_factory):
    """A warm kernelspec that imports little, so that the tests are quick."""
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "kernels" / "warm-test").mkdir(parents=True)
    config = {"provisioner_name": "crossmodal-warm", "config": {"libraries": ["colorsys", "no_such_module"]}}
    spec = {
        "argv": PYTHON,
        "display_name": "warm",
        "language": "python",
        "metadata": {"kernel_provisioner": config},
    }
    (folder / "kernels" / "warm-test" / "kernel.json").write_text(json.dumps(spec))
    patch = pytest.MonkeyPatch()
    patch.setenv("JUPYTER_PATH", str(folder))
    patch.delenv("MPLBACKEND", raising=False)  # Streamlit sets it where it is imported
    yield
    provisioner.close_servers()
    patch.undo()


def run(*sources: str, **options) -> list[str]:
    """The text that each cell printed, run by nbclient in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    NotebookClient(notebook, kernel_name="warm-test", timeout=30, **options).execute()
    return ["".join(o.get("text", o.output_type) for o in cell.outputs) for cell in notebook.cells]


@pytest.fixture
def kernel():
    manager = KernelManager(kernel_name="warm-test")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def pid_of(client) -> int:
    reply = client.execute("", user_expressions={"pid": "__import__('os').getpid()"}, reply=True, timeout=20)
    return int(reply["content"]["user_expressions"]["pid"]["data"]["text/plain"])


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether the process ends within that time; a zombie has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_the_course_kernelspec_names_a_provisioner_that_exists():
    spec = json.loads(
        Path(provisioner.__file__).with_name("kernels").joinpath("crossmodal-warm/kernel.json").read_text()
    )
    name = spec["metadata"]["kernel_provisioner"]["provisioner_name"]
    assert name in KernelProvisionerFactory.instance().get_provisioner_entries()
    assert spec["argv"] == PYTHON


def test_modules_are_there_before_the_notebook_imports_them():
    warm, cold = run("import sys; print('colorsys' in sys.modules)", "print('chunk' in sys.modules)")
    assert (warm.strip(), cold.strip()) == ("True", "False")


def test_each_kernel_is_fresh_and_draws_its_own_numbers():
    code = "import random; seen = 'kept' in dir(); kept = 1; print(seen, random.random())"
    first, second = run(code)[0].split(), run(code)[0].split()
    assert first[0] == second[0] == "False"
    assert first[1] != second[1]


def test_environment_and_folder_are_the_requested_ones(tmp_path):
    env = {**os.environ, "MARK": "seven"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import os; print(os.environ['MARK'], os.getcwd())")]
    )
    client = NotebookClient(notebook, kernel_name="warm-test", resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=env)
    assert notebook.cells[0].outputs[0].text.split() == ["seven", str(tmp_path)]


def test_figures_are_drawn_inline():
    """Without being asked to, and at the end of the cell, as in any kernel."""
    (output,) = run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert "display_data" in output


def test_connections_are_ipc_in_a_short_path_and_leave_nothing(kernel):
    manager, _ = kernel
    info = manager.get_connection_info()
    assert info["transport"] == "ipc"
    assert len(f"{info['ip']}-{info['shell_port']}") < 107
    folder = Path(info["ip"]).parent
    assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
    manager.shutdown_kernel(now=True)
    assert not folder.exists()


def test_an_interrupt_reaches_the_cell_and_the_kernel_lives_on(kernel):
    manager, client = kernel
    pid = pid_of(client)
    # else the kernel refuses what comes right after an error
    request = client.execute("import time\nwhile True: time.sleep(0.01)", stop_on_error=False)
    time.sleep(0.5)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=10)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert pid_of(client) == pid


def test_a_kernel_killed_from_outside_is_seen_dead_with_its_exit_code(kernel):
    manager, client = kernel
    os.kill(pid_of(client), signal.SIGKILL)
    until = time.monotonic() + 5
    while manager.is_alive() and time.monotonic() < until:
        time.sleep(0.05)
    assert not manager.is_alive()
    assert manager.provisioner.exit_code == -signal.SIGKILL


def test_shutdown_takes_the_children_of_the_kernel_too(kernel):
    manager, client = kernel
    pid = pid_of(client)
    client.execute("import subprocess; child = subprocess.Popen(['sleep', '600']).pid", reply=True, timeout=20)
    reply = client.execute("", user_expressions={"child": "child"}, reply=True, timeout=20)
    child = int(reply["content"]["user_expressions"]["child"]["data"]["text/plain"])
    manager.shutdown_kernel(now=True)
    assert gone(pid) and gone(child)


def test_a_dead_server_takes_its_kernels_and_is_replaced(kernel):
    manager, client = kernel
    pid = pid_of(client)
    server = manager.provisioner.server
    os.kill(server.process.pid, signal.SIGKILL)
    assert gone(pid)
    assert not manager.is_alive()
    assert run("print(1)") == ["1\n"]
    assert manager.provisioner.server is server and not server.alive


def test_no_server_outlives_its_owner():
    run("pass")
    pids = [server.process.pid for server in provisioner._servers.values()]
    provisioner.close_servers()
    assert pids and all(gone(pid) for pid in pids)
