"""REST: the house itself."""

from __future__ import annotations

from apps.core.system.permissions import SystemPermission
from tests.doors.rest import Call, RestDoor


class TestSystem(RestDoor):
    calls = (
        Call("GET", "/api/v1/health/detailed", SystemPermission.VIEW_HEALTH, has_service=False),
        Call("GET", "/api/v1/config", SystemPermission.VIEW_CONFIG, has_service=False),
        Call("GET", "/api/v1/capabilities", SystemPermission.VIEW_CAPABILITIES, has_service=False),
    )
