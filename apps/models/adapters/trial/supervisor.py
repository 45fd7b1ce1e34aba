"""Starting the child that opens an artefact, and making one answer of however it ends."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

from apps.core.errors import TimedOut, Unavailable
from apps.models.domain.formats.description import Description, read_description
from apps.models.errors import BrokenArtifact, RefusedArtifact, RuntimeMissing, UnsafeArtifact

ROOT = Path(__file__).resolve().parents[4]
SECONDS = 8.0
"""Whoever uploads has an answer within ten."""
WAIT_SECONDS = 2.0
ROOMS = threading.BoundedSemaphore(2)
"""How many children one process of ours has at a time, and how long an upload waits to be one of them."""
CPU_SECONDS = 8
MEGABYTES = 6144
"""Of address space, not of memory: the runtimes map far more than they touch."""
MOST_ANSWER = 16 * 1024 * 1024
PIECE = 1024 * 1024
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "HOME": "/nonexistent",
}
"""All of it: no secret of ours is within its reach."""
_REFUSALS: dict[str, type[RefusedArtifact]] = {
    refusal.code: refusal for refusal in (UnsafeArtifact, BrokenArtifact, RuntimeMissing)
}


def try_artifact(file: BinaryIO, *, seconds: float = SECONDS) -> Description:
    """What the artefact is, once it was opened and has answered. Raises the refusals, `TimedOut`, `Unavailable`."""
    with _with_descriptor(file) as readable:
        answer = _run(readable, seconds)
    if "refused" in answer:
        raise _REFUSALS[answer["refused"]](answer["found"])
    return read_description(answer["description"])


def _run(file: BinaryIO, seconds: float) -> dict[str, Any]:
    file.seek(0)
    with _room(), _child(file, max(CPU_SECONDS, ceil(seconds))) as process:
        deadline = time.monotonic() + seconds
        try:
            said = _read(process, deadline)
            status = process.wait(max(deadline - time.monotonic(), 0))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise TimedOut(
                f"The file could not be opened within {seconds:g} s.", code="trial_timeout"
            ) from None
    if status != 0:
        raise BrokenArtifact(_ended(status))
    answer: dict[str, Any] = json.loads(said)
    return answer


@contextmanager
def _room() -> Iterator[None]:
    """A child takes a core and gigabytes, so few of them run beside the rest of this process. Raises `Unavailable`."""
    if not ROOMS.acquire(timeout=WAIT_SECONDS):
        raise Unavailable(
            "Too many files are being opened. Try again shortly.", code="overloaded", retry_after=5
        )
    try:
        yield
    finally:
        ROOMS.release()


@contextmanager
def _child(file: BinaryIO, cpu_seconds: int) -> Iterator[subprocess.Popen[bytes]]:
    """In a session of its own: whatever it started ends with it, unless it ended by itself."""
    process = subprocess.Popen(  # noqa: S603 - our own module, and nothing of the caller's among its words
        [
            sys.executable, "-s", "-W", "ignore", "-m", "apps.models.adapters.trial.child",
            str(cpu_seconds), str(MEGABYTES),
        ],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=ENVIRONMENT,
        close_fds=True,
        start_new_session=True,
        bufsize=0,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            # Nobody has waited for it then, so its number, which is its group's, is nobody else's yet.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _read(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """All it says, as it says it, and never more than an answer may have. Raises `TimeoutError`, `BrokenArtifact`."""
    assert process.stdout is not None
    said = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not ready.select(left):
                raise TimeoutError
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                return bytes(said)
            said += piece
            if len(said) > MOST_ANSWER:
                raise BrokenArtifact("could not be opened: its reader does not stop talking")


def _ended(status: int) -> str:
    if status < 0:
        return f"ended the process that opened it (signal {-status})"
    return "could not be opened: its reader failed"


@contextmanager
def _with_descriptor(file: BinaryIO) -> Iterator[BinaryIO]:
    """A file that a child can be given: its own descriptor, or a copy where it comes from elsewhere than a disk."""
    try:
        file.fileno()
    except (OSError, AttributeError):
        with tempfile.TemporaryFile() as copy:
            while piece := file.read(PIECE):
                copy.write(piece)
            copy.flush()
            yield copy
    else:
        yield file
