"""What a view says of itself: who may come in, what it counts against, how much body it takes.

Function views carry `door(GET=Door(...), POST=Door(...))`; viewsets a `doors` mapping from action to `Door`. The gate
reads these and nothing else, and a guard test fails for any URL without one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpResponse

from apps.core.permissions import Permission

if TYPE_CHECKING:
    from apps.core.asgi.request import GateRequest

QuickWay = Callable[["GateRequest"], Awaitable[HttpResponse | None]]

JSON_BODY = 10 * 1024 * 1024
UPLOAD_BODY = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Door:
    """Either a `permission`, or `public` with the reason why nobody needs one, or `signed_in` with a reason."""

    permission: Permission | None = None
    public: str = ""
    signed_in: str = ""
    limit: str | None = "default"
    """Class of limit to count against; None where counting would hurt (probes)."""
    asks_who: bool = True
    """False where the answer is the same for everybody: looking a credential up there is work for strangers to order."""
    admits_itself: bool = False
    """Hot doors that take limit and budget in one step of their own."""
    body_limit: int = JSON_BODY
    replays: bool = True
    """Whether an `Idempotency-Key` on a POST is honoured by the gate."""
    secret_fields: tuple[str, ...] = ()
    """Fields of the answer that a replay leaves out."""
    quick: QuickWay | None = None
    """A coroutine that answers the plain cases of a busy door on the loop; None leaves the case to the view."""

    def __post_init__(self) -> None:
        if bool(self.permission) + bool(self.public) + bool(self.signed_in) != 1:
            raise ValueError("a door names a permission, or why it needs none")
        if not self.asks_who and not self.public:
            raise ValueError("only a public door need not know who comes")


V = TypeVar("V", bound=Callable[..., Any])


def door(**by_method: Door) -> Callable[[V], V]:
    """Mark a function view with its doors, one for each HTTP method it takes."""

    def mark(view: V) -> V:
        view.doors = by_method  # type: ignore[attr-defined]  # a marker on a function
        return view

    return mark


def doors_of(view: Any) -> Mapping[str, Door]:
    """The doors of a view by HTTP method; empty when it declares none (a guard test forbids that)."""
    return _doors_of(view)


@cache
def _doors_of(view: Any) -> Mapping[str, Door]:
    marked: Mapping[str, Door] | None = getattr(view, "doors", None)
    if marked is not None:
        return marked
    viewset = getattr(view, "cls", None)
    actions: Mapping[str, str] = getattr(view, "actions", None) or {}
    declared: Mapping[str, Door] = getattr(viewset, "doors", {})
    # DRF adds `head` at a view's first request; the gate takes it for GET.
    return {
        method.upper(): declared[action]
        for method, action in actions.items()
        if action in declared and method != "head"
    }
