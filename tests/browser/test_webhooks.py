"""The pages of webhooks in a real Chromium: made, tried, looked into, sent again, changed, removed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from standardwebhooks.webhooks import Webhook

from tests.factories.receiver import Receiver, status
from tests.rig.servers import ServerProcess
from tests.rig.site import Site


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def house(site: Site, receiver: Receiver, page: Page) -> ServerProcess:
    """A server of this test's own that may call the receiver; the page is signed in."""
    server = site.start(env={"SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{receiver.port}"})
    page.context.clear_cookies()
    page.goto(f"{server.url}/console/login")
    page.get_by_label("E-mail").fill(site.email)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return server


def say_yes(page: Page, button: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()


def wait_for(receiver: Receiver, count: int) -> None:
    until = time.monotonic() + 20
    while len(receiver.received) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def see(page: Page, text: str) -> None:
    """Deliveries are no live topic: look again until it is there."""
    until = time.monotonic() + 20
    while text not in page.locator("main").inner_text():
        assert time.monotonic() < until, page.locator("main").inner_text()
        time.sleep(0.2)
        page.reload()


def test_webhook_from_its_making_to_a_delivery_sent_again(
    house: ServerProcess, receiver: Receiver, page: Page
) -> None:
    receiver.answers["/hook"] = [status(410, b"not yet <b>here</b>"), status(200, b"thanks")]
    page.goto(f"{house.url}/console/webhooks")
    page.get_by_role("link", name="Make the first webhook").click()
    page.get_by_label("Address").fill(receiver.url("/hook"))
    page.get_by_label("job.progress").check()
    page.get_by_label("Description").fill("CI of the northern line")
    page.get_by_role("button", name="Make the webhook").click()
    secret = re.findall(r"whsec_[A-Za-z0-9+/=]+", page.locator("main").inner_text())[0]
    page.get_by_role("link", name="I have stored it").click()
    assert "whsec_" not in page.locator("main").inner_text()

    page.get_by_role("button", name="Send a test event").click()
    say_yes(page, "Send it")
    expect(page.locator(".toast")).to_contain_text("A test event is on its way.")
    wait_for(receiver, 1)
    see(page, "the receiver answered 410, gone")
    page.get_by_role("link", name="events.webhook.test").click()

    expect(page.get_by_role("heading", name="events.webhook.test", level=1)).to_be_visible()
    attempt = page.get_by_role("article", name="Attempt 1")
    expect(attempt).to_contain_text("not yet <b>here</b>")
    expect(attempt).to_contain_text("webhook-signature: ***")
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)  # it is disabled

    page.go_back()
    page.get_by_role("button", name="Enable").click()
    say_yes(page, "Enable")
    page.get_by_role("link", name="events.webhook.test").click()
    page.get_by_role("button", name="Send again").click()
    say_yes(page, "Send again")
    wait_for(receiver, 2)
    see(page, "Delivered")

    expect(page.get_by_role("article", name="Attempt 2")).to_contain_text("thanks")
    first, again = receiver.received
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert json.loads(first.body) == Webhook(secret).verify(again.body, again.headers)


def test_webhook_is_edited_disabled_and_deleted(
    house: ServerProcess, receiver: Receiver, page: Page
) -> None:
    asked: dict[str, Any] = {"url": receiver.url("/hook"), "topics": ["keys.key.created"]}
    webhook = house.post("/api/v1/webhooks", json=asked).json()["id"]
    page.goto(f"{house.url}/console/webhooks/{webhook}")

    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_label("keys.key.created")).to_be_checked()
    page.get_by_label("alert.events").check()
    page.get_by_label("Description").fill("Pager")
    page.get_by_label("Enabled").uncheck()
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".toast")).to_contain_text("Saved.")
    expect(page.locator("main")).to_contain_text("Pager")
    expect(page.locator("main")).to_contain_text("somebody asked for it")
    kept = house.get(f"/api/v1/webhooks/{webhook}").json()
    assert (kept["topics"], kept["enabled"]) == (["alert.events", "keys.key.created"], False)

    page.get_by_role("button", name="Delete").click()
    say_yes(page, "Delete webhook")
    expect(page.locator("main")).to_contain_text("No webhook yet")


def test_delivery_fits_a_phone_in_the_dark(
    house: ServerProcess, receiver: Receiver, page: Page
) -> None:
    asked = {"url": receiver.url("/" + "long" * 100), "topics": ["*"]}
    webhook = house.post("/api/v1/webhooks", json=asked).json()["id"]
    delivery = house.post(f"/api/v1/webhooks/{webhook}/test").json()["id"]
    wait_for(receiver, 1)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})

    for path in (webhook, f"{webhook}/edit", f"deliveries/{delivery}"):
        page.goto(f"{house.url}/console/webhooks/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
