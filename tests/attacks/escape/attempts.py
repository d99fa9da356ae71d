"""What the attempts begin with: a way to try, and to say what succeeded."""

TRY = """
import ctypes, glob, os, re, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def attempt(what, function, *arguments):
    try:
        found = function(*arguments)
    except (OSError, ValueError, OverflowError, subprocess.SubprocessError):
        return None
    if found not in (None, False, -1, b"", "", []):
        print(f"ESCAPED: {what}: {found!r}"[:500])
    return found

def call(name, *arguments):
    "The result of a system call, or None where it failed."
    result = getattr(libc, name)(*arguments)
    return None if result == -1 else f"{name} worked"

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)

def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
"""
