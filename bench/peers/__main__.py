"""Serve one peer: `python -m bench.peers bare --port 8001`."""

from __future__ import annotations

import argparse

import uvicorn

APPLICATIONS = {
    "bare": "bench.peers.bare:application",
    "fastapi": "bench.peers.fastapi_twin:application",
    "fastapi-asgi": "bench.peers.fastapi_twin:tuned",
    "django": "bench.peers.stock.asgi:application",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=APPLICATIONS)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    # Loop, parser and what is left out (server's own log, Server and Date headers) are as in apps/core/asgi/server.py.
    uvicorn.run(
        APPLICATIONS[options.peer],
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=4096,
        timeout_keep_alive=30,
    )


if __name__ == "__main__":
    main()
