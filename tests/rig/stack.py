"""Chooses the databases before Django's settings load: `--stack=sqlite` (default) or `postgres`.

The first process of a run starts the servers and names them in the environment; xdist's workers
inherit that, and each has its own database (PostgreSQL, by pytest-django's suffix) or its own
server or number (Redis), so nothing is shared between them. The developer's own environment is
cleared of every variable the program reads: the suite means the same on every machine.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.rig.environment import is_ci, program_variables

STACKS = ("sqlite", "postgres")
UNAVAILABLE = (
    "SIGNALBOX_TEST_STACK_UNAVAILABLE"  # the reason, from the first process to its workers
)
FOLDER = "SIGNALBOX_TEST_FOLDER"
REDIS_DATABASES = 16  # how many numbers a Redis has unless told otherwise


class Server(Protocol):
    def close(self) -> None: ...


StartedServer = TypeVar("StartedServer", bound=Server)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("signalbox").addoption(
        "--stack",
        choices=STACKS,
        default="sqlite",
        help="what the suite runs on: SQLite alone, or a real PostgreSQL and a real Valkey, started "
        "by the run (TEST_DATABASE_URL and TEST_REDIS_URL name servers to use instead)",
    )


@pytest.hookimpl(wrapper=True)  # a wrapper comes before pytest-django, which loads the settings
def pytest_load_initial_conftests(
    early_config: pytest.Config, args: list[str]
) -> Generator[None, object, object]:
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        _prepare(options.stack)
    return (yield)


def _prepare(stack: str) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        for name in program_variables():
            os.environ.pop(name, None)
        _make_folder()
        if stack == "postgres":
            _start_servers()
    folder = Path(os.environ[FOLDER]) / (worker or "alone")
    folder.mkdir(exist_ok=True)
    os.environ["SIGNALBOX_DATA_DIR"] = str(folder / "data")
    (folder / "data").mkdir(exist_ok=True)
    if stack == "sqlite" or UNAVAILABLE in os.environ:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'signalbox.sqlite3'}"
    elif worker:
        _take_own_redis(worker, folder)


def _make_folder() -> None:
    folder = tempfile.mkdtemp(prefix="signalbox-tests-")
    os.environ[FOLDER] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _start_servers() -> None:
    os.environ.pop(UNAVAILABLE, None)
    given_database = os.environ.get("TEST_DATABASE_URL")
    given_redis = os.environ.get("TEST_REDIS_URL")
    try:
        os.environ["DATABASE_URL"] = given_database or _start_postgres()
        os.environ["REDIS_URL"] = given_redis or _start_valkey("valkey")
    except Exception as reason:
        if is_ci():
            raise pytest.UsageError(f"CI runs on the real servers or fails. {reason}") from reason
        os.environ[UNAVAILABLE] = f"{type(reason).__name__}: {reason}"


def _start_postgres() -> str:
    from tests.rig.postgres import Postgres  # noqa: PLC0415 - not needed on SQLite

    # A folder straight under the temporary one: an ordinary user must be able to enter it.
    folder = Path(tempfile.mkdtemp(prefix="signalbox-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = _started(lambda: Postgres(folder))
    return server.url("signalbox")


def _start_valkey(name: str) -> str:
    from tests.rig.valkey import Valkey  # noqa: PLC0415 - not needed on SQLite

    folder = Path(os.environ[FOLDER]) / name
    return _started(lambda: Valkey(folder)).url()


def _started(start: Callable[[], StartedServer]) -> StartedServer:
    server = start()
    atexit.register(server.close)
    return server


def _take_own_redis(worker: str, folder: Path) -> None:
    if not os.environ.get("TEST_REDIS_URL"):
        os.environ["REDIS_URL"] = _start_valkey(f"valkey-{worker}")
        return
    parts = urlsplit(os.environ["REDIS_URL"])
    number = (
        int(parts.path.strip("/") or 0) + 1 + int(worker.removeprefix("gw"))
    ) % REDIS_DATABASES
    os.environ["REDIS_URL"] = urlunsplit(parts._replace(path=f"/{number}"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without the servers this run means nothing. The browser tests do: they run on SQLite too."""
    if why_unavailable() and not item.get_closest_marker("browser"):
        pytest.skip("PostgreSQL or Valkey could not start")


def pytest_report_header(config: pytest.Config) -> str:
    return f"stack: {config.getoption('stack')}" + (" (UNAVAILABLE)" if why_unavailable() else "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if why_unavailable():
        terminalreporter.section("NOT RUN ON POSTGRESQL AND VALKEY", red=True, bold=True)
        terminalreporter.line(why_unavailable())


def why_unavailable() -> str:
    return os.environ.get(UNAVAILABLE, "")
