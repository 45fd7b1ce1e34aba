"""What the kernel's tests share: a throw-away URL table to call, known tokens, an empty limit store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apps.core.actor import Identity
from apps.core.asgi import headers, resolve
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from tests.client import GateClient
from tests.core.asgi import table
from tests.core.asgi.table import Tried
from tests.factories.doors import KnownTokens, known_tokens
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization

# Bounded by the number of examples: the machine's pace is no property of ours.
hypothesis_settings.register_profile(
    "house", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("house")


@pytest.fixture
def empty_limits() -> Iterator[MemoryLimitStore]:
    store = MemoryLimitStore()
    set_store(store)
    yield store
    set_store(None)


@pytest.fixture
def tokens() -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture
def tried(settings: Any) -> Iterator[None]:
    """The throw-away table in place of ours."""
    settings.ROOT_URLCONF = "tests.core.asgi.table"
    resolve.forget_paths()
    headers.forget_versions()
    table.runs.clear()
    table.ended.clear()
    yield
    resolve.forget_paths()
    headers.forget_versions()


@pytest.fixture
def client(tried: None, db: None) -> GateClient:
    return GateClient()


@pytest.fixture
def ada(tokens: KnownTokens, db: None) -> Identity:
    """Somebody whose token is `ada`."""
    identity = make_identity(make_organization(), permissions=frozenset({Tried.USE.value}))
    tokens.identities["ada"] = identity
    return identity
