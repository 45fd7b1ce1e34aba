"""The playground's page: what it offers, the whole answer without a script, refusals in words, samples that run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import pytest
from graphql import parse, validate

from apps.console.views import playground
from apps.providers.gateway import table
from apps.providers.gateway.health import health
from apps.providers.ledger.factory import set_ledger
from apps.providers.models import Deployment
from config.schema import schema
from tests.factories.console import errors, page
from tests.factories.doors import drive
from tests.factories.providers import (
    make_deployment,
    make_priced_deployment,
    make_provider,
    make_route,
)

ASKED = {"model": "support", "message": "Is the line clear?", "system": "Be brief."}


@pytest.fixture(autouse=True)
def fresh_gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Calls run in this test's thread, so that they see its transaction; a browser test has them cross threads."""
    monkeypatch.setattr(playground, "call_from_thread", lambda call, seconds: drive(call))
    before = set_ledger(None)
    health.forget()
    table.known.forget()
    yield
    set_ledger(before)
    table.known.forget()


@pytest.fixture
def deployment(organization) -> Deployment:
    provider = make_provider(organization, name="demo", options={"completion_tokens": 7})
    made = make_priced_deployment(organization, provider=provider, name="large", model="large")
    make_route(organization, name="support", targets=[made])
    return made


def test_page_offers_the_organizations_enabled_routes(at_user, deployment, organization, stranger):
    make_route(organization, name="asleep", is_enabled=False)
    make_route(stranger.organization, name="foreign")

    html = page(at_user.get("/console/playground"))

    assert re.findall(r'<option value="([^"]*)"', html) == ["support"]


def test_page_begins_with_the_route_that_the_address_names(at_user, deployment, organization):
    make_route(organization, name="another")

    html = page(at_user.get("/console/playground?route=support"))

    assert re.findall(r'<option value="([^"]*)" selected', html) == ["support"]
    assert '"model": "support"' in html


def test_page_without_a_route_says_so_and_leads_on(at_admin, at_user):
    assert "No route to call yet" in page(at_user.get("/console/playground"))
    assert 'href="/console/routes"' in page(at_admin.get("/console/playground"))


def test_page_tells_the_script_the_prices(at_user, deployment):
    html = page(at_user.get("/console/playground"))

    (prices,) = re.findall(r'data-prices="(\{.*?\})"', html)
    assert json.loads(prices) == {"large": ["1000000000", "2000000000", None]}


def test_answer_without_a_script_is_whole_and_says_what_it_cost(at_admin, deployment):
    answer = at_admin.post("/console/playground", {**ASKED, "max_tokens": "5", "seed": "3"})

    html = page(answer)
    (text,) = re.findall(r"data-placeholder[^>]*>([^<]*)</div>", html)
    assert answer.status == 200
    assert (text.startswith("[simulated]"), len(text.split())) == (True, 5)
    (tokens,) = re.findall(r'data-reading="tokens">(.*?)</span>', html)
    prompt, completion = (int(part) for part in tokens.split(" + "))
    (cost,) = re.findall(r'data-reading="cost">(.*?)</span>', html)
    assert (completion, cost) == (5, f"{(prompt + 2 * completion) / 1e6:.6f}".rstrip("0"))
    assert re.findall(r'data-reading="(?:deployment|provider)">(.*?)<', html) == ["large", "demo"]
    assert "reached the most tokens" in html


def test_answer_of_the_same_seed_is_the_same(at_admin, deployment):
    form = {**ASKED, "seed": "11"}
    texts = [
        re.findall(
            r"data-placeholder[^>]*>([^<]*)</div>", page(at_admin.post("/console/playground", form))
        )
        for _ in range(2)
    ]

    assert texts[0] == texts[1]


def test_failure_is_told_in_words_with_the_request_id(at_admin, organization):
    provider = make_provider(organization, options={"status": 503})
    failing = make_deployment(organization, provider=provider, name="failing")
    make_route(organization, name="broken", targets=[failing], retries=0)

    answer = at_admin.post("/console/playground", {"model": "broken", "message": "Hello"})

    html = page(answer)
    assert answer.status == 502
    assert "The call failed" in html
    assert "<code data-problem-code>upstream_error</code>" in html
    assert f"data-request-id>{answer.headers['x-request-id']}</code>" in html
    assert "Hello</textarea>" in html  # nothing that was written is lost


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"message": ""}, "This field is required."),
        ({"temperature": "3"}, "Ensure this value is less than or equal to 2."),
        ({"max_tokens": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"model": "nobody"}, "Select a valid choice. nobody is not one of the available choices."),
    ],
)
def test_wrong_field_is_told_at_the_field_and_nothing_is_called(
    changes, error, at_user, deployment
):
    answer = at_user.post("/console/playground", {**ASKED, **changes})

    assert (answer.status, errors(answer)) == (422, [error])
    assert 'data-reading="deployment">–' in page(answer)


def test_samples_hold_what_the_form_holds_at_the_readers_own_address(at_user, deployment):
    answer = at_user.post(
        "/console/playground/samples",
        {**ASKED, "message": "Don't </pre> stop", "temperature": "0.5", "max_tokens": "zero"},
    )

    html = page(answer)
    curl, python, javascript, graphql = re.findall(
        r"<pre[^>]*><code>(.*?)</code></pre>", html, re.DOTALL
    )
    body = {
        "model": "support",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Don't </pre> stop"},
        ],
        "temperature": 0.5,
        "stream": True,
    }
    words = shlex.split(curl.replace("\\\n", " "))
    assert words[:3] == ["curl", "-N", "http://testserver/v1/chat/completions"]
    assert json.loads(words[-1]) == body
    assert 'base_url="http://testserver/v1"' in python
    compile(python, "sample", "exec")
    assert 'baseURL: "http://testserver/v1"' in javascript
    assert "&lt;/pre&gt;" in answer.body.decode()
    assert 'role: "system", content: "Be brief."' in graphql
    assert "temperature: 0.5" in graphql
    assert validate(schema.graphql_schema, parse(graphql)) == []


def test_viewer_finds_no_playground_in_the_rail(at_viewer, at_user, deployment):
    assert 'href="/console/playground"' in page(at_user.get("/console/jobs"))
    assert 'href="/console/playground"' not in page(at_viewer.get("/console/jobs"))
