"""What these tests share: an organisation with a route, people in it, somebody of another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.tenancy import organization_scope
from apps.tenants.models import Organization
from tests.factories.providers import make_route
from tests.factories.tenants import actor_of, make_admin, make_member, make_organization


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def house(db: None) -> Iterator[Organization]:
    """The organisation the test acts in, with a route `chat` and another, `spare`."""
    made = make_organization()
    make_route(made, name="chat")
    make_route(made, name="spare")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def ada(house: Organization) -> Actor:
    return actor_of(make_member(house))


@pytest.fixture
def ben(house: Organization) -> Actor:
    """Another member."""
    return actor_of(make_member(house))


@pytest.fixture
def chief(house: Organization) -> Actor:
    """An administrator."""
    return actor_of(make_admin(house))


@pytest.fixture
def reader(house: Organization) -> Actor:
    return actor_of(make_member(house, Role.VIEWER))


@pytest.fixture
def stranger(db: None) -> Actor:
    """The administrator of another organisation."""
    made = make_admin()
    make_route(made.organization, name="chat")
    return actor_of(made)


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> list[bus.Fact]:
    announced: list[bus.Fact] = []
    monkeypatch.setattr(bus, "_sinks", lambda: (announced.append,))
    return announced
