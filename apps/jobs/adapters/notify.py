"""PostgreSQL's NOTIFY as a bell to workers on other machines. Without PostgreSQL nothing here starts.

The driver is imported by the threads that use it: a server on SQLite is 9 MB smaller without.

Both sides hold a connection of their own. Not within the submitter's transaction: a NOTIFY there makes all commits
queue behind one lock; and not once a job: many rings close together are one.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import structlog
from django.db import connection

if TYPE_CHECKING:
    import psycopg

log = structlog.get_logger(__name__)

CHANNEL = "signalbox_jobs"
CALM_SECONDS = 0.01
AWAY_SECONDS = 1.0
LISTEN_SECONDS = 1.0


def is_available() -> bool:
    return connection.vendor == "postgresql"


class Ringer:
    """`ring` only marks that there is something to say; a thread says it."""

    def __init__(self) -> None:
        self._marked = Event()
        self._thread: Thread | None = None

    def ring(self, jobs: list[Any]) -> None:
        self._marked.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._say, name="notify", daemon=True)
            self._thread.start()

    def _say(self) -> None:
        import psycopg  # noqa: PLC0415 - see above

        while True:
            try:
                with _connect() as link:
                    while True:
                        self._marked.wait()
                        self._marked.clear()
                        link.execute(f"NOTIFY {CHANNEL}")
                        Event().wait(CALM_SECONDS)
            except psycopg.Error as error:
                log.warning("notify_away", error=repr(error))
                Event().wait(AWAY_SECONDS)


class Listener:
    """Calls `hear` at each ring until `close`."""

    def __init__(self, hear: Callable[[], None]) -> None:
        self._hear = hear
        self._is_closed = Event()
        self._thread = Thread(target=self._run, name="listen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        if self._thread.is_alive():
            self._thread.join(2 * LISTEN_SECONDS)

    def _run(self) -> None:
        import psycopg  # noqa: PLC0415 - see above

        while not self._is_closed.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                log.warning("listen_away", error=repr(error))
                self._is_closed.wait(AWAY_SECONDS)

    def _listen(self) -> None:
        with _connect() as link:
            link.execute(f"LISTEN {CHANNEL}")
            self._hear()  # for what was rung while nobody listened
            while not self._is_closed.is_set():
                for _ in link.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                    self._hear()


def _connect() -> psycopg.Connection[Any]:
    import psycopg  # noqa: PLC0415 - see above

    given = connection.get_connection_params()
    known = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode")
    return psycopg.connect(
        autocommit=True, **{name: given[name] for name in known if given.get(name)}
    )


ringer = Ringer()
