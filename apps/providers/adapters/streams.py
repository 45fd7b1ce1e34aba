"""What readers of streams share: an error never swallows the events that came whole before it, however bytes arrive."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.domain.calls import Event
from apps.providers.errors import UpstreamInvalid

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Parser(Protocol[T_co]):
    def feed(self, data: bytes) -> Iterable[T_co]: ...

    def close(self) -> Iterable[T_co]: ...


class Reader(Generic[T]):
    """Feeds a parser and reads each item it gives. After the stream's last event nothing is looked at any more."""

    def __init__(self, parser: Parser[T]) -> None:
        self._parser = parser
        self._failure: UpstreamInvalid | UpstreamFailed | None = None
        self._is_over = False

    def read(self, item: T) -> Iterable[Event]:
        """The events that one item makes: none, one or several."""
        raise NotImplementedError

    def feed(self, data: bytes) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        if self._is_over:
            return []
        events: list[Event] = []
        try:
            self._parse(self._parser.feed(data), events)
        except (UpstreamInvalid, UpstreamFailed) as error:
            self._failure = error
            if not events:
                raise
        return events

    def close(self) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        if self._is_over:
            return []
        events: list[Event] = []
        with suppress(UpstreamInvalid):  # a piece was under way when the connection ended
            self._parse(self._parser.close(), events)
        return events

    def _parse(self, items: Iterable[T], events: list[Event]) -> None:
        for item in items:
            events.extend(self.read(item))
            if events and events[-1].is_last:
                self._is_over = True
                return
