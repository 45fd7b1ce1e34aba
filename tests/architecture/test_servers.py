"""The rig's servers are real ones: started, asked, killed and started again, in each shape."""

from __future__ import annotations

import asyncio

import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site
from tests.rig.sites import MakeSite

pytestmark = [pytest.mark.integration, pytest.mark.no_jobs]


def test_server_answers_and_dies_by_kill_9(server: ServerProcess):
    answer = server.anonymous.get("/health")
    assert (answer.status, answer.json()["status"]) == (200, "healthy")

    server.kill()

    assert not server.is_running()


def test_site_outlives_its_server(site: Site):
    site.start().kill()

    me = site.start().get("/api/v1/auth/me")

    assert me.json()["organization"]["slug"] == site.organization


def test_development_server_is_the_same_application(site: Site):
    server = site.start("runserver")

    assert server.get("/api/v1/auth/me").json()["user"]["email"] == site.email
    assert "Daphne" in server.log


def test_two_workers_share_a_redis(make_site: MakeSite):
    site = make_site(redis=True)

    server = site.start(workers=2)

    assert server.get("/health").json()["dependencies"]["redis"] == "connected"
    assert server.terminate() == 0


def test_sites_know_nothing_of_each_other(make_site: MakeSite):
    one, other = make_site(), make_site()

    key = one.mint_key("user")

    assert one.start().as_key(key).get("/api/v1/auth/me").status == 200
    assert other.start().as_key(key).get("/api/v1/auth/me").status == 401


async def test_coroutine_talks_to_a_server(shared_site: Site, shared_server: ServerProcess):
    async with shared_server.client.session() as session:
        answers = await asyncio.gather(*(session.get("/api/v1/auth/me") for _ in range(3)))

    assert [answer.status for answer in answers] == [200, 200, 200]
