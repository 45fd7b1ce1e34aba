"""CSRF for API calls that come with a browser session instead of a credential of their own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.datastructures import MultiValueDict

from apps.core.errors import PermissionDenied


class _Check(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def check_csrf(request: Any) -> None:
    """Raise unless a state-changing call carries the token in `X-CSRFToken` and comes from our own origin."""
    check = _Check(lambda _: HttpResponse())
    check.process_request(request)
    # The middleware would look for the token in the form, and so read the body before its limit is known.
    request._post, request._files = QueryDict(), MultiValueDict()  # noqa: SLF001 - see above
    try:
        reason = check.process_view(request, HttpResponse, (), {})
    finally:
        del request._post, request._files  # noqa: SLF001 - see above
    if reason:
        raise PermissionDenied(f"Cross-site request refused: {reason}", code="csrf_failed")
