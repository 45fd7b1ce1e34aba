"""The backend: takes a turn before `BEGIN IMMEDIATE`, gives it back when the transaction is over, however it ends."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from apps.core.sqlite3.turns import Turns, turns_at

SUFFIX = "-turn"


class DatabaseWrapper(base.DatabaseWrapper):
    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs leave it out
        except BaseException:
            self._give_turn()
            raise

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        # Before the hooks that run after the commit, which may take their time.
        if autocommit:
            self._give_turn()
        super().set_autocommit(autocommit, *args, **kwargs)

    def close(self) -> None:
        super().close()
        self._give_turn()

    def _take_turn(self) -> None:
        turns = self._turns()
        if turns is None:
            return
        try:
            is_taken = turns.take(self, self.settings_dict["OPTIONS"].get("timeout", 5.0))
        except OSError as error:
            raise OperationalError(f"unable to open the turn file: {error}") from error
        if not is_taken:
            raise OperationalError("database is locked")

    def _give_turn(self) -> None:
        turns = self._turns()
        if turns is not None:
            turns.give(self)

    def _turns(self) -> Turns | None:
        return None if self.is_in_memory_db() else turns_at(f"{self.settings_dict['NAME']}{SUFFIX}")
