"""A person at the console: the way in driven as a browser would, with cookies, a CSRF token and forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from apps.tenants.models import Membership
from apps.tenants.queries.identities import SESSION_ORGANIZATION
from tests.client import Answer, GateClient

CSRF = "c" * 32
FORM = "application/x-www-form-urlencoded"
BACKEND = "django.contrib.auth.backends.ModelBackend"


class Visitor:
    """`Visitor(membership)` is signed in; `Visitor()` is a stranger. Cookies are kept as a browser keeps them."""

    def __init__(self, membership: Membership | None = None, *, address: str = "127.0.0.1") -> None:
        self.client = GateClient(address=address)
        self.cookies = {settings.CSRF_COOKIE_NAME: CSRF}
        if membership is not None:
            self.cookies[settings.SESSION_COOKIE_NAME] = session_of(membership)

    def get(self, path: str, **headers: str) -> Answer:
        return self._keep(self.client.get(path, cookies=self.cookies, headers=headers))

    def post(
        self,
        path: str,
        form: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        origin: str | None = None,
    ) -> Answer:
        sent = self.cookies[settings.CSRF_COOKIE_NAME] if token is None else token
        body = urlencode({**(form or {}), "csrfmiddlewaretoken": sent}).encode()
        headers = {"content-type": FORM} | ({"origin": origin} if origin else {})
        answer = self.client.post(path, raw=body, cookies=self.cookies, headers=headers)
        return self._keep(answer)

    @property
    def is_signed_in(self) -> bool:
        return self.get("/console/account").status == 200

    def _keep(self, answer: Answer) -> Answer:
        for line in answer.cookies:
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer


def session_of(membership: Membership) -> str:
    """The key of a fresh browser session in this member's organisation."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(membership.user_id)
    store[BACKEND_SESSION_KEY] = BACKEND
    store[HASH_SESSION_KEY] = membership.user.get_session_auth_hash()
    store[SESSION_ORGANIZATION] = membership.organization.public_id
    store.create()
    key: str = store.session_key
    return key


def page(answer: Answer) -> str:
    """The text of a page as written, entities read."""
    return unescape(answer.body.decode())


def title(answer: Answer) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page(answer), re.DOTALL)
    return found.group(1).strip() if found else ""


def row_labels(answer: Answer) -> list[str]:
    """What the rows of the page's lists are called, from top to bottom."""
    return re.findall(r"data-row-link>(.*?)</a>", page(answer))


def cells(answer: Answer, row: str) -> list[str]:
    """The words in the cells of one row of a list, by what its id ends with."""
    found = re.search(rf'<tr id="[\w-]+-{re.escape(row)}".*?</tr>', page(answer), re.DOTALL)
    columns = re.findall(r"<td.*?</td>", found.group(0), re.DOTALL) if found else []
    return [" ".join(re.sub(r"<[^>]+>", " ", column).split()) for column in columns]


def errors(answer: Answer) -> list[str]:
    """What stands at the fields."""
    return re.findall(r'<ul class="errorlist"[^>]*><li>(.*?)</li>', page(answer))


def notices(answer: Answer) -> list[str]:
    """What stands above the form."""
    found = re.findall(
        r'<div class="notice notice--danger">.*?<div>(.*?)</div>', page(answer), re.DOTALL
    )
    return [text.strip() for text in found]


def toasts(visitor: Visitor) -> list[str]:
    """What the next page says was done."""
    return re.findall(r"<span data-toast-text>(.+?)</span>", page(visitor.get("/console/account")))


def secret_in(answer: Answer) -> str:
    """The secret that a page shows once."""
    found = re.search(r'<div class="secret__value"><code>(.*?)</code>', page(answer))
    return found.group(1) if found else ""
