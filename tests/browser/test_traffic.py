"""The log of calls and the page of usage in a real Chromium: live, under a flood, while being read, and without a script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rig.servers import ServerProcess

MODEL, OTHER = "traffic-test", "other-traffic"
# Events as the socket hands them on, a thousand a second for two seconds; the longest the tab stood still, in ms.
FLOOD = """async () => {
  const app = document.querySelector("script[type=module]").src;
  const { feed } = await import(new URL("calls.js", app));
  const node = document.querySelector("[data-feed]");
  let longest = 0, last = performance.now(), sent = 0;
  const begun = last;
  while (performance.now() - begun < 2000) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    for (; sent < now - begun; sent += 1) {
      const at = new Date().toISOString();
      const call = { type: "call", id: `flood.${sent}`, model: "flood", status: "ok", deployment: "d", key_name: "k",
        prompt_tokens: 1200000, completion_tokens: 5, cost: "0.00226", ms: 912.4, first_token_ms: null, at };
      feed({ topic: "request.logs", data: call });
    }
  }
  return { longest, sent };
}"""
ONE = """async () => {
  const { feed } = await import(new URL("calls.js", document.querySelector("script[type=module]").src));
  for (const number of [1, 2]) {
    feed({ topic: "request.logs", data: { type: "call", id: `one.${performance.now()}.${number}`, model: "waits", status: "ok",
      prompt_tokens: 1, completion_tokens: 1, cost: "0", ms: 1, at: new Date().toISOString() } });
  }
}"""


@pytest.fixture(scope="module")
def model(shared_server: ServerProcess) -> str:
    """A route to a simulated model, with one call behind it and one behind another route."""
    for what, body in (
        ("providers", {"name": MODEL, "kind": "simulated"}),
        ("deployments", {"name": MODEL, "provider": MODEL, "model": "simulated", "input_price": 1}),
        ("routes", {"name": MODEL, "targets": [{"deployment": MODEL}]}),
        ("routes", {"name": OTHER, "targets": [{"deployment": MODEL}]}),
    ):
        answer = shared_server.post(f"/api/v1/{what}", json=body)
        assert answer.status == 201, answer.json()
    call(shared_server, OTHER)
    call(shared_server)
    return MODEL


def call(server: ServerProcess, model: str = MODEL) -> str:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Clear?"}]}
    answer = server.post("/v1/chat/completions", json=body)
    assert answer.status == 200, answer.json()
    return str(answer.headers["x-request-id"])


def open_log(page: Page, query: str = "") -> None:
    page.goto(f"/console/requests{query}")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "connected")
    expect(page.locator("#requests-results tbody tr").first).to_be_visible(timeout=20_000)
    page.mouse.move(2, 2)  # nobody reads the rows


def test_a_call_slides_in_and_opens_beside_the_list(
    page: Page, shared_server: ServerProcess, model: str
) -> None:
    open_log(page, f"?model={model}")
    page.evaluate("window.sameDocument = true")
    rows = page.locator("#requests-results tbody tr")
    before = rows.count()

    request_id = call(shared_server)

    expect(rows).to_have_count(before + 1, timeout=20_000)
    newest = rows.first
    expect(newest).to_contain_text(model)
    expect(newest.locator(".lamp")).to_have_text("OK")
    shown = newest.locator("td").all_inner_texts()
    newest.get_by_role("link").click()
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text(request_id)
    expect(drawer).to_contain_text("of it here")
    assert page.evaluate("window.sameDocument") is True
    page.goto(f"/console/requests?model={model}")
    written = rows.first.locator("td").all_inner_texts()
    assert shown[:-1] == written[:-1]  # the script writes what the server writes, but for the time


def test_a_filter_lets_only_its_calls_in(
    page: Page, shared_server: ServerProcess, model: str
) -> None:
    open_log(page, f"?model={model}")
    page.evaluate(ONE)

    call(shared_server)

    rows = page.locator("#requests-results tbody tr")
    expect(rows.first).to_contain_text(model)
    page.wait_for_timeout(600)
    expect(page.get_by_text("waits")).to_have_count(0)


def test_a_flood_leaves_the_tab_alive_and_says_what_it_left_out(page: Page, model: str) -> None:
    open_log(page)

    told = page.evaluate(FLOOD)

    assert told["sent"] >= 1500
    assert told["longest"] < 500  # a loaded machine; a frozen tab would stand for seconds
    rows = page.locator("#requests-results tbody tr")
    expect(rows.first).to_contain_text("flood")
    assert rows.count() <= 200
    expect(page.locator("[data-feed-sampled]")).to_contain_text(re.compile(r"Sampled: [\d,]+ were"))
    expect(rows.first).to_contain_text("1.20 M → 5")
    expect(rows.first).to_contain_text("$0.00226")


def test_rows_wait_while_somebody_reads(page: Page, model: str) -> None:
    open_log(page)
    first = page.locator("#requests-results tbody tr").first
    first.hover()

    page.evaluate(ONE)

    bar = page.get_by_role("button", name="2 new")
    expect(bar).to_be_visible()
    expect(first).not_to_contain_text("waits")
    page.evaluate(ONE)
    page.get_by_role("button", name="4 new").click()
    expect(page.locator("#requests-results tbody tr", has_text="waits")).to_have_count(4)
    expect(page.locator(".news")).to_have_count(0)


def test_usage_draws_its_charts_anew_with_the_question(page: Page, model: str) -> None:
    page.goto("/console/usage?window=24h")
    expect(page.locator(".chart canvas")).to_have_count(6)

    page.get_by_label("All together").select_option("model")

    expect(page).to_have_url(re.compile(r"group=model"))
    expect(page.get_by_role("heading", name="Duration, p95")).to_be_visible()
    expect(page.locator(".chart canvas")).to_have_count(6)
    expect(page.locator("#usage-results")).to_contain_text(model)
    page.locator(".chart").first.get_by_text("Show as table").click()
    heads = page.locator(".chart__table").first.get_by_role("columnheader")
    expect(heads.filter(has_text=model)).to_be_visible()
    page.locator("#usage-results").get_by_role("link", name=model).click()
    expect(page).to_have_url(re.compile(rf"/console/requests\?model={model}"))


def test_traffic_without_a_script(
    browser: Browser, browser_context_args: dict[str, Any], model: str
) -> None:
    context = browser.new_context(
        **{**browser_context_args, "permissions": []}, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/console/usage")
    page.get_by_label("Any model").select_option(model)
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".stat").first).to_contain_text("Calls")
    page.locator(".chart").first.get_by_text("Show as table").click()
    expect(page.locator(".chart__table").first).to_be_visible()
    expect(page.locator(".chart__plot").first).to_be_hidden()

    page.goto("/console/requests")
    page.locator("#requests-results tbody").get_by_role("link").first.click()

    expect(page.get_by_text("of it here")).to_be_visible()
    context.close()


def test_traffic_in_the_dark_at_a_phones_width(page: Page, model: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})

    for path in ("/console/usage?group=key", "/console/requests", "/console/budgets"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
