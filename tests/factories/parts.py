"""Bodies of `multipart/form-data`, part by part, and files that stand in them."""

from __future__ import annotations

from typing import Any

BOUNDARY = "a-line-that-stands-in-no-file"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20)


def part(
    content: bytes, *, name: str = "file", filename: str | None = "a.txt", said: str = ""
) -> bytes:
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"Content-Disposition: {disposition}\r\n"
    if said:
        head += f"Content-Type: {said}\r\n"
    return head.encode() + b"\r\n" + content


def multipart(*parts: bytes) -> dict[str, Any]:
    """What `GateClient.call` takes to send them."""
    line = f"--{BOUNDARY}".encode()
    raw = b"".join(line + b"\r\n" + each + b"\r\n" for each in parts) + line + b"--\r\n"
    return {
        "raw": raw,
        "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    }
