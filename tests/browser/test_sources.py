"""Sources in a real Chromium: made by lines in a form, asked to look, removed after a question."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.rig.servers import ServerProcess

LINES = "Churn@champion as churn-predictor\nrevenue Production"


@pytest.mark.usefixtures("shared_server")
def test_a_source_is_made_followed_and_removed(page: Page, shared_server: ServerProcess) -> None:
    page.goto("/console/model-sources")
    page.get_by_role("link", name="Make the first source").click()
    page.get_by_label("Name", exact=True).fill("lab")
    page.get_by_label("Address").fill("https://mlflow.invalid")
    page.get_by_label("What is followed").fill(LINES)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", name="lab", level=1)).to_be_visible()
    page.get_by_role("link", name="Sync now").or_(
        page.get_by_role("button", name="Sync now")
    ).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("It looks now.")).to_be_visible()

    page.goto("/console/model-sources")
    expect(page.get_by_role("link", name="lab")).to_be_visible()
    page.get_by_role("link", name="lab").click()
    page.get_by_role("link", name="Remove").or_(
        page.get_by_role("button", name="Remove")
    ).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove source").click()
    expect(page.get_by_role("link", name="Make the first source")).to_be_visible()
    assert shared_server.get("/api/v1/mlflow-sources").json()["meta"]["total"] == 0
