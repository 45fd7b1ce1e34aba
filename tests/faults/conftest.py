"""Sites whose stores a test may break: a PostgreSQL and a Valkey that nobody else uses."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rig.postgres import Postgres
from tests.rig.site import Site, copy_site, make_first_site
from tests.rig.valkey import Valkey

PATIENT = {"RATE_LIMIT_REQUESTS": "100000", "SIGNALBOX_JOB_LEASE": "2"}


@pytest.fixture(scope="session")
def frail_postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A durable PostgreSQL apart from the suite's, to be killed and frozen."""
    if request.config.getoption("stack") != "postgres":
        pytest.skip("what PostgreSQL does under faults is tried with --stack=postgres")
    folder = Path(tempfile.mkdtemp(prefix="signalbox-frail-"))
    server = Postgres(folder, durable=True)
    yield server
    server.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def frail_first_site(
    frail_postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("frail") / "first"
    site = make_first_site(folder, "first", beside=frail_postgres.url())
    yield site
    site.close()


@pytest.fixture
def frail_site(
    frail_first_site: Site,
    frail_postgres: Postgres,
    site_numbers: Callable[[], str],
    tmp_path: Path,
) -> Iterator[Site]:
    """A site on the PostgreSQL that the test may break; it runs again when the test is over."""
    site = copy_site(frail_first_site, tmp_path / "frail", site_numbers())
    frail_postgres.checkpoint()
    site.env |= PATIENT
    yield site
    frail_postgres.thaw()
    site.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "frail-valkey")
    yield server
    server.signal(signal.SIGCONT)
    server.close()


@pytest.fixture
def redis_site(site: Site, redis: Valkey) -> Site:
    """A site whose Redis the test may break."""
    site.env |= PATIENT | {"REDIS_URL": redis.url()}
    return site
