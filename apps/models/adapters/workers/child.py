"""The worker process: `python -m apps.models.adapters.workers.child SOCKET MEMORY`, several models, one batch at a time.

Like the trial's child it gives up what it does not need before it sees the first artefact, and imports no Django. It ends
when its parent's end of the socket closes, when the kernel says it took too much, and when a batch outlasts its alarm,
which no parent has to be alive for.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

FILES = 256
LIBRARIES = 256 * 1024 * 1024
"""What all the runtimes take before the first model."""
MAPPED = 4 * 1024**3
"""Of address space beyond the memory: the runtimes map far more than they touch."""
PIECE = 1024 * 1024
ALARM_SECONDS = 2.0
"""Beyond the parent's own patience, which ends first as long as there is a parent."""
PAGE = os.sysconf("SC_PAGE_SIZE")


class Worker:
    def __init__(self, link: socket.socket, watch: Any) -> None:
        self._link = link
        self._watch = watch
        self._buffer = bytearray()
        self._scorers: dict[str, Any] = {}
        self._files: list[int] = []

    def run(self) -> None:
        """Until the parent is gone."""
        while (said := self._hear()) is not None:
            signal.setitimer(signal.ITIMER_REAL, said["seconds"] + ALARM_SECONDS)
            answer = self._answer(said)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._link.sendall(answer)

    def _hear(self) -> Any:
        from apps.models.adapters.workers import frames  # noqa: PLC0415

        while (said := frames.take(self._buffer)) is None:
            piece, files, _, _ = socket.recv_fds(self._link, PIECE, 8)
            self._files += files
            if not piece:
                return None
            self._buffer += piece
        return said

    def _answer(self, said: dict[str, Any]) -> bytes:
        from apps.core.errors import AppError  # noqa: PLC0415
        from apps.models.adapters.trial.child import Forbidden  # noqa: PLC0415
        from apps.models.adapters.workers import frames  # noqa: PLC0415
        from apps.models.errors import ScoringFailed  # noqa: PLC0415

        try:
            return frames.write({"done": self._do(said, frames)})
        except AppError as error:
            failure = {"code": error.code, "message": getattr(error, "found", error.message)}
        except Forbidden as error:
            failure = {"code": "unsafe_artifact", "message": f"tried what no model may: {error}"}
        except MemoryError:
            text = "The model takes more memory than it may have."
            failure = {"code": ScoringFailed.code, "message": text}
        except Exception:  # noqa: BLE001 - one model's failure is no reason to take the others along
            failure = {"code": ScoringFailed.code, "message": ScoringFailed.message}
        return frames.write({"failed": failure})

    def _do(self, said: dict[str, Any], frames: Any) -> Any:
        name = said["name"]
        match said["do"]:
            case "load":
                return self._load(name, said["blueprint"], self._files.pop(0))
            case "unload":
                self._scorers.pop(name, None)
                return None
            case "explain":
                return frames.write_explanation(self._scorers[name].explain(tuple(said["rows"][0])))
            case _:
                return frames.write_scored(self._scorers[name].score(said["rows"]))

    def _load(self, name: str, document: dict[str, Any], file: int) -> int:
        """Answers how many bytes it took, about."""
        from apps.models.adapters.runtimes import loading  # noqa: PLC0415
        from apps.models.adapters.trial.child import preload  # noqa: PLC0415
        from apps.models.adapters.workers import frames  # noqa: PLC0415

        try:
            blueprint = frames.read_blueprint(document)
            with self._watch.paused():
                preload(blueprint.described.format.value)
            before = _resident()
            self._scorers[name] = loading.load_scorer(blueprint, f"/proc/self/fd/{file}")
            return max(_resident() - before, 0)
        finally:
            os.close(file)


def limit(memory: int) -> None:
    """What the kernel holds it to."""
    data = memory + LIBRARIES
    resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    resource.setrlimit(resource.RLIMIT_AS, (data + MAPPED,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def main() -> int:
    number, memory = int(sys.argv[1]), int(sys.argv[2])
    limit(memory)
    # After the limits, so that all that is imported is within them.
    from apps.models.adapters.runtimes import loading  # noqa: F401, PLC0415
    from apps.models.adapters.trial import child as confinement  # noqa: PLC0415

    confinement.cut_off()
    link = socket.socket(fileno=number)
    Worker(link, confinement.watch()).run()
    os._exit(0)  # libraries' own clean-up is not worth waiting for


if __name__ == "__main__":
    sys.exit(main())
