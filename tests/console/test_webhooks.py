"""The pages of webhooks: the list, the form, the secret seen once, deliveries, and each deed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.console.words import FACTS
from apps.core.tenancy import organization_scope
from apps.events.models import WebhookDelivery, WebhookEndpoint
from apps.events.services import deliveries, webhooks
from apps.jobs.domain.states import State
from tests.factories.console import errors, page, row_labels, secret_in, title, toasts
from tests.factories.jobs import make_job
from tests.factories.webhooks import make_attempt, make_delivery, make_webhook

URL = "https://receiver.example.com/hook"


@pytest.mark.parametrize("module", [webhooks, deliveries])
def test_every_fact_has_words(module):
    declared = {value for name, value in vars(module).items() if name.startswith("WEBHOOK_")}

    assert declared - set(FACTS) == set()


def test_index_lists_the_organizations_webhooks_newest_first(at_admin, organization, stranger):
    make_webhook(stranger.organization, url="https://foreign.example.com")
    make_webhook(organization, url="https://older.example.com")
    make_webhook(organization, url="https://newer.example.com")
    make_webhook(organization, url="https://callback.example.com", is_callback=True)

    answer = at_admin.get("/console/webhooks")

    assert row_labels(answer) == ["https://newer.example.com", "https://older.example.com"]


@pytest.mark.parametrize(
    ("values", "lamp"),
    [
        ({}, "Enabled"),
        ({"failing_since": timezone.now()}, "Failing"),
        ({"is_enabled": False, "disabled_reason": "gone"}, "Disabled"),
    ],
)
def test_index_shows_state_and_last_delivery(values, lamp, at_admin, organization):
    webhook = make_webhook(organization, **values)
    make_delivery(webhook, state=WebhookDelivery.DELIVERED)
    make_delivery(webhook, state=WebhookDelivery.FAILED)

    html = page(at_admin.get("/console/webhooks"))

    assert [word for word in ("Enabled", "Failing", "Disabled") if f">{word}<" in html] == [lamp]
    assert (">Failed<" in html, ">Delivered<" in html) == (True, False)


def test_index_without_webhooks_says_how_to_begin(at_admin):
    assert "Make the first webhook" in page(at_admin.get("/console/webhooks"))


def test_create_shows_the_secret_once(at_admin, organization):
    answer = at_admin.post("/console/webhooks/new", {"url": URL, "topics": "job.progress"})

    webhook = WebhookEndpoint.objects.get()
    assert (webhook.url, webhook.topics) == (URL, ["job.progress"])
    assert secret_in(answer) == webhook.secret
    for path in ("", f"/{webhook.public_id}"):
        assert webhook.secret not in page(at_admin.get(f"/console/webhooks{path}"))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"url": "http://127.0.0.1/", "topics": "*"}, "not public"),
        ({"url": URL}, "This field is required."),
        ({"url": URL, "topics": "request.logs"}, "request.logs"),
    ],
)
def test_create_says_at_the_field_what_is_wrong(form, error, at_admin, organization):
    answer = at_admin.post("/console/webhooks/new", form)

    (said,) = errors(answer)
    assert answer.status == 422
    assert error in said
    assert WebhookEndpoint.objects.count() == 0


def test_detail_shows_deliveries_with_their_attempts(at_admin, organization):
    webhook = make_webhook(organization, url=URL)
    delivery = make_delivery(webhook, state=WebhookDelivery.DELIVERED)
    make_attempt(delivery, 1, milliseconds=15000.2, error="timeout")
    make_attempt(delivery, 2, milliseconds=31.4, status=200)
    make_delivery(make_webhook(organization), event="other.webhook.event")

    html = page(at_admin.get(f"/console/webhooks/{webhook.public_id}"))

    assert html.index("timeout · 15000 ms") < html.index("200 · 31 ms")
    assert "keys.key.created" in html
    assert "other.webhook.event" not in html


def test_detail_narrows_deliveries_by_state(at_admin, organization):
    webhook = make_webhook(organization)
    make_delivery(webhook, event="a.b.delivered", state=WebhookDelivery.DELIVERED)
    make_delivery(webhook, event="a.b.failed", state=WebhookDelivery.FAILED)

    html = page(at_admin.get(f"/console/webhooks/{webhook.public_id}?state=failed"))

    assert ("a.b.failed" in html, "a.b.delivered" in html) == (True, False)


def test_detail_costs_the_same_queries_for_more_deliveries(
    at_admin, organization, django_assert_max_num_queries
):
    webhook = make_webhook(organization)
    for _ in range(5):
        make_attempt(make_delivery(webhook), 1, status=500)
    at_admin.get(f"/console/webhooks/{webhook.public_id}")

    with django_assert_max_num_queries(12):
        at_admin.get(f"/console/webhooks/{webhook.public_id}")


def test_test_sends_one_event(at_admin, organization):
    webhook = make_webhook(organization, topics=["job.*"])

    at_admin.post(f"/console/webhooks/{webhook.public_id}/test")

    assert WebhookDelivery.objects.get().event == "events.webhook.test"
    assert toasts(at_admin) == ["A test event is on its way."]


def test_test_of_a_disabled_one_says_why_not(at_admin, organization):
    webhook = make_webhook(organization, is_enabled=False)

    answer = at_admin.post(f"/console/webhooks/{webhook.public_id}/test")

    assert answer.headers["location"] == f"/console/webhooks/{webhook.public_id}"
    assert toasts(at_admin) == ["The webhook is disabled; enable it first."]
    assert WebhookDelivery.objects.count() == 0


def test_replay_sends_again_what_has_ended(at_admin, organization):
    webhook = make_webhook(organization, topics=["job.*"])
    ended = make_delivery(webhook, state=WebhookDelivery.FAILED, finished_at=timezone.now())

    at_admin.post(f"/console/webhooks/{webhook.public_id}/replay", {"selected": ended.public_id})

    ended.refresh_from_db()
    assert (ended.state, ended.finished_at) == (WebhookDelivery.PENDING, None)
    assert toasts(at_admin) == ["1 delivery is sent again."]


def test_replay_of_what_is_still_tried_says_why_not(at_admin, organization):
    webhook = make_webhook(organization, topics=["job.*"])
    pending = make_delivery(webhook)

    at_admin.post(f"/console/webhooks/{webhook.public_id}/replay", {"selected": pending.public_id})

    assert toasts(at_admin) == ["It is still being tried."]


def test_replay_of_a_foreign_delivery_is_missing(at_admin, organization, stranger):
    webhook = make_webhook(organization)
    foreign = make_delivery(make_webhook(stranger.organization), state=WebhookDelivery.FAILED)

    answer = at_admin.post(
        f"/console/webhooks/{webhook.public_id}/replay", {"selected": foreign.public_id}
    )

    with organization_scope(stranger.organization_id):
        foreign.refresh_from_db()
    assert (answer.status, foreign.state) == (404, WebhookDelivery.FAILED)


def test_rotate_shows_the_new_secret_once(at_admin, organization):
    webhook = make_webhook(organization)
    old = webhook.secret

    answer = at_admin.post(f"/console/webhooks/{webhook.public_id}/rotate", {"grace_seconds": 3600})

    webhook.refresh_from_db()
    assert secret_in(answer) == webhook.secret != old
    assert webhook.previous_secret == old
    left = webhook.previous_until - timezone.now()
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_rotate_with_a_senseless_grace_changes_nothing(at_admin, organization):
    webhook = make_webhook(organization)

    answer = at_admin.post(f"/console/webhooks/{webhook.public_id}/rotate", {"grace_seconds": "x"})

    assert (answer.status, title(answer)) == (422, webhook.url)
    assert WebhookEndpoint.objects.get().secret == webhook.secret


def test_switch_disables_and_enables(at_admin, organization):
    webhook = make_webhook(organization)
    path = f"/console/webhooks/{webhook.public_id}"

    at_admin.post(f"{path}/switch")
    off = page(at_admin.get(path))
    at_admin.post(f"{path}/switch", {"is_enabled": "yes"})
    on = page(at_admin.get(path))

    assert "somebody asked for it" in off
    assert 'name="is_enabled" value="yes"' in off
    assert "somebody asked for it" not in on
    assert 'name="is_enabled"' not in on


def test_delete_removes_it_with_its_deliveries(at_admin, organization):
    webhook = make_webhook(organization)
    make_delivery(webhook)

    answer = at_admin.post(f"/console/webhooks/{webhook.public_id}/delete")

    assert answer.headers["location"] == "/console/webhooks"
    assert WebhookEndpoint.objects.count() == 0
    assert WebhookDelivery.objects.count() == 0


def test_edit_changes_what_was_changed_alone(at_admin, organization):
    webhook = make_webhook(organization, url=URL, topics=["job.progress", "keys.key.created"])
    path = f"/console/webhooks/{webhook.public_id}/edit"
    shown = page(at_admin.get(path))

    answer = at_admin.post(
        path,
        {
            "url": URL,
            "topics": "keys.key.created",
            "description": "CI",
            "is_enabled": "on",
            "revision": 1,
        },
    )

    webhook.refresh_from_db()
    assert re.findall(r'value="([^"]+)"[^>]* checked', shown) == [
        "job.progress",
        "keys.key.created",
    ]
    assert answer.headers["location"] == f"/console/webhooks/{webhook.public_id}"
    assert (webhook.topics, webhook.description) == (["keys.key.created"], "CI")
    assert (webhook.url, webhook.is_enabled, webhook.revision) == (URL, True, 2)
    assert toasts(at_admin) == ["Saved. It holds from the next event on."]


def test_edit_disables_and_enables(at_admin, organization):
    webhook = make_webhook(organization, url=URL, topics=["*"])
    path = f"/console/webhooks/{webhook.public_id}/edit"
    form = {"url": URL, "topics": "*", "description": ""}

    at_admin.post(path, {**form, "revision": 1})
    webhook.refresh_from_db()
    off = (webhook.is_enabled, webhook.disabled_reason)
    at_admin.post(path, {**form, "is_enabled": "on", "revision": 2})
    webhook.refresh_from_db()

    assert off == (False, "asked")
    assert (webhook.is_enabled, webhook.disabled_reason) == (True, "")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"url": "http://127.0.0.1/"}, 422, "not public"),
        ({"topics": "nobody.knows"}, 422, "nobody.knows"),
        ({"description": "new", "revision": 7}, 412, "It was changed since you read it."),
    ],
)
def test_edit_says_what_is_wrong(changes, status, error, at_admin, organization):
    webhook = make_webhook(organization, url=URL)
    form = {"url": URL, "topics": "*", "description": "", "is_enabled": "on", "revision": 1}

    answer = at_admin.post(f"/console/webhooks/{webhook.public_id}/edit", {**form, **changes})

    assert answer.status == status
    assert error in page(answer)
    assert WebhookEndpoint.objects.get().revision == 1


def test_edit_is_for_those_who_manage(at_viewer, at_admin, organization, stranger):
    ours, theirs = make_webhook(organization), make_webhook(stranger.organization)

    assert at_viewer.get(f"/console/webhooks/{ours.public_id}/edit").status == 403
    assert at_admin.get(f"/console/webhooks/{theirs.public_id}/edit").status == 404


def test_delivery_shows_what_was_sent_and_answered(at_admin, organization):
    webhook = make_webhook(organization, url=URL)
    delivery = make_delivery(webhook, body='{"type":"keys.key.created","data":{"a":1}}')
    make_attempt(
        delivery,
        1,
        milliseconds=31.4,
        status=500,
        error="The receiver answered 500.",
        request_headers={"webhook-id": delivery.public_id, "webhook-signature": "***"},
        answer_headers={"server": "nginx"},
        answer_body="<b>oops</b>",
    )
    make_attempt(delivery, 2, milliseconds=15000, error="It took too long.")

    answer = at_admin.get(f"/console/webhooks/deliveries/{delivery.public_id}")

    html = page(answer)
    assert (answer.status, title(answer)) == (200, "keys.key.created")
    assert html.index("Attempt 2") < html.index("No answer came.") < html.index("Attempt 1")
    assert "webhook-signature: ***" in html
    assert "500\nserver: nginx\n\n<b>oops</b>" in html  # unescaped by `page`
    assert "&lt;b&gt;oops" in answer.body.decode()
    assert '  "type": "keys.key.created"' in html
    assert "Send again" not in html  # it is still under way


def test_delivery_of_a_callback_leads_to_its_job(at_admin, organization):
    job = make_job(organization, state=State.COMPLETED, callback_url="https://example.com/done")
    queue = make_webhook(organization, topics=[], is_callback=True, url="https://example.com")
    told = make_delivery(
        queue, job=job.public_id, url="https://example.com/done", state="failed",
        finished_at=timezone.now(), last_error="The receiver answered 500.",
    )  # fmt: skip

    of_job = page(at_admin.get(f"/console/jobs/{job.public_id}"))
    html = page(at_admin.get(f"/console/webhooks/deliveries/{told.public_id}"))
    at_admin.post(f"/console/webhooks/deliveries/{told.public_id}/replay")

    told.refresh_from_db()
    assert f'href="/console/webhooks/deliveries/{told.public_id}">Failed</a>' in of_job
    assert f"/console/jobs/{job.public_id}" in html
    assert "https://example.com/done" in html
    assert (told.state, told.finished_at) == (WebhookDelivery.PENDING, None)
    assert toasts(at_admin) == ["It is sent again, under the same id."]


def test_delivery_is_hidden_from_strangers_and_users(at_admin, at_viewer, organization, stranger):
    ours = make_delivery(make_webhook(organization), state="failed")
    theirs = make_delivery(make_webhook(stranger.organization), state="failed")

    for path in ("", "/replay"):
        deed = at_admin.post if path else at_admin.get
        assert deed(f"/console/webhooks/deliveries/{theirs.public_id}{path}").status == 404
        deed = at_viewer.post if path else at_viewer.get
        assert deed(f"/console/webhooks/deliveries/{ours.public_id}{path}").status == 403
    ours.refresh_from_db()
    assert ours.state == "failed"


def test_replay_of_one_that_is_under_way_says_why_not(at_admin, organization):
    pending = make_delivery(make_webhook(organization))

    answer = at_admin.post(f"/console/webhooks/deliveries/{pending.public_id}/replay")

    assert answer.headers["location"] == f"/console/webhooks/deliveries/{pending.public_id}"
    assert toasts(at_admin) == ["It is still being tried."]
