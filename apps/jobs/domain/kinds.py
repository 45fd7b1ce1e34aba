"""Kinds of work: declared by the app whose work it is, looked up by name when a row is run.

A kind says what its payload must look like, who may submit it, how long an attempt may take and how often it may be
tried. A handler is a function of `(Context, payload)`; its return value is the job's result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from apps.core.actor import Actor
from apps.core.permissions import Permission

P = TypeVar("P", bound=BaseModel)


class Context(Protocol):
    """What a handler may ask of the worker that runs it."""

    job_id: str
    organization_id: int
    attempt: int

    @property
    def actor(self) -> Actor | None:
        """Who asked for it, with what they may do by now; None for the house's own work."""

    def progress(self, percent: float, message: str = "") -> None:
        """Say how far it is; raises `Cancelled` once somebody asked to stop."""

    def step(self, name: str) -> None:
        """Begin a named step; the one before has ended."""

    def wait(self, seconds: float) -> None:
        """Sleep; raises `Cancelled` as soon as somebody asks to stop."""

    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop; for handlers that end in their own way."""

    def keep_result(
        self, pieces: Iterable[bytes], *, name: str = "", content_type: str = ""
    ) -> dict[str, Any]:
        """Keep a result that is no JSON, or too large to hold, as a file; return what this answers."""


class Cancelled(Exception):
    """Raised inside a handler when its job was cancelled."""


class Refused(Exception):
    """Raised by a handler whose job cannot ever succeed: no further attempt."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Handler = Callable[[Context, Any], Any]


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """One kind of work. `permission` None: only the house itself enqueues it."""

    name: str
    payload: type[P]
    permission: Permission | None = None
    time_limit: float = 600.0
    max_attempts: int = 3
    retry_pause: float = 5.0
    """Seconds before the second attempt; doubled for each further one."""
    is_heavy: bool = False
    """CPU-heavy work runs in a child process that can be killed."""
    memory_limit: int = 2 * 1024**3
    """Bytes that its child process may take; only a heavy kind has one."""
    cancel_grace: float = 10.0
    """Seconds in which a handler may end by itself once asked to; then it is given up, a child process killed."""
    is_group: bool = False
    """Has no handler: it runs while its children do and ends with the last of them."""
    dedupe: Callable[[P], str] | None = None
    """A name under which only one unfinished job of an organisation may stand; None: any number."""


_kinds: dict[str, Kind[Any]] = {}
_handlers: dict[str, Handler] = {}


def declare(kind: Kind[P]) -> Kind[P]:
    """Make a kind known. Called where the constant is defined."""
    if kind.name in _kinds and _kinds[kind.name] is not kind:
        raise RuntimeError(f"the kind {kind.name} is declared twice")
    _kinds[kind.name] = kind
    return kind


def handles(kind: Kind[Any]) -> Callable[[Handler], Handler]:
    """Register the function that does a kind's work; found in an app's `tasks.py`."""

    def register(handler: Handler) -> Handler:
        _handlers[kind.name] = handler
        return handler

    return register


def kind_named(name: str) -> Kind[Any] | None:
    return _kinds.get(name)


def handler_of(name: str) -> Handler | None:
    return _handlers.get(name)


def public_kinds() -> list[Kind[Any]]:
    """Those that callers may submit through the doors."""
    return sorted((kind for kind in _kinds.values() if kind.permission), key=lambda kind: kind.name)
