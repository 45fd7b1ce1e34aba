"""The chat in a real Chromium: answers that outlive the page, a Stop that reaches the provider, branches, two tabs, and models
that try to be more than text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.lines import line_to
from tests.clients.conftest import Gateway
from tests.fakes.llm.running import fake_llm
from tests.rig.site import Site, copy_site
from tests.rig.sites import has_redis

SLOW = "ok?tokens=60&gap=0.13"
ENDLESS = "ok?tokens=600&gap=0.05"
PHONE = {"width": 390, "height": 844}
ATTACK = """Hello <img src=x onerror="window.hacked=1"> <script>window.hacked=1</script>

[click](javascript:window.hacked=1) [data](data:text/html,<script>window.hacked=1</script>) [ok](https://example.com/a)
[rel](/console/logout) ![pixel](https://example.com/pixel.png) <a href="javascript:window.hacked=1">x</a>

```html
<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>
```

<svg onload="window.hacked=1"></svg> <iframe srcdoc="<script>parent.hacked=1</script>"></iframe>

| a |
|--:|
| <b onclick="window.hacked=1">b</b> |
"""
TRICKY = """para
#hashtag is no heading
Setext
------

- one

  still one
- two
   ```js
   let a = 1;

   let b = "</script>";
   ```

1. first
10. tenth \\
    with a break

> quoted
lazily

| a | b |
|---|--:|
| 1 | 2 |

    indented code

~~~
open fence with `ticks`

~~~
é 👩‍🚀 𝒳 [link][later] <https://example.com/x> **bo
ld** ***
"""
LATER = '\n[later]: https://example.com/later "T"\n'
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def gateway(
    first_site: Site,
    site_numbers: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Gateway]:
    site = copy_site(first_site, tmp_path_factory.mktemp("chat") / "site", site_numbers())
    if has_redis(request.config):
        site.use_redis()
    with fake_llm() as llm:
        site.env |= {
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": llm.address,
            "SIGNALBOX_EMBEDDED_WORKER": "false",
            "RATE_LIMIT_REQUESTS": "100000",
        }
        yield Gateway(site.start(), llm)
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
def at(page: Page, gateway: Gateway, cookies: Any) -> Open:
    """A new conversation with a model that behaves as the mode says."""
    gateway.llm.forget()
    page.context.clear_cookies()
    page.context.add_cookies(cookies)

    def open_page(mode: str) -> Page:
        page.goto(f"{gateway.url}/console/chat/new?model={gateway.route(mode)}")
        return page

    return open_page


def says(gateway: Gateway, text: str, **options: str) -> str:
    """A model that says a long text: a script, since a model's name is short."""
    gateway.llm.script("scripted", "ok?" + urlencode({"text": text, **options}))
    return "scripted"


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def send(page: Page, text: str) -> None:
    before = asked(page).count()
    field(page).fill(text)
    field(page).press("Enter")
    expect(asked(page)).to_have_count(before + 1)


def asked(page: Page) -> Locator:
    return page.locator("[data-message][data-role=user]")


def answers(page: Page) -> Locator:
    return page.locator("[data-message][data-role=assistant]")


def text_of(message: Locator) -> Locator:
    return message.locator("[data-shown]")


def words(first: int, last: int) -> str:
    return " ".join(f"word{number}" for number in range(first, last + 1))


def is_settled(page: Page) -> None:
    """No answer is being written or heard."""
    expect(page.locator("[data-thread][data-busy]")).to_have_count(0)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_an_answer_streams_and_says_what_it_came_to(at: Open) -> None:
    page = at("ok?tokens=8&gap=0.1&prompt_tokens=1000&completion_tokens=8")
    send(page, "Is the line clear?")

    expect(text_of(asked(page))).to_have_text("Is the line clear?")
    expect(text_of(answers(page))).to_contain_text("word2")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(text_of(answers(page))).to_have_text(words(0, 7))
    is_settled(page)

    expect(page.locator("[data-facts]").last).to_have_text("1,000 → 8 tokens · $0.00102")
    expect(page.locator("#chat-title")).to_have_text("Is the line clear?")
    expect(page.locator(".talk__link[aria-current]")).to_contain_text("Is the line clear?")
    assert "/console/chat/conv_" in page.url
    assert field(page).input_value() == ""


def test_reload_in_the_middle_shows_the_whole_answer_once(at: Open) -> None:
    page = at(SLOW)
    send(page, "Count.")
    expect(text_of(answers(page))).to_contain_text("word9")

    page.reload()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(text_of(answers(page))).to_have_text(words(0, 59), timeout=30_000)
    is_settled(page)

    assert (asked(page).count(), answers(page).count()) == (1, 1)
    page.reload()
    expect(text_of(answers(page))).to_have_text(words(0, 59))


def test_a_cut_line_is_taken_up_where_it_broke(
    at: Open, gateway: Gateway, complaints: list[str]
) -> None:
    page = at(SLOW)
    places: list[str] = []
    page.on("request", lambda call: places.extend(_place(call.headers)))
    with line_to(gateway.server.port) as line:
        page.goto(page.url.replace(gateway.url, line.url))
        send(page, "Count.")
        for word in ("word5", "word20", "word40"):
            expect(text_of(answers(page))).to_contain_text(word, timeout=15_000)
            line.cut()
        expect(text_of(answers(page))).to_have_text(words(0, 59), timeout=30_000)
        is_settled(page)

    assert len(places) >= 3
    assert all(re.fullmatch(r"msg_\w+:\d+", place) for place in places)
    complaints.clear()  # a browser complains of every line that is cut


def _place(headers: dict[str, str]) -> list[str]:
    return [headers["last-event-id"]] if "last-event-id" in headers else []


@pytest.mark.parametrize("by", ["button", "key"])
def test_stop_ends_the_call_and_keeps_what_came(by: str, at: Open, gateway: Gateway) -> None:
    page = at(ENDLESS)
    send(page, "Go on for ever.")
    expect(text_of(answers(page))).to_contain_text("word3")

    if by == "key":
        field(page).press("Escape")
    else:
        page.get_by_role("button", name="Stop").click()

    is_settled(page)
    gateway.llm.wait_for(lambda calls: calls[0].left_after is not None, 5)
    expect(answers(page).locator(".lamp__word")).to_have_text("Stopped")
    kept = text_of(answers(page)).inner_text()
    page.reload()
    assert kept.startswith("word0 word1 word2 word3")
    assert text_of(answers(page)).inner_text() == kept


def test_an_edit_is_a_branch_and_both_can_be_turned_to(at: Open) -> None:
    page = at("ok?tokens=3")
    send(page, "First question")
    is_settled(page)
    expect(answers(page)).to_have_count(1)
    send(page, "Second question")
    expect(answers(page)).to_have_count(2)
    is_settled(page)

    asked(page).first.hover()
    asked(page).first.get_by_role("button", name="Edit").click()
    expect(field(page)).to_have_value("First question")
    field(page).fill("Another question")
    field(page).press("Enter")
    expect(text_of(asked(page))).to_have_text(["Another question"])
    is_settled(page)
    expect(asked(page).locator("[data-standing]")).to_have_text("2 / 2")

    page.get_by_role("button", name="Previous version").click()
    expect(text_of(asked(page))).to_have_text(["First question", "Second question"])
    expect(asked(page).first.locator("[data-standing]")).to_have_text("1 / 2")
    page.get_by_role("button", name="Next version").click()
    expect(text_of(asked(page))).to_have_text(["Another question"])
    page.reload()
    expect(text_of(asked(page))).to_have_text(["Another question"])


def test_arrow_up_edits_the_last_message_and_escape_leaves_it(at: Open) -> None:
    page = at("ok?tokens=2")
    send(page, "As it was")
    is_settled(page)
    expect(page.locator("[data-facts]").last).not_to_have_text("")

    field(page).press("ArrowUp")
    expect(field(page)).to_have_value("As it was")
    field(page).press("Escape")

    expect(field(page)).to_have_value("")
    assert asked(page).count() == 1


def test_answered_again_is_another_version(at: Open) -> None:
    page = at("ok?tokens=3")
    send(page, "Say it")
    is_settled(page)
    page.get_by_role("button", name="Answer again").click()
    expect(answers(page).locator("[data-standing]")).to_have_text("2 / 2")
    is_settled(page)

    assert answers(page).count() == 1


def test_two_tabs_see_the_same_stream(at: Open, context: BrowserContext) -> None:
    page = at(SLOW)
    send(page, "Count.")
    expect(text_of(answers(page))).to_contain_text("word2")
    other = context.new_page()
    other.goto(page.url)

    expect(text_of(answers(other))).to_contain_text("word4")
    for tab in (page, other):
        expect(text_of(answers(tab))).to_have_text(words(0, 59), timeout=30_000)
        is_settled(tab)

    send(page, "Once more.")  # the other tab hears of it by itself
    expect(answers(other)).to_have_count(2)
    expect(text_of(answers(other).last)).to_contain_text("word3")
    for tab in (page, other):
        expect(text_of(answers(tab).last)).to_have_text(words(0, 59), timeout=30_000)


def test_what_a_model_says_runs_nothing_and_loads_nothing(
    at: Open, gateway: Gateway, context: BrowserContext
) -> None:
    page = at(says(gateway, ATTACK, gap="0.01"))
    away: list[str] = []
    page.on("request", lambda call: away.append(call.url) if "example.com" in call.url else None)
    send(page, "Attack me")
    is_settled(page)
    expect(answers(page).locator(".code pre")).to_contain_text("<img src=x onerror")
    hrefs = "nodes => nodes.map(node => [node.getAttribute('href'), node.rel])"

    for _ in range(2):  # as it streamed, and as the server renders it
        shown = text_of(answers(page))
        assert page.evaluate("window.hacked") is None
        assert (
            shown.locator(
                "img, script, svg:not(.icon), iframe, [onerror], [onclick], [style]"
            ).count()
            == 0
        )
        assert shown.locator("a").evaluate_all(hrefs) == [
            ["https://example.com/a", "noopener noreferrer nofollow"],
            ["https://example.com/pixel.png", "noopener noreferrer nofollow"],
        ]
        page.reload()
        expect(answers(page).locator(".code pre")).to_contain_text("<img src=x onerror")
    assert away == []


def test_code_is_framed_coloured_and_copied(
    at: Open, gateway: Gateway, context: BrowserContext
) -> None:
    code = "```python\ndef clear(block):\n    return not block.taken  # free\n```\n\nDone."
    page = at(says(gateway, code, gap="0.01"))
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    send(page, "Code, please")
    is_settled(page)

    expect(answers(page).locator(".code .hljs-keyword").first).to_have_text("def")
    page.get_by_role("button", name="Copy code").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == "def clear(block):\n    return not block.taken  # free\n"
    )


def test_a_failed_answer_says_why_and_may_be_asked_again(at: Open, gateway: Gateway) -> None:
    page = at("status?code=400&message=No+such+thing")
    send(page, "Fail")

    expect(answers(page).locator(".message__error")).to_be_visible()
    expect(page.get_by_role("button", name="Answer again")).to_be_visible()


def test_title_tags_archive_and_search(at: Open) -> None:
    page = at("ok?tokens=2")
    send(page, "What is a semaphore signal?")
    is_settled(page)
    page.get_by_label("More", exact=True).first.click()
    page.get_by_role("button", name="Rename and tag").click()
    page.get_by_label("Title").fill("Semaphores")
    page.get_by_label("Tags").fill("history, signals")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#chat-title")).to_have_text("Semaphores")
    expect(page.locator(".talk__link[aria-current] .tag")).to_have_text(["history", "signals"])

    page.get_by_placeholder("Search").fill("semaphore")
    expect(page.locator(".talk__title").first).to_have_text("Semaphores")
    expect(page.locator(".talk__more mark").first).to_have_text("semaphore")

    page.get_by_placeholder("Search").fill("")
    page.get_by_label("More", exact=True).first.click()
    page.get_by_role("button", name="Archive").click()
    page.wait_for_url("**/console/chat/new")
    expect(page.locator(".talk__title", has_text="Semaphores")).to_have_count(0)
    page.get_by_role("link", name="Archive").click()
    expect(page.locator(".talk__title", has_text="Semaphores")).to_have_count(1)


def test_a_phone_shows_the_list_or_the_conversation(
    at: Open, browser: Browser, gateway: Gateway, cookies: Any
) -> None:
    page = at("ok?tokens=3")
    send(page, "Small screen")
    is_settled(page)
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    context.add_cookies(cookies)
    phone = context.new_page()
    phone.goto(f"{gateway.url}/console/chat")
    expect(phone.locator(".chat__thread")).to_be_hidden()
    phone.locator(".talk__link").first.tap()

    expect(text_of(answers(phone))).to_have_text(words(0, 2))
    expect(phone.locator(".chat__side")).to_be_hidden()
    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    small = phone.locator(".chat__thread").locator(
        "button:visible, a.button:visible, select:visible"
    )
    sizes = small.evaluate_all(
        "nodes => nodes.map(node => [node.ariaLabel || node.textContent.trim(), node.getBoundingClientRect().height])"
    )
    assert [name for name, height in sizes if height < 44] == []
    box = field(phone).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= PHONE["height"]
    phone.get_by_role("link", name="All conversations").tap()
    expect(phone.locator(".chat__side")).to_be_visible()
    context.close()


def test_without_scripts_a_conversation_can_be_read(
    at: Open, browser: Browser, cookies: Any
) -> None:
    page = at("ok?tokens=3")
    send(page, "Read me")
    is_settled(page)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    plain = context.new_page()
    plain.goto(page.url)

    expect(text_of(asked(plain))).to_have_text("Read me")
    expect(text_of(answers(plain))).to_have_text(words(0, 2))
    expect(plain.locator("[data-composer]")).to_be_hidden()
    context.close()


def test_an_interrupted_answer_is_gone_on_with(at: Open, gateway: Gateway) -> None:
    page = at(ENDLESS)
    send(page, "Go on for ever.")
    expect(text_of(answers(page))).to_contain_text("word3")
    field(page).press("Escape")
    is_settled(page)
    kept = text_of(answers(page)).inner_text()

    page.get_by_role("button", name="Continue").click()
    expect(text_of(answers(page))).not_to_have_text(kept)
    field(page).press("Escape")
    is_settled(page)

    assert answers(page).count() == 1
    assert text_of(answers(page)).inner_text().startswith(kept)


def test_an_answer_is_judged_with_a_word(at: Open) -> None:
    page = at("ok?tokens=2")
    send(page, "Well?")
    is_settled(page)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_label("Your word").fill("Too short")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Noted.")).to_be_visible()

    page.reload()
    bad = page.get_by_role("button", name="Bad answer")
    expect(bad).to_have_attribute("aria-pressed", "true")
    bad.click()
    expect(page.get_by_label("Your word")).to_have_value("Too short")


def test_files_go_along_with_a_message(at: Open, gateway: Gateway) -> None:
    page = at("ok?tokens=2")
    page.locator("[data-attach]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Points locked."}
    )
    expect(page.locator(".file [data-note]")).to_have_text("1 KB")
    send(page, "Read this")
    is_settled(page)

    expect(asked(page).locator(".file__name")).to_have_text("notes.txt")
    expect(page.locator("[data-composer] .file")).to_have_count(0)
    page.reload()
    expect(asked(page).locator("a.file__name")).to_have_text("notes.txt")


def test_settings_go_along_and_are_kept(at: Open, gateway: Gateway, complaints: list[str]) -> None:
    page = at("ok?tokens=2")
    page.get_by_label("System prompt and parameters").click()
    page.get_by_label("System prompt (optional)").fill("Be brief.")
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_role("button", name="Save").click()
    send(page, "Hello")
    is_settled(page)

    (call, *_) = gateway.llm.calls
    assert call.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert call.body["temperature"] == 0.3
    page.get_by_label("System prompt and parameters").click()
    page.get_by_label("Temperature").fill("warm")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-settings] [data-problem]")).to_contain_text("temperature")
    complaints.clear()  # a browser complains of every refusal


def test_a_link_shows_the_branch_to_strangers_until_it_is_ended(
    at: Open, browser: Browser, gateway: Gateway
) -> None:
    page = at("ok?tokens=3")
    send(page, "Show me")
    is_settled(page)
    page.get_by_label("More", exact=True).first.click()
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.locator("[data-link]")).to_be_visible()
    path = page.locator("[data-link] [data-url]").inner_text().partition("/shared/")[2]
    stranger = browser.new_page()

    stranger.goto(f"{gateway.url}/shared/{path}")
    expect(stranger.locator("body")).to_contain_text(words(0, 2))
    page.get_by_role("button", name="End the link").click()
    expect(page.get_by_text("The link shows nothing any more.")).to_be_visible()
    gone = stranger.goto(f"{gateway.url}/shared/{path}")
    assert gone is not None
    assert gone.status == 404
    stranger.close()


def test_tags_alone_leave_a_made_up_title_as_it_is(at: Open) -> None:
    page = at("ok?tokens=2")
    send(page, "Tag me")
    is_settled(page)
    page.get_by_label("More", exact=True).first.click()
    page.get_by_role("button", name="Rename and tag").click()
    page.get_by_label("Tags").fill("kept")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("[data-about] a.tag")).to_have_text("kept")
    expect(page.locator("#chat-title")).to_have_text("Tag me")
    page.locator("[data-about] a.tag").click()
    expect(page.locator(".talk__title")).to_have_text(["Tag me"])


def test_delete_asks_first(at: Open) -> None:
    page = at("ok?tokens=2")
    send(page, "Gone tomorrow")
    is_settled(page)
    page.get_by_label("More", exact=True).first.click()
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Gone tomorrow")
    dialog.get_by_role("button", name="Delete").click()

    page.wait_for_url("**/console/chat/new")
    expect(page.locator(".talk__title", has_text="Gone tomorrow")).to_have_count(0)


def test_two_models_answer_side_by_side_and_one_is_chosen(
    at: Open, page: Page, gateway: Gateway
) -> None:
    first, second = gateway.route("ok?tokens=4&gap=0.05"), gateway.route("ok?tokens=6&gap=0.05")
    at("ok")
    page.goto(f"{gateway.url}/console/chat/compare?model={first}&model={second}")
    page.get_by_label("Prompt").fill("Which is better?")
    page.get_by_label("Prompt").press("Enter")
    sides = page.locator("[data-side]")
    expect(sides.nth(0).locator("[data-shown]")).to_have_text(words(0, 3))
    expect(sides.nth(1).locator("[data-shown]")).to_have_text(words(0, 5))
    expect(page.locator("[data-choice]")).to_be_visible()

    page.keyboard.press("2")
    expect(page.get_by_role("button", name="The second is better")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.reload()
    expect(page.locator("[data-side][data-chosen] [data-name]")).to_have_text(second)
    expect(sides.nth(0).locator("[data-shown]")).to_have_text(words(0, 3))


@pytest.mark.parametrize("text", [TRICKY, TRICKY + LATER])
def test_text_painted_in_pieces_is_the_same_as_at_once(text: str, page: Page) -> None:
    """However the words come, and wherever it is painted in between."""
    page.goto("/console/chat/new")

    differences = page.evaluate(
        """async (text) => {
          const at = (name) => import(new URL(name, document.querySelector("script[type=module]").src));
          const [{ Writer }, { render }] = await Promise.all([at("chat-writer.js"), at("chat-markdown.js")]);
          const different = [];
          for (const size of [1, 2, 3, 5, 8, 13]) {
            const source = size % 2 ? text : text.replaceAll("\\n", "\\r\\n");
            const whole = document.createElement("div");
            whole.append(render(source));
            const box = document.createElement("div");
            const writer = new Writer(box);
            for (let place = 0; place < source.length; place += size) {
              writer.add(source.slice(place, place + size));
              if (place % 5 === 0) await new Promise(requestAnimationFrame);
            }
            writer.end();
            if (box.innerHTML !== whole.innerHTML) different.push([size, box.innerHTML]);
          }
          return different;
        }""",
        text,
    )

    assert differences == []


def test_the_model_suggests_a_title(at: Open) -> None:
    page = at("ok?tokens=3")
    send(page, "What shall we call this?")
    is_settled(page)
    page.get_by_label("More", exact=True).first.click()
    page.get_by_role("button", name="Rename and tag").click()
    page.get_by_role("button", name="Suggest one").click()

    expect(page.get_by_label("Title")).to_have_value(words(0, 2))
    expect(page.locator("#chat-title")).to_have_text(words(0, 2))
