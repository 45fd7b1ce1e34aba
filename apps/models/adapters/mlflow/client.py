"""The few calls that following an MLflow server takes, by hand: its own package is 66 MB of which we would use this.

For threads. Each call is guarded (no private addresses, no redirects) and bounded in time and size, and the credential
goes to the server's own address alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from urllib.parse import quote, urlencode, urlsplit

from apps.core.errors import TooLarge, Upstream
from apps.core.http_client.client import Limits, call
from apps.core.http_client.errors import CallTimedOut, Forbidden
from apps.core.http_client.exchange import open_exchange
from apps.core.http_client.loop import call_from_thread
from apps.models.domain.mlflow.reading import MOST_BYTES
from apps.models.enums import SourceAuth

API: Final = "/api/2.0/mlflow"
ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
SECONDS: Final = 20.0
MOST_ANSWER: Final = 4 * 1024 * 1024
DOWNLOAD_SECONDS: Final = 3000.0
LONGEST_MESSAGE: Final = 300


class SourceRefused(Upstream):
    """The server answered, and not with what was asked for."""

    code = "source_refused"


class NotThere(SourceRefused):
    """It knows no such model, alias or file."""

    code = "not_at_source"


@dataclass(frozen=True, slots=True)
class RemoteVersion:
    model: str
    number: str
    run_id: str = ""
    description: str = ""
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Client:
    url: str
    auth: SourceAuth = SourceAuth.NONE
    username: str = ""
    credential: str = ""

    def version_by_alias(self, model: str, alias: str) -> RemoteVersion:
        """Raises `NotThere`, `SourceRefused`, `CallFailed`, `CallTimedOut`; so do all calls here."""
        answer = self._get(f"{API}/registered-models/alias", name=model, alias=alias)
        return _version(answer.get("model_version"), model)

    def version_in_stage(self, model: str, stage: str) -> RemoteVersion:
        path = f"{API}/registered-models/get-latest-versions"
        listed = self._get(path, name=model, stages=stage).get("model_versions")
        found = [_version(each, model) for each in _objects(listed)]
        if not found:
            raise NotThere(f"No version of {model} is in {stage} there.")
        return max(found, key=lambda version: int(version.number))

    def directory(self, version: RemoteVersion) -> str:
        """Where the version's files lie at the server's artefact proxy."""
        path = f"{API}/model-versions/get-download-uri"
        uri = self._get(path, name=version.model, version=version.number).get("artifact_uri")
        return self._proxied(str(uri or ""))

    def read(self, directory: str, name: str) -> bytes:
        """A small file, whole."""
        return self._call(self._file(directory, name), MOST_BYTES)

    def download(self, directory: str, name: str, into: BinaryIO, *, most: int) -> None:
        """A file, piece by piece. Raises `TooLarge` as well."""
        url = self._file(directory, name)
        try:
            call_from_thread(self._fetch(url, into, most), seconds=DOWNLOAD_SECONDS + 5)
        except Forbidden as error:
            raise SourceRefused(f"The address {error}.") from None
        except TimeoutError:
            raise CallTimedOut("The file did not come in time.") from None

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        body = self._call(f"{self.url}{path}?{urlencode(query)}", MOST_ANSWER)
        answer = _parsed(body)
        if answer is None:
            raise SourceRefused("The server's answer is no JSON object.")
        return answer

    def _call(self, url: str, most: int) -> bytes:
        limits = Limits(seconds=SECONDS, body=most)
        try:
            reply = call_from_thread(
                call("GET", url, headers=self._headers(), limits=limits), seconds=SECONDS + 5
            )
        except Forbidden as error:
            raise SourceRefused(f"The address {error}.") from None
        except TimeoutError:
            raise CallTimedOut(f"No whole answer came within {SECONDS:g} s.") from None
        if reply.status != 200:
            raise self._refusal(reply.status, reply.body)
        if reply.is_cut:
            raise SourceRefused(f"The server's answer has more than {most} bytes.")
        return reply.body

    async def _fetch(self, url: str, into: BinaryIO, most: int) -> None:
        exchange = await open_exchange(
            "GET",
            url,
            headers=self._headers(),
            body=b"",
            first_byte_seconds=SECONDS,
            idle_seconds=SECONDS,
            total_seconds=DOWNLOAD_SECONDS,
            most_bytes=most + 1,
        )
        try:
            size = 0
            head = b""
            async for piece in exchange.pieces():
                size += len(piece)
                if size > most:
                    raise TooLarge(f"A file may have {most} bytes at most.", code="file_too_large")
                if exchange.status == 200:
                    into.write(piece)
                elif len(head) < MOST_BYTES:
                    head += piece
            if exchange.status != 200:
                raise self._refusal(exchange.status, head)
        finally:
            await exchange.close()

    def _headers(self) -> dict[str, str]:
        if self.auth is SourceAuth.BEARER:
            return {"Authorization": f"Bearer {self.credential}"}
        if self.auth is SourceAuth.BASIC:
            pair = f"{self.username}:{self.credential}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    def _refusal(self, status: int, body: bytes) -> SourceRefused:
        told = (_parsed(body) or {}).get("message")
        words = str(told) if isinstance(told, str) else ""
        for secret in (
            self.credential,
            self._headers().get("Authorization", "").rpartition(" ")[2],
        ):
            words = words.replace(secret, "…") if secret else words
        text = f"The server answered {status}{': ' if words else '.'}{words[:LONGEST_MESSAGE]}"
        return NotThere(text) if status == 404 else SourceRefused(text)

    def _proxied(self, uri: str) -> str:
        """`mlflow-artifacts:/1/models/m-…` or the same with the server's own address, as a path of the proxy."""
        try:
            parts, own = urlsplit(uri), urlsplit(self.url)
        except ValueError:
            raise SourceRefused("The server's answer names no address of files.") from None
        if {".", ".."} & set(parts.path.split("/")):
            raise SourceRefused("Its files lie at an address that leads elsewhere.")
        if parts.scheme == "mlflow-artifacts" and parts.netloc in ("", own.netloc):
            return parts.path.strip("/")
        is_own = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        if is_own and f"{ARTIFACTS}/" in parts.path:
            return parts.path.partition(f"{ARTIFACTS}/")[2].strip("/")
        where = f"{parts.scheme or 'nowhere'}://{parts.hostname or ''}"[:100]
        raise SourceRefused(
            f"Its files lie at {where}, and we fetch them from the server alone: it must proxy them (--serve-artifacts)."
        )

    def _file(self, directory: str, name: str) -> str:
        return f"{self.url}{ARTIFACTS}/{quote(f'{directory}/{name}')}"


def _version(document: Any, model: str) -> RemoteVersion:
    if not isinstance(document, dict):
        raise SourceRefused("The server's answer names no version.")
    number = str(document.get("version", ""))
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise SourceRefused("The server's answer names a version without a number.")
    tags = {
        str(tag["key"]): str(tag.get("value", ""))
        for tag in _objects(document.get("tags"))
        if "key" in tag
    }
    return RemoteVersion(
        model, number, _text(document, "run_id"), _text(document, "description"), tags
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
