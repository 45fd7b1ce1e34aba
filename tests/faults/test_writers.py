"""Many writers of one SQLite at once: they wait for each other, and none is told that the database is locked."""

from __future__ import annotations

import time

import pytest

from tests.faults.crowd import Call, Crowd
from tests.faults.ledger import read_ledger
from tests.rig.site import Site

pytestmark = pytest.mark.integration

MAKE_KEY = Call("POST", "/api/v1/keys", {"name": "key {n}", "role": "viewer"})
SUBMIT = Call("POST", "/api/v1/jobs", {"kind": "demo.sleep", "payload": {"seconds": 0}})
WRITERS = 50
SECONDS = 5.0


def test_fifty_writers_at_once_are_all_served(site: Site) -> None:
    site.env |= {"RATE_LIMIT_REQUESTS": "100000"}
    server = site.start()
    crowd = Crowd(server.url, site.key, [MAKE_KEY, SUBMIT], callers=WRITERS)
    with crowd.calling():
        time.sleep(SECONDS)
    ledger = read_ledger(site)

    assert set(crowd.statuses()) == {201, 202}
    assert "database is locked" not in server.log
    assert {body["name"] for body in crowd.answered(MAKE_KEY, 201)} <= set(ledger.keys)
    assert ledger.lost({body["job_id"] for body in crowd.answered(SUBMIT, 202)}) == set()
    assert ledger.broken_channels() == {}
