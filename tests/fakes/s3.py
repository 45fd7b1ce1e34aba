"""A server that speaks S3, on loopback: moto's, in this process, so that a test can make what it holds old."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from apps.core.files.s3 import Place

ACCOUNT = "123456789012"
BUCKET = "files"


@dataclass(frozen=True, slots=True)
class S3Server:
    place: Place

    @property
    def bucket(self) -> Any:
        from moto.s3.models import s3_backends  # noqa: PLC0415 - half a second that other tests need not wait

        return s3_backends[ACCOUNT]["aws"].buckets[BUCKET]

    def keys(self) -> list[str]:
        return sorted(name for name, _ in self.bucket.keys.items())

    def content(self, key: str) -> bytes:
        return bytes(self.bucket.keys[key].value)

    def uploads(self) -> int:
        """In parts, and not ended yet."""
        return len(self.bucket.multiparts)

    def age(self, seconds: float) -> None:
        """Everything as if it had been put so long ago."""
        for key in list(self.bucket.keys.values()):
            key.last_modified -= timedelta(seconds=seconds)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """With one empty bucket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.moto_server.threaded_moto_server import (  # noqa: PLC0415 - as above
            ThreadedMotoServer,
        )
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    place = Place(
        bucket=BUCKET,
        url=f"http://{host}:{port}",
        access_key="signal",
        secret_key="box",
        prefix="house/",
    )
    import boto3  # noqa: PLC0415 - as above

    client = boto3.client(
        "s3",
        endpoint_url=place.url,
        region_name="us-east-1",
        aws_access_key_id="signal",
        aws_secret_access_key="box",
    )
    client.create_bucket(Bucket=BUCKET)
    try:
        yield S3Server(place)
    finally:
        server.stop()
