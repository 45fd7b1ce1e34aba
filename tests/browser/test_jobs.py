"""The pages of jobs in a real Chromium, moving by themselves while a job runs."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.rig.servers import ServerProcess
from tests.rig.site import Site


def submit(server: ServerProcess, **payload: Any) -> str:
    answer = server.post("/api/v1/jobs", json={"kind": "demo.sleep", "payload": payload})
    return str(answer.json()["job_id"])


def is_live(page: Page) -> None:
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "connected")


def percent(page: Page, where: str) -> float:
    return float(page.locator(f"{where} progress").get_attribute("value") or 0)


def test_list_moves_while_a_job_runs(page: Page, shared_server: ServerProcess) -> None:
    page.goto("/console/jobs")
    is_live(page)

    job = submit(shared_server, seconds=6.0, steps=3)

    row = page.locator(f"#jobs-{job}")
    expect(row).to_contain_text("Running")
    seen = {percent(page, f"#jobs-{job}")}
    for _ in range(20):
        page.wait_for_timeout(200)
        seen.add(percent(page, f"#jobs-{job}"))
    expect(row).to_contain_text("Completed", timeout=20_000)
    assert len(seen) >= 3, seen
    assert percent(page, f"#jobs-{job}") == 100


def test_newcomer_watches_the_demo_job(
    page: Page, shared_site: Site, shared_server: ServerProcess
) -> None:
    """`manage.py demo_job` in one window, the page in the other."""
    page.goto("/console/jobs")
    is_live(page)

    printed = shared_site.manage(
        "demo_job", "--organization", shared_site.organization, "--seconds", "5", "--steps", "3"
    )

    job, *lines, result = printed.strip().splitlines()
    row = page.locator(f"#jobs-{job}")
    expect(row).to_contain_text("Completed")
    assert [line.split()[0] for line in lines][-1] == "completed"
    assert len(lines) >= 5
    assert result == "{'slept': 5.0, 'steps': 3}"
    row.get_by_role("link").first.click()
    expect(page.get_by_role("link", name="Download the result")).to_be_visible()


def test_detail_moves_along_its_track(page: Page, shared_server: ServerProcess) -> None:
    job = submit(shared_server, seconds=4.0, steps=4)

    page.goto(f"/console/jobs/{job}")
    is_live(page)

    now = page.locator("#job-now")
    expect(now.locator(".track__stage[aria-current=step] .track__label")).to_contain_text("Step 2")
    expect(now.locator(".track__stage[aria-current=step] .track__label")).to_contain_text("Step 4")
    expect(now).to_contain_text("Completed", timeout=20_000)
    expect(now.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_cancel_and_try_again(page: Page, shared_server: ServerProcess) -> None:
    job = submit(shared_server, seconds=60.0, steps=2)
    page.goto(f"/console/jobs/{job}")
    expect(page.locator("#job-now")).to_contain_text("Running")

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#job-now")).to_contain_text("Cancelled", timeout=20_000)

    page.get_by_role("button", name="Try again").click()
    page.get_by_role("dialog").get_by_role("button", name="Try again").click()
    expect(page.locator("#job-now")).to_contain_text("Running", timeout=20_000)
    shared_server.post(f"/api/v1/jobs/{job}/cancel")


def test_several_are_cancelled_together(page: Page, shared_server: ServerProcess) -> None:
    jobs = [submit(shared_server, seconds=60.0) for _ in range(2)]
    page.goto("/console/jobs?state=running")
    for job in jobs:
        expect(page.locator(f"#jobs-{job}")).to_contain_text("Running")
    for job in jobs:
        page.locator(f"#jobs-{job} input[name=selected]").check()

    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.locator(".toast")).to_contain_text("2 jobs are cancelled.")
    page.goto("/console/jobs?state=cancelled")
    for job in jobs:
        expect(page.locator(f"#jobs-{job}")).to_contain_text("Cancelled", timeout=20_000)


def test_running_job_in_the_dark_at_a_phones_width(
    page: Page, shared_server: ServerProcess
) -> None:
    job = submit(shared_server, seconds=3.0, steps=12)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})

    for path in ("/console/jobs", f"/console/jobs/{job}"):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
