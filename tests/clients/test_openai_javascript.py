"""The official `openai` client in JavaScript, where Node stands."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Gateway

pytestmark = pytest.mark.journey
HERE = Path(__file__).parent / "javascript"


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client installed by its lock, in a folder that goes with the run."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not here")
    folder = tmp_path_factory.mktemp("node")
    for file in HERE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    done = subprocess.run(
        [npm, "ci", "--silent"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"npm could not install the client: {done.stderr[-300:]}")
    return folder


def test_javascript_client_chats_streams_calls_tools_and_hears_errors(
    gateway: Gateway, node_folder: Path
) -> None:
    good = gateway.route("ok?tokens=3&prompt_tokens=10")
    tools, broken = gateway.route("tools"), gateway.route("half?after=3", retries=0)
    key = gateway.server.client.key

    done = subprocess.run(
        ["node", "chat.mjs", f"{gateway.url}/v1", key, good, tools, broken],
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "chat": "word0 word1 word2",
        "usage": 13,
        "stream": "word0 word1 word2",
        "streamUsage": 13,
        "tool": "get_weather",
        "missing": ["NotFoundError", 404, "model_not_found"],
        "cut": "upstream_cut",
        "aborted": True,
    }
