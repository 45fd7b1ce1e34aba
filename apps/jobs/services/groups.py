"""The kind of a job that only holds others together."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from apps.jobs.domain.kinds import Kind, declare


class GroupPayload(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""


GROUP = declare(Kind("jobs.group", GroupPayload, is_group=True))
