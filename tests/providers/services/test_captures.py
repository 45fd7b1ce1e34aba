"""Captures from the spool into rows, once each, and out again when they expire."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from apps.core import json
from apps.core.spool.process import Record
from apps.core.tenancy import unscoped
from apps.providers.domain.calls import Call
from apps.providers.domain.captures import captured
from apps.providers.enums import Dialect, Operation
from apps.providers.models import Capture
from apps.providers.services.captures import drain_captures, sweep_captures
from apps.tenants.models import Organization
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
_numbers = count(1)
PRIVATE = ("4111 1111 1111 1111", "ada@example.com", "sk-" + "a" * 40)


def record(organization: int, *, expires_at: datetime | None = None, **values: Any) -> Record:
    said = f"{PRIVATE[0]} and {PRIVATE[1]} and {PRIVATE[2]}"
    call = Call(Operation.CHAT, Dialect.OPENAI, "m", {"messages": [{"content": said}]})
    now = timezone.now()
    given = {
        "organization": organization,
        "request_id": "req_1",
        "key": "key_a",
        "call": call,
        "status": "ok",
        "answer": {"choices": [{"message": {"content": said}}]},
        "is_cut": False,
        "at": now,
        "expires_at": expires_at or now + timedelta(days=1),
        **values,
    }
    return Record(f"home.1.{next(_numbers)}", json.dumps(captured(**given)))


def rows() -> list[Capture]:
    with unscoped(reason="the tests look at every row"):
        return list(Capture.objects.order_by("pk"))


def test_each_record_is_a_row_once_and_holds_nothing_private() -> None:
    organization = make_organization()
    one = record(organization.pk)

    drain_captures([one])
    drain_captures([one, record(organization.pk, request_id="req_2")])

    found = rows()
    assert [row.request_id for row in found] == ["req_1", "req_2"]
    assert found[0].request == {"messages": [{"content": "[card] and [email] and [secret]"}]}
    written = repr([(row.request, row.answer) for row in found])
    assert not [secret for secret in PRIVATE if secret in written]


def test_what_is_over_or_whose_organization_is_gone_is_left_out() -> None:
    organization = make_organization()
    gone = make_organization()
    number = gone.pk
    with unscoped(reason="the test removes one"):
        Organization.objects.filter(pk=number).delete()

    drain_captures([record(number), record(organization.pk, expires_at=timezone.now())])

    assert rows() == []


def test_the_sweeper_drops_what_has_expired() -> None:
    organization = make_organization()
    drain_captures([record(organization.pk), record(organization.pk, request_id="old")])
    with unscoped(reason="the test ages one"):
        Capture.objects.filter(request_id="old").update(expires_at=timezone.now())

    sweep_captures()

    assert [row.request_id for row in rows()] == ["req_1"]
