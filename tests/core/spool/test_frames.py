"""How records lie in a file, and what damage does to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.spool.frames import MAX_PAYLOAD, Frames, pack, unpack

PAYLOADS = st.lists(st.binary(min_size=1, max_size=60), max_size=8)


@given(PAYLOADS)
def test_unpack_what_was_packed(payloads: list[bytes]) -> None:
    text = b"".join(map(pack, payloads))

    frames = unpack(text)

    assert [payload for _, payload in frames.payloads] == payloads
    assert (frames.end, frames.is_torn) == (len(text), False)


@given(PAYLOADS, st.integers(0, 500))
def test_unpack_a_cut_file_gives_the_whole_records_before_the_cut(
    payloads: list[bytes], cut: int
) -> None:
    text = b"".join(map(pack, payloads))[:cut]
    whole, end = [], 0
    for payload in payloads:
        if end + 8 + len(payload) > len(text):
            break
        whole.append(payload)
        end += 8 + len(payload)

    frames = unpack(text)

    assert [payload for _, payload in frames.payloads] == whole
    assert (frames.end, frames.is_torn) == (end, False)


@given(PAYLOADS, st.data())
def test_unpack_never_gives_a_damaged_record(payloads: list[bytes], data: st.DataObject) -> None:
    text = bytearray(b"".join(map(pack, payloads)))
    if text:
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] ^= data.draw(st.integers(1, 255))

    found = [payload for _, payload in unpack(bytes(text)).payloads]

    assert found == payloads[: len(found)]
    assert not text or len(found) < len(payloads)


def test_unpack_zeros_are_no_records() -> None:
    assert unpack(bytes(4096)) == Frames([], 0, is_torn=True)


def test_unpack_offsets_count_from_where_the_piece_was_read() -> None:
    frames = unpack(pack(b"one") + pack(b"two"), at=100, most=1)

    assert frames == Frames([(100, b"one")], 111, is_torn=False)


@pytest.mark.parametrize("payload", [b"", bytes(MAX_PAYLOAD + 1)])
def test_pack_refuses_what_it_could_not_read_back(payload: bytes) -> None:
    with pytest.raises(ValueError, match="a record of"):
        pack(payload)
