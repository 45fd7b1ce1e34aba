"""A stored file as the answer of a door: an attachment, streamed, that no browser takes for a page.

The door has judged already who may have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from apps.core.files import files
from apps.core.models import StoredFile


class Pieces:
    """A file's bytes. Not a generator: one cannot be closed while a thread is within it, and a caller may hang up then."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(files.PIECE)
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        self._file.close()


def attachment(
    request: HttpRequest, file: StoredFile, *, name: str = "", is_inline: bool = False
) -> HttpResponseBase:
    """The bytes, or 304 to who has them; `name` for a file that has none.

    `is_inline` lets a browser show it in place: for types alone in which nothing can run.
    """
    etag = f'"{file.digest}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": content_disposition_header(
            not is_inline, file.name or name or "file"
        )
        or "",
    }
    known = [part.strip() for part in request.META.get("HTTP_IF_NONE_MATCH", "").split(",")]
    if etag in known:
        return HttpResponse(status=304, headers=headers)
    answer = StreamingHttpResponse(
        Pieces(files.open(file)), content_type=file.content_type, headers=headers
    )
    answer.headers["Content-Length"] = str(file.size)
    return answer
