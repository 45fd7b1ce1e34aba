"""What was kept of calls: for those who may read it, until it is due to go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.actor import Role
from apps.core.errors import NotFound, PermissionDenied
from apps.providers.models import UsageRecord
from apps.providers.queries import captures
from tests.factories.captures import make_capture
from tests.factories.tenants import actor_of, make_member
from tests.factories.usage import AT, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_captures_are_ours_unexpired_and_those_asked_for(actor, organization, other):
    ours = make_capture(organization, record="a.1")
    make_capture(other, record="a.2")
    make_capture(organization, record="a.3", expires_at=timezone.now())
    make_capture(organization, record="a.4", model="slow")

    assert list(captures.captures(actor=actor, model="fast")) == [ours]
    assert list(captures.captures(actor=actor, key="\ud800")) == []
    assert captures.capture(actor=actor, capture_id="a.1") == ours
    for name in ("a.2", "a.3", "nope"):
        with pytest.raises(NotFound):
            captures.capture(actor=actor, capture_id=name)


def test_a_call_s_capture_is_the_one_nearest_to_it(actor, organization, other):
    make_usage(organization, request_id="req_1")
    call = UsageRecord.objects.get()
    make_capture(other, request_id="req_1", key="key_a", at=AT)
    make_capture(organization, request_id="req_1", key="key_a", at=AT - timedelta(seconds=9))
    ours = make_capture(organization, request_id="req_1", key="key_a", at=AT)
    make_capture(organization, request_id="req_2", key="key_a", at=AT)

    assert captures.capture_of(actor=actor, call=call) == ours
    assert captures.capture_of_call(actor=actor, call_id=call.record) == ours


def test_captures_are_for_administrators(organization):
    user = actor_of(make_member(organization, Role.USER))

    with pytest.raises(PermissionDenied):
        captures.captures(actor=user)
    with pytest.raises(PermissionDenied):
        captures.capture_of_call(actor=user, call_id="a.1")
