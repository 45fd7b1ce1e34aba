"""Each deed on webhooks through GraphQL says what the services say, refusals included."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.tenants import log_in, make_admin, make_member
from tests.factories.webhooks import make_attempt, make_delivery, make_webhook

CREATE = "mutation ($input: WebhookInput!) { createWebhook(input: $input) { webhook { url topics enabled } secret } }"
UPDATE = "mutation ($id: ID!, $input: WebhookChangeInput!) { updateWebhook(id: $id, input: $input) { webhook { description enabled revision } } }"
ROTATE = "mutation ($id: ID!) { rotateWebhookSecret(id: $id) { webhook { id } secret } }"
TEST = "mutation ($id: ID!) { testWebhook(id: $id) { delivery { event state } } }"
REPLAY = "mutation ($id: ID!) { replayWebhookDelivery(id: $id) { delivery { id state } } }"
DELETE = "mutation ($id: ID!) { deleteWebhook(id: $id) { id } }"
JOB = "job_" + "7" * 32
ONE = """query ($id: ID!) {
  webhookDelivery(id: $id) { webhook job url body log { number status } }
}"""
OF_JOB = "query ($job: ID!) { webhookDeliveries(job: $job) { nodes { id log { number } } } }"
LIST = "{ webhooks { nodes { id url } } webhookDeliveries { nodes { id state } } }"


def ask(key: str, query: str, **variables: Any) -> Any:
    answer = GateClient().post("/graphql", {"query": query, "variables": variables}, key=key)
    return answer.json()


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_every_deed_of_an_admin(organization: Organization, other: Organization) -> None:
    key = log_in(make_admin(organization)).access
    make_delivery(make_webhook(other))
    webhook = make_webhook(organization, url="https://receiver.example.com/one")
    failed = make_delivery(webhook, state="failed")
    one = {"id": webhook.public_id}

    listed = ask(key, LIST)["data"]
    created = ask(key, CREATE, input={"url": "https://example.com/", "topics": ["job.*"]})
    updated = ask(key, UPDATE, **one, input={"description": "CI"})
    rotated = ask(key, ROTATE, **one)
    tested = ask(key, TEST, **one)
    replayed = ask(key, REPLAY, id=failed.public_id)
    deleted = ask(key, DELETE, **one)

    assert listed == {
        "webhooks": {"nodes": [{"id": webhook.public_id, "url": webhook.url}]},
        "webhookDeliveries": {"nodes": [{"id": failed.public_id, "state": "failed"}]},
    }
    made = created["data"]["createWebhook"]
    assert made["webhook"] == {"url": "https://example.com/", "topics": ["job.*"], "enabled": True}
    assert made["secret"].startswith("whsec_")
    assert updated["data"]["updateWebhook"]["webhook"] == {
        "description": "CI",
        "enabled": True,
        "revision": 2,
    }
    assert rotated["data"]["rotateWebhookSecret"]["secret"] != made["secret"]
    assert tested["data"]["testWebhook"]["delivery"] == {
        "event": "events.webhook.test",
        "state": "pending",
    }
    assert replayed["data"]["replayWebhookDelivery"]["delivery"] == {
        "id": failed.public_id,
        "state": "pending",
    }
    assert deleted["data"] == {"deleteWebhook": one}


def test_one_delivery_with_what_was_sent_and_answered(
    organization: Organization, other: Organization
) -> None:
    key = log_in(make_admin(organization)).access
    callback = make_webhook(organization, topics=[], is_callback=True)
    told = make_delivery(callback, url="https://example.com/done", job=JOB, state="failed")
    for number in (2, 1):
        make_attempt(told, number, status=500, error="The receiver answered 500.")
    foreign = make_delivery(make_webhook(other), state="failed")

    one = ask(key, ONE, id=told.public_id)["data"]["webhookDelivery"]
    of_job = ask(key, OF_JOB, job=JOB)["data"]["webhookDeliveries"]["nodes"]

    assert one == {
        "webhook": None,
        "job": JOB,
        "url": "https://example.com/done",
        "body": told.body,
        "log": [{"number": 1, "status": 500}, {"number": 2, "status": 500}],
    }
    assert of_job == [{"id": told.public_id, "log": [{"number": 1}, {"number": 2}]}]
    assert code_of(ask(key, ONE, id=foreign.public_id)) == "NOT_FOUND"


@pytest.mark.parametrize("deed", [UPDATE, ROTATE, TEST, DELETE])
def test_deeds_refuse_users_and_strangers(
    organization: Organization, other: Organization, deed: str
) -> None:
    webhook = make_webhook(organization)
    variables = {"id": webhook.public_id} | (
        {"input": {"enabled": False}} if deed == UPDATE else {}
    )

    user = ask(log_in(make_member(organization, Role.USER)).access, deed, **variables)
    stranger = ask(log_in(make_admin(other)).access, deed, **variables)

    assert (code_of(user), code_of(stranger)) == ("DENIED", "NOT_FOUND")


def test_a_private_address_is_invalid(organization: Organization) -> None:
    key = log_in(make_admin(organization)).access

    body = ask(key, CREATE, input={"url": "http://[::1]/", "topics": ["*"]})

    assert code_of(body) == "INVALID"
