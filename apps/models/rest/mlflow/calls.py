"""How each call of MLflow's REST API becomes a view: its parameters read, one domain call, JSON.

Unknown parameters are passed over, as MLflow's servers do: its clients send what their version knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.asgi.door import Door
from apps.core.errors import Conflict, Invalid
from apps.models.errors import NameTaken
from apps.models.permissions import ModelsPermission

READING: Final = Door(ModelsPermission.VIEW)
"""By the caller's usual limit: loading one model is a dozen calls."""
WRITING: Final = Door(ModelsPermission.MANAGE, limit="models")
STATE: Final = "INVALID_STATE"
"""MLflow's word for what the present state forbids."""
MOST_LISTED: Final = 100


class Waiting(Conflict):
    """Nothing was moved: people were asked first."""

    code = "pending_approval"

    def __init__(self, approval_id: str) -> None:
        super().__init__(
            f"This waits for approval {approval_id}: it will be done once people have agreed.",
            error_code=STATE,
            approval_id=approval_id,
        )


@dataclass(frozen=True, slots=True)
class Params:
    """Of the query string and the body, which mean the same to MLflow."""

    given: Mapping[str, Any]
    base: str
    """Where the caller reached us, `https://host`."""

    @classmethod
    def read(cls, request: HttpRequest) -> Params:
        """Raises `Malformed`, `Invalid`."""
        given: dict[str, Any] = {
            name: values if len(values) > 1 else request.GET[name]
            for name, values in request.GET.lists()
        }
        if request.body:
            document = strict_json.parse(request.body)
            if not isinstance(document, dict):
                raise Invalid.field("body", "must be an object", "type")
            given |= {name: value for name, value in document.items() if value is not None}
        return cls(given, f"{request.scheme}://{request.get_host()}")

    def text(self, name: str, default: str | None = None) -> str:
        """Without a default it must be there, and not be empty."""
        value = self.given.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None or (value == "" and default is None):
            raise Invalid.field(name, "is required", "required")
        if not isinstance(value, str):
            raise Invalid.field(name, "must be a string", "type")
        return value

    def texts(self, name: str) -> list[str]:
        value = self.given.get(name, [])
        listed = value if isinstance(value, list) else [value]
        if len(listed) > MOST_LISTED or any(not isinstance(each, str) for each in listed):
            raise Invalid.field(name, f"must be a list of at most {MOST_LISTED} strings", "type")
        return listed

    def number(self, name: str, *, default: int, most: int) -> int:
        value = self.given.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
            raise Invalid.field(name, f"must be a whole number from 1 to {most}", "range")
        return value

    def flag(self, name: str) -> bool:
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            raise Invalid.field(name, "must be true or false", "type")
        return value

    def tags(self) -> dict[str, str]:
        """`[{"key", "value"}, …]`."""
        listed = self.given.get("tags", [])
        found = {}
        for each in listed if isinstance(listed, list) else [None]:
            if not isinstance(each, dict) or not isinstance(each.get("key"), str):
                raise Invalid.field("tags", "must be a list of objects with key and value", "type")
            found[each["key"]] = str(each.get("value", ""))
        return found


Run = Callable[[Actor, Params], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    run: Run
    door: Door = READING


def calls(**by_method: Call) -> Callable[[HttpRequest], HttpResponse]:
    """The view of one path."""

    def view(request: HttpRequest) -> HttpResponse:
        method = "GET" if request.method == "HEAD" else str(request.method)
        actor: Actor = request.actor  # type: ignore[attr-defined]  # set by the gate
        try:
            answer = by_method[method].run(actor, Params.read(request))
        except NameTaken:
            raise  # which MLflow calls by the same word
        except Conflict as conflict:
            conflict.data.setdefault("error_code", STATE)
            raise
        return HttpResponse(strict_json.dumps(answer), content_type="application/json")

    view.doors = {method: call.door for method, call in by_method.items()}  # type: ignore[attr-defined]  # for the gate
    return view
