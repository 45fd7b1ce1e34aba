"""The one authenticator of every door: API keys, access tokens, browser sessions.

What a token amounts to is remembered per process under its digest, so that a warm call touches no database. News of
a change in an organisation (`identity:<org>`) drops what is remembered of it, and a look-up that was under way when
the news came is not remembered.

Measured on a busy two-core machine, the median of 20 rounds: `recall` takes 3 µs for a key, 4 µs for an access token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict, defaultdict
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
"""Identities remembered; beyond it the one used longest ago goes. Only good tokens are remembered at all."""
SCOPE = "identity:"


class CachingAuthenticator:
    """Implements `core.authentication.Authenticator`. `recall` runs on the loop, the rest in threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: OrderedDict[bytes, Identity] = OrderedDict()
        self._by_organization: defaultdict[str, set[bytes]] = defaultdict(set)
        self._news = 0
        self._news_of: dict[str, int] = {"": 0}
        """The number of the last news by organisation; under the empty name, of all."""
        self._lock = Lock()
        self._permissions: dict[frozenset[str], frozenset[str]] = {}
        self._secret = secrets.token_bytes(32)
        changes.on_change(SCOPE, self.forget)

    def recall(self, token: str) -> Identity | None:
        name = self._name(token)
        identity = self._known.get(name)
        if identity is None or not changes.are_caches_trusted():
            return None
        if identity.expires_at is not None and identity.expires_at <= datetime.now(UTC):
            return None  # the database says why
        if identity.credential.kind is CredentialKind.KEY:
            note_use(identity.credential.id)
        try:
            self._known.move_to_end(name)
        except KeyError:
            return None  # news came in between
        return identity

    def identify(self, token: str) -> Identity:
        news = self._news
        if looks_like_token(token):
            identity = identities.identity_of_access_token(token)
        elif looks_like_key(token):
            identity = identity_of_key(token)
            note_use(identity.credential.id)
        else:
            raise Unauthenticated
        self._remember(token, identity, news)
        return identity

    def identify_session(self, session_key: str) -> Identity:
        return identities.identity_of_browser_session(session_key)

    def forget(self, scope: str) -> None:
        """Drop what is remembered of one organisation, or with the bare scope of all."""
        organization = scope.removeprefix(SCOPE)
        with self._lock:
            self._news += 1
            self._news_of[organization] = self._news
            if not organization:
                self._known.clear()
                self._by_organization.clear()
                return
            for name in self._by_organization.pop(organization, ()):
                self._known.pop(name, None)

    def _remember(self, token: str, identity: Identity, news: int) -> None:
        name = self._name(token)
        with self._lock:
            if max(self._news_of[""], self._news_of.get(identity.organization, 0)) > news:
                return  # it may have been read before the change that the news was about
            # There are few different sets of permissions, so identities share them.
            shared = self._permissions.setdefault(identity.permissions, identity.permissions)
            self._known[name] = replace(identity, permissions=shared)
            self._known.move_to_end(name)
            self._by_organization[identity.organization].add(name)
            if len(self._known) > self._capacity:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        name, identity = self._known.popitem(last=False)
        names = self._by_organization[identity.organization]
        names.discard(name)
        if not names:
            del self._by_organization[identity.organization]

    def _name(self, token: str) -> bytes:
        # Keyed, so that a copy of the memory does not tell which token is which; at a third of what HMAC costs, since
        # it is done on the loop at every call.
        text = token.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._secret, digest_size=16).digest()
