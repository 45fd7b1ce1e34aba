"""Models in a real Chromium: tried by a form, explained by a waterfall, followed in the log, promoted after a question."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.factories.models import card
from tests.rig.servers import ServerProcess

SCHEMA: dict[str, Any] = {
    "tenure": {"type": "integer", "min": 0, "max": 100},
    "contract": {"type": "string", "enum": ["Month-to-month", "One year", "Two year"]},
    "is_new": {"type": "boolean", "default": False},
}
EXAMPLE = {"tenure": 12, "contract": "Month-to-month"}
ROW = {"features": EXAMPLE, "customer_id": "cust-1"}
# The colour of a shape and of what it stands on, as light that reaches the eye; their contrast as WCAG counts it.
CONTRAST = """(node) => {
  const light = (colour) => {
    const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = getComputedStyle(node.closest("section, .chart")).backgroundColor;
  const [a, b] = [light(getComputedStyle(node).fill), light(ground)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


@pytest.fixture(scope="module")
def model(shared_server: ServerProcess) -> str:
    """A model of two versions, the first in production."""
    name = "tried-model"
    assert shared_server.post("/api/v1/models", json={"name": name}).status == 201
    upload(shared_server, name, "1.0", intercept=-1.0, accuracy=0.85)
    upload(shared_server, name, "2.0", intercept=-2.0, accuracy=0.87)
    stage(shared_server, name, "1.0")
    return name


def upload(
    server: ServerProcess, model: str, label: str, *, intercept: float, accuracy: float
) -> None:
    form = aiohttp.FormData()
    terms = [
        {"feature": "tenure", "coefficient": -0.05},
        {"feature": "contract", "points": {"Month-to-month": 1.2, "Two year": -0.8}},
        {"feature": "is_new", "coefficient": 0.5},
    ]
    form.add_field("file", card(intercept=intercept, terms=terms), filename="card.json")
    form.add_field("version", label)
    form.add_field("feature_schema", json.dumps(SCHEMA))
    form.add_field("input_example", json.dumps(EXAMPLE))
    form.add_field("metrics", json.dumps({"accuracy": accuracy}))
    answer = server.post(f"/api/v1/models/{model}/versions", data=form)
    assert answer.status == 201, answer.json()


def stage(server: ServerProcess, model: str, label: str) -> None:
    path = f"/api/v1/models/{model}/versions/{label}/stage"
    assert server.post(path, json={"stage": "Production"}).status == 200


def predict(server: ServerProcess, model: str, **body: Any) -> dict[str, Any]:
    answer = server.post(f"/predict/{model}", json={**ROW, **body})
    assert answer.status == 200, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def reading(page: Page, name: str) -> Locator:
    return page.locator(f'[data-reading="{name}"]')


def lamp(page: Page) -> Locator:
    return page.locator("[data-lamp]")


def ask(page: Page) -> None:
    page.get_by_role("button", name="Predict").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_try_it_and_see_what_pushed_the_answer(scheme: Any, page: Page, model: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"/console/models/{model}/try")
    page.get_by_label("tenure").fill("40")
    page.get_by_label("contract").select_option("Two year")
    page.get_by_label("is_new").check()
    page.get_by_label("tenure").press("Enter")

    expect(lamp(page)).to_have_text("Answered")
    assert reading(page, "prediction").inner_text() == "0"
    assert reading(page, "version").inner_text() == "1.0"
    assert reading(page, "confidence").inner_text() == "high"
    drawing = page.get_by_role("img", name=re.compile("From the base value"))
    expect(drawing).to_be_visible()
    labels = drawing.locator(".waterfall__label > tspan:first-child").all_text_contents()
    assert labels == ["Base value", "tenure", "contract", "is_new", "Margin"]
    assert drawing.locator(".waterfall__bar--down").count() == 2
    assert drawing.locator(".waterfall__bar--up").count() == 1
    for bar in ("up", "down"):
        found = drawing.locator(f".waterfall__bar--{bar}").first.evaluate(CONTRAST)
        assert found >= 3, (scheme, bar, found)
    assert drawing.locator(".waterfall__label").first.evaluate(CONTRAST) >= 4.5


def test_table_behind_the_waterfall_adds_up(page: Page, model: str) -> None:
    page.goto(f"/console/models/{model}/try")
    ask(page)
    page.get_by_text("Show as table").click()

    rows = page.locator("[data-waterfall-rows] tr")
    expect(rows).to_have_count(5)
    numbers = [float(text) for text in rows.locator(":last-child").all_inner_texts()]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=1e-4)
    assert rows.nth(1).locator(":first-child").inner_text() in SCHEMA


def test_what_is_wrong_stands_at_its_field(page: Page, model: str, complaints: list[str]) -> None:
    page.goto(f"/console/models/{model}/try")
    page.get_by_label("tenure").fill("-3")
    ask(page)

    expect(lamp(page)).to_have_text("Refused")
    field = page.locator('[data-feature="tenure"]')
    expect(field.locator("[data-errors]")).to_have_text("Must be positive")
    expect(page.get_by_label("tenure")).to_be_focused()
    expect(page.get_by_label("tenure")).to_have_attribute("aria-invalid", "true")
    complaints.clear()  # a browser complains of every refusal

    page.get_by_label("tenure").fill("3")
    ask(page)

    expect(lamp(page)).to_have_text("Answered")
    expect(field.locator("[data-errors]")).to_be_hidden()


def test_another_version_answers_and_what_was_written_stays(page: Page, model: str) -> None:
    page.goto(f"/console/models/{model}/try")
    page.get_by_label("tenure").fill("77")
    page.get_by_label("In production: 1.0").select_option("2.0")

    curl = page.locator("[data-curl] code")
    expect(curl).to_contain_text("version=2.0")
    expect(curl).to_contain_text('"tenure": 77')
    ask(page)

    expect(reading(page, "version")).to_have_text("2.0")
    expect(page).to_have_url(re.compile(r"version=2\.0"))


def test_curl_follows_what_is_written(page: Page, model: str, shared_server: ServerProcess) -> None:
    page.goto(f"/console/models/{model}/try")
    page.get_by_label("Customer").fill("it's me")
    page.get_by_label("Explain").uncheck()

    expect(page.locator("[data-curl] code")).to_have_text(
        f"curl -X POST '{shared_server.url}/predict/{model}' \\\n"
        '  -H "Authorization: Bearer $SIGNALBOX_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        """  -d '{"features": {"tenure": 12, "contract": "Month-to-month", "is_new": false}, """
        """"customer_id": "it'\\''s me"}'"""
    )
    ask(page)
    expect(lamp(page)).to_have_text("Answered")
    expect(page.locator("figure[data-waterfall]")).to_be_hidden()


def test_outcome_is_noted_and_stands_in_the_log(page: Page, model: str) -> None:
    page.goto(f"/console/models/{model}/try")
    ask(page)
    page.get_by_label("It turned out to be").select_option("1")
    page.get_by_role("button", name="Note it").click()
    expect(page.locator("[data-outcome-note]")).to_have_text("Noted.")
    page.get_by_role("link", name="In the log").click()

    expect(page.get_by_role("heading", name="It turned out otherwise?")).to_be_visible()


def test_predictions_arrive_in_the_log_and_are_explained_there(
    page: Page, model: str, shared_server: ServerProcess
) -> None:
    predict(shared_server, model)
    page.goto(f"/console/models/{model}/predictions")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "connected")
    page.evaluate("window.sameDocument = true")

    made = predict(shared_server, model, customer_id="cust-live")

    row = page.locator(f"#predictions-{made['prediction_id']}")
    expect(row).to_contain_text("cust-live")
    expect(row).to_contain_text("1.0")
    row.locator("[data-row-link]").click()
    drawer = page.locator("[data-drawer-panel]")
    drawer.get_by_role("button", name="Explain it").click()
    expect(drawer.get_by_role("img", name=re.compile("From the base value"))).to_be_visible()
    assert page.evaluate("window.sameDocument") is True


def test_promotion_is_asked_where_versions_are_compared(
    page: Page, model: str, shared_server: ServerProcess
) -> None:
    page.goto(f"/console/models/{model}/compare?from=1.0&to=2.0")
    expect(page.locator("#metrics-accuracy")).to_contain_text("Better")
    page.get_by_role("button", name="Promote 2.0").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("1.0 is archived.")
    question.get_by_role("button", name="Promote").click()

    expect(page.get_by_text("2.0 is in Production now.")).to_be_visible()
    assert predict(shared_server, model)["model_version"] == "2.0"
    stage(shared_server, model, "1.0")  # the others here ask it


@pytest.mark.parametrize("path", ["try", "predictions", "performance", "compare"])
def test_phone_scrolls_one_way_alone(path: str, page: Page, model: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/console/models/{model}/{path}")
    if path == "try":
        ask(page)
        expect(page.locator(".waterfall svg")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_without_a_script_a_sentence_says_what_to_do(
    browser: Browser, base_url: str, signed_in: Any, model: str
) -> None:
    context = browser.new_context(
        base_url=base_url, storage_state=signed_in, java_script_enabled=False
    )
    page = context.new_page()
    page.goto(f"/console/models/{model}/try")

    expect(page.get_by_text("Without one, the call below does the same.")).to_be_visible()
    expect(page.get_by_role("button", name="Predict")).to_be_hidden()
    expect(page.locator("[data-curl] code")).to_be_visible()
    context.close()
