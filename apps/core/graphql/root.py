"""The fields of the house itself."""

from __future__ import annotations

from typing import Any

import graphene
from django.conf import settings
from django.db import DatabaseError

from apps.core.graphql.fields import HouseField
from apps.core.system.health import probe_database

PROBED = "probes ask it without a key"


class Query(graphene.ObjectType):
    version = HouseField(
        graphene.String, required=True, public=PROBED, description="The version of this house."
    )
    health = HouseField(
        graphene.Boolean, required=True, public=PROBED, description="Whether it is well."
    )

    @staticmethod
    def resolve_version(root: Any, info: Any) -> str:
        version: str = settings.SIGNALBOX_VERSION
        return version

    @staticmethod
    def resolve_health(root: Any, info: Any) -> bool:
        try:
            probe_database()
        except DatabaseError:
            return False
        return True
