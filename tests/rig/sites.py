"""The fixtures that hand out sites and servers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site, copy_site, make_first_site
from tests.rig.stack import why_unavailable

MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def first_site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    """The migrated site the others are copied from. Start nothing on it."""
    site = make_first_site(tmp_path_factory.mktemp("sites") / "first", "first")
    yield site
    site.close()


@pytest.fixture(scope="session")
def site_numbers() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: str(next(numbers))


@pytest.fixture
def make_site(
    first_site: Site,
    site_numbers: Callable[[], str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Generator[MakeSite]:
    """`make_site(redis=True)`: a fresh site; without a word it has a Redis where the suite has.

    The servers of a test marked `no_jobs` start no worker beside them, which is half of what a server costs.
    """
    made: list[Site] = []

    def make(*, redis: bool | None = None) -> Site:
        number = site_numbers()
        site = copy_site(first_site, tmp_path / f"site-{number}", number)
        made.append(site)
        if request.node.get_closest_marker("no_jobs"):
            site.env["SIGNALBOX_EMBEDDED_WORKER"] = "false"
        if has_redis(request.config) if redis is None else redis:
            site.use_redis()
        return site

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A fresh site of this test alone."""
    return make_site()


@pytest.fixture
def server(site: Site) -> ServerProcess:
    """A real `manage.py serve` process on a fresh site of this test alone."""
    return site.start()


@pytest.fixture(scope="session")
def shared_site(
    first_site: Site,
    site_numbers: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Generator[Site]:
    """One site for all tests of a worker that leave it fit for the next."""
    shared = copy_site(first_site, tmp_path_factory.mktemp("shared") / "site", site_numbers())
    if has_redis(request.config):
        shared.use_redis()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def shared_server(shared_site: Site) -> ServerProcess:
    """One real server process for all tests of a worker that only look."""
    return shared_site.start()


def has_redis(config: pytest.Config) -> bool:
    return bool(config.getoption("stack") == "postgres" and not why_unavailable())
