"""What of our static files browsers may keep for good: those whose path names their version."""

from __future__ import annotations

import pytest
from django.contrib.staticfiles import finders

from tests.client import GateClient
from tests.rig.environment import ROOT

FOR_GOOD = "max-age=315360000, public, immutable"
FOR_A_MINUTE = "max-age=60, public"
VENDORED = sorted(
    f"vendor/{path.relative_to(ROOT / 'static' / 'vendor')}"
    for path in (ROOT / "static" / "vendor").glob("*/*")
    if path.is_file()
)


@pytest.mark.django_db
@pytest.mark.parametrize("name", VENDORED)
def test_vendored_files_are_kept_for_good(name: str) -> None:
    answer = GateClient().get(f"/static/{name}")

    assert (answer.status, answer.headers["cache-control"]) == (200, FOR_GOOD)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["css/base.css", "js/app.js", "vendor/README.md"])
def test_our_own_files_are_asked_for_anew(name: str) -> None:
    answer = GateClient().get(f"/static/{name}")

    assert finders.find(name)
    assert (answer.status, answer.headers["cache-control"]) == (200, FOR_A_MINUTE)
