"""What these tests share: two organisations, and an authenticator that remembers nothing of other tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core import authentication, bus, changes
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.tenancy import organization_scope
from apps.keys.authenticator import CachingAuthenticator
from apps.keys.domain import secrets
from apps.keys.services import uses
from apps.tenants.models import Membership, Organization
from tests.factories.tenants import make_admin, make_member, make_organization


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture(autouse=True)
def no_uses() -> Iterator[None]:
    uses._used.clear()
    yield
    uses._used.clear()


@pytest.fixture(autouse=True)
def cheap_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "BCRYPT_COST", 4)


@pytest.fixture(autouse=True)
def authenticator(monkeypatch: pytest.MonkeyPatch) -> CachingAuthenticator:
    """The process's authenticator: fresh, and alone in hearing of changes, which are counted from none."""
    monkeypatch.setattr(changes, "_poll", changes._Poll())
    monkeypatch.setattr(changes, "_listeners", [])
    fresh = CachingAuthenticator()
    monkeypatch.setattr(authentication, "_authenticator", fresh)
    return fresh


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> list[bus.Fact]:
    announced: list[bus.Fact] = []
    monkeypatch.setattr(bus, "_sinks", lambda: (announced.append,))
    return announced


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    """The organisation the test acts in."""
    made = make_organization(slug="acme", name="Acme")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def admin(organization: Organization) -> Membership:
    return make_admin(organization)


@pytest.fixture
def user(organization: Organization) -> Membership:
    return make_member(organization)


@pytest.fixture
def stranger(db: None) -> Membership:
    """The administrator of another organisation."""
    return make_admin()
