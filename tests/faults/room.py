"""Places that run out of room: a small file system where one can be mounted, and a bound on what a process may write."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = "filler"
CHUNK = 4096


class SmallDisk:
    """A file system of its own; `fill` leaves no block of it free, `free` gives them back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        descriptor = os.open(self.folder / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while True:
                os.write(descriptor, bytes(CHUNK))
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def free(self) -> None:
        (self.folder / FILLER).unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Skips, and says so, where this user may not mount one; the same faults are tried by a bound on file sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NO FULL DISK TRIED: there is no mount here")
    if done.returncode:
        pytest.skip(f"NO FULL DISK TRIED: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def bound_files(pid: int, size: int) -> None:
    """Let a running process write no file beyond this size; -1 lifts it."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
