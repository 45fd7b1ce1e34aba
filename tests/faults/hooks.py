"""A receiver that is told of keys while the server that tells it is killed."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from typing import Any

from tests.factories.receiver import Receiver
from tests.faults.crowd import Call, Crowd
from tests.rig.process import free_port
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

MAKE_KEY = Call("POST", "/api/v1/keys", {"name": "key {n}", "role": "viewer"})


def make_webhook(server: ServerProcess, receiver: Receiver) -> str:
    body = {"url": receiver.url("/hook"), "topics": ["keys.key.created"]}
    answer = server.post("/api/v1/webhooks", json=body)
    assert answer.status == 201, answer.text
    made: Any = answer.json()
    return str(made["secret"])


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
