"""The child process that opens an artefact: `python -m apps.models.adapters.trial.child < artefact > answer`.

It gives up what it does not need before it reads the first byte: time, memory, files, the network, other programs, and
unpickling. It imports no Django and has no settings. Its answer is one line of JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
MOST_FILES = 256
FORBIDDEN = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate",
    "shutil.", "tempfile.", "pickle.find_class", "ftplib.", "smtplib.", "urllib.", "webbrowser.",
)  # fmt: skip
"""Beginnings of audit events (PEP 578) that end the trial."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Forbidden(Exception):
    """The artefact made something try what a model has no business with."""


def limit(seconds: int, megabytes: int) -> None:
    """What the kernel holds it to."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1024 * 1024,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cut_off()


def cut_off() -> None:
    """A network of its own, with nobody in it: not everybody may have one."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


class Watch:
    """What Python itself holds it to, until it ends."""

    def __init__(self) -> None:
        self._is_paused = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_paused:
            return
        if event.startswith(FORBIDDEN):
            raise Forbidden(event)
        if event == "open" and _is_writing(arguments[1], arguments[2]):
            raise Forbidden("open for writing")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While a library is imported, before the artefact is touched: some of them look around while they are."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False


def _is_writing(mode: Any, flags: Any) -> bool:
    return bool(set(mode or "") & set("wax+") or (flags or 0) & WRITING)


def watch() -> Watch:
    """Begins now, and ends with the process."""
    found = Watch()
    sys.addaudithook(found)
    return found


def preload(name: str) -> None:
    """The library of the format that the first bytes speak of, before the watch begins."""
    with suppress(ImportError):
        for module in {"onnx": ("onnxruntime",), "skops": ("skops.io", "sklearn.pipeline")}.get(
            name, ({"xgboost": "xgboost", "lightgbm": "lightgbm"}.get(name, "json"),)
        ):
            __import__(module)


def main() -> int:
    seconds, megabytes = int(sys.argv[1]), int(sys.argv[2])
    limit(seconds, megabytes)
    # After the limits, so that even the readers' own imports are within them.
    from apps.models.adapters.trial import runtimes  # noqa: PLC0415
    from apps.models.domain.formats import reading  # noqa: PLC0415
    from apps.models.errors import RefusedArtifact  # noqa: PLC0415

    file = os.fdopen(0, "rb", closefd=False)
    try:
        description = reading.describe(file)
        preload(description.format.value)
        watch()
        description = runtimes.open_and_try(description, "/proc/self/fd/0")
        answer: dict[str, Any] = {"description": description.document()}
    except RefusedArtifact as error:
        answer = {"refused": error.code, "found": error.found}
    except Forbidden as error:
        answer = {"refused": "unsafe_artifact", "found": f"tried what no model may: {error}"}
    except MemoryError:
        answer = {"refused": "broken_artifact", "found": "takes more memory than a trial has"}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # libraries' own clean-up is not worth waiting for


if __name__ == "__main__":
    sys.exit(main())
