"""Starting the child that opens an artefact, and making one answer of however it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from apps.core.errors import TimedOut
from apps.models.domain.formats.description import Description, read_description
from apps.models.errors import BrokenArtifact, RefusedArtifact, RuntimeMissing, UnsafeArtifact

ROOT = Path(__file__).resolve().parents[4]
SECONDS = 8.0
"""Whoever uploads has an answer within ten."""
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
    """What the artefact is, once it was opened and has answered. Raises the refusals, and `TimedOut`."""
    with _with_descriptor(file) as readable:
        answer = _run(readable, seconds)
    if "refused" in answer:
        raise _REFUSALS[answer["refused"]](answer["found"])
    return read_description(answer["description"])


def _run(file: BinaryIO, seconds: float) -> dict[str, Any]:
    file.seek(0)
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and nothing of the caller's among its words
            [
                sys.executable, "-s", "-W", "ignore", "-m", "apps.models.adapters.trial.child",
                str(CPU_SECONDS), str(MEGABYTES),
            ],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=ENVIRONMENT,
            timeout=seconds,
            check=False,
            close_fds=True,
            start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimedOut(
            f"The file could not be opened within {seconds:g} s.", code="trial_timeout"
        ) from None
    if done.returncode != 0 or len(done.stdout) > MOST_ANSWER:
        raise BrokenArtifact(_ended(done.returncode))
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


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
