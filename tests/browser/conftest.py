"""One sign-in for all browser tests of a worker, and an ear for everything a page complains about."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.rig.site import Site

SECOND = "southern"


@pytest.fixture(scope="session", autouse=True)
def patience() -> None:
    expect.set_options(timeout=10_000)  # a loaded machine with two cores


@pytest.fixture(scope="session")
def signed_in(browser: Browser, base_url: str, shared_site: Site) -> Any:
    """The cookies of somebody who signed in through the page; they belong to two organisations."""
    shared_site.manage(
        "bootstrap", "--organization", SECOND, "--email", shared_site.email,
        "--password", shared_site.password,
    )  # fmt: skip
    context = browser.new_context(base_url=base_url)
    page = context.new_page()
    page.goto("/console/keys")
    page.get_by_label("E-mail").fill(shared_site.email)
    page.get_by_label("Password").fill(shared_site.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Keys", level=1)).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any], signed_in: Any) -> dict[str, Any]:
    return {
        **browser_context_args,
        "storage_state": signed_in,
        "permissions": ["clipboard-read", "clipboard-write"],
        "viewport": {"width": 1400, "height": 900},
    }


@pytest.fixture(autouse=True)
def complaints(context: BrowserContext) -> Generator[list[str]]:
    """Console errors, CSP violations and exceptions of every page; there must be none."""
    heard: list[str] = []
    context.on(
        "console",
        lambda line: heard.append(line.text) if line.type in ("error", "warning") else None,
    )
    context.on("weberror", lambda error: heard.append(str(error.error)))
    yield heard
    assert heard == []
