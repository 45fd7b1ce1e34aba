"""Deliveries to a real receiver that misbehaves: on schedule, signed, once for each success, hurting nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from apps.core import bus
from apps.core.tenancy import organization_scope
from apps.events import queries
from apps.events.models import AuditEntry, DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from apps.events.services import deliveries, webhooks
from apps.events.worker.deliverer import Deliverer
from apps.jobs.services import submissions
from apps.tenants.models import Organization
from tests.factories.events import make_actor, make_fact
from tests.factories.receiver import Receiver, bomb, drip, garbage, hang, huge, reset, status
from tests.factories.tenants import make_organization
from tests.factories.webhooks import SECRET, deliver, make_delivery, make_due, make_webhook

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Iterator[Organization]:
    made = make_organization()
    with organization_scope(made.pk):
        yield made


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.SIGNALBOX_WEBHOOK_TIMEOUT = 0.5
    with Receiver() as one:
        settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{one.port}"})
        yield one


def only_delivery() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def test_a_fact_is_delivered_signed_to_those_who_asked(
    place: Organization, receiver: Receiver
) -> None:
    other = make_organization()
    make_webhook(place, url=receiver.url("/mine"), topics=["keys.*"])
    make_webhook(place, url=receiver.url("/not-asked"), topics=["jobs.*"])
    make_webhook(place, url=receiver.url("/disabled"), is_enabled=False)
    make_webhook(other, url=receiver.url("/other"))
    with transaction.atomic():
        bus.publish(make_fact(place, object_id="key_1", object_name="ci"))

    deliver()

    (received,) = receiver.received
    body = Webhook(SECRET).verify(received.body, received.headers)
    assert (received.path, received.headers["content-type"]) == ("/mine", "application/json")
    assert received.headers["webhook-id"] == only_delivery().public_id
    assert (body["type"], body["data"]["object"]) == (
        "keys.key.created",
        {"id": "key_1", "name": "ci"},
    )
    assert only_delivery().state == "delivered"


def test_a_fact_rolled_back_is_not_delivered(place: Organization, receiver: Receiver) -> None:
    make_webhook(place, url=receiver.url())
    with transaction.atomic():
        bus.publish(make_fact(place))
        transaction.set_rollback(True)

    deliver()

    assert (receiver.received, WebhookDelivery.objects.count()) == ([], 0)


def test_failures_are_tried_again_on_schedule_under_one_id(
    place: Organization, receiver: Receiver
) -> None:
    receiver.answers["/"] = [status(500, b"oops"), status(503), status(500), status(200)]
    delivery = make_delivery(make_webhook(place, url=receiver.url()))
    pauses = []

    for _ in range(3):
        deliver()
        pauses.append((only_delivery().due_at - timezone.now()).total_seconds())
        make_due(delivery)
    deliver()

    stored = only_delivery()
    assert (stored.state, stored.attempts, stored.last_status) == ("delivered", 4, 200)
    for pause, promised in zip(pauses, [5, 300, 1800], strict=True):
        assert promised * 0.9 < pause < promised * 1.1
    assert {one.headers["webhook-id"] for one in receiver.received} == {delivery.public_id}
    for one in receiver.received:
        Webhook(SECRET).verify(one.body, one.headers)
    log = DeliveryAttempt.objects.order_by("number")
    assert [(row.number, row.status, row.answer_body) for row in log] == [
        (1, 500, "oops"),
        (2, 503, ""),
        (3, 500, ""),
        (4, 200, ""),
    ]
    assert log[0].request_headers["webhook-signature"] == "***"
    assert WebhookEndpoint.objects.get().failing_since is None


def test_after_the_last_attempt_a_delivery_has_failed(
    place: Organization, receiver: Receiver
) -> None:
    receiver.answers["/"] = [status(500)]
    make_delivery(make_webhook(place, url=receiver.url()), tries=9, attempts=9)

    deliver()

    stored = only_delivery()
    assert (stored.state, stored.attempts) == ("failed", 10)
    assert stored.last_error == "The receiver answered 500."


@pytest.mark.parametrize(
    ("answer", "said", "error"),
    [
        (status(302, Location="http://127.0.0.1:1/"), 302, "The receiver answered 302."),
        (hang, None, "No whole answer came within 0.5 s."),
        (drip, None, "No whole answer came within 0.5 s."),
        (reset, None, "The server broke off."),
        (garbage, None, "The server's answer is no HTTP we can read."),
    ],
)
def test_what_counts_as_a_failure(
    place: Organization, receiver: Receiver, answer: Any, said: int | None, error: str
) -> None:
    receiver.answers["/"] = [answer]
    make_delivery(make_webhook(place, url=receiver.url()))

    deliver()

    stored = only_delivery()
    assert (stored.state, stored.last_status, stored.last_error) == ("pending", said, error)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("answer", [huge, bomb])
def test_of_a_huge_answer_only_the_beginning_is_read_and_kept(
    place: Organization, receiver: Receiver, answer: Any
) -> None:
    receiver.answers["/"] = [answer]
    make_delivery(make_webhook(place, url=receiver.url()))

    deliver()

    assert only_delivery().state == "delivered"
    assert DeliveryAttempt.objects.get().answer_body == "�" * deliveries.SHOWN_BODY


def test_an_answer_that_repeats_a_secret_is_masked(place: Organization, receiver: Receiver) -> None:
    receiver.answers["/"] = [status(200, f"got {SECRET} \0".encode(), X_Api_Key="abc")]
    make_delivery(make_webhook(place, url=receiver.url()))

    deliver()

    attempt = DeliveryAttempt.objects.get()
    assert attempt.answer_body == "got *** �"
    assert attempt.answer_headers["x-api-key"] == "***"


def test_a_receiver_that_has_gone_disables_its_webhook(
    place: Organization, receiver: Receiver
) -> None:
    receiver.answers["/"] = [status(410)]
    webhook = make_webhook(place, url=receiver.url())
    make_delivery(webhook)
    make_delivery(webhook, due_at=timezone.now() + timedelta(hours=1))

    deliver()

    webhook.refresh_from_db()
    assert (webhook.is_enabled, webhook.disabled_reason) == (False, "gone")
    assert [row.state for row in WebhookDelivery.objects.all()] == ["failed", "failed"]
    assert AuditEntry.objects.get().action == "events.webhook.disabled"


def test_retry_after_is_honoured(place: Organization, receiver: Receiver) -> None:
    receiver.answers["/"] = [status(429, Retry_After="1000")]
    make_delivery(make_webhook(place, url=receiver.url()))

    deliver()

    assert 990 < (only_delivery().due_at - timezone.now()).total_seconds() <= 1000


@pytest.mark.parametrize(("days", "is_enabled"), [(4.9, True), (5.1, False)])
def test_a_webhook_that_fails_for_days_is_disabled(
    place: Organization, receiver: Receiver, days: float, is_enabled: bool
) -> None:
    receiver.answers["/"] = [status(500)]
    since = timezone.now() - timedelta(days=days)
    webhook = make_webhook(place, url=receiver.url(), failing_since=since)
    make_delivery(webhook)

    deliver()

    webhook.refresh_from_db()
    assert webhook.is_enabled is is_enabled
    assert webhook.disabled_reason == ("" if is_enabled else "failing")


def test_during_a_rotation_both_secrets_sign(place: Organization, receiver: Receiver) -> None:
    new = "whsec_" + "bmV3" * 10
    now = timezone.now()
    for until in (now + timedelta(hours=1), now - timedelta(seconds=1)):
        webhook = make_webhook(
            place, url=receiver.url(), secret=new, previous_secret=SECRET, previous_until=until
        )
        make_delivery(webhook)

    deliver()

    signatures = sorted(
        len(one.headers["webhook-signature"].split(" ")) for one in receiver.received
    )
    assert signatures == [1, 2]
    for one in receiver.received:
        Webhook(new).verify(one.body, one.headers)


def test_a_private_address_is_refused_at_the_attempt_too(
    place: Organization, receiver: Receiver, settings: Any
) -> None:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset()
    make_delivery(make_webhook(place, url=receiver.url()))

    deliver()

    assert receiver.received == []
    assert "not public" in only_delivery().last_error


def test_a_slow_receiver_holds_up_nobody_else(
    place: Organization, receiver: Receiver, settings: Any
) -> None:
    settings.SIGNALBOX_WEBHOOK_TIMEOUT = 2.0
    receiver.answers["/slow"] = [hang]
    slow = make_webhook(place, url=receiver.url("/slow"))
    quick = make_webhook(place, url=receiver.url("/quick"))
    for _ in range(20):
        make_delivery(slow)
    for _ in range(10):
        make_delivery(quick)
    deliverer = Deliverer()
    started = monotonic()
    while len(receiver.at("/quick")) < 10 and monotonic() - started < 5:
        deliverer.turn()
    taken = monotonic() - started
    under_way = len(receiver.at("/slow"))
    receiver.ended.set()
    deliverer.finish(5)

    assert taken < 2.0
    assert under_way == deliveries.AT_ONCE


def test_an_attempt_lost_with_its_process_is_made_again_and_the_late_result_refused(
    place: Organization, receiver: Receiver
) -> None:
    delivery = make_delivery(make_webhook(place, url=receiver.url()))
    (lost,) = deliveries.claim(most=10)
    nothing = deliveries.claim(most=10)
    make_due(delivery)

    deliver()
    deliveries.settle([deliveries.Result(lost, timezone.now(), status=500, error="late")])

    stored = only_delivery()
    assert nothing == []
    assert (stored.state, stored.attempts, stored.last_error) == ("delivered", 2, "")
    assert [one.headers["webhook-id"] for one in receiver.received] == [delivery.public_id]


def test_nothing_due_takes_one_query(place: Organization, django_assert_num_queries: Any) -> None:
    make_delivery(make_webhook(place), due_at=timezone.now() + timedelta(hours=1))

    with django_assert_num_queries(1):
        assert deliveries.claim(most=10) == []


@pytest.mark.parametrize(("due_in", "wait"), [(0.2, 0.2), (60.0, 0.5), (-60.0, 0.5)])
def test_the_deliverer_wakes_when_the_next_falls_due(
    place: Organization, due_in: float, wait: float
) -> None:
    """What is overdue waits for its receiver's other deliveries, whose end rings the bell."""
    make_delivery(make_webhook(place), due_at=timezone.now() + timedelta(seconds=due_in))

    assert deliveries.seconds_to_next(most=0.5) == pytest.approx(wait, abs=0.05)


def test_deliveries_that_ended_long_ago_are_forgotten(place: Organization) -> None:
    webhook = make_webhook(place)
    now = timezone.now()
    make_delivery(webhook, state="failed", finished_at=now - timedelta(days=31))
    kept = make_delivery(webhook, state="failed", finished_at=now - timedelta(days=29))
    waiting = make_delivery(webhook)

    deliveries.forget_old()

    left = WebhookDelivery.objects.order_by("id").values_list("pk", flat=True)
    assert list(left) == [kept.pk, waiting.pk]


def test_bodies_are_the_same_bytes_at_every_attempt(
    place: Organization, receiver: Receiver
) -> None:
    receiver.answers["/"] = [status(500), status(200)]
    delivery = make_delivery(make_webhook(place, url=receiver.url()), body='{"a":"ü"}')
    deliver()
    make_due(delivery)
    deliver()

    assert [json.loads(one.body) for one in receiver.received] == [{"a": "ü"}] * 2
    assert len({one.body for one in receiver.received}) == 1


def test_a_job_that_ends_calls_back_signed(place: Organization, receiver: Receiver) -> None:
    receiver.answers["/done"] = [status(410), status(200)]
    actor = make_actor(place)
    asked = submissions.submit(
        actor=actor,
        kind="demo.sleep",
        payload={"seconds": 1},
        callback_url=receiver.url("/done?run=7"),
    )
    submissions.cancel_job(actor=actor, job_id=asked.public_id)

    deliver()

    (received,) = receiver.received
    secret = webhooks.callback_secret(actor=actor)
    body = Webhook(secret).verify(received.body, received.headers)
    assert received.path == "/done?run=7"
    assert (body["type"], body["data"]["job_id"], body["data"]["status"]) == (
        "jobs.job.cancelled",
        asked.public_id,
        "cancelled",
    )
    assert WebhookEndpoint.objects.get().is_enabled is True
    assert list(queries.webhooks(actor=actor)) == []
    (told,) = queries.callbacks(actor=actor, job_id=asked.public_id)
    webhooks.replay_delivery(actor=actor, delivery_id=told.public_id)
    deliver()
    again = receiver.received[1]
    assert (again.path, again.body) == (received.path, received.body)
    assert again.headers["webhook-id"] == received.headers["webhook-id"] == told.public_id
    assert webhooks.callback_secret(actor=make_actor(make_organization())) != secret
