"""A live gateway before the fake provider: routes that misbehave, callers that come in crowds, and all it ever wrote."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

from tests.fakes.llm.running import FakeLLM, fake_llm
from tests.rig.http import Answer
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

SECRET = "sk-canary-Zq81-credential-77"
MESSAGES = [{"role": "user", "content": "Hello"}]
PRICES = {"input_price": "1", "output_price": "2"}


@dataclass
class LiveGateway:
    site: Site
    server: ServerProcess
    llm: FakeLLM
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _patient: str = ""

    def make(self, what: str, body: dict[str, Any], *, key: str = "") -> dict[str, Any]:
        client = self.server.as_key(key) if key else self.server.client
        answer = client.post(f"/api/v1/{what}", json=body)
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def route(
        self,
        mode: str,
        *,
        key: str = "",
        kind: str = "openai",
        captures: bool = False,
        **terms: Any,
    ) -> str:
        """A public model with one deployment at the fake; `terms` are the deployment's. By `key` of another house."""
        name = f"m-{next(self._numbers)}"
        base = self.llm.root if kind in ("anthropic", "ollama", "gemini") else self.llm.url
        place = {"name": name, "kind": kind, "base_url": base, "api_key": SECRET}
        self.make("providers", place, key=key)
        deployment = {"name": name, "provider": name, "model": mode, **PRICES, **terms}
        self.make("deployments", deployment, key=key)
        route = {
            "name": name,
            "targets": [{"deployment": name}],
            "retries": 0,
            "captures": captures,
        }
        self.make("routes", route, key=key)
        return name

    def key(self, **terms: Any) -> str:
        return str(self.make("keys", {"name": "k", "role": "user", **terms})["key"])

    @property
    def patient(self) -> str:
        """A key that may call as often as it likes."""
        if not self._patient:
            self._patient = self.key(limits={"all": "100000/m"})
        return self._patient

    def wait_for_ledger(self) -> None:
        """Processes that share a ledger meet at it first: calls under a budget wait until all have said what they hold."""
        model = self.route("ok?tokens=1")
        key = self.key(budget={"amount": 1, "period": "total"})
        until = time.monotonic() + 20
        while (answer := self.chat(model, key=key)).status == 503:
            assert answer.json()["error"]["code"] == "ledger_rebuilding"
            assert time.monotonic() < until
            time.sleep(0.2)
        assert answer.status == 200, answer.text

    def stranger(self, slug: str = "other") -> str:
        """An administrator's key of another organization."""
        person = f"admin@{slug}.example"
        self.site.manage(
            "bootstrap", "--organization", slug, "--email", person, "--password",
            "signal-box-lever-43", "--role", "admin",
        )  # fmt: skip
        words = (
            "--organization",
            slug,
            "--user",
            person,
            "--role",
            "admin",
            "--limit",
            "all=9999/m",
        )
        return self.site.manage("generate_api_key", *words).strip().splitlines()[-1]

    def chat(self, model: str, *, key: str = "", **body: Any) -> Answer:
        client = self.server.as_key(key) if key else self.server.client
        return client.post(
            "/v1/chat/completions", json={"model": model, "messages": MESSAGES, **body}
        )

    def crowd(
        self, model: str, calls: int, *, key: str = "", beside: Any = None, **body: Any
    ) -> list[tuple[Answer, float]]:
        """So many calls at once and the seconds of each; `beside` is a coroutine that runs meanwhile, to its end."""
        return asyncio.run(self._crowd(model, calls, key or self.patient, beside, body))

    async def _crowd(
        self, model: str, calls: int, key: str, beside: Any, body: dict[str, Any]
    ) -> list[tuple[Answer, float]]:
        value = {"model": model, "messages": MESSAGES, **body}
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(
            self.server.url, connector=connector, headers=headers
        ) as session:

            async def one() -> tuple[Answer, float]:
                began = time.monotonic()
                async with session.post("/v1/chat/completions", json=value) as answer:
                    whole = Answer(answer.status, answer.headers.copy(), await answer.read())
                return whole, time.monotonic() - began

            running = [asyncio.ensure_future(one()) for _ in range(calls)]
            if beside is not None:
                await beside(running)
            return await asyncio.gather(*running)

    def calls_booked(
        self, model: str, at_least: int, *, seconds: float = 15
    ) -> list[dict[str, Any]]:
        """What the log of calls holds of a route, once so many are in it."""
        until = time.monotonic() + seconds
        while True:
            found = self.server.get(f"/api/v1/usage/calls?limit=200&model={model}")
            assert found.status == 200, found.text
            rows: list[dict[str, Any]] = found.json()["data"]
            if len(rows) >= at_least or time.monotonic() > until:
                return rows
            time.sleep(0.2)


@contextmanager
def live_gateway(site: Site, *, workers: int = 1, **variables: str) -> Iterator[LiveGateway]:
    with fake_llm() as llm:
        site.env |= {
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": llm.address,
            "RATE_LIMIT_REQUESTS": "100000",
            **variables,
        }
        yield LiveGateway(site, site.start(workers=workers), llm)
