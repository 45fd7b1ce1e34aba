"""The console in a real Chromium: a key's life in two windows, the keyboard, a phone, the dark, no script at all."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import SECOND

PAGES = (
    "/console/",
    "/console/keys",
    "/console/keys/new",
    "/console/members",
    "/console/service-accounts",
    "/console/playground",
    "/console/routes",
    "/console/routes/new",
    "/console/providers",
    "/console/providers/new",
    "/console/usage",
    "/console/requests",
    "/console/prompts",
    "/console/prompts/new",
    "/console/budgets",
    "/console/budgets/new",
    "/console/jobs",
    "/console/webhooks",
    "/console/webhooks/new",
    "/console/audit",
    "/console/settings",
    "/console/account",
    "/console/styleguide",
)


def lamp_is_live(page: Page) -> None:
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "connected")


def make_key(page: Page, name: str) -> str:
    """Make a key by the form; its secret, as the copy button gives it."""
    page.goto("/console/keys/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name=f"Key “{name}” is ready")).to_be_visible()
    page.locator(".secret").get_by_role("button", name="Copy").click()
    expect(page.locator(".secret button")).to_have_attribute("data-copied", "")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_key_lives_and_ends_in_two_windows(context: BrowserContext, base_url: str):
    here, there = context.new_page(), context.new_page()
    there.goto("/console/keys")
    lamp_is_live(there)
    row = there.locator(".table__grid tbody tr", has_text="two windows")

    here.bring_to_front()  # a page behind another paints once a second
    secret = make_key(here, "two windows")
    expect(row.get_by_text("Active")).to_be_visible()
    as_key = {"Authorization": f"Bearer {secret}", "Cookie": ""}
    me = f"{base_url}/api/v1/auth/me"
    assert here.request.get(me, headers=as_key).status == 200

    here.goto("/console/keys")
    here.get_by_role("link", name="two windows").click()
    drawer = here.locator("#drawer")
    expect(drawer.get_by_role("heading", name="two windows")).to_be_visible()
    drawer.get_by_role("button", name="Revoke").click()
    here.get_by_role("dialog").get_by_role("button", name="Revoke key").click()

    expect(here.locator(".toast")).to_contain_text("Key “two windows” is revoked.")
    expect(row.get_by_text("Revoked")).to_be_visible()
    assert here.request.get(me, headers=as_key).status == 401
    here.goto("/console/audit?action=keys.key.revoked")
    expect(here.locator(".table__grid tbody tr").first).to_contain_text("two windows")


def test_audit_trail_slides_in_and_filters_without_a_reload(context: BrowserContext):
    here, trail = context.new_page(), context.new_page()
    trail.goto("/console/audit")
    lamp_is_live(trail)
    here.bring_to_front()
    make_key(here, "slides in")
    trail.bring_to_front()

    expect(trail.locator(".table__grid tbody tr").first).to_contain_text("slides in")

    trail.get_by_label("Anything").select_option("keys.key.rotated")
    expect(trail).to_have_url(re.compile("action=keys.key.rotated"))
    expect(trail.get_by_text("Nothing matches")).to_be_visible()
    expect(trail.get_by_role("link", name="Clear")).to_be_visible()


def test_keyboard_walks_the_rows_and_opens_one(page: Page):
    make_key(page, "first of the keyboard")
    make_key(page, "second of the keyboard")
    page.goto("/console/keys?q=of the keyboard")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    heading = page.locator("#drawer").get_by_role("heading", name="first of the keyboard")
    expect(heading).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/console/keys\?q="))
    page.keyboard.press("?")
    expect(page.locator("#keyboard-help")).to_be_visible()


def test_switch_enters_the_other_organization_and_back(page: Page):
    page.goto("/console/")
    for name in (SECOND.capitalize(), "Acme"):
        page.locator(".top .menu--start summary").click()
        page.locator(".top .menu--start").get_by_role("button", name=name).click()

        expect(page.locator(".toast")).to_contain_text(f"You are now in {name}.")
        expect(page.locator(".top__name")).to_have_text(name)


def test_every_page_is_live_and_fits_a_phone(page: Page):
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        page.goto(path)

        lamp_is_live(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        expect(page.locator(".bottom")).to_be_visible()
        expect(page.locator(".rail")).to_be_hidden()


def test_theme_follows_the_system_until_chosen(page: Page):
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    page.goto("/console/settings")
    assert page.evaluate(ground) == "rgb(15, 18, 22)"

    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Light").click()
    page.reload()

    assert page.evaluate(ground) == "rgb(247, 247, 245)"


def test_console_works_without_a_script(browser: Browser, browser_context_args, base_url: str):
    context = browser.new_context(
        **{**browser_context_args, "permissions": []}, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/console/keys/new")
    page.get_by_label("Name").fill("by hand")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="by hand").click()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke key").click()

    expect(page.locator(".toast")).to_contain_text("Key “by hand” is revoked.")
    page.get_by_label("Any state").select_option("revoked")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="by hand")).to_be_visible()
    context.close()
