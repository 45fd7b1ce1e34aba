"""The playground in a real Chromium: tokens as they come, a Stop that reaches the provider, failures in words, no script."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.clients.conftest import Gateway
from tests.fakes.llm.running import fake_llm
from tests.rig.site import Site, copy_site
from tests.rig.sites import has_redis

HTML = "<b>bold</b>+<img+src=x+onerror=alert(1)>"
SLOW = "ok?tokens=400&gap=0.05"


@pytest.fixture(scope="module")
def gateway(
    first_site: Site,
    site_numbers: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Gateway]:
    """A server of this module's own, whose routes lead to the fake."""
    site = copy_site(first_site, tmp_path_factory.mktemp("playground") / "site", site_numbers())
    if has_redis(request.config):
        site.use_redis()
    with fake_llm() as llm:
        site.env |= {
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": llm.address,
            "SIGNALBOX_EMBEDDED_WORKER": "false",
        }
        server = site.start()
        yield Gateway(server, llm)
    site.close()


@pytest.fixture(scope="module")
def cookies(gateway: Gateway, browser: Browser, first_site: Site) -> Any:
    """Of somebody who signed in once: five times a minute is the limit."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{gateway.url}/console/login")
    page.get_by_label("E-mail").fill(first_site.email)
    page.get_by_label("Password").fill(first_site.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    found = context.cookies()
    context.close()
    return found


@pytest.fixture
def at(page: Page, gateway: Gateway, cookies: Any) -> Callable[..., Page]:
    """The page of a route that behaves as the modes say, with a message written."""
    gateway.llm.forget()
    page.context.clear_cookies()
    page.context.add_cookies(cookies)

    def open_page(*modes: str, **more: Any) -> Page:
        page.goto(f"{gateway.url}/console/playground?route={gateway.route(*modes, **more)}")
        page.get_by_label("Message").fill("Is the line clear?")
        return page

    return open_page


def answer(page: Page) -> Locator:
    return page.get_by_role("group", name="Text of the answer")


def reading(page: Page, name: str) -> Locator:
    return page.locator(f'[data-reading="{name}"]')


def lamp(page: Page) -> Locator:
    return page.locator("[data-lamp]")


def test_tokens_appear_as_they_come_and_the_call_says_what_it_was(
    at: Callable[..., Page], gateway: Gateway
) -> None:
    page = at("ok?tokens=8&gap=0.15&ttft=0.2&prompt_tokens=1000&completion_tokens=8")
    page.get_by_label("System").fill("Be brief.")
    page.get_by_label("Most tokens").fill("50")
    page.get_by_label("Message").press("Control+Enter")

    expect(lamp(page)).to_have_text("Streaming")
    early = answer(page).inner_text()
    expect(lamp(page)).to_have_text("Whole")
    whole = answer(page).inner_text()

    assert whole == "word0 word1 word2 word3 word4 word5 word6 word7"
    assert (whole.startswith(early), early != whole) == (True, True)
    assert reading(page, "tokens").inner_text() == "1,000 + 8"
    assert reading(page, "cost").inner_text() == "0.001016"  # 1000 for 1 $, 8 for 2 $ a million
    assert reading(page, "provider").inner_text() == "openai"
    first, total = (
        int(reading(page, name).inner_text().replace(",", "")) for name in ("first", "total")
    )
    assert 200 <= first < total
    assert re.fullmatch(r"req_[0-9a-f]+", page.locator("[data-request-id]").inner_text())
    (call,) = gateway.llm.calls
    assert call.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is the line clear?"},
    ]
    assert call.body["max_tokens"] == 50
    assert "temperature" not in call.body


@pytest.mark.parametrize("by", ["button", "key"])
def test_stop_ends_the_call_at_the_provider(
    by: str, at: Callable[..., Page], gateway: Gateway
) -> None:
    page = at(SLOW)
    page.get_by_role("button", name="Send").click()
    expect(answer(page)).to_contain_text("word3")

    if by == "key":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Stop").click()

    expect(lamp(page)).to_have_text("Stopped")
    stopped = time.monotonic()
    gateway.llm.wait_for(lambda calls: calls[0].left_after is not None, 5)
    assert time.monotonic() - stopped < 2
    assert gateway.llm.calls[0].is_answered is False
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    expect(page.locator("[data-note]")).to_contain_text("You stopped it.")
    assert answer(page).inner_text().startswith("word0 word1 word2 word3")


def test_model_output_is_text_and_never_markup(at: Callable[..., Page]) -> None:
    page = at(f"ok?text={HTML}")
    page.get_by_role("button", name="Send").click()

    expect(answer(page)).to_have_text("<b>bold</b> <img src=x onerror=alert(1)>")
    assert answer(page).locator("*").count() == 0


@pytest.mark.parametrize(
    ("mode", "word", "title", "code"),
    [
        (
            "status?code=400&message=Too+rude",
            "Failed",
            "The call failed",
            "422 invalid_request_error",
        ),
        ("status?code=500", "Failed", "The call failed", "502 upstream_error"),
        ("half?after=3", "Cut off", "The answer broke off", "upstream_cut"),
    ],
)
def test_failure_is_told_in_words_with_the_request_id(
    mode: str, word: str, title: str, code: str, at: Callable[..., Page], complaints: list[str]
) -> None:
    page = at(mode, retries=0)
    page.get_by_role("button", name="Send").click()

    expect(lamp(page)).to_have_text(word)
    problem = page.get_by_role("alert").filter(has=page.locator("[data-problem-title]"))
    expect(problem.get_by_role("heading")).to_have_text(title)
    expect(problem.locator("code")).to_contain_text(code)
    expect(page.locator("[data-request-id]")).to_contain_text("req_")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    assert all("Failed to load resource" in said for said in complaints)
    complaints.clear()  # a browser complains of every refusal


def test_samples_follow_what_is_written(at: Callable[..., Page], gateway: Gateway) -> None:
    page = at("ok")
    page.get_by_label("Message").fill("Where is the 8.15?")

    samples = page.locator("#playground-samples")
    expect(samples).to_contain_text("Where is the 8.15?")
    expect(samples).to_contain_text(f"{gateway.url}/v1/chat/completions")
    samples.get_by_text("Python").click()
    expect(samples.locator("pre:visible")).to_contain_text("OpenAI(base_url=")
    page.get_by_label("Seed").fill("7")
    expect(samples.locator("pre:visible")).to_contain_text("seed=7")


def test_without_a_script_the_whole_answer_comes_with_the_page(
    browser: Browser, gateway: Gateway, cookies: Any
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{gateway.url}/console/playground?route={gateway.route('ok?tokens=4')}")
    page.get_by_label("Message").fill("Is the line clear?")
    page.get_by_role("button", name="Send").click()

    expect(answer(page)).to_have_text("word0 word1 word2 word3")
    expect(lamp(page)).to_have_text("Whole")
    expect(page.get_by_label("Message")).to_have_value("Is the line clear?")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    context.close()
