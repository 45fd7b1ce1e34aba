"""Webhooks over a failing receiver and a server that is killed: on schedule, signed anew, none missing."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from standardwebhooks.webhooks import Webhook

from apps.events.domain.deliveries import PAUSES
from tests.factories.receiver import Received, Receiver, status
from tests.faults.hooks import MAKE_KEY, make_events_under_kills, make_webhook, slowly, wait_for_all
from tests.rig.site import Site

pytestmark = pytest.mark.integration

SCALE = 0.006
TOLERANCE = 0.1
SPENT = 0.15
"""Seconds an attempt and its bookkeeping may take on a busy machine."""
EVENTS = 60
KILLS = 3


@pytest.fixture
def place(site: Site) -> Site:
    site.settings = "tests.faults.settings"
    site.env |= {"RATE_LIMIT_REQUESTS": "100000", "SIGNALBOX_EMBEDDED_WORKER": "false"}
    return site


def wait_for(receiver: Receiver, count: int, *, seconds: float) -> list[Received]:
    until = time.monotonic() + seconds
    while len(receiver.at("/hook")) < count and time.monotonic() < until:
        time.sleep(0.05)
    return receiver.at("/hook")


def test_a_failing_receiver_is_tried_again_on_the_published_schedule(place: Site) -> None:
    with Receiver() as receiver:
        place.env |= {
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{receiver.port}",
            "SIGNALBOX_WEBHOOK_TIME_SCALE": f"{SCALE}",
        }
        receiver.answers["/hook"] = [status(500), status(500), status(500), status(200)]
        server = place.start()
        secret = make_webhook(server, receiver)
        server.post(MAKE_KEY.path, json={"name": "ci", "role": "viewer"})

        received = wait_for(receiver, 4, seconds=40)
        time.sleep(1.0)

    assert len(receiver.received) == 4
    assert len({one.headers["webhook-id"] for one in received}) == 1
    assert len({one.body for one in received}) == 1
    for one in received:
        Webhook(secret).verify(one.body, one.headers)
        assert abs(one.at.timestamp() - int(one.headers["webhook-timestamp"])) < 2
    pauses = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(received)]
    for pause, promised in zip(pauses, PAUSES[1:4], strict=True):
        assert promised * SCALE * (1 - TOLERANCE) <= pause
        assert pause <= promised * SCALE * (1 + TOLERANCE) + SPENT


def test_deliveries_under_way_at_a_kill_come_again_under_their_ids(place: Site) -> None:
    with Receiver() as receiver:
        receiver.answers["/hook"] = [slowly]
        place.env["SIGNALBOX_ALLOWED_PRIVATE_HOSTS"] = f"127.0.0.1:{receiver.port}"
        made = make_events_under_kills(place, receiver, EVENTS, KILLS)
        heard = wait_for_all(receiver, made, seconds=25)

    assert set(made) - set(heard) == set()
    assert {key: len(ids) for key, ids in heard.items() if len(ids) > 1} == {}
    assert len(receiver.at("/hook")) >= len(heard)  # more where a kill met a delivery under way
