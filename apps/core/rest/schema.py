"""OpenAPI for viewsets: what the gate does (errors, credentials, headers) is said once for every operation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import ListSerializer

from apps.core.asgi.door import Door


class HouseSchema(AutoSchema):
    """Adds the error answers every operation has; the credential schemes; a tag a resource."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and part not in ("api", "v1")]
        return [parts[0]] if parts else ["signalbox"]

    def _door(self) -> Door | None:
        action = getattr(self.view, "action", None)
        return getattr(self.view, "doors", {}).get(action)

    def get_auth(self) -> list[dict[str, list[str]]]:
        door = self._door()
        return [] if door is not None and door.public else [{"bearer": []}, {"key": []}]

    def get_description(self) -> str:  # type: ignore[override]  # DRF's stub takes what spectacular's does not
        """The action's own words; the base's docstring is for those who read the code."""
        return inspect.getdoc(getattr(self.view, getattr(self.view, "action", ""), None)) or ""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation.setdefault("security", [])  # said aloud: none is needed
            refusals = getattr(self.view, "refusals", {}).get(getattr(self.view, "action", ""), ())
            add_error_answers(
                operation,
                self.method,
                has_path_id="{" in self.path,
                door=self._door(),
                more=refusals,
            )
            if self._is_list_view():
                operation["responses"].setdefault("422", _error("422"))  # a wrong parameter
        return operation

    def _is_list_view(self, serializer: Any = None) -> bool:
        """A list by its name, or an action that says it answers many of something."""
        if serializer is None:
            serializer = self.get_response_serializers()
        is_named = getattr(self.view, "action", "") == "list"
        return is_named or isinstance(serializer, ListSerializer)


def add_error_answers(
    operation: dict[str, Any],
    method: str,
    *,
    has_path_id: bool,
    door: Door | None,
    more: Iterable[int] = (),
) -> None:
    """The refusals of the gate and of the error table, in each operation's answers; `more` are its own."""
    answers = operation.setdefault("responses", {})
    statuses = ["400", "429", *map(str, more)]
    if door is None or not door.public:
        statuses += ["401", "403"]
    if has_path_id:
        statuses.append("404")
    if method in ("POST", "PUT", "PATCH"):
        statuses += ["409", "413", "415", "422"]
    if method in ("PUT", "PATCH"):
        statuses.append("412")
    for status in sorted(statuses):
        answers.setdefault(status, _error(status))


def _error(status: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/Error{status}"}
