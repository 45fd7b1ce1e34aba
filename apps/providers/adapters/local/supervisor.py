"""One child for all processes of this data directory: whoever holds the lock runs it, the others read where it is.

The lock falls with its holder, and the child with the pipe from its holder: after any kind of death the next call finds
the lock free and starts anew. Nothing is killed by a number read from a file.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import structlog
from django.conf import settings

from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.providers.adapters.local.model import LocalModel, find_model

log = structlog.get_logger(__name__)
CHILD = Path(__file__).with_name("child.py")
START_SECONDS = 60.0
REST_SECONDS = 30.0
"""After a start that failed, calls are refused at once for this long."""
LOOK_SECONDS = 5.0
NOTICE_SECONDS = 3.0
"""Time for a child's holder to notice its death."""
CONTEXT_TOKENS = 4096
PARALLEL = 2
SIGILL = -4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the child listens, and what it wants to hear."""

    host: str
    port: int
    key: str
    number: int = 0
    """Which start it is of: a call that found nobody there asks for another one."""


class Supervisor:
    """Blocking, and safe to call from any thread; `transport` waits for it on one thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._endpoint: Endpoint | None = None
        self._lock_file: IO[str] | None = None
        self._failed_at = -REST_SECONDS
        self._failure = ""

    @property
    def endpoint(self) -> Endpoint | None:
        """Our own child's, while it lives."""
        child = self._child
        return self._endpoint if child is not None and child.poll() is None else None

    def ensure(self, dead: Endpoint | None = None) -> Endpoint:
        """Where a child listens, started if need be. Raises `CallFailed` and `CallTimedOut`.

        `dead`: where nobody answered. Whoever runs that child may not have noticed yet.
        """
        with self._lock:
            if self._child is not None and self._endpoint == dead:
                with suppress(
                    subprocess.TimeoutExpired
                ):  # its sockets are closed before it is gone
                    self._child.wait(NOTICE_SECONDS)
            if (known := self.endpoint) is not None:
                return known
            self._let_go()
            if self._take_lock():
                return self._start()
        return self._wait_for_other(dead)

    def stop(self) -> None:
        with self._lock:
            self._let_go()

    def note_use(self) -> None:
        """Tell whoever runs the child that it is wanted."""
        with suppress(OSError):
            os.utime(_folder() / "used")

    def _take_lock(self) -> bool:
        file = (_folder() / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._lock_file = file
        _told().unlink(missing_ok=True)  # by a holder that died
        return True

    def _start(self) -> Endpoint:
        try:
            if time.monotonic() - self._failed_at < REST_SECONDS:
                raise CallFailed("not_started", self._failure)
            endpoint = self._spawn(find_model())
        except CallFailed as error:
            if error.reason != "not_started" or not self._failure:
                self._failed_at, self._failure = time.monotonic(), error.message
            self._let_go()
            raise
        self._failure = ""
        self._endpoint = endpoint
        _write_private(_told(), json.dumps(asdict(endpoint)))
        threading.Thread(
            target=self._watch, args=(self._child,), name="local_model", daemon=True
        ).start()
        return endpoint

    def _spawn(self, model: LocalModel) -> Endpoint:
        folder = _folder()
        (folder / "used").touch()
        words = {
            "model": str(model.path),
            "name": model.name,
            "template": model.template,
            "key": secrets.token_urlsafe(32),
            "context": CONTEXT_TOKENS,
            "parallel": PARALLEL,
            "threads": max(1, (os.cpu_count() or 2) - 1),
        }
        with (folder / "child.log").open("w") as errors:
            self._child = child = subprocess.Popen(  # noqa: S603 - our own file, by our own Python
                [sys.executable, "-I", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={"PATH": os.defpath},
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for the server: calls under way may end first
            )
        address = _tell(child, json.dumps(words))
        if address is None:
            raise CallFailed("not_started", _why(child))
        host, _, port = address.removeprefix("http://").rpartition(":")
        log.info("local_model_started", model=model.name, pid=child.pid)
        return Endpoint(host, int(port), str(words["key"]), child.pid)

    def _let_go(self) -> None:
        """Stop our child, if it is there, and give up the lock."""
        child, self._child, self._endpoint = self._child, None, None
        if child is not None:
            _end(child)
        if self._lock_file is not None:
            _told().unlink(missing_ok=True)
            self._lock_file.close()
            self._lock_file = None

    def _watch(self, child: subprocess.Popen[str]) -> None:
        """Idle for long, and it goes; dead, and its lock goes."""
        while True:
            try:
                child.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if not _is_idle():
                    continue
            with self._lock:
                if self._child is child:  # and was not stopped meanwhile
                    log.info("local_model_gone", status=child.poll())
                    self._let_go()
            return

    def _wait_for_other(self, dead: Endpoint | None) -> Endpoint:
        """Another process runs it, or is about to."""
        began = time.monotonic()
        while time.monotonic() - began < START_SECONDS:
            told = _read_told()
            if told is not None and (told != dead or time.monotonic() - began > NOTICE_SECONDS):
                return told
            time.sleep(0.05)
            with self._lock:
                if self._take_lock():
                    return self._start()
        raise CallTimedOut("The local model did not start in time.")


def _folder() -> Path:
    folder = Path(settings.SIGNALBOX_DATA_DIR) / "local-model"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _told() -> Path:
    return _folder() / "endpoint.json"


def _read_told() -> Endpoint | None:
    try:
        return Endpoint(**json.loads(_told().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and readable by us alone: it holds the key."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _tell(child: subprocess.Popen[str], words: str) -> str | None:
    """Say what to serve; where it listens, or None when it does not."""
    assert child.stdin is not None
    assert child.stdout is not None
    timer = threading.Timer(START_SECONDS, child.kill)
    timer.start()
    try:
        child.stdin.write(words + "\n")
        child.stdin.flush()
        return str(json.loads(child.stdout.readline())["address"])
    except (OSError, ValueError, KeyError):
        return None
    finally:
        timer.cancel()


def _why(child: subprocess.Popen[str]) -> str:
    _end(child)
    if child.returncode == SIGILL:
        return "The local model cannot run on this machine's processor."
    return "The local model did not start; the log in the data directory says why (local-model/child.log)."


def _end(child: subprocess.Popen[str]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # it was full of words for somebody dead
                pipe.close()
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _is_idle() -> bool:
    idle = settings.SIGNALBOX_LOCAL_IDLE
    if not idle:
        return False
    try:
        return time.time() - (_folder() / "used").stat().st_mtime > idle
    except OSError:
        return False


SUPERVISOR = Supervisor()
