from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.conversations.services import sharing
from apps.conversations.views import links
from apps.core.actor import Actor
from apps.core.asgi import access
from apps.core.spool import process
from apps.core.spool.spool import Spool
from apps.core.tenancy import organization_scope
from tests.client import GateClient
from tests.core.test_markdown import strange_of
from tests.factories.branches import make_conversation_of
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](https://e.example/p.png)"


@pytest.fixture
def actor() -> Iterator[Actor]:
    made = actor_of(make_member())
    with organization_scope(made.organization_id):
        yield made


@pytest.fixture
def client() -> GateClient:
    return GateClient()


def path_of(actor: Actor, *texts: str, **values: Any) -> str:
    talk = make_conversation_of(actor, *texts, **values)
    made = sharing.share_conversation(actor=actor, conversation_id=talk.public_id)
    return "/shared/" + made.url.rpartition("/")[2]


def test_the_page_shows_the_conversation(actor: Actor, client: GateClient) -> None:
    answer = client.get(path_of(actor, "my *question*", "an **answer**", title="Title & <b>"))

    html = answer.body.decode()
    assert answer.status == 200
    assert "<h1>Title &amp; &lt;b&gt;</h1>" in html
    assert '<div class="shared__text shared__text--plain">my *question*</div>' in html
    assert '<div class="shared__text"><p>an <strong>answer</strong></p>\n</div>' in html


def test_only_so_much_of_a_page_is_read_as_markdown(
    actor: Actor, client: GateClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_RENDERED", 20)

    html = client.get(path_of(actor, "a", "**one** two", "b", "**three** four")).body.decode()

    assert '<div class="shared__text"><p><strong>one</strong> two</p>\n</div>' in html
    assert '<div class="shared__text shared__text--plain">**three** four</div>' in html


def test_the_page_runs_nothing_and_loads_nothing_of_others(
    actor: Actor, client: GateClient
) -> None:
    answer = client.get(path_of(actor, EVIL, EVIL, title=EVIL[:200], model="chat"))

    html = answer.body.decode()
    assert "<script" not in html
    assert "<img" not in html
    for part in re.findall(r'<div class="shared__text">(.*?)</div>', html, re.DOTALL):
        assert strange_of(part) == []
    assert set(re.findall(r'<link[^>]* href="([^"]*)"', html)) == {
        "/static/favicon.svg",
        "/static/css/tokens.css",
        "/static/css/base.css",
        "/static/css/shared.css",
    }


def test_the_page_is_told_to_nobody(actor: Actor, client: GateClient) -> None:
    answer = client.get(path_of(actor, "question"))

    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert b'<meta name="robots" content="noindex, nofollow, noarchive">' in answer.body
    assert answer.cookies == ()


def test_links_that_do_not_work_look_all_the_same(actor: Actor, client: GateClient) -> None:
    talk = make_conversation_of(actor, "question")
    made = sharing.share_conversation(actor=actor, conversation_id=talk.public_id)
    sharing.end_share(actor=actor, conversation_id=talk.public_id)

    ended = client.get("/shared/" + made.url.rpartition("/")[2])
    never = client.get("/shared/" + "a" * 43)
    strange = client.get("/shared/x")

    assert {answer.status for answer in (ended, never, strange)} == {404}
    assert ended.body == never.body == strange.body
    assert b"This link does not work" in ended.body


def test_the_secret_of_a_link_is_in_no_record(
    actor: Actor, client: GateClient, tmp_path: Path, settings: Any
) -> None:
    settings.SIGNALBOX_ACCESS_LOG = str(tmp_path / "access.jsonl")
    spool = Spool(tmp_path / "spool", {access.KIND: access.drain_access})
    before = process.use_spool(spool)
    try:
        path = path_of(actor, "question")
        statuses = [client.get(path).status, client.get(f"/api/v1{path}").status]
        process.drain_all()
    finally:
        process.use_spool(before)
        spool.close()

    lines = (tmp_path / "access.jsonl").read_text().splitlines()
    assert statuses == [200, 200]
    assert [json.loads(line)["path"] for line in lines] == ["/shared/***", "/api/v1/shared/***"]


def test_the_same_as_json(actor: Actor, client: GateClient) -> None:
    answer = client.get("/api/v1" + path_of(actor, "question", title="Talk", model="chat"))

    body = answer.json()
    (message,) = body["messages"]
    assert (body["title"], body["model"], body["expires_at"]) == ("Talk", "chat", None)
    assert message == {
        "role": "user",
        "content": "question",
        "model": "",
        "files": [],
        "created_at": message["created_at"],
    }
