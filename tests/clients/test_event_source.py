"""The `EventSource` of docs/conversations.md in a real Chromium, by the session of whoever signed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clients.conftest import Gateway
from tests.clients.cutting import Cutting, cutting
from tests.clients.test_conversations import BLOCKS
from tests.rig.site import EMAIL, PASSWORD

pytestmark = [pytest.mark.journey, pytest.mark.no_jobs]
(EXAMPLE,) = [text for section, language, text in BLOCKS if language == "js"]


@pytest.fixture
def cut(gateway: Gateway) -> Iterator[Cutting]:
    with cutting(gateway.server.port, after=900) as proxy:
        yield proxy


@pytest.fixture
def page(cut: Cutting, browser: Browser) -> Iterator[Page]:
    """Somebody signed in, behind a network that cuts their streams."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{cut.url}/console/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    yield page
    context.close()


def begin(page: Page, model: str) -> str:
    """An answer under way, of whoever is signed in: as the page's own script would ask for it."""
    made = page.evaluate(
        """async (model) => {
          const token = document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value;
          const answer = await fetch("/graphql", {
            method: "POST",
            headers: {"Content-Type": "application/json", "X-CSRFToken": token},
            body: JSON.stringify({query: `mutation { chat(message: "Hello", model: "${model}") { conversationId } }`}),
          });
          return await answer.json();
        }""",
        model,
    )
    assert "errors" not in made, made
    return str(made["data"]["chat"]["conversationId"])


def follow(page: Page, conversation: str) -> Any:
    """What `show` was told, and what it came to."""
    return page.evaluate(
        f"""async (conversation) => {{
          {EXAMPLE}
          const shown = [];
          const ended = await follow(conversation, (text) => shown.push(text)).then(
            (text) => ({{ text }}), (error) => ({{ error: error.message }}));
          return {{ ...ended, shown }};
        }}""",
        conversation,
    )


def test_event_source_follows_an_answer_through_broken_connections(
    gateway: Gateway, page: Page, cut: Cutting
) -> None:
    conversation = begin(page, gateway.route("ok?tokens=40&gap=0.05"))

    told = follow(page, conversation)

    assert told["text"] == " ".join(f"word{number}" for number in range(40))
    assert told["shown"][-1] == told["text"]
    assert len(told["shown"]) > 5
    assert cut.cut >= 1
    assert follow(page, conversation)["text"] == told["text"]


def test_event_source_tells_what_an_answer_failed_of(gateway: Gateway, page: Page) -> None:
    conversation = begin(page, gateway.route("half?after=2", retries=0))

    told = follow(page, conversation)

    assert "text" not in told
    assert told["error"] != ""
    assert told["shown"] != []
