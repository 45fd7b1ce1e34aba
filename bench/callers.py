"""Callers of models as they come: most want an answer, some get errors, some see their stream break, some leave.

Each says whether what it heard is what it had to hear. A connection each, on bare asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

PATIENCE = 30.0
MOST_AT_ONCE = 600
"""Callers at the same time; one that would be more is not sent, and counted as such."""
MESSAGES = [{"role": "user", "content": "Say hello to the gateway."}]
DONE = b"data: [DONE]"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of caller. `modes` are the fake's, one deployment each; none is a route that is not there."""

    name: str
    share: int
    modes: Sequence[str] = ()
    path: str = "/v1/chat/completions"
    status: int = 200
    says: bytes = b""
    """Must stand in the answer."""
    says_not: bytes = b"\0"
    is_stream: bool = False
    continues: bool = False
    leaves_after: float = 0.0
    """Seconds until the caller hangs up; 0: not before the end."""
    provider: str = "openai_compatible"

    @property
    def route(self) -> str:
        return self.name.replace(" ", "-")

    def body(self, number: int) -> bytes:
        body: dict[str, object] = {"model": self.route, "user": f"user-{number % 500}"}
        if self.path.endswith("embeddings"):
            body["input"] = f"Text {number}"
        else:
            body |= {"messages": MESSAGES, "max_tokens": 100}
        if self.path.endswith("messages"):
            del body["user"]
        if self.is_stream:
            body["stream"] = True
        if self.name == "malformed":
            body["messages"] = "none"
        return json.dumps(body).encode()


STORY = "text=Once upon a time there lived a signal box beside the line"
KINDS = (
    Kind("whole", 36, ["ok?tokens=20"], says=b"word19"),
    Kind("stream", 24, ["ok?tokens=30&gap=0.01"], says=DONE, is_stream=True),
    Kind("messages", 6, ["ok?tokens=20"], "/v1/messages", says=b"message_stop", is_stream=True, provider="anthropic"),
    Kind("embedding", 6, ["ok"], "/v1/embeddings", says=b"embedding"),
    Kind("spare", 5, ["status?code=500", "ok"], says=b"word0"),
    Kind("failing", 4, ["status?code=500"], status=502, says=b"upstream_error"),
    Kind("garbage", 3, ["garbage?kind=json"], status=502, says=b"upstream_invalid"),
    Kind("cut", 4, ["half?after=4&tokens=9"], says=b"upstream_cut", says_not=DONE, is_stream=True),
    Kind("reset", 2, ["reset?after=4&tokens=9"], says=b"upstream", says_not=DONE, is_stream=True),
    Kind("continued", 3, [f"half?after=5&{STORY}", f"ok?goes_on=1&{STORY}"], says=DONE, is_stream=True, continues=True),
    Kind("leaving", 3, ["ok?tokens=200&gap=0.05"], is_stream=True, leaves_after=0.3),
    Kind("leaving early", 1, ["hang"], leaves_after=0.3),
    Kind("malformed", 2, ["ok"], status=422, says=b"messages"),
    Kind("unknown", 1, status=404, says=b"model_not_found"),
)  # fmt: skip


@dataclass(slots=True)
class Crowd:
    """Sends callers at a fixed rate, whatever becomes of those before."""

    url: str
    key: str
    rate: float
    heard: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    not_sent: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def send_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        lot = Random(4)
        shares = [kind.share for kind in KINDS]
        began = loop.time()
        number = 0
        while (now := loop.time()) < began + seconds:
            if (wait := began + number / self.rate - now) > 0:
                await asyncio.sleep(wait)
            number += 1
            if len(self._under_way) >= MOST_AT_ONCE:
                self.not_sent += 1
                continue
            (kind,) = lot.choices(KINDS, shares)
            task = asyncio.create_task(self._call(kind, number))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await asyncio.gather(*self._under_way)

    async def _call(self, kind: Kind, number: int) -> None:
        try:
            async with asyncio.timeout(kind.leaves_after or PATIENCE):
                answer = await self._ask(kind, number)
        except (OSError, TimeoutError) as error:
            if not (kind.leaves_after and isinstance(error, TimeoutError)):
                self.surprises[f"{kind.name}: {error!r}"] += 1
                return
        else:
            if (wrong := _wrong(kind, answer)) is not None:
                self.surprises[f"{kind.name}: {wrong}"] += 1
        self.heard[kind.name] += 1

    async def _ask(self, kind: Kind, number: int) -> bytes:
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            body = kind.body(number)
            writer.write(
                (
                    f"POST {kind.path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
                    f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                ).encode()
                + body
            )
            return await reader.read(-1)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _wrong(kind: Kind, answer: bytes) -> str | None:
    """What of an answer is not as it has to be."""
    status = answer[9:12].decode("latin-1")
    if status != str(kind.status):
        return f"status {status or 'none'}"
    if kind.says not in answer:
        return f"does not say {kind.says.decode()}"
    return "says that it is whole" if kind.says_not in answer else None
