"""The bare hub to stand beside: uvicorn with the same socket implementation, a set of sends, one loop over it.

`python -m bench.hub PORT`. Any frame is answered `subscribed`; `POST /publish` sends its body to every socket. No
credentials, numbers, topics, history or slow readers: what is left when all that we promise is taken away.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

_sends: set[Any] = set()


async def app(scope: Any, receive: Any, send: Any) -> None:
    match scope["type"]:
        case "http":
            await _publish(receive, send)
        case "websocket":
            await _hold(receive, send)


async def _publish(receive: Any, send: Any) -> None:
    text = (await receive()).get("body", b"").decode()
    for one in list(_sends):
        await one({"type": "websocket.send", "text": text})
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def _hold(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    _sends.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": '{"type":"subscribed"}'})
    finally:
        _sends.discard(send)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        ws_per_message_deflate=False,
        ws_ping_interval=30.0,
        backlog=4096,
    )
