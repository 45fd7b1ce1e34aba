"""API keys as a Django app: registers the authenticator and the writer of last uses."""

from __future__ import annotations

from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "apps.keys"
    label = "keys"
    verbose_name = "Keys"

    def ready(self) -> None:
        from apps.core import authentication  # noqa: PLC0415 - models are ready only now
        from apps.core.asgi import lifecycle  # noqa: PLC0415 - models are ready only now
        from apps.core.asgi.pool import in_pool  # noqa: PLC0415 - models are ready only now
        from apps.keys.authenticator import CachingAuthenticator  # noqa: PLC0415 - models are ready only now
        from apps.keys.services import keys, uses  # noqa: PLC0415 - models are ready only now

        authentication.register_authenticator(CachingAuthenticator())
        lifecycle.every(uses.INTERVAL_SECONDS, "key uses", uses.write_uses)
        lifecycle.every(3600, "ended_secrets", keys.forget_ended_secrets)

        async def write_last_uses() -> None:
            await in_pool(uses.write_uses)

        lifecycle.on_drain(write_last_uses)
