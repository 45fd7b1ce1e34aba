"""Providers: made, changed, removed. A credential goes in, and out to the provider's own host alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.core.actor import Actor
from apps.core.errors import Invalid, Stale
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url
from apps.core.permissions import require
from apps.providers import topics
from apps.providers.adapters.registry import adapter_for
from apps.providers.domain.kinds import KINDS, check_options
from apps.providers.domain.terms import check_name
from apps.providers.enums import ProviderKind
from apps.providers.errors import InUse
from apps.providers.models import Deployment, Provider
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services.announcing import deed, hold, refuse_more, tell

MOST_PROVIDERS = 200
LONGEST_CREDENTIAL = 8192
SHORTEST_HINTED = 16
"""Of a shorter credential, four characters would tell too much."""


def create_provider(
    *,
    actor: Actor,
    name: str,
    kind: str,
    base_url: str = "",
    api_key: str = "",
    options: Any = None,
    is_enabled: bool = True,
) -> Provider:
    """Raises `PermissionDenied`, `Invalid` (an address, option or kind that will not do), `NameTaken`, `TooMany`."""
    require(actor, ProvidersPermission.MANAGE)
    checked = _kind(kind)
    provider = Provider(
        organization_id=actor.organization_id,
        name=check_name(name, forbidden="/"),
        kind=checked,
        base_url=_checked_url(checked, base_url),
        options=check_options(checked, {} if options is None else options),
        is_enabled=is_enabled,
    )
    _set_credential(provider, api_key)
    _require_credential(provider)
    with deed():
        refuse_more(Provider.objects.count(), MOST_PROVIDERS, "providers")
        provider.save()
        tell(actor=actor, topic=topics.PROVIDER_CREATED, row=provider, after=values(provider))
    return routing.whole_provider(provider)


def update_provider(
    *, actor: Actor, provider_id: str, expected_revision: int | None = None, **new: Any
) -> Provider:
    """Change name, address, credential, options, or whether it is enabled; what is not named stays.

    Another host drops the credential, unless a new one comes in the same change: it was given for the host before.
    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, `NameTaken`.
    """
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        provider = hold(routing.provider_at(provider_id))
        if expected_revision not in (None, provider.revision):
            raise Stale
        before = values(provider)
        _apply(provider, new)
        provider.revision += 1
        provider.save()
        tell(
            actor=actor,
            topic=topics.PROVIDER_CHANGED,
            row=provider,
            before=before,
            after=values(provider) | ({"credential_replaced": True} if new.get("api_key") else {}),
        )
    return routing.whole_provider(provider)


def remove_provider(
    *, actor: Actor, provider_id: str, expected_revision: int | None = None
) -> None:
    """Raises `NotFound`, `PermissionDenied`, `Stale`, and `InUse` while it has deployments."""
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        provider = hold(routing.provider_at(provider_id), to_remove=True)
        if expected_revision not in (None, provider.revision):
            raise Stale
        names = list(
            Deployment.objects.filter(provider=provider).values_list("name", flat=True)[:10]
        )
        if names:
            raise InUse(f"It has deployments: {', '.join(names)}.", deployments=names)
        provider.delete()
        tell(actor=actor, topic=topics.PROVIDER_REMOVED, row=provider, before=values(provider))


def values(provider: Provider) -> dict[str, Any]:
    """What the trail keeps of it."""
    return {
        "name": provider.name,
        "kind": str(provider.kind),
        "base_url": provider.base_url,
        "has_credential": bool(provider.credential),
        "options": dict(provider.options),
        "enabled": provider.is_enabled,
    }


def _apply(provider: Provider, new: dict[str, Any]) -> None:
    kind = ProviderKind(provider.kind)
    if "name" in new:
        provider.name = check_name(new["name"], forbidden="/")
    if "options" in new:
        provider.options = check_options(kind, new["options"])
    if "base_url" in new:
        url = _checked_url(kind, new["base_url"])
        if _origin(url) != _origin(provider.base_url):
            _set_credential(provider, "")
            provider.checked_at, provider.check_error = None, ""
        provider.base_url = url
    if "api_key" in new:
        _set_credential(provider, new["api_key"])
    provider.is_enabled = new.get("is_enabled", provider.is_enabled)


def _kind(word: str) -> ProviderKind:
    try:
        return ProviderKind(word)
    except ValueError:
        kinds = ", ".join(ProviderKind)
        raise Invalid.field("kind", f"must be one of {kinds}", "choice") from None


def _checked_url(kind: ProviderKind, url: str) -> str:
    """The address that calls go to, without a slash at its end; the kind's own when none is named."""
    default = adapter_for(kind).default_base_url
    url = url.strip().rstrip("/")
    if not KINDS[kind].is_remote:
        if url:
            raise Invalid.field("base_url", f"is not taken: {kind} answers from here", "invalid")
        return ""
    if not url and not default:
        raise Invalid.field("base_url", f"is needed for {kind}", "required")
    url = url or default
    try:
        judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    except Forbidden as error:
        raise error.as_field("base_url") from None
    if "?" in url or "#" in url:
        raise Invalid.field("base_url", "must not hold ? or #", "invalid")
    return url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """What a credential is bound to: https to http on the same host would send it in the clear."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _set_credential(provider: Provider, credential: str) -> None:
    credential = credential.strip()
    if credential and not KINDS[ProviderKind(provider.kind)].is_remote:
        raise Invalid.field("api_key", f"is not taken by {provider.kind}", "invalid")
    if len(credential) > LONGEST_CREDENTIAL or not _is_header_value(credential):
        # Never said back, and never longer than a header of a careful server takes.
        message = f"must be printable ASCII without spaces, {LONGEST_CREDENTIAL} characters at most"
        raise Invalid.field("api_key", message, "invalid")
    provider.credential = credential
    provider.credential_hint = credential[-4:] if len(credential) >= SHORTEST_HINTED else ""


def _is_header_value(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _require_credential(provider: Provider) -> None:
    """At the kind's own address. Elsewhere a server may take calls without one."""
    adapter = adapter_for(ProviderKind(provider.kind))
    is_at_home = provider.base_url == adapter.default_base_url
    if adapter.needs_credential and is_at_home and not provider.credential:
        raise Invalid.field("api_key", f"is needed for {provider.kind}", "required")
