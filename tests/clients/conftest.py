"""One real server whose routes lead to the fake, for the clients that people have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.fakes.llm.running import FakeLLM, fake_llm
from tests.rig.servers import ServerProcess
from tests.rig.site import Site, copy_site
from tests.rig.sites import has_redis

BASES = {"openai": "/v1", "anthropic": "", "ollama": "", "gemini": ""}


class Gateway:
    """One server for all tests; the names of routes are new each time."""

    def __init__(self, server: ServerProcess, llm: FakeLLM) -> None:
        self.server, self.llm = server, llm
        self.url = server.url
        self._known: set[str] = set()
        self._numbers = count(1)

    def route(self, *modes: str, kind: str = "openai", **more: object) -> str:
        """A public model that behaves as the modes say, one deployment each; `more` goes into the route's body."""
        self._provide(kind)
        name = f"model-{next(self._numbers)}"
        targets = []
        for number, mode in enumerate(modes):
            target = f"{name}-{number}"
            prices = {"input_price": "1", "output_price": "2"}
            self._make("deployments", {"name": target, "provider": kind, "model": mode, **prices})
            targets.append({"deployment": target, "weight": 1})
        self._make("routes", {"name": name, "targets": targets, **more})
        return name

    def key(self, **terms: object) -> str:
        answer = self.server.post("/api/v1/keys", json={"name": "k", "role": "user", **terms})
        assert answer.status == 201, answer.text
        return str(answer.json()["key"])

    def _provide(self, kind: str) -> None:
        if kind in self._known:
            return
        self._known.add(kind)
        place = {"base_url": f"{self.llm.root}{BASES[kind]}", "api_key": "sk-canary-1234"}
        self._make("providers", {"name": kind, "kind": kind, **place})

    def _make(self, what: str, body: dict[str, object]) -> None:
        answer = self.server.post(f"/api/v1/{what}", json=body)
        assert answer.status == 201, answer.text


@pytest.fixture(scope="session")
def shared_gateway(
    first_site: Site,
    site_numbers: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Gateway]:
    site = copy_site(first_site, tmp_path_factory.mktemp("clients") / "site", site_numbers())
    if has_redis(request.config):
        site.use_redis()
    with fake_llm() as llm:
        site.env |= {
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": llm.address,
            "SIGNALBOX_EMBEDDED_WORKER": "false",
            "RATE_LIMIT_REQUESTS": "100000",
            "SIGNALBOX_KEEP_ALIVE_SECONDS": "0.5",
        }
        yield Gateway(site.start(), llm)
    site.close()


@pytest.fixture
def gateway(shared_gateway: Gateway, tmp_path: Path) -> Gateway:
    shared_gateway.llm.forget()
    return shared_gateway
