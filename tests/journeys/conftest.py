"""A server of its own for predictions, with the demo's model in it, put there as anybody would: by the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from config.churn.customers import EXAMPLE, SCHEMA
from config.churn.written import read_written
from tests.rig.http import Client
from tests.rig.servers import ServerProcess
from tests.rig.site import Site, copy_site
from tests.rig.sites import has_redis

STAGES = {"1.2.0": "Production", "1.3.0": "Staging"}


@dataclass(frozen=True)
class Serving:
    site: Site
    server: ServerProcess
    hurried: Client
    """A key whose limits nobody reaches."""

    def key(self, **terms: Any) -> Client:
        """One with the limits that keys have."""
        answer = self.hurried.post("/api/v1/keys", json={"name": "caller", "role": "user", **terms})
        assert answer.status == 201, answer.text
        return self.server.as_key(answer.json()["key"])


@pytest.fixture(scope="session")
def serving(
    first_site: Site,
    site_numbers: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Serving]:
    site = copy_site(first_site, tmp_path_factory.mktemp("serving") / "site", site_numbers())
    if has_redis(request.config):
        site.use_redis()
    server = site.start()
    hurried = server.as_key(site.mint_key("admin", "--limit", "all=100000/s"))
    publish_churn(hurried)
    yield Serving(site, server, hurried)
    site.close()


def publish_churn(client: Client) -> None:
    made = client.post(
        "/api/v1/models",
        json={"name": "churn-predictor", "description": "Customer churn prediction model"},
    )
    assert made.status == 201, made.text
    for label in STAGES:
        publish(client, label)
    set_stages(client)
    aliased = client.request(
        "PUT", "/api/v1/models/churn-predictor/aliases/champion", json={"version": "1.2.0"}
    )
    assert aliased.status == 200, aliased.text


def set_stages(client: Client) -> None:
    """Where the two versions stand before and after each test."""
    for label, stage in STAGES.items():
        path = f"/api/v1/models/churn-predictor/versions/{label}/stage"
        moved = client.post(path, json={"stage": stage})
        assert moved.status == 200, moved.text


def publish(client: Client, label: str) -> None:
    written = read_written(label)
    form = aiohttp.FormData()
    form.add_field("file", json.dumps(written["card"]).encode(), filename="card.json")
    form.add_field("version", label)
    form.add_field("feature_schema", json.dumps(SCHEMA))
    form.add_field("metrics", json.dumps(written["metrics"]))
    form.add_field("input_example", json.dumps(EXAMPLE))
    sent = client.post("/api/v1/models/churn-predictor/versions", data=form)
    assert sent.status == 201, sent.text
