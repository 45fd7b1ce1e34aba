"""Webhooks over a failing receiver and a server that is killed: on schedule, signed anew, none missing."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from apps.events.domain.deliveries import PAUSES
from tests.factories.receiver import Received, Receiver, status
from tests.faults.crowd import Call, Crowd
from tests.rig.process import free_port
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

SCALE = 0.006
TOLERANCE = 0.1
SPENT = 0.15
"""Seconds an attempt and its bookkeeping may take on a busy machine."""
EVENTS = 60
KILLS = 3
MAKE_KEY = Call("POST", "/api/v1/keys", {"name": "key {n}", "role": "viewer"})


@pytest.fixture
def place(site: Site) -> Site:
    site.settings = "tests.faults.settings"
    site.env |= {"RATE_LIMIT_REQUESTS": "100000", "SIGNALBOX_EMBEDDED_WORKER": "false"}
    return site


def make_webhook(server: ServerProcess, receiver: Receiver) -> str:
    body = {"url": receiver.url("/hook"), "topics": ["keys.key.created"]}
    answer = server.post("/api/v1/webhooks", json=body)
    assert answer.status == 201, answer.text
    made: Any = answer.json()
    return str(made["secret"])


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
    assert len(receiver.at("/hook")) > len(heard)  # else no kill met a delivery under way


def slowly(handler: Any) -> None:
    """Slow enough for a kill to come in the middle of it."""
    time.sleep(0.08)
    handler.reply(200)


def make_events_under_kills(place: Site, receiver: Receiver, events: int, kills: int) -> list[str]:
    """The ids of the keys that were answered for; the server was killed that often meanwhile."""
    luck, port = random.Random(events), free_port()
    server = place.start(port=port)
    make_webhook(server, receiver)
    crowd = Crowd(server.url, place.key, [MAKE_KEY], callers=2)
    with crowd.calling():
        for _ in range(kills):
            wait_for_answers(crowd, events // kills)
            time.sleep(luck.uniform(0, 0.3))
            server.kill()
            server = place.start(port=port)
        wait_for_answers(crowd, events - len(crowd.answered(MAKE_KEY, 201)))
    return [body["id"] for body in crowd.answered(MAKE_KEY, 201)]


def wait_for_answers(crowd: Crowd, count: int) -> None:
    before, until = len(crowd.answered(MAKE_KEY, 201)), time.monotonic() + 60
    while len(crowd.answered(MAKE_KEY, 201)) - before < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_for_all(receiver: Receiver, made: list[str], *, seconds: float) -> dict[str, set[str]]:
    """The delivery ids under which each key was told of."""
    until = time.monotonic() + seconds
    while True:
        heard = ids_by_key(receiver)
        if set(made) <= set(heard) or time.monotonic() > until:
            return heard
        time.sleep(0.1)


def ids_by_key(receiver: Receiver) -> dict[str, set[str]]:
    heard: dict[str, set[str]] = defaultdict(set)
    for one in receiver.at("/hook"):
        heard[json.loads(one.body)["data"]["object"]["id"]].add(one.headers["webhook-id"])
    return heard
