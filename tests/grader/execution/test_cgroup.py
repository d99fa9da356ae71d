"""Control groups, on a made-up /sys/fs/cgroup: few machines that run tests have one to give."""

import pytest

from grader.execution import cgroup

SELF = "0::/user.slice/run-1.scope\n"


@pytest.fixture
def group(tmp_path):
    """The group of this process, with two processes in it."""
    folder = tmp_path / "user.slice" / "run-1.scope"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpu memory pids\n")
    (folder / "cgroup.subtree_control").write_text("\n")
    (folder / "cgroup.procs").write_text("11\n12\n")
    return folder


def test_the_group_is_found_also_once_we_have_moved(tmp_path, group):
    assert cgroup._group(tmp_path, SELF) == group
    assert cgroup._group(tmp_path, f"0::/user.slice/run-1.scope/{cgroup.OURS}\n") == group
    assert cgroup._group(tmp_path, "4:memory:/process\n0::/\n") is None, "version 1 counts memory here"
    assert cgroup._group(tmp_path, "4:memory:/process\n") is None
    (group / "cgroup.controllers").write_text("cpu pids\n")
    assert cgroup._group(tmp_path, SELF) is None


def test_a_group_that_nobody_gave_us_is_left_alone(group, monkeypatch):
    assert not cgroup._is_delegated(group)
    given = {"user.delegate": b"1"}

    def xattr(path, name):
        if name not in given:
            raise OSError
        return given[name]

    monkeypatch.setattr(cgroup.os, "getxattr", xattr)
    assert cgroup._is_delegated(group)
    given["user.delegate"] = b"0"
    assert not cgroup._is_delegated(group)


def test_our_processes_move_aside_and_groups_beside_them_may_be_limited(group):
    cgroup._prepare(group)
    assert (group / "cgroup.subtree_control").read_text() == "+memory"
    assert (group / cgroup.OURS / "cgroup.procs").read_text() == "12", "each was written there, one after the other"
    (group / "cgroup.subtree_control").write_text("memory")
    (group / "cgroup.procs").unlink()
    cgroup._prepare(group)  # once is enough


def test_a_sandbox_gets_its_limit(group):
    with cgroup.Group(group, 1 << 30) as made:
        assert made.folder.parent == group
        assert (made.folder / "memory.max").read_text() == str((1 << 30) + cgroup.SLACK)
        assert not (made.folder / "memory.swap.max").exists(), "this Linux has none"
        cgroup.enter(str(made.folder))
        assert (made.folder / "cgroup.procs").read_text() == "0", "which is whoever writes it"
        assert not made.was_full()
        (made.folder / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\n")
        assert made.was_full()
        for file in made.folder.iterdir():
            file.unlink()  # in the real one they go with the folder
    assert not made.folder.exists()


def test_here_there_is_one_or_none():
    found = cgroup.delegated()
    assert found is None or "memory" in (found / "cgroup.subtree_control").read_text()
