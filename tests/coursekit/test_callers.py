"""A judge's call looks, from inside an answer, like that of the visible check in the notebook."""

from __future__ import annotations

import sys

import pytest

from coursekit.frames import Frame, called_from, posing
from coursekit.student import Student
from grader.execution.kernel import Kernel, environment
from grader.grading.judge import Channel

# An answer that keeps what it can see of its caller, and gives it back.
ANSWER = """
import asyncio, gc, os, sys, threading, warnings
import numpy as np
import toy_lab
from toy_lab import check

seen = []

def double(n):
    frames, lines, frame = [], [], sys._getframe(1)
    while frame is not None:
        names = frame.f_globals
        frames.append([frame.f_code.co_filename, frame.f_code.co_name, frame.f_code.co_qualname, names.get("__name__")])
        lines.append(frame.f_lineno)
        frame = frame.f_back
    shell, here = get_ipython(), threading.current_thread()
    seen.append({
        "frames": frames,
        "lines": lines,
        "thread": [here.name, type(here).__name__, here is threading.main_thread()],
        "task": asyncio.current_task() is not None,
        "streams": [str(type(stream)) for stream in (sys.stdin, sys.stdout, sys.stderr)],
        "printed": [print("here"), sys.stdout.flush()],
        "shell": [type(shell).__name__, len(In) - shell.execution_count, In[-1]],
        "argument": [type(n).__module__, type(n).__name__, str(getattr(n, "dtype", "")), str(getattr(n, "flags", ""))],
        "settings": [sys.getrecursionlimit(), str(np.geterr()), sys.gettrace() is None, sys.getprofile() is None],
        "warnings": [str(one) for one in warnings.filters],
        "environment": sorted(os.environ),
        "gc": gc.isenabled(),
        "process": os.getpid(),
        "threads": sorted(one.name for one in threading.enumerate()),
    })
    return seen[-1]
"""
TELLABLE = {"lines", "process", "threads"}  # as docs/grading.md says


@pytest.fixture
def records(toy, week):
    """What one answer saw of its visible check, and of the judge."""
    env = environment([toy.root / "weeks", toy.root / "weeks" / week.slug], threads=1)
    with Kernel("python3", env={**env, "CROSSMODAL_HELPER": week.helper}, judged=True) as kernel:
        assert kernel.run(ANSWER, 60).status == "ok"
        ran = kernel.run('check("double")', 60)
        assert ran.status == "ok", ran.outputs
        package = f"{week.helper}.checks"
        (name, file), *_ = kernel_checks(kernel)
        channel = Channel(60, 60)
        channel.new_question(kernel, ("double", file, name, package))
        student = Student(channel)
        theirs, ours = student.seen[0], student.double(1)
        channel.done()
    return theirs, ours


def kernel_checks(kernel) -> list[tuple[str, str]]:
    """(name, file) of the visible checks of `double`, as the kernel has them."""
    code = "[(c.name, c.run.__code__.co_filename) for c in __import__('coursekit.notebook').notebook._checks['double']]"
    return eval(kernel.evaluate(code, 60).expressions["r"]["data"]["text/plain"])


def test_what_an_answer_sees_of_the_judge_is_what_it_sees_of_its_visible_check(records):
    theirs, ours = records
    different = {name for name in theirs if theirs[name] != ours[name]}
    assert ours["frames"] == theirs["frames"]
    assert different <= TELLABLE, {name: (theirs[name], ours[name]) for name in different - TELLABLE}
    assert len(theirs["frames"]) > 15 and theirs["shell"][2] == 'check("double")', "else nothing was compared"


def test_one_frame_poses_as_another_and_a_call_comes_from_frames_that_were_named():
    def looked_at():
        return Frame.between(sys._getframe(1), outer)

    def really():
        return looked_at()

    outer = sys._getframe().f_code
    wanted = [
        Frame("a.py", "first", "A.first", 7, {"__name__": "a"}),
        Frame("b.py", "<module>", "<module>", 1, {"__name__": "b"}),
    ]
    assert called_from(wanted, looked_at)() == wanted
    (found,) = posing(really, wanted[0])()
    assert (found.file, found.name, found.qualified, found.names["__name__"]) == ("a.py", "first", "A.first", "a")
