from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.doors import KnownTokens, known_tokens
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def tokens() -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture
def client() -> GateClient:
    return GateClient()


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def admin(tokens: KnownTokens, organization: Organization) -> str:
    tokens.identities["admin"] = make_identity(organization)
    return "admin"
