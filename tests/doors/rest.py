"""What every REST endpoint must do, whatever it is for.

A subclass names its calls and how to make an object, and inherits the refusals: no key, a role that may not, another
organisation's object, bad bytes, wrong types, unknown fields, another media type; and the promises: a list costs the
same however long it is, a POST by `Idempotency-Key` runs once, a stale `If-Match` changes nothing.
`tests/architecture/test_doors_rest.py` fails for an endpoint that no subclass names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Actor
from apps.core.asgi.admission import identify
from apps.core.tenancy import enter_organization, organization_scope
from tests.client import Answer, GateClient
from tests.doors.place import Place

BAD_BODIES: dict[str, bytes] = {
    "broken": b'{"a":',
    "not json": b"name=a",
    "not utf-8": b'{"a": "\xff"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "duplicate keys": b'{"a": 1, "a": 2}',
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "NUL": b'{"a": "\\u0000"}',
    "half a surrogate": b'{"a": "\\ud800"}',
    "2^63": b'{"a": 9223372036854775808}',
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "a text": b'"name"',
}
WRONG: dict[type, list[Any]] = {
    str: [7, 1.5, True, ["a"], {"a": 1}],
    bool: ["true", "yes", 1, 0, [], {}],
    int: ["7", 1.5, True, [7], {}],
    dict: ["a", 7, True, ["a"]],
    list: ["a", 7, True, {"a": 1}],
}
"""By the type of the good value: what must not pass for it."""
STRANGE_IDS = [
    "nope",
    "1",
    "0",
    "-1",
    "null",
    "../keys",
    "key_",
    "key_" + "0" * 32,
    "key_" + "0" * 31 + "g",
    "%F0%9F%94%91",
    "a" * 5000,
]


@dataclass(frozen=True)
class Call:
    """One method of one path. `{id}` in the path is an object's; `permission` is empty for everybody signed in."""

    method: str
    path: str
    permission: str = ""
    body: dict[str, Any] | None = None
    status: int = 200
    public: bool = False
    replays: bool = True
    has_revision: bool = False
    has_service: bool = True
    """False for a hot view that answers by itself: the gate is the only way to it."""
    secrets: tuple[str, ...] = ()
    wrong: dict[str, list[Any]] = field(default_factory=dict)
    """Further wrong values of a field, beside those of another type."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class RestDoor:
    """Inherit, set `calls`, and write `make` when a path holds an `{id}`."""

    calls: ClassVar[tuple[Call, ...]] = ()

    def make(self, place: Place) -> str:
        """Make one more object of this place; its outside id."""
        raise NotImplementedError

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        """The good body, where it cannot be said beforehand."""
        return call.body

    # -------------------------------------------------------------- how tests find their calls

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for name in metafunc.fixturenames:
            if name.startswith("call_"):
                found = [call for call in self.calls if WHICH[name](call)]
                metafunc.parametrize(name, found, ids=str)

    def send(
        self,
        client: GateClient,
        call: Call,
        place: Place,
        *,
        key: str | None = None,
        at: str | None = None,
        **changes: Any,
    ) -> Answer:
        """The call as it should be, but for what is changed. `at` is the object's id."""
        path = call.path
        if "{id}" in path:
            path = path.replace("{id}", at if at is not None else self.make_in(place))
        if not {"body", "raw"} & set(changes):
            changes["body"] = self.body_for(call, place)
        if key is None and not call.public:
            key = place.key
        return client.call(call.method, path, key=key, **changes)

    def make_in(self, place: Place) -> str:
        with organization_scope(place.organization.pk):
            return self.make(place)

    # -------------------------------------------------------------- the promises

    def test_a_good_call_succeeds(self, call_any: Call, client: GateClient, ours: Place) -> None:
        answer = self.send(client, call_any, ours)

        assert answer.status == call_any.status, answer.body

    def test_no_key_is_unauthenticated(
        self, call_closed: Call, client: GateClient, ours: Place
    ) -> None:
        answer = self.send(client, call_closed, ours, key="", headers={"Authorization": None})

        assert (answer.status, answer.error) == (401, "unauthenticated")

    def test_an_unknown_key_is_unauthenticated(
        self, call_closed: Call, client: GateClient, ours: Place
    ) -> None:
        answer = self.send(client, call_closed, ours, key="ltb_guess")

        assert (answer.status, answer.error) == (401, "unauthenticated")

    def test_a_role_that_may_not_is_denied(
        self, call_permitted: Call, client: GateClient, ours: Place
    ) -> None:
        answer = self.send(
            client, call_permitted, ours, key=ours.without(call_permitted.permission)
        )

        assert (answer.status, answer.error) == (403, "permission_denied")
        assert call_permitted.permission in answer.json()["message"]

    def test_the_services_ask_again(
        self, call_guarded: Call, client: GateClient, ours: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The gate is the first to ask, not the only one: other doors lead to the same service."""
        key = ours.without(call_guarded.permission)
        monkeypatch.setattr("apps.core.asgi.gate.admit", _admit_all_but_permissions)

        answer = self.send(client, call_guarded, ours, key=key)

        assert (answer.status, answer.error) == (403, "permission_denied")

    def test_anothers_object_is_not_there(
        self, call_of_one: Call, client: GateClient, ours: Place, theirs: Place
    ) -> None:
        foreign = self.make_in(theirs)

        answer = self.send(client, call_of_one, ours, at=foreign)
        own = self.send(client, call_of_one, theirs, at=foreign)

        assert (answer.status, answer.error) == (404, "not_found")
        assert own.status == call_of_one.status, (
            own.body
        )  # it was there, and nothing had touched it

    @pytest.mark.parametrize("strange", STRANGE_IDS)
    def test_a_strange_id_is_not_there(
        self, call_of_one: Call, strange: str, client: GateClient, ours: Place
    ) -> None:
        answer = self.send(client, call_of_one, ours, at=strange)

        assert (answer.status, answer.error) == (404, "not_found")

    def test_a_list_holds_nothing_of_others(
        self, call_listing: Call, client: GateClient, ours: Place, theirs: Place
    ) -> None:
        own = {self.make_in(ours) for _ in range(2)}
        foreign = {self.make_in(theirs) for _ in range(2)}

        listed = {row["id"] for row in self.send(client, call_listing, ours).json()["data"]}

        assert (listed & own, listed & foreign) == (own, set())

    def test_a_list_costs_the_same_however_long(
        self, call_listing: Call, client: GateClient, ours: Place
    ) -> None:
        self.make_in(ours)
        self.send(client, call_listing, ours)  # whatever is cached is warm
        short = self._queries_of(call_listing, client, ours)
        for _ in range(2):
            self.make_in(ours)

        assert self._queries_of(call_listing, client, ours) == short

    def _queries_of(self, call: Call, client: GateClient, place: Place) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert self.send(client, call, place).status == 200
        return len(queries)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("limit=-1", "limit"),
            ("page=0", "page"),
            ("page=9999999999999999999999", "page"),
            ("page=1e3", "page"),
            ("cursor=nonsense", "cursor"),
            ("cursor=" + "A" * 5000, "cursor"),
            ("ordering=password", "ordering"),
            ("ordering=organization__slug", "ordering"),
            ("ordering=-", "ordering"),
        ],
    )
    def test_a_wrong_parameter_of_a_list_is_named(
        self, call_listing: Call, query: str, field: str, client: GateClient, ours: Place
    ) -> None:
        answer = client.get(f"{call_listing.path}?{query}", key=ours.key)

        if answer.status == 200:  # a list by cursor knows no page, one by page no cursor
            assert field in {"page", "cursor", "ordering"} - self._parameters(answer)
        else:
            assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])

    def _parameters(self, answer: Answer) -> set[str]:
        return {"cursor"} if "next_cursor" in answer.json()["meta"] else {"page", "ordering"}

    @pytest.mark.parametrize("raw", BAD_BODIES.values(), ids=BAD_BODIES)
    def test_bad_bytes_are_refused(
        self, call_with_body: Call, raw: bytes, client: GateClient, ours: Place
    ) -> None:
        answer = self.send(client, call_with_body, ours, raw=raw)

        assert answer.status in (400, 413, 422)  # 413 where a door takes little
        assert answer.json()["request_id"] == answer.headers["x-request-id"]

    def test_a_wrong_type_names_its_field(
        self, call_with_body: Call, client: GateClient, ours: Place
    ) -> None:
        good = self.body_for(call_with_body, ours) or {}
        tries = [
            (name, wrong)
            for name, value in good.items()
            for wrong in [*WRONG[type(value)], *call_with_body.wrong.get(name, [])]
        ]

        taken = []
        for name, wrong in tries:
            answer = self.send(client, call_with_body, ours, body={**good, name: wrong})
            named = {one.partition(".")[0] for one in answer.json().get("invalid_fields", [])}
            if answer.status != 422 or name not in named:
                taken.append((name, wrong, answer.status, answer.body))

        assert taken == []

    def test_an_unknown_field_is_named(
        self, call_with_body: Call, client: GateClient, ours: Place
    ) -> None:
        good = self.body_for(call_with_body, ours) or {}

        answer = self.send(client, call_with_body, ours, body={**good, "nobody_knows_it": 1})

        assert (answer.status, answer.json()["invalid_fields"]) == (422, ["nobody_knows_it"])

    @pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "a"])
    def test_another_media_type_is_unsupported(
        self, call_with_body: Call, media_type: str, client: GateClient, ours: Place
    ) -> None:
        answer = self.send(client, call_with_body, ours, headers={"Content-Type": media_type})

        assert (answer.status, answer.error) == (415, "unsupported_media_type")

    def test_a_repeated_key_runs_once(
        self, call_replayed: Call, client: GateClient, ours: Place
    ) -> None:
        at = self.make_in(ours) if "{id}" in call_replayed.path else None
        body = self.body_for(call_replayed, ours)
        headers = {"Idempotency-Key": "once"}

        first = self.send(client, call_replayed, ours, at=at, headers=headers, body=body)
        second = self.send(client, call_replayed, ours, at=at, headers=headers, body=body)

        assert (first.status, second.status) == (call_replayed.status, call_replayed.status)
        assert second.headers["idempotency-replayed"] == "true"
        assert second.json() == {**first.json(), **dict.fromkeys(call_replayed.secrets)}
        assert all(first.json()[name] for name in call_replayed.secrets)

    def test_a_stale_revision_changes_nothing(
        self, call_revised: Call, client: GateClient, ours: Place
    ) -> None:
        at = self.make_in(ours) if "{id}" in call_revised.path else None

        answer = self.send(client, call_revised, ours, at=at, headers={"If-Match": '"r999"'})
        after = self.send(client, call_revised, ours, at=at, headers={"If-Match": '"r1"'})
        again = self.send(client, call_revised, ours, at=at, headers={"If-Match": '"r1"'})

        assert (answer.status, answer.error) == (412, "stale")
        assert (after.status, after.headers["etag"]) == (call_revised.status, '"r2"')
        assert again.status == 412


WHICH: dict[str, Any] = {
    "call_any": lambda call: True,
    "call_closed": lambda call: not call.public,
    "call_permitted": lambda call: bool(call.permission),
    "call_guarded": lambda call: bool(call.permission) and call.has_service,
    "call_of_one": lambda call: "{id}" in call.path,
    "call_listing": lambda call: call.method == "GET" and isinstance(call, Listing),
    "call_with_body": lambda call: call.body is not None,
    "call_replayed": lambda call: (
        call.method == "POST" and call.replays and not call.public and call.body is not None
    ),
    "call_revised": lambda call: call.has_revision,
}


class Listing(Call):
    """A call that answers `{data, meta}`."""


async def _admit_all_but_permissions(request: Any, door: Any) -> None:
    identity = await identify(request.META["HTTP_AUTHORIZATION"].removeprefix("Bearer "), "")
    request.actor = Actor(identity, request.request_id, request.address)
    enter_organization(identity.organization_id)
