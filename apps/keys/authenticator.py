"""The one authenticator of every door: API keys, access tokens, browser sessions.

What a token amounts to is remembered per process under its fingerprint, so that a warm call touches no database.
News of a change in an organisation (`identity:<org>`) drops what is remembered of it; a look-up that was under way
when the news came is not remembered. Only good tokens are, so made-up ones push nothing out.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from apps.core import changes
from apps.core.actor import CredentialKind, Identity
from apps.core.errors import Unauthenticated
from apps.keys.domain.secrets import looks_like_key
from apps.keys.queries.identities import identity_of_key
from apps.keys.services.uses import note_use
from apps.tenants.domain.tokens import looks_like_token
from apps.tenants.queries import identities

CAPACITY = 20_000
"""Beyond it the token remembered longest goes, in use or not: it comes back at its next call. About 2 KB each."""
SCOPE = "identity:"


class CachingAuthenticator:
    """Implements `core.authentication.Authenticator`."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: dict[bytes, Identity] = {}
        self._by_organization: dict[str, set[bytes]] = {}
        self._permissions: dict[frozenset[str], frozenset[str]] = {}
        self._news = 0
        self._lock = Lock()
        # Of this process alone: a copy of its memory does not tell which token is which.
        self._secret = secrets.token_bytes(32)
        changes.on_change(SCOPE, self.forget)

    def recall(self, token: str) -> Identity | None:
        identity = self._known.get(self._name(token))
        if identity is None or not changes.are_caches_trusted():
            return None
        if identity.expires_at is not None and identity.expires_at <= datetime.now(UTC):
            return None  # the database says why
        if identity.credential.kind is CredentialKind.KEY:
            note_use(identity.credential.id)
        return identity

    def identify(self, token: str) -> Identity:
        news_before = self._news
        if looks_like_token(token):
            identity = identities.identity_of_access_token(token)
        elif looks_like_key(token):
            identity = identity_of_key(token)
            note_use(identity.credential.id)
        else:
            raise Unauthenticated
        self._remember(token, identity, news_before)
        return identity

    def identify_session(self, session_key: str) -> Identity:
        return identities.identity_of_browser_session(session_key)

    def forget(self, scope: str) -> None:
        """Drop what is remembered of one organisation, or with the bare scope of all."""
        organization = scope.removeprefix(SCOPE)
        with self._lock:
            self._news += 1
            if not organization:
                self._known.clear()
                self._by_organization.clear()
                return
            for name in self._by_organization.pop(organization, ()):
                self._known.pop(name, None)

    def _remember(self, token: str, identity: Identity, news_before: int) -> None:
        name = self._name(token)
        with self._lock:
            if self._news != news_before:
                return  # it may have been read before the change that the news was about
            # There are few different sets of permissions, so identities share them.
            shared = self._permissions.setdefault(identity.permissions, identity.permissions)
            self._known[name] = replace(identity, permissions=shared)
            self._by_organization.setdefault(identity.organization, set()).add(name)
            if len(self._known) > self._capacity:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        name = next(iter(self._known))
        organization = self._known.pop(name).organization
        names = self._by_organization[organization]
        names.discard(name)
        if not names:
            del self._by_organization[organization]

    def _name(self, token: str) -> bytes:
        # A keyed hash at a third of what HMAC costs; it runs on the loop at every call.
        text = token.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._secret, digest_size=16).digest()
