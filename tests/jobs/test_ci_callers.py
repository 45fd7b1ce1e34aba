"""A pipeline as a caller, against a real server and its worker: submit, poll without a key, follow both streams."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

# A GitHub Actions step as its authors wrote it, to the letter but for what is submitted.
STEP = """
    RESPONSE=$(curl -X POST "$API_URL/api/v1/jobs" \\
      -H "Authorization: Bearer $API_KEY" \\
      -H "Content-Type: application/json" \\
      -d '{"kind": "demo.sleep", "payload": {"seconds": 0.5}}')

    JOB_ID=$(echo $RESPONSE | jq -r '.job_id')

    # Wait for completion
    while [ "$(curl -s $API_URL/api/v1/job/$JOB_ID/status | jq -r '.status')" != "completed" ]; do
      sleep 5
    done
    echo $JOB_ID
"""
JQ = "import json, sys; print(json.load(sys.stdin)[sys.argv[2].lstrip('.')])"
END = {"complete", "error"}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with a `jq` for machines that have none."""
    if shutil.which("curl") is None:
        pytest.skip("curl is missing")
    if shutil.which("jq") is None:
        stand_in = tmp_path / "jq"
        stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{JQ}" "$@"\n')
        stand_in.chmod(0o755)
    return tmp_path


def submit(server: ServerProcess, **payload: Any) -> dict[str, Any]:
    body = {"kind": "demo.sleep", "payload": payload}
    answer = server.post("/api/v1/jobs", json=body)
    ticket: dict[str, Any] = answer.json()
    return ticket


def test_polling_loop_of_a_pipeline_runs_as_written(
    site: Site, server: ServerProcess, tools: Path
) -> None:
    outside = site.environment({"API_URL": server.url, "API_KEY": site.key})

    step = subprocess.run(
        ["bash", "-e", "-c", STEP],
        env={**outside, "PATH": f"{outside['PATH']}:{tools}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert step.returncode == 0, step.stderr
    job = server.get(f"/api/v1/jobs/{step.stdout.strip()}").json()
    assert (job["status"], job["result"]) == ("completed", {"slept": 0.5, "steps": 1})


async def test_both_streams_tell_a_job_to_its_end(site: Site, server: ServerProcess) -> None:
    ticket = submit(server, seconds=2.0, steps=4)
    headers = {"Authorization": f"Bearer {site.key}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        socket = await session.ws_connect(server.websocket_url + ticket["links"]["stream"])
        frames = [await socket.receive_json(timeout=30)]
        while frames[-1]["type"] not in END:
            frames.append(await socket.receive_json(timeout=30))
        closing = await socket.receive(timeout=10)
        back = f"{server.websocket_url}{ticket['links']['stream']}?after={frames[1]['seq']}"
        returned = await session.ws_connect(back)
        last = await returned.receive_json(timeout=10)
        async with session.get(server.url + ticket["links"]["events"]) as answer:
            events = (await answer.text()).split("\n\n")

    numbers = [frame["seq"] for frame in frames]
    assert numbers == sorted(set(numbers))
    assert len(frames) >= 4
    assert (frames[-1]["type"], frames[-1]["progress"]) == ("complete", 100.0)
    assert frames[-1]["result"] == {"slept": 2.0, "steps": 4}
    assert (closing.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)
    assert last == frames[-1]
    assert json.loads(events[1].split("data: ")[1]) == frames[-1]


async def test_failed_job_ends_its_stream_with_the_error(site: Site, server: ServerProcess) -> None:
    ticket = submit(server, seconds=0.2, fail=True)
    headers = {"Authorization": f"Bearer {site.key}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        socket = await session.ws_connect(server.websocket_url + ticket["links"]["stream"])
        frame = await socket.receive_json(timeout=30)
        while frame["type"] not in END:
            frame = await socket.receive_json(timeout=30)

    assert (frame["error"], frame["message"]) == ("demo_failure", "It was asked to fail.")
