from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from apps.core import bus
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry, OutboxEvent, WebhookDelivery
from apps.events.services import facts
from apps.tenants.models import Organization
from tests.factories.events import make_fact
from tests.factories.jobs import make_job
from tests.factories.webhooks import make_webhook

pytestmark = pytest.mark.integration


def outbox(organization: Organization) -> list[tuple[str, str, Any]]:
    with organization_scope(organization.pk):
        return list(OutboxEvent.objects.order_by("id").values_list("topic", "event", "data"))


def publish(*published: bus.Fact) -> None:
    with transaction.atomic():
        bus.publish_all(published)


def test_fact_is_written_for_each_of_its_topics(organization: Organization) -> None:
    fact = make_fact(organization, topic="jobs.job.completed", data={"progress": 100.0})
    assert fact.actor is not None

    publish(fact)

    who = {
        "object": {"id": fact.object_id, "name": fact.object_name},
        "actor": {"id": fact.actor.principal, "name": fact.actor.identity.name},
    }
    (job, audit) = outbox(organization)
    assert job == ("job.progress", "jobs.job.completed", {**who, "progress": 100.0})
    assert audit[:2] == ("audit.events", "jobs.job.completed")
    assert audit[2] == {"action": "jobs.job.completed", **who, "at": audit[2]["at"]}


def test_fact_that_is_not_audited_goes_live_and_leaves_no_entry(organization: Organization) -> None:
    publish(make_fact(organization, topic="jobs.job.progressed", is_audited=False))

    assert [row[0] for row in outbox(organization)] == ["job.progress"]
    assert AuditEntry.objects.count() == 0


def test_many_facts_take_two_statements_and_a_look_at_who_wants_them(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    many = [make_fact(organization, topic="jobs.job.completed") for _ in range(50)]

    with transaction.atomic(), django_assert_num_queries(3):
        bus.publish_all(many)

    assert AuditEntry.objects.count() == 50
    assert len(outbox(organization)) == 100


def test_facts_of_two_organizations_stay_apart(
    organization: Organization, other: Organization
) -> None:
    publish(make_fact(organization), make_fact(other), make_fact(organization))

    assert [len(outbox(place)) for place in (organization, other)] == [2, 1]


def test_secrets_are_masked(organization: Organization) -> None:
    publish(make_fact(organization, topic="jobs.job.completed", data={"token": "abc", "n": 1}))

    data = outbox(organization)[0][2]
    assert (data["token"], data["n"]) == ("***", 1)


def test_large_data_is_left_out(organization: Organization) -> None:
    publish(
        make_fact(organization, topic="jobs.job.completed", data={"result": "x" * facts.MAX_DATA})
    )

    data = outbox(organization)[0][2]
    assert sorted(data) == ["actor", "is_shortened", "object"]


def test_rolled_back_fact_leaves_nothing(organization: Organization) -> None:
    with transaction.atomic():
        bus.publish(make_fact(organization))
        transaction.set_rollback(True)

    assert outbox(organization) == []


def test_receivers_hear_of_their_own_organization_alone(
    organization: Organization, other: Organization
) -> None:
    mine, foreign = make_webhook(organization), make_webhook(other)

    publish(make_fact(organization), make_fact(other), make_fact(organization))

    for webhook, count in ((mine, 2), (foreign, 1)):
        with organization_scope(webhook.organization_id):
            assert [each.endpoint_id for each in WebhookDelivery.objects.all()] == (
                [webhook.pk] * count
            )


def test_callbacks_of_two_organizations_in_one_transaction_go_to_each(
    organization: Organization, other: Organization
) -> None:
    jobs = [
        make_job(place, callback_url=f"https://{place.slug}.example.com/done")
        for place in (organization, other)
    ]

    publish(
        *(
            make_fact(place, topic="jobs.job.completed", object_id=job.public_id)
            for place, job in zip((organization, other), jobs, strict=True)
        )
    )

    for place in (organization, other):
        with organization_scope(place.pk):
            assert [(each.url, each.job) for each in WebhookDelivery.objects.all()] == [
                (f"https://{place.slug}.example.com/done", job.public_id)
                for job in jobs
                if job.organization_id == place.pk
            ]
