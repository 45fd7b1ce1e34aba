"""API keys as a Django app: registers the authenticator and the writer of last uses."""

from __future__ import annotations

from functools import partial

from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "apps.keys"
    label = "keys"
    verbose_name = "Keys"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.core import authentication  # noqa: PLC0415
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.core.asgi.pool import in_pool  # noqa: PLC0415
        from apps.keys import permissions  # noqa: F401, PLC0415
        from apps.keys.authenticator import CachingAuthenticator  # noqa: PLC0415
        from apps.keys.services import uses  # noqa: PLC0415

        authentication.register_authenticator(CachingAuthenticator())
        lifecycle.every(uses.INTERVAL_SECONDS, "key_uses", uses.write_uses)
        lifecycle.on_drain(partial(in_pool, uses.write_uses))
