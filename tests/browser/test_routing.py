"""From no provider to a route that answers, by hand: tested, its models chosen, shares drawn while they are typed, a
conflict met and a version brought back. With script and without.
"""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, Page, expect

from tests.rig.servers import ServerProcess


def make_provider(page: Page, name: str) -> None:
    page.goto("/console/providers/new")
    page.get_by_role("link", name=re.compile("Simulated")).click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def choose_models(page: Page, *names: str) -> None:
    page.get_by_role("link", name="Find its models").first.click()
    for name in names:
        page.get_by_label(f"{name} ·").check()
    page.get_by_role("button", name="Make deployments").click()
    expect(page.locator("#deployments-results")).to_contain_text(names[-1])


def row(page: Page, number: int) -> Locator:
    return page.get_by_role("group", name=f"Target {number}")


def target(page: Page, number: int, deployment: str, weight: str) -> None:
    row(page, number).get_by_label("Deployment").select_option(label=deployment)
    row(page, number).get_by_label("Weight").fill(weight)


def say_yes(page: Page, button: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()


def test_provider_is_made_tested_and_its_models_become_a_route(page: Page) -> None:
    make_provider(page, "by-hand")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Test it now").click()
    expect(page.locator("#provider-check")).to_contain_text("Well")
    expect(page.locator("#provider-check")).to_contain_text(
        re.compile(r"It named 3 models within \d+ ms")
    )
    assert page.evaluate("window.sameDocument") is True
    choose_models(page, "simulated", "simulated-fast")

    page.goto("/console/routes/new")
    page.get_by_label("Name").fill("by-hand")
    target(page, 1, "simulated · by-hand", "9")
    page.get_by_role("button", name="More rows").click()
    target(page, 2, "simulated-fast · by-hand", "1")
    preview = page.locator("#route-preview")
    expect(preview).to_contain_text("90 %")
    expect(row(page, 1).get_by_label("Weight")).to_have_value("9")
    row(page, 2).get_by_label("Weight").fill("3")
    expect(preview).to_contain_text("75 %")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#route-shares")).to_contain_text("75 %")

    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_label("Route")).to_have_value("by-hand")
    page.get_by_label("Message").fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-lamp]")).to_have_text("Whole")
    expect(page.locator("[data-text]")).to_contain_text("[simulated]")


def test_conflict_is_shown_before_anything_is_overwritten(
    page: Page, shared_server: ServerProcess, complaints: list[str]
) -> None:
    route = _route(shared_server, "contested")
    page.goto(f"/console/routes/{route}/edit")
    assert shared_server.request(
        "PATCH", "/api/v1/routes/contested", json={"description": "theirs"}
    ).status == 200  # fmt: skip
    page.get_by_label("Retries").fill("0")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert").first).to_contain_text("Somebody saved version 2")
    expect(page.get_by_label("Description")).to_have_value("theirs")
    complaints.clear()  # a browser complains of every refusal
    page.get_by_role("button", name="Save on top of theirs").click()

    expect(page.locator(".toast")).to_contain_text("Saved as version 3.")
    kept = shared_server.get("/api/v1/routes/contested").json()
    assert (kept["description"], kept["retries"], kept["revision"]) == ("theirs", 0, 3)

    page.get_by_role("link", name="Version 1", exact=True).click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_role("dialog")).to_contain_text("theirs")
    say_yes(page, "Bring it back")
    expect(page.locator(".toast")).to_contain_text("Version 1 is back, as version 4.")
    assert shared_server.get("/api/v1/routes/contested").json()["retries"] == 2


def test_all_of_it_works_without_a_script(
    browser: Browser, browser_context_args: dict[str, object], shared_server: ServerProcess
) -> None:
    terms = {**browser_context_args, "permissions": []}
    context = browser.new_context(**terms, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    make_provider(page, "no-script")
    page.get_by_role("button", name="Test it now").click()
    expect(page.locator(".toast")).to_contain_text("It is well. It named 3 models")
    choose_models(page, "simulated-embedding")
    page.goto("/console/routes/new")
    page.get_by_label("Name").fill("no-script")
    target(page, 1, re.sub("$", " · no-script", _deployment(shared_server, "no-script")), "4")
    page.get_by_role("button", name="Show the shares").click()
    expect(page.locator("#route-preview")).to_contain_text("100 %")
    page.get_by_role("button", name="More rows").click()
    expect(row(page, 4)).to_be_visible()
    expect(row(page, 1).get_by_label("Weight")).to_have_value("4")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#route-shares")).to_contain_text("100 %")

    page.get_by_role("button", name="Delete").click()
    page.get_by_label("Type no-script to go on").fill("no-script")
    say_yes(page, "Delete route")
    expect(page.locator(".toast")).to_contain_text("The route is deleted.")
    context.close()


def test_pages_of_one_thing_fit_a_phone_in_the_dark(
    page: Page, shared_server: ServerProcess
) -> None:
    route = _route(shared_server, "narrow" + "-and-long" * 4)
    deployment = shared_server.get("/api/v1/deployments").json()["data"][0]
    provider = deployment["provider"]
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})

    for path in (
        f"routes/{route}", f"routes/{route}/edit", f"routes/{route}/versions/1",
        f"providers/{provider}", f"providers/{provider}/edit", f"providers/{provider}/models",
        f"providers/{provider}/deployments/new", f"providers/deployments/{deployment['id']}",
        f"providers/deployments/{deployment['id']}/edit", "providers/new?kind=openai", "playground",
    ):  # fmt: skip
        page.goto(f"/console/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def _route(server: ServerProcess, name: str) -> str:
    """A route with two simulated deployments of its own; its id."""
    assert _make(server, "providers", {"name": name, "kind": "simulated"})
    for number in (1, 2):
        body = {"name": f"{name}-{number}", "provider": name, "model": "simulated"}
        assert _make(server, "deployments", body)
    targets = [{"deployment": f"{name}-1", "weight": 9}, {"deployment": f"{name}-2", "weight": 1}]
    return _make(server, "routes", {"name": name, "targets": targets})


def _make(server: ServerProcess, what: str, body: dict[str, object]) -> str:
    answer = server.post(f"/api/v1/{what}", json=body)
    assert answer.status == 201, answer.text
    return str(answer.json()["id"])


def _deployment(server: ServerProcess, provider: str) -> str:
    """The name of the only deployment at a provider: another may have had the model's own name already."""
    rows = server.get("/api/v1/deployments?limit=200").json()["data"]
    (name,) = [row["name"] for row in rows if row["provider_name"] == provider]
    return str(name)
