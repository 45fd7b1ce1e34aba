"""Zip archives of strangers: their table of contents checked before anything in them is read. Nothing is unpacked to disk."""

from __future__ import annotations

import re
import stat
import zipfile
from typing import BinaryIO

from apps.models.errors import BrokenArtifact, UnsafeArtifact

MOST_MEMBERS = 10_000
MOST_BYTES = 4 * 1024**3
MOST_RATIO = 100
"""Of unpacked to packed, where it matters: above a megabyte."""
SMALL = 1024 * 1024
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}").fullmatch


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Raises `UnsafeArtifact` for members with a path, links, bombs; `BrokenArtifact` for what is no whole archive."""
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise BrokenArtifact("is a broken or cut off zip archive") from None
    if len(members) > MOST_MEMBERS:
        raise UnsafeArtifact(f"is an archive of more than {MOST_MEMBERS} members")
    seen: set[str] = set()
    for member in members:
        _check(member)
        if member.filename.lower() in seen:
            raise UnsafeArtifact(f"is an archive that holds {member.filename[:60]} twice")
        seen.add(member.filename.lower())
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise UnsafeArtifact("is an archive that unpacks to too much")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Up to `most` bytes: what a member says of its size is not believed."""
    try:
        with archive.open(name) as member:
            data = member.read(most + 1)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError):
        raise BrokenArtifact(f"is an archive whose {name[:60]} cannot be read") from None
    except Exception as error:
        if type(error).__module__ == "zlib":
            raise BrokenArtifact(f"is an archive whose {name[:60]} is damaged") from None
        raise
    if len(data) > most:
        raise UnsafeArtifact(f"is an archive whose {name[:60]} is too large")
    return data


def _check(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if not _PLAIN(name) or ".." in name:
        raise UnsafeArtifact(f"is an archive with a path in it: {name[:60]!r}")
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UnsafeArtifact(f"is an archive whose {name[:60]} is a link or a device")
    if member.flag_bits & 1:
        raise UnsafeArtifact("is an encrypted archive")
    if member.file_size > SMALL and member.file_size > MOST_RATIO * max(member.compress_size, 1):
        raise UnsafeArtifact(f"is an archive whose {name[:60]} unpacks to far more than it is")
