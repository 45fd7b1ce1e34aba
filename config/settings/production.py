"""Production fails loudly: every secret must be given, long, and not one of ours."""

from __future__ import annotations

from config.env import words
from config.settings.base import *
from config.settings.base import env

SIGNALBOX_ENVIRONMENT = "production"
MINIMUM_SECRET_LENGTH = 32


def _required(name: str) -> str:
    return _checked(name, getattr(env, name))


def _checked(name: str, value: str) -> str:
    if len(value) < MINIMUM_SECRET_LENGTH or value.startswith(("test-", "change-me", "your-")):
        raise SystemExit(
            f"{name.upper()} must be set to a secret of at least {MINIMUM_SECRET_LENGTH} characters in production "
            f"(or {name.upper()}_FILE to a file that holds it); make one with: python3 -c "
            "'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return value


SECRET_KEY = _required("secret_key")
SIGNALBOX_JWT_SECRET = _required("jwt_secret_key")
SIGNALBOX_KEY_PEPPER = _required("signalbox_key_pepper")
SIGNALBOX_MASTER_KEYS = [
    _checked("signalbox_master_key", key) for key in words(env.signalbox_master_key) or [""]
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SECURE_HSTS_SECONDS = 31_536_000
if env.signalbox_trusted_proxies:  # without a proxy the header is the caller's own word
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
