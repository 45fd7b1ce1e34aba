"""A client, and tokens of people in different roles."""

from __future__ import annotations

import pytest

from apps.tenants.models import Membership
from tests.client import GateClient
from tests.factories.tenants import log_in


class Desk:
    """`desk.get(path, by=member)`: a call by a member who logged in."""

    def __init__(self) -> None:
        self.client = GateClient()
        self._tokens: dict[int, str] = {}

    def token(self, member: Membership) -> str:
        if member.pk not in self._tokens:
            self._tokens[member.pk] = log_in(member).access
        return self._tokens[member.pk]

    def call(self, method: str, path: str, by: Membership | None = None, **kwargs: object):  # type: ignore[no-untyped-def]  # tests
        key = None if by is None else self.token(by)
        return self.client.call(method, f"/api/v1/{path}", key=key, **kwargs)  # type: ignore[arg-type]  # tests


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()
