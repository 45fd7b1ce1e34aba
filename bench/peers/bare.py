"""A bare ASGI function: what uvicorn alone can do, the ceiling of every row."""

from __future__ import annotations

from typing import Any

BODY = b'{"status":"healthy","version":"0.1.0","dependencies":{"database":"connected"}}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
END = {"type": "http.response.body", "body": BODY}


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send(START)
        await send(END)
