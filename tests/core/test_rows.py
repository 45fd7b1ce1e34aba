from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.core import rows
from apps.core.tenancy import ForeignOrganization, organization_scope
from apps.jobs.models import Job
from apps.tenants.models import Organization
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

AT = datetime(2026, 1, 15, 10, 30, 0, 123456, tzinfo=UTC)
AWKWARD = "a\tb\\N \r\n\u2028 \"'%s {} Grüße, 世界 🎉"
VALUES: dict[str, Any] = {
    "kind": "demo.sleep",
    "payload": {AWKWARD: [0.1, -1.5e-7, 2**63 - 1, None, True, {}]},
    "error": {"code": AWKWARD},
    "message": AWKWARD,
    "progress": 41.25,
    "run_at": AT,
    "started_at": None,
    "is_waiting": True,
    "attempts": 3,
}


@pytest.fixture
def organization() -> Any:
    made = make_organization()
    with organization_scope(made.pk):
        yield made


def values_of(job: Job) -> dict[str, Any]:
    fields = (each.attname for each in Job._meta.concrete_fields if not each.primary_key)
    return {name: getattr(job, name) for name in fields}


def test_insert_keeps_what_save_would_keep(organization: Organization) -> None:
    given = Job(organization=organization, **VALUES)
    Job.objects.bulk_create([saved := Job(organization=organization, **VALUES)])

    rows.insert([given])

    twin = values_of(Job.objects.get(public_id=saved.public_id))
    kept = Job.objects.get(public_id=given.public_id)
    own = {"public_id": given.public_id, "created_at": given.created_at}
    assert values_of(kept) == {**twin, **own}
    assert {name: getattr(kept, name) for name in VALUES} == VALUES
    # SQL's own NULL, not JSON's.
    assert Job.objects.filter(pk=kept.pk, result__isnull=True).exists()


def test_insert_takes_one_statement_for_many(organization: Organization) -> None:
    many = [Job(organization=organization, **VALUES) for _ in range(50)]

    with CaptureQueriesContext(connection) as asked:
        rows.insert(many)

    assert (len(asked), Job.objects.count()) == (1, 50)


def test_insert_refuses_another_organizations_row(organization: Organization) -> None:
    other = make_organization()

    with pytest.raises(ForeignOrganization):
        rows.insert([Job(organization=organization, **VALUES), Job(organization=other, **VALUES)])

    assert Job.objects.count() == 0


def test_insert_writes_all_or_none(organization: Organization) -> None:
    good, twin = (Job(organization=organization, **VALUES) for _ in range(2))
    twin.public_id = good.public_id

    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert([good, twin])

    assert Job.objects.count() == 0


def test_update_writes_where_the_row_is_still_the_same(organization: Organization) -> None:
    rows.insert([Job(organization=organization, kind=f"kind {n}") for n in range(3)])
    jobs = list(Job.objects.order_by("id"))
    for job in jobs:
        job.message, job.result, job.kind = f"{AWKWARD} {job.pk}", {"n": job.pk}, "untouched"
    Job.objects.filter(pk=jobs[1].pk).update(claim=7)

    rows.update(jobs, ("message", "result"), where=("id", "claim"))

    kept = [(each.kind, each.message, each.result) for each in Job.objects.order_by("id")]
    assert kept == [
        ("kind 0", f"{AWKWARD} {jobs[0].pk}", {"n": jobs[0].pk}),
        ("kind 1", "", None),
        ("kind 2", f"{AWKWARD} {jobs[2].pk}", {"n": jobs[2].pk}),
    ]


def test_nothing_to_write_asks_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        rows.insert([])
        rows.update([], ("message",), where=("id",))
