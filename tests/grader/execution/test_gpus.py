"""GPUs shared out, without one: `nvidia-smi` is a script that prints what a test wrote, and everything else is real."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from support.gpus import TABLE
from support.toy import RIGHT

from coursekit import session
from grader.cli import doctor
from grader.cli.options import options
from grader.course.discovery import find_course
from grader.course.syllabus import GB, Course, CourseError, Limits
from grader.execution import gpus as devices
from grader.execution import provisioner, sandbox
from grader.execution.gpus import CONTEXT, EACH, Gpu, Share, Slots, best, files, parameters, room, set_cap, used
from grader.execution.kernel import Kernel, environment
from grader.execution.sandbox import Policy
from grader.grading import fingerprints, gpu_memory
from grader.grading.environment import kernel_environment
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.grading.pool import grade_many

ROOT = Path(__file__).parents[3]
MIB = 1 << 20
HERE = Share("GPU-aaaa", "00000000:3B:00.0", 2 * GB, 0.05, alone=False)
FULL = 'raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")'
needs_sandbox = pytest.mark.skipif(bool(sandbox.unavailable()), reason=sandbox.unavailable())


# --- which there are --------------------------------------------------------------------------------------------------


def test_gpus_are_those_of_nvidia_smi(smi):
    first, second = devices.gpus()
    assert first == Gpu(0, "GPU-aaaa", "00000000:3B:00.0", 40960 * MIB, 40000 * MIB, "NVIDIA A100")
    assert second.name == "NVIDIA H100, 80GB"
    assert devices.gpus("cuda:1") == [second] and best() == "cuda"


@pytest.mark.parametrize(("visible", "left"), [("1", [1]), ("1,0", [1, 0]), ("GPU-bb", [1]), ("7", None), ("", None)])
def test_cuda_visible_devices_leaves_gpus_out(smi, monkeypatch, visible, left):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    if left is None:
        with pytest.raises(CourseError, match="no GPU that CUDA_VISIBLE_DEVICES=.* lets be used"):
            devices.gpus()
        assert best() == "cpu"
    else:
        assert [gpu.index for gpu in devices.gpus()] == left


def test_what_cannot_be_is_said_with_what_to_do(smi, monkeypatch, tmp_path):
    for device, says in (
        ("cuda:2", "there are GPUs 0 to 1"),
        ("cudax", "none of cpu, cuda"),
        ("cuda:x", "none of cpu"),
    ):
        with pytest.raises(CourseError, match=says):
            devices.gpus(device)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1234")
    with pytest.raises(CourseError, match="name whole GPUs"):
        devices.gpus()
    (tmp_path / "nvidia" / "nvidia-smi").write_text("#!/bin/sh\necho 'Failed to initialize NVML'; exit 9\n")
    with pytest.raises(
        CourseError, match="nvidia-smi failed .Failed to initialize NVML.; put NVIDIA's driver in order"
    ):
        devices.gpus()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CourseError, match="nvidia-smi, which comes with NVIDIA's driver, is not there"):
        devices.gpus()


def test_the_doctor_says_which_gpus_there_are(smi, monkeypatch):
    expected = "NVIDIA A100, 39 of 40 GB free; NVIDIA H100, 80GB, 79 of 80 GB free"
    monkeypatch.setattr(devices, "watched", lambda: True)
    assert doctor._gpu().detail == expected
    monkeypatch.setattr(devices, "watched", lambda: False)
    assert doctor._gpu().detail == expected + "; its processes cannot be told apart in here, see docs/gpu.md"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert doctor._gpu().detail == "none; the tiny profile needs none"


# --- slots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "cap", "slots", "expected"),
    [
        (40 * GB, 8 * GB, 0, (4, 8 * GB)),  # each with a GB for CUDA itself
        (8 * GB, 8 * GB, 0, (1, 7 * GB)),  # less than the cap is better than none at all
        (40 * GB, 8 * GB, 2, (2, 8 * GB)),
        (40 * GB, 8 * GB, 10, (10, 3 * GB)),
    ],
)
def test_slots_and_their_memory_fit_the_gpu(memory, cap, slots, expected):
    count, each = room(memory, cap, slots)
    assert (count, each) == expected and count * (each + CONTEXT) <= memory


@pytest.mark.parametrize(("memory", "slots"), [(40 * GB, 40), (GB, 0)])
def test_a_slot_too_small_to_be_of_use_is_refused(memory, slots):
    with pytest.raises(CourseError, match="not enough for .* fewer --slots, or end the other programs"):
        room(memory, 8 * GB, slots)


def test_slots_are_never_given_twice_and_one_alone_has_its_gpu(smi):
    slots = Slots(devices.gpus(), 8 * GB, 3)
    assert slots.total == 6
    here, most, wrong = [], {"GPU-aaaa": 0, "GPU-bbbb": 0}, []

    def work(alone):
        for _ in range(20):
            with slots.taken(alone) as share:
                here.append((share, alone))
                beside = [other for other in tuple(here) if other[0].uuid == share.uuid]
                if len(beside) > 3 or (len(beside) > 1 and any(one for _, one in beside)):
                    wrong.append(beside)
                most[share.uuid] = max(most[share.uuid], len(beside))
                time.sleep(0.001)
                here.remove((share, alone))

    threads = [threading.Thread(target=work, args=[number % 4 == 0]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads) and not wrong
    assert most == {"GPU-aaaa": 3, "GPU-bbbb": 3} and not slots.used.total()


def test_the_emptiest_gpu_is_next_and_one_slot_is_alone(smi):
    slots = Slots(devices.gpus(), 8 * GB)
    with slots.taken() as first, slots.taken() as second, slots.taken() as third:
        assert [first.uuid, second.uuid] == ["GPU-aaaa", "GPU-bbbb"]
        assert third.uuid == "GPU-bbbb", "the larger one, with more slots"
        assert first.memory == 8 * GB and first.fraction == 8 * GB / (40960 * MIB) and not first.alone
    with Slots(devices.gpus(), 8 * GB, 1).taken() as only:
        assert only.alone


# --- what a kernel gets -----------------------------------------------------------------------------------------------


def test_a_sandbox_has_the_files_of_its_gpu_alone(tmp_path):
    dev, proc = tmp_path / "dev", tmp_path / "proc"
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (dev / name).parent.mkdir(exist_ok=True)
        (dev / name).touch()
    assert files(None, dev, proc) == ()
    every = files(HERE, dev, proc)
    assert [path.name for path in every] == ["nvidia-uvm", "nvidia0", "nvidia1", "nvidiactl"], "the driver told nothing"
    told = proc / "driver" / "nvidia" / "gpus" / "0000:3b:00.0" / "information"
    told.parent.mkdir(parents=True)
    told.write_text("Model: \t\t NVIDIA A100\nDevice Minor: \t 1\n")
    assert [path.name for path in files(HERE, dev, proc)] == ["nvidia-uvm", "nvidia1", "nvidiactl"]
    arguments, _ = sandbox._arguments(Policy(devices=(Path("/dev/nvidia1"),)), _Stack())
    assert "/dev/nvidia1" in arguments and "/sys/devices" in arguments
    assert "/sys/devices" not in sandbox._arguments(Policy(), _Stack())[0]


class _Stack:
    def callback(self, *_):
        pass


def test_kernels_on_all_gpus_come_from_one_server(toy, week):
    cuda = Options(parameters={"DEVICE": "cuda"})
    environments = [
        kernel_environment(toy, week, replace(cuda, share=share)) for share in (None, HERE, replace(HERE, uuid="GPU-b"))
    ]
    assert [env["CUDA_VISIBLE_DEVICES"] for env in environments] == ["", "GPU-aaaa", "GPU-b"]
    assert len({provisioner._key(env, []) for env in environments}) == 1
    assert environments[1]["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert provisioner._key(environments[0], []) != provisioner._key({**environments[0], "CUDA_HOME": "/x"}, [])
    assert parameters({"DEVICE": "cuda:1", "SEED": 3}) == {"DEVICE": "cuda", "SEED": 3}
    assert parameters({"DEVICE": "cpu"}) == {"DEVICE": "cpu"}


NEVER = """
import sys
import torch

used = []

def use(name):
    def used_here(*_):
        used.append(name)
        raise RuntimeError(f"CUDA was used by {name}")
    return used_here

for name in ("_cuda_init", "_cuda_getDeviceCount", "_cuda_setDevice", "_cuda_getDevice"):
    setattr(torch._C, name, use(name))
torch.cuda._is_compiled = lambda: True
torch.cuda._device_count_nvml = lambda: 1  # so it answers whoever asks for it: there is a GPU

try:
    torch.zeros(1, device="cuda")
except RuntimeError:
    assert used == ["_cuda_init"], used
    used.clear()
else:
    raise SystemExit("what would be found is not")
assert torch.cuda.is_available() and not used

from grader.analysis.imports import every_library
from grader.course.discovery import find_course
from grader.execution.forkserver import warm_up
from grader.grading import cluster, pipeline, pool
from grader.grading.rubric import Rubric

course = find_course()
warm_up(every_library(course))
for week in course.weeks.values():
    Rubric.load(course, week)
    sys.path.insert(0, str(course.root / "weeks" / week.slug))
    __import__(week.helper)
assert not used, used
assert torch.cuda.is_initialized() is False
torch.cuda._initialized = True  # as where a library used it
try:
    warm_up([])
except RuntimeError as error:
    print(error)
"""


def test_cuda_is_not_initialised_before_the_fork():
    """By nothing the server imports, on a machine with a GPU; and a server in which it is refuses to start."""
    env = os.environ | {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
    done = subprocess.run([sys.executable, "-c", NEVER], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("a library uses CUDA while it is imported, and no fork could use it after that\n")


def test_a_server_asks_nvml_and_not_cuda_whether_there_is_a_gpu(toy, week):
    """`torch.cuda.is_available`, which libraries call while they are imported, would else use CUDA."""
    assert kernel_environment(toy, week, Options())["PYTORCH_NVML_BASED_CUDA_CHECK"] == "1"


def test_on_a_gpu_results_are_repeatable_and_in_full_precision(monkeypatch):
    import torch

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cudnn.benchmark, matmul.allow_tf32
    cudnn.allow_tf32 = cudnn.benchmark = matmul.allow_tf32 = True
    try:
        session._repeatable()
        assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
        assert not (cudnn.allow_tf32 or cudnn.benchmark or matmul.allow_tf32)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == EACH["CUBLAS_WORKSPACE_CONFIG"]
        with cudnn.flags(enabled=False):  # as libraries do: raises where TF32 was set in the newer way
            pass
    finally:
        torch.use_deterministic_algorithms(False)
        cudnn.allow_tf32, cudnn.benchmark, matmul.allow_tf32 = before
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


# --- the whole, with kernels that find no GPU -------------------------------------------------------------------------


def printed(result):
    return "".join(o.get("text", "") for cell in result.notebook.cells for o in cell.get("outputs", []))


def test_each_submission_is_bound_to_one_gpu(smi, toy, week, fill):
    show = "import os, time\nprint('on', os.environ['CUDA_VISIBLE_DEVICES'], DEVICE)\ntime.sleep(2)\n"
    notebook = fill(**{**RIGHT, "double": show + RIGHT["double"]})
    settings = Options(workers=2, parameters={"DEVICE": "cuda"}, slots=1)
    results = grade_many(toy, week, [("ann", notebook), ("ben", notebook)], settings)
    assert [result.grade.points for result in results] == [7.5, 7.5]
    seen = [text for result in results for text in ("on GPU-aaaa cuda", "on GPU-bbbb cuda") if text in printed(result)]
    assert sorted(seen) == ["on GPU-aaaa cuda", "on GPU-bbbb cuda"]
    assert json.loads(results[0].grade.inputs["gpu"]) == [1, 8 * GB]
    (other,) = grade_many(toy, week, [("ann", notebook)], replace(settings, parameters={"DEVICE": "cuda:1"}))
    assert "on GPU-bbbb cuda" in printed(other)


def test_without_a_device_no_kernel_sees_a_gpu(smi, toy, week, fill, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    show = "import os\nprint('on', repr(os.environ['CUDA_VISIBLE_DEVICES']))\n"
    (result,) = grade_many(toy, week, [("ann", fill(double=show + RIGHT["double"]))], Options(workers=1))
    assert "on ''" in printed(result) and "gpu" not in result.grade.inputs
    with pytest.raises(CourseError, match="shared out first"):
        grade_notebook(toy, week, fill(), "ann", Options(parameters={"DEVICE": "cuda"}))


def test_memory_that_ran_out_is_put_down_to_who_used_it(smi, toy, week, fill, tmp_path):
    """The hog fails alone too. The others failed beside it, one of which caught the error, and do not fail alone."""

    def once(name, then):
        seen = f"pathlib.Path({str(tmp_path / name)!r})"
        return f"import pathlib, torch\nif not {seen}.exists():\n    {seen}.touch()\n    {then}\n"

    caught = "torch.cuda.memory_stats = lambda: {'num_ooms': 1}\n    raise ValueError('no model')"
    libraries_do = "import torch\ntorch.cuda.memory_stats = lambda: {'num_ooms': 1}\n"  # and go on with less
    submissions = {
        "fine": fill(**{**RIGHT, "double": libraries_do + RIGHT["double"]}),
        "hog": fill(**{**RIGHT, "double": f"import torch\ndef double(n):\n    {FULL}"}),
        "raised": fill(**{**RIGHT, "double": once("raised", FULL) + RIGHT["double"]}),
        "caught": fill(**{**RIGHT, "double": once("caught", caught) + RIGHT["double"]}),
    }
    settings = Options(workers=3, parameters={"DEVICE": "cuda"}, slots=4, gpu_memory=2 * GB, sandboxed=False)
    results = grade_many(toy, week, list(submissions.items()), settings)
    fine, hog, raised, caught = (result.grade for result in results)
    assert fine.points == 7.5 and fine.log == []
    assert (raised.points, caught.points) == (7.5, 7.5)
    assert raised.log == [] and caught.log == []
    own = "its own use passed the cap of 2 GB of GPU memory for one submission"
    assert hog.points < 7.5 and hog.log[-1] == f"GPU memory ran out: {own}. No other submission was on that GPU."
    double = next(q for q in hog.questions if q.question == "double")
    assert double.points == 0 and double.checks and all(own in check.message for check in double.checks)
    assert own in printed(results[1]).replace("\n        ", " ")


def test_nbgraders_own_autograde_has_a_gpu_to_itself(smi, tmp_path, monkeypatch, right):
    from support.toy import build_course

    from grader.authoring.release import release
    from grader.grading.nbgrader_plugin import GradeSubmission

    course = build_course(tmp_path / "course")
    release(course)
    path = course.submission(course.week("1"), "ann")
    path.parent.mkdir(parents=True)
    show = "import os\nprint('on', os.environ['CUDA_VISIBLE_DEVICES'], DEVICE)\n"
    next(cell for cell in right.cells if cell.get("id") == "id-double").source = show + RIGHT["double"]
    path.write_text(nbformat.writes(right))
    monkeypatch.chdir(course.root)
    names = {"assignment": "week01_toy", "student": "ann", "notebook": "week01_toy"}
    graded, _ = GradeSubmission(parameters={"DEVICE": "cuda"}).preprocess(right, {"nbgrader": names})
    assert "on GPU-aaaa cuda" in "".join(o.get("text", "") for cell in graded.cells for o in cell.get("outputs", []))


def test_memory_that_other_programs_hold_is_no_submissions_fault(smi, toy, week, fill, monkeypatch):
    hog = fill(**{**RIGHT, "double": f"import torch\n{FULL}"})
    ordinary = Slots.taken

    def others_come(slots, alone=False):
        smi(TABLE.replace("40000", "900").replace("81000", "900"))
        return ordinary(slots, alone)

    monkeypatch.setattr(Slots, "taken", others_come)
    with pytest.raises(CourseError, match="0.879 GB free; one submission may use 8 GB: end the other programs"):
        grade_many(toy, week, [("ann", hog)], Options(workers=1, parameters={"DEVICE": "cuda"}))


@needs_sandbox
def test_what_goes_round_the_cap_is_ended(smi, tmp_path):
    """Only what the sandbox's own processes hold counts."""
    policy = Policy((), (tmp_path,), Limits())
    env = environment([], 1) | devices.environment(HERE)
    with Kernel("python3", env, policy, gpu=HERE) as kernel:
        smi(apps=f"GPU-aaaa, {os.getpid()}, 39000\nGPU-bbbb, {kernel.pid}, 39000\nGPU-aaaa, {kernel.pid}, 3000\n")
        assert kernel.run("import time; time.sleep(3)", 20).status == "ok", (
            "2 GB of tensors and 1 GB for CUDA are its own"
        )
        smi(apps=f"GPU-aaaa, {kernel.pid}, 3073\n")
        ran = kernel.run("import time; time.sleep(15)", 20)
    assert ran.status == "dead"
    assert ran.why == "its own use passed the cap of 2 GB of GPU memory for one submission, so the kernel was ended"


@needs_sandbox
def test_in_a_container_of_which_the_driver_knows_nothing_nobody_is_ended(smi, tmp_path, monkeypatch):
    with sandbox.Sandbox(Policy((), (tmp_path,))) as box:
        smi(apps=f"GPU-aaaa, {box.pid}, 39000\nGPU-aaaa, {box.pid}, [N/A]\n")
        assert used(HERE, box.pid) == 39000 * MIB
        monkeypatch.setattr(devices, "FIRST_PIDS", 7)
        assert used(HERE, box.pid) == 0


def test_a_kernel_whose_cap_cannot_be_set_does_not_start(monkeypatch):
    monkeypatch.setattr(devices, "set_cap", lambda share: "1 / 0")
    with pytest.raises(CourseError, match="the cap on its GPU memory could not be set: division by zero"):
        Kernel("python3", environment([], 1), gpu=HERE).__enter__()


def test_the_cap_is_what_torch_takes():
    import torch

    seen = []
    fake = type("cuda", (), {"is_available": lambda: True, "set_per_process_memory_fraction": seen.append})
    real, torch.cuda = torch.cuda, fake
    try:
        assert eval(set_cap(HERE)) is True
    finally:
        torch.cuda = real
    assert seen == [0.05]


# --- settings ---------------------------------------------------------------------------------------------------------


def test_the_command_line_says_device_profile_slots_and_memory(smi, week):
    found = options(week, 1, device="cuda:1", profile="full", slots=3, gpu_memory=1.5)
    assert found.parameters == {"DEVICE": "cuda:1", "PROFILE": "full"}
    assert (found.slots, found.gpu_memory) == (3, GB * 3 // 2)
    assert options(week, 1, device="auto").parameters == {"DEVICE": "cuda"}
    assert options(week, 1, ["DEVICE=cuda"], device="cuda").parameters == {"DEVICE": "cuda"}
    for given, says in (
        ({"device": "gpu"}, "none of cpu, cuda, cuda:NUMBER, auto"),
        ({"assignments": ["DEVICE=cpu"], "device": "cuda"}, "--device cuda and --parameter DEVICE=cpu differ"),
        ({"slots": 2}, "for --device cuda"),
        ({"device": "auto", "cluster": "local"}, "with --cluster it is cpu or cuda"),
    ):
        with pytest.raises(CourseError, match=says):
            options(week, 1, **given)


def test_a_grade_depends_on_slots_and_memory_only_on_a_gpu(toy, week):
    cuda = Options(parameters={"DEVICE": "cuda"})
    assert fingerprints.inputs(toy, week, cuda) != fingerprints.inputs(toy, week, replace(cuda, gpu_memory=GB))
    assert fingerprints.inputs(toy, week, cuda) == fingerprints.inputs(toy, week, replace(cuda, share=HERE))
    cpu = Options()
    assert fingerprints.inputs(toy, week, cpu) == fingerprints.inputs(toy, week, replace(cpu, gpu_memory=GB, slots=2))


def test_the_cap_comes_from_the_syllabus(toy_tree: Course, tmp_path):
    text = (toy_tree.root / "weeks" / "course.toml").read_text()
    (tmp_path / "weeks").mkdir()
    (tmp_path / "weeks" / "course.toml").write_text(text + "\n[weeks.week02_other.limits]\ngpu_memory = 1.5\n")
    course = find_course(tmp_path)
    assert gpu_memory.cap(Options(), course.week("2")) == GB * 3 // 2
    assert gpu_memory.cap(Options(), course.week("1")) == 8 * GB
    assert gpu_memory.cap(Options(gpu_memory=GB), course.week("2")) == GB


def test_a_task_of_a_cluster_asks_for_its_part_of_a_gpu(smi, toy, week, monkeypatch, tmp_path):
    ray = pytest.importorskip("ray")
    from grader.grading import cluster

    asked = []

    class Task:
        def options(self, **settings):
            asked.append(settings)
            return self

        def remote(self, *_):
            return "a task"

    monkeypatch.setattr(cluster, "connect", lambda address: 1)
    monkeypatch.setattr(ray, "get", lambda task: {})
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(CourseError, match="no node of the cluster has a GPU"):
        cluster.RemoteWorker(toy, week, Options(cluster="x", parameters={"DEVICE": "cuda"}), tmp_path)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0, "GPU": 1.0})
    job = {"path": None, "alone": False}
    for settings, expected in (
        (Options(cluster="x"), [0, 0]),
        (Options(cluster="x", parameters={"DEVICE": "cuda"}), [1, 1]),
        (Options(cluster="x", parameters={"DEVICE": "cuda"}, slots=4), [0.25, 1]),
    ):
        worker = cluster.RemoteWorker(toy, week, settings, tmp_path)
        worker.remote = Task()
        asked.clear()
        worker.do(job, 1)
        worker.do(job | {"alone": True}, 1)
        assert [one["num_gpus"] for one in asked] == expected
    with pytest.raises(CourseError, match="with --cluster it is cpu or cuda"):
        cluster.RemoteWorker(toy, week, Options(cluster="x", parameters={"DEVICE": "cuda:1"}), tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # as Ray sets it for a task
    given = gpu_memory.share_here(Options(parameters={"DEVICE": "cuda"}, slots=4), week, alone=False)
    assert (given.uuid, given.memory, given.alone) == ("GPU-bbbb", 8 * GB, False)
