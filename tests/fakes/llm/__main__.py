"""Run the fake by itself, for benchmarks and for trying things by hand."""

from __future__ import annotations

import argparse
import asyncio

from tests.fakes.llm.server import State, serve


async def main() -> None:
    parser = argparse.ArgumentParser(description="A model server that fails on command.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--forget", action="store_true", help="write no requests down")
    given = parser.parse_args()
    server, _ = await serve(given.port, state=State(keeps=not given.forget))
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started us reads it
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
