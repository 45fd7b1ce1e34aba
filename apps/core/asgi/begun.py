"""Going on with a coroutine that was begun by hand, because most such are done before they wait for anything."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any


class Begun:
    """Goes on with a coroutine that was begun by hand and waits for something."""

    def __init__(self, waiting: Coroutine[Any, Any, Any], first: Any) -> None:
        self._waiting = waiting
        self._first = first

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            yield self._first
        except BaseException as error:  # noqa: BLE001 - handed on to where it belongs
            try:
                self._first = self._waiting.throw(error)
            except StopIteration as done:
                return done.value
            return (yield from self.__await__())
        return (yield from self._waiting.__await__())
