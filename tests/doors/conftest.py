from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache as django_cache

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from tests.client import GateClient
from tests.doors.place import Place, make_place
from tests.factories.doors import KnownTokens, known_tokens


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def tokens(db: None) -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture
def client(db: None) -> GateClient:
    return GateClient()


@pytest.fixture
def ours(tokens: KnownTokens) -> Place:
    return make_place(tokens, is_operator=True)


@pytest.fixture
def theirs(tokens: KnownTokens) -> Place:
    return make_place(tokens)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A promise that none of an endpoint's calls makes is no test of it."""
    items[:] = [item for item in items if "[NOTSET" not in item.name]


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """Django-ratelimit counts login by address for a minute; here every test calls from the same one."""
    django_cache.clear()
