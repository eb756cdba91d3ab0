"""Heaps of threads: fewer where the C library lets itself be told so."""

from __future__ import annotations

import subprocess
import sys

HEAPS = """
import ctypes, os, threading
from sila_daemon.ports.memory import limit_arenas
print(limit_arenas())
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p
places, barrier = set(), threading.Barrier(12)
def take():
    barrier.wait()
    places.add(malloc(100) >> 26)
    barrier.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(places))
"""
"""A heap of glibc's threads begins at a multiple of 64 MB."""


def test_many_threads_share_two_heaps() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAPS], capture_output=True, text=True, check=True
    ).stdout.split()

    is_limited, heaps = done[0] == "True", int(done[1])
    assert not is_limited or heaps <= 2


def test_a_python_without_ctypes_goes_on() -> None:
    program = "import sys; sys.modules['_ctypes'] = None\n"
    program += "from sila_daemon.ports.memory import limit_arenas\nprint(limit_arenas())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
