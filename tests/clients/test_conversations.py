"""Every example of docs/conversations.md, run as it is written there, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Gateway
from tests.clients.cutting import cutting
from tests.rig.environment import ROOT
from tests.rig.http import run

pytestmark = [pytest.mark.journey, pytest.mark.no_jobs]
DOCUMENT = (ROOT / "docs" / "conversations.md").read_text()
BLOCKS = [
    (section.split("\n", 1)[0].lstrip("# "), language, text)
    for section in re.split(r"^(?=#+ )", DOCUMENT, flags=re.MULTILINE)
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
]
TRIED_ELSEWHERE = {("Come back to it", "js")}
BEGIN = "Conversations: messages, answers, streams"
ASIDE = re.compile(r"^export (\w+)=.*….*$", re.MULTILINE)
_tried: set[tuple[str, str]] = set()


class Reader:
    """Somebody who reads the document, with a terminal beside it."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder
        self.env = {"URL": gateway.url, "KEY": gateway.server.client.key}
        self.said: list[Any] = []

    def block(self, section: str, language: str, number: int = 0) -> str:
        _tried.add((section, language))
        return [text for s, known, text in BLOCKS if (s, known) == (section, language)][number]

    def sh(self, section: str, number: int = 0) -> str:
        """All it prints. Where the document says to take a value from an answer, it is taken."""
        script, printed = self.block(section, "sh", number), ""
        while script.strip():
            aside = ASIDE.search(script)
            part, script = (
                (script[: aside.start()], script[aside.end() :]) if aside else (script, "")
            )
            printed += self.run(["bash", "-euc", part])
            if aside and aside[1] not in ("URL", "KEY"):
                last = read(printed)[-1]
                self.env[aside[1]] = last["id"] if "id" in last else last["url"].rsplit("/", 1)[1]
        return printed

    def python(self, section: str, **env: str) -> str:
        path = self.folder / "example.py"
        path.write_text(self.block(section, "python"))
        return self.run([sys.executable, str(path)], **env)

    def run(self, command: list[str], **env: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **self.env, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, path: str, **body: Any) -> Any:
        answer = self.gateway.server.post(f"/api/v1/{path}", json=body)
        assert answer.status in (200, 201), answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return self.gateway.server.get(f"/api/v1/{path}").json()

    @property
    def messages(self) -> str:
        return f"conversations/{self.env['CONVERSATION']}/messages"

    def begin(self, model: str = "simulated") -> None:
        self.env["CONVERSATION"] = self.ask("conversations", model=model)["id"]

    def say(self, content: str = "What does a signal box do?", **more: Any) -> Any:
        made = self.ask(self.messages, content=content, **more)
        self.env |= {"MESSAGE": made["id"], "QUESTION": made["parent_id"]}
        return made


@pytest.fixture(scope="module")
def models(shared_gateway: Gateway) -> None:
    """The two that the document names, and a slow one."""
    for name, speed in (("simulated", 400), ("chat", 400), ("slow", 25)):
        options = {"first_token_ms": 1, "tokens_per_second": speed, "completion_tokens": 40}
        shared_gateway._make(
            "providers", {"name": f"p-{name}", "kind": "simulated", "options": options}
        )
        shared_gateway._make(
            "deployments", {"name": f"d-{name}", "provider": f"p-{name}", "model": "simulated"}
        )
        shared_gateway._make("routes", {"name": name, "targets": [{"deployment": f"d-{name}"}]})


@pytest.fixture
def reader(gateway: Gateway, models: None, tmp_path: Path) -> Reader:
    reader = Reader(gateway, tmp_path)
    reader.begin()
    return reader


def read(printed: str) -> list[Any]:
    """The JSON documents among what was printed, one after the other."""
    found, decoder = [], json.JSONDecoder()
    at = 0
    while (at := printed.find("{", at)) >= 0:
        value, at = decoder.raw_decode(printed, at)
        found.append(value)
    return found


def events(printed: str) -> list[dict[str, str]]:
    found = [
        dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        for block in printed.split("\n\n")
    ]
    return [event for event in found if "event" in event]


def text(told: list[dict[str, str]]) -> str:
    return "".join(json.loads(e["data"])["content"] for e in told if e["event"] == "token")


def test_a_conversation_is_begun(reader: Reader) -> None:
    (made,) = read(reader.sh(BEGIN))

    assert reader.env["CONVERSATION"] == made["id"]
    assert (made["model"], made["tags"], made["visibility"]) == (
        "simulated",
        ["railways"],
        "private",
    )


def test_something_is_said(reader: Reader) -> None:
    (answer,) = read(reader.sh("Say something"))
    (chat,) = read(reader.sh("Say something", 1))

    assert (answer["role"], answer["status"]) == ("assistant", "complete")
    assert answer["content"].startswith("[simulated]")
    assert answer["usage"]["total"] > 0
    assert chat["message"]["status"] == "complete"
    assert chat["conversation_id"] != reader.env["CONVERSATION"]


def test_an_answer_is_streamed_as_it_is_shown(reader: Reader) -> None:
    told = events(reader.sh("Stream it"))

    (message,) = reader.get(f"{reader.messages}?page=2&limit=1")["data"]
    shown = re.search(r"^```\n(retry: .*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert [event["event"] for event in events(shown[1])] == ["start", "token", "usage", "done"]
    kinds = {event["event"]: set(json.loads(event["data"])) for event in told}
    for event in events(shown[1]):
        data = json.loads(event["data"].replace("{…}", "{}"))
        assert set(data) == kinds[event["event"]], event
    assert text(told) == message["content"]
    assert told[-1]["id"] == f"{message['id']}:{len(message['content'])}.done"


def test_curl_comes_back_to_the_rest(reader: Reader) -> None:
    answer = reader.say()
    reader.env["LAST"] = f"{answer['id']}:11"

    rest = events(reader.sh("Come back to it"))

    reader.env["LAST"] = rest[-1]["id"]
    assert json.loads(rest[0]["data"])["offset"] == 11
    assert text(rest) == answer["content"][11:]
    assert reader.sh("Come back to it") == ""


def test_python_follows_through_broken_connections(reader: Reader) -> None:
    reader.begin("slow")
    begun = reader.gateway.server.post(
        "/graphql",
        json={
            "query": 'mutation ($c: ID!) { writeMessage(conversationId: $c, content: "x") { message { id status } } }',
            "variables": {"c": reader.env["CONVERSATION"]},
        },
    ).json()["data"]["writeMessage"]["message"]

    with cutting(reader.gateway.server.port, after=900) as proxy:
        printed = reader.python("Come back to it", URL=proxy.url)

    whole = reader.get(f"{reader.messages}/{begun['id']}")
    assert begun["status"] == "generating"
    assert printed == whole["content"] + "\n"
    assert whole["status"] == "complete"
    assert proxy.cut >= 1


def test_an_answer_that_is_whole_can_only_be_asked_for_again(reader: Reader) -> None:
    answer = reader.say()

    stopped, refused, again = read(reader.sh("Stop, go on, ask again"))

    assert (stopped["id"], stopped["status"]) == (answer["id"], "complete")
    assert refused["error"] == "not_continuable"
    assert (again["status"], again["siblings"]["count"]) == ("complete", 2)


def test_a_running_answer_is_stopped_and_gone_on_with(reader: Reader) -> None:
    reader.begin("slow")
    stop, go_on, _ = reader.block("Stop, go on, ask again", "sh").splitlines()

    async def begin() -> None:
        body = {"content": "x", "stream": True}
        async with (
            reader.gateway.server.client.session() as session,
            session.post(f"/api/v1/{reader.messages}", json=body) as answer,
        ):
            async for line in answer.content:
                if line.startswith(b"event: token"):
                    return

    run(begin())
    (running,) = reader.get(f"{reader.messages}?before=end&limit=1")["data"]
    reader.env["MESSAGE"] = running["id"]
    (stopped,) = read(reader.run(["bash", "-euc", stop]))
    (whole,) = read(reader.run(["bash", "-euc", go_on]))

    assert (running["status"], stopped["status"]) == ("generating", "stopped")
    assert stopped["content"] != ""
    assert (whole["id"], whole["status"]) == (stopped["id"], "complete")
    assert whole["content"].startswith(stopped["content"])
    assert len(whole["content"]) > len(stopped["content"])


def test_branches_are_made_chosen_and_read(reader: Reader) -> None:
    reader.say()

    edited, chosen, page = read(reader.sh("Branches"))

    assert edited["parent_id"] != reader.env["QUESTION"]
    assert chosen["head_id"] == reader.env["MESSAGE"]
    assert [row["id"] for row in page["data"]] == [reader.env["QUESTION"], reader.env["MESSAGE"]]
    assert page["data"][0]["siblings"]["count"] == 2


def test_the_socket_answers(reader: Reader) -> None:
    said, ended = reader.python("The chat socket").rstrip("\n").rsplit("\n", 1)

    name, status = ended.split()
    assert status == "complete"
    assert said == reader.get(f"{reader.messages}/{name}")["content"]


def test_files_are_attached(reader: Reader) -> None:
    kept, answer = read(reader.sh("Files"))

    asked = reader.get(f"{reader.messages}/{answer['parent_id']}")
    assert kept["content_type"] == "text/csv; charset=utf-8"
    assert [file["id"] for file in asked["attachments"]] == [kept["id"]]
    assert answer["status"] == "complete"


def test_words_are_found(reader: Reader) -> None:
    reader.say("Is there a signal box with a distant signal?")

    (found,) = read(reader.sh("Search"))

    assert reader.env["CONVERSATION"] in [row["id"] for row in found["data"]]


def test_documents_are_taken_away_and_brought_in(reader: Reader) -> None:
    reader.say("What does a signal box do?")

    printed = reader.sh("Take away, bring in, show")

    assert "# What does a signal box do?" in printed
    (made,) = read(printed[printed.index('{"data"') :])[0]["data"]
    assert (made["message_count"], made["title"]) == (2, "What does a signal box do?")


def test_a_conversation_is_shown_by_a_link(reader: Reader) -> None:
    reader.say()

    link, shown = read(reader.sh("Take away, bring in, show", 1))

    assert link["url"].endswith(reader.env["TOKEN"])
    assert [message["role"] for message in shown["messages"]] == ["user", "assistant"]
    assert (
        reader.gateway.server.anonymous.get(f"/api/v1/shared/{reader.env['TOKEN']}").status == 404
    )


def test_models_answer_side_by_side(reader: Reader) -> None:
    script = reader.block("Side by side", "sh")
    begin, ask, choose = ASIDE.split(script)[0], *ASIDE.split(script)[2].split("curl ")[1:]
    (begun,) = read(reader.run(["bash", "-euc", begin]))
    reader.env["COMPARISON"] = begun["id"]
    while (standing := read(reader.run(["bash", "-euc", f"curl {ask}"]))[0])[
        "status"
    ] != "complete":
        assert standing["status"] == "generating"
    (chosen,) = read(reader.run(["bash", "-euc", f"curl {choose}"]))

    assert [side["model"] for side in begun["contenders"]] == ["simulated", "chat"]
    assert chosen["chosen"] == "chat"


def test_a_title_is_found(reader: Reader) -> None:
    reader.say()

    (conversation,) = read(reader.sh("Titles"))

    assert conversation["id"] == reader.env["CONVERSATION"]
    assert conversation["title"] not in (None, "", "What does a signal box do?")


def test_graphql_answers(reader: Reader) -> None:
    query = reader.block("GraphQL", "graphql")
    variables = {"conversation": reader.env["CONVERSATION"]}

    body = reader.gateway.server.post("/graphql", json={"query": query, "variables": variables})
    printed = reader.python("GraphQL")

    (last,) = reader.get(f"{reader.messages}?before=end&limit=1")["data"]
    assert body.json()["data"]["writeMessage"]["message"]["status"] == "complete"
    assert printed == last["content"]


def test_the_document_s_fields_of_graphql_exist() -> None:
    schema = (ROOT / "schema.graphql").read_text()
    prose = DOCUMENT[DOCUMENT.rindex("```") :]

    named = set(re.findall(r"`([a-z][A-Za-z]+)(?:\([^`]*\))?`", prose))
    assert len(named) > 20
    assert {name for name in named if not re.search(rf"\b{name}(\(|:)", schema)} == set()


def test_no_example_goes_untried() -> None:
    """Stands last: it looks at what the others did."""
    wanted = {(section, language) for section, language, _ in BLOCKS} - TRIED_ELSEWHERE
    if not _tried:
        pytest.skip("run the whole module")

    assert wanted - _tried == set()
