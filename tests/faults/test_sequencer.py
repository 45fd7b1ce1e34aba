"""The process that numbers is frozen past its lease: another goes on, and when it wakes it numbers nothing again."""

from __future__ import annotations

import asyncio
import signal
import time

import aiohttp
import pytest

from tests.faults.crowd import Call, Crowd
from tests.faults.ledger import read_ledger
from tests.faults.sockets import Socket
from tests.rig.servers import ServerProcess
from tests.rig.site import Site
from tests.rig.sites import MakeSite

pytestmark = pytest.mark.integration

TOPIC = "audit.events"
MAKE_KEY = Call("POST", "/api/v1/keys", {"name": "key {n}", "role": "viewer"})
FREEZES = 1
FROZEN_SECONDS = 1.5
TAKEN_OVER_WITHIN = 10.0  # the lease of four, and the server's patience with an open transaction
WHO_NUMBERS = """
from apps.events.models import Sequencer
print(Sequencer.objects.get(pk=1).holder.split(":")[1])
"""


async def test_frozen_sequencer_is_replaced_and_numbers_nothing_twice(
    make_site: MakeSite, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("stack") != "postgres":
        pytest.skip(
            "a writer frozen in its transaction holds up all of SQLite; see --stack=postgres"
        )
    site = make_site(redis=True)
    site.settings = "tests.faults.settings"
    site.env |= {"RATE_LIMIT_REQUESTS": "100000", "SIGNALBOX_EMBEDDED_WORKER": "false"}
    servers = [await asyncio.to_thread(site.start) for _ in range(2)]
    async with aiohttp.ClientSession() as session:
        sockets = [await Socket.open(session, one, site.key, TOPIC) for one in servers]
        delays = await asyncio.to_thread(freeze_in_turn, site, servers)
        ledger = await asyncio.to_thread(read_ledger, site)
        channel = next(name for name in ledger.numbers if name.endswith(TOPIC))
        heard = [await socket.hear_up_to(len(ledger.numbers[channel])) for socket in sockets]

    assert min(delays) > 1.0  # else nothing was frozen
    assert max(delays) < TAKEN_OVER_WITHIN
    assert ledger.broken_channels() == {}
    first = heard[0][0]
    assert heard == [list(range(first, len(ledger.numbers[channel]) + 1))] * 2
    assert told(sockets[0]) == told(sockets[1])
    assert len(set(told(sockets[0]))) == len(told(sockets[0]))


def freeze_in_turn(site: Site, servers: list[ServerProcess]) -> list[float]:
    """Each time the one that numbers, under load at the other; seconds until something was numbered again."""
    delays = []
    for _ in range(FREEZES):
        holder = int(site.manage("shell", "-v", "0", "-c", WHO_NUMBERS).split()[-1])
        (frozen,) = (one for one in servers if one.pid == holder)
        (other,) = (one for one in servers if one is not frozen)
        both = [Crowd(one.url, site.key, [MAKE_KEY], callers=2) for one in (other, frozen)]
        with both[0].calling(), both[1].calling():
            time.sleep(0.5)
            frozen.signal(signal.SIGSTOP)
            delays.append(seconds_until_numbered(other))
            time.sleep(FROZEN_SECONDS)
            frozen.signal(signal.SIGCONT)
            time.sleep(1.0)
    return delays


def seconds_until_numbered(server: ServerProcess) -> float:
    began = time.monotonic()
    before = last_number(server)
    while last_number(server) == before:
        assert time.monotonic() - began < 20
        time.sleep(0.1)
    return time.monotonic() - began


def last_number(server: ServerProcess) -> int:
    number: int = server.get(f"/api/v1/events?topic={TOPIC}&limit=1").json()["meta"]["last_seq"]
    return number


def told(socket: Socket) -> list[str]:
    """The objects that the socket heard of, each of which was made once."""
    return [event["data"]["object"]["id"] for event in socket.events]
