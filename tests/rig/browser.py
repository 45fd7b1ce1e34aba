"""A real Chromium: pytest-playwright's fixtures on Debian's browser, with a real server behind.

Browser tests run after all others of their process: Playwright's loop stays in the main thread
once it has started, and Django's own would not start beside it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.environment import is_ci
from tests.rig.stack import FOLDER

FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers give it 64 MB
]
FIXTURES = {"page", "context", "browser", "new_context", "launch_browser", "playwright"}
PROBLEM = "chromium.problem"  # in the run's folder: why there is none, told once for all workers


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest's own reordering
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
    result = yield
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    return result


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; as root a missing one is installed from Debian, once."""
    path = find_chromium()
    if path is None:
        (Path(os.environ[FOLDER]) / PROBLEM).touch()
        if is_ci():
            pytest.fail("CI runs the browser tests or fails: chromium is missing", pytrace=False)
        pytest.skip("chromium is missing: apt-get install chromium")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # a test's `db` beside Playwright's loop
    return path


def find_chromium() -> str | None:
    if path := shutil.which("chromium"):
        return path
    with (Path(os.environ[FOLDER]) / "chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tried = Path(lock.name).with_name("chromium.tried")
        if not tried.exists():
            tried.touch()
            _install()
    return shutil.which("chromium")


def _install() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(
            ["apt-get", *command], env=quiet, capture_output=True, timeout=600, check=False
        )


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], chromium: str
) -> dict[str, Any]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root its sandbox
    return {**browser_type_launch_args, "executable_path": chromium, "args": [*sandbox, *FLAGS]}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if (Path(os.environ[FOLDER]) / PROBLEM).exists():
        terminalreporter.section("NO BROWSER TESTS: apt-get install chromium", red=True, bold=True)
