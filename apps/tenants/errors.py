"""Refusals of this app, as members of the one error tree."""

from __future__ import annotations

from apps.core.errors import Conflict, Unauthenticated


class BadCredentials(Unauthenticated):
    """Wrong password, unknown address, switched-off account: one answer for all, so that none can be told apart."""

    code = "bad_credentials"
    message = "The e-mail address or the password is wrong."


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    message = "The token is not valid, or not valid any more."


class TokenExpired(Unauthenticated):
    code = "token_expired"
    message = "The token has expired."


class LastAdmin(Conflict):
    code = "last_admin"
    message = "An organisation keeps at least one administrator."


class NameTaken(Conflict):
    code = "name_taken"
    message = "Another one has this name already."
