from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.events.domain import triggers
from apps.events.services import audit
from apps.tenants.models import Organization
from tests.factories.events import make_entry

pytestmark = pytest.mark.integration


def test_whole_trails_are_reported(organization: Organization, other: Organization) -> None:
    for place in (organization, other, organization):
        make_entry(place)
    out = StringIO()

    call_command("verify_audit", stdout=out)

    assert out.getvalue() == "acme: 2 entries, chain holds\nother: 1 entries, chain holds\n"


def test_broken_trail_is_named_and_fails(organization: Organization) -> None:
    entry = make_entry(organization)
    audit.seal_pending()
    with connection.cursor() as cursor:
        for statement in triggers.lifting(connection.vendor):
            cursor.execute(statement)
        cursor.execute("UPDATE events_auditentry SET action = 'x'")
    err = StringIO()

    with pytest.raises(CommandError, match="does not hold") as caught:
        call_command("verify_audit", "--organization", "acme", stderr=err)

    assert caught.value.returncode == 1
    assert (
        err.getvalue()
        == f"acme: broken at 1 ({entry.public_id}): its content is not what was sealed\n"
    )


def test_unknown_organization_fails(organization: Organization) -> None:
    with pytest.raises(CommandError, match="no organization 'nobody' has an audit trail"):
        call_command("verify_audit", "--organization", "nobody")
