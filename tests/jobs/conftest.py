from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core import bus
from apps.core.tenancy import organization_scope
from apps.jobs.services import authority, bounds, tallies
from apps.tenants.models import Membership, Organization
from tests.factories.tenants import make_member, make_organization


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    authority.forget()
    bounds.forget()
    tallies.forget()
    yield
    authority.forget()
    bounds.forget()
    tallies.forget()


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
def other(db: None) -> Organization:
    return make_organization(slug="other", name="Other")


@pytest.fixture
def user(organization: Organization) -> Membership:
    return make_member(organization)
