"""The fake model server of this app's tests, and two organizations: ours in scope, and one to leak from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core.actor import Actor
from apps.core.tenancy import organization_scope
from apps.tenants.models import Organization
from tests.factories.tenants import actor_of, make_admin, make_organization
from tests.fakes.llm.running import FakeLLM, fake_llm


@pytest.fixture(scope="session")
def llm_server() -> Iterator[FakeLLM]:
    with fake_llm() as fake:
        yield fake


@pytest.fixture
def llm(llm_server: FakeLLM) -> FakeLLM:
    """A model server on loopback that misbehaves on command; see tests/fakes/llm."""
    llm_server.forget()
    return llm_server


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    made = make_organization(slug="acme", name="Acme")
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def other(db: None) -> Organization:
    return make_organization(slug="other", name="Other")


@pytest.fixture
def actor(organization: Organization) -> Actor:
    """An administrator of ours."""
    return actor_of(make_admin(organization))
