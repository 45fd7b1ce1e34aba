"""Files of rows as they come: whole, odd, broken, hostile; each format alone and all alike."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from apps.core.errors import Invalid, Unsupported
from apps.models.adapters.tabular import lines, parquet_rows
from apps.models.adapters.tabular.opening import open_rows
from apps.models.domain.schema import compile_schema
from apps.models.domain.tabular import HEAD, FileFormat, FileRow, sniff_rows
from apps.models.errors import BrokenFile, ParquetMissing

pytestmark = pytest.mark.unit
SCHEMA: dict[str, dict[str, Any]] = {
    "tenure": {"type": "integer", "min": 0},
    "charge": {"type": "number"},
    "plan": {"type": "string", "default": "a"},
    "phone": {"type": "boolean", "required": False},
}
CHECKER = compile_schema(SCHEMA)


def read(content: bytes, id_column: str = "", schema: Any = None) -> list[FileRow]:
    kind = sniff_rows(content[:HEAD])
    rows = open_rows(io.BytesIO(content), kind, len(content), schema or SCHEMA, id_column)
    try:
        return list(rows)
    finally:
        rows.close()


def checked(row: FileRow) -> Any:
    """What the model is given, or what is said of the row."""
    if row.error is not None:
        return row.error.message
    try:
        return CHECKER.check(row.features)
    except Invalid as error:
        return error.message


def refused(content: bytes, id_column: str = "") -> str:
    with pytest.raises(BrokenFile) as error:
        read(content, id_column)
    return error.value.message


# ---------------------------------------------------------------- which format


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"tenure,charge\n1,2\n", FileFormat.CSV),
        (b"\xef\xbb\xbftenure\n", FileFormat.CSV),
        (b'\xef\xbb\xbf  {"tenure": 1}\n', FileFormat.JSONL),
        (b"PAR1\x00\x01", FileFormat.PARQUET),
        ("größe,ä".encode() * 800, FileFormat.CSV),
    ],
)
def test_the_content_says_what_a_file_is(head: bytes, found: FileFormat) -> None:
    assert sniff_rows(head[:4096]) is found


@pytest.mark.parametrize(
    "head", [b"\x1f\x8b\x08", b"PK\x03\x04", b"\x80\x04\x95", b"a,b\n\0", b"[1]", "a,ü".encode("utf-16")]
)  # fmt: skip
def test_what_is_none_of_them_is_unsupported(head: bytes) -> None:
    with pytest.raises(Unsupported):
        sniff_rows(head)


def test_an_empty_file_is_named() -> None:
    with pytest.raises(Invalid) as error:
        sniff_rows(b" \n")

    assert error.value.message == "file: is empty"


def test_another_format_than_was_said_is_refused() -> None:
    with pytest.raises(Unsupported, match="The file is CSV, not jsonl"):
        sniff_rows(b"a,b\n", "jsonl")


# ---------------------------------------------------------------- CSV


def test_cells_mean_what_the_schema_says() -> None:
    rows = read(
        b"customer_id,tenure,charge,plan,phone\r\n"
        b'C1,12, 65.5 ,"b, ""c""",TRUE\r\n'
        b"C2,12.0,7e1,,\r\n"
        b"\r\n"
        b"C3,-0,.5,a,0"
    )

    assert [row.customer for row in rows] == ["C1", "C2", "C3"]
    assert [row.number for row in rows] == [1, 2, 3]
    assert [checked(row) for row in rows] == [
        (12, 65.5, 'b, "c"', True),
        (12, 70.0, "a", None),
        (0, 0.5, "a", False),
    ]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (b"x,1", "tenure must be an integer"),
        (b"1.5,1", "tenure must be an integer"),
        (b"1_000,1", "tenure must be an integer"),
        ("١,1".encode(), "tenure must be an integer"),
        (b"-1,1", "tenure must be positive"),
        (b"9223372036854775808,1", "tenure must fit into 64 bits"),
        (b"99999999999999999999,1", "tenure must fit into 64 bits"),
        (b"1,nan", "charge must be a number"),
        (b"1,Infinity", "charge must be a number"),
        (b"1,1e999", "charge must be a finite number"),
        (b"1,", "charge is required"),
        (b"1", "row: has 1 cells, the header has 2"),
        (b"1,2,3", "row: has 3 cells, the header has 2"),
        (b'"1"x,2', "row: is no CSV: ',' expected after '\"'"),
    ],
)
def test_a_wrong_row_is_its_own_error(cells: bytes, said: str) -> None:
    rows = read(b"tenure,charge\n1,1\n" + cells + b"\n2,2\n")

    assert [checked(row) for row in rows] == [(1, 1.0, "a", None), said, (2, 2.0, "a", None)]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"tenure,charge,age", "The header has age: no feature of this model."),
        (b"tenure", "The header lacks charge."),
        (b"tenure,charge,tenure", "The header has tenure twice."),
        (b"tenure;charge", "The header has tenure;charge: no feature of this model."),
        (b"\x93\x80", None),
        (b'"tenure', "The header is no CSV: unexpected end of data."),
    ],
)
def test_a_wrong_header_is_named(header: bytes, said: str | None) -> None:
    if said is None:
        with pytest.raises(Unsupported):
            read(header)
    else:
        assert refused(header) == said


def test_the_id_may_be_any_column() -> None:
    (row,) = read(b"charge,account,tenure\n1,A7,2\n", "account")

    assert (row.customer, checked(row)) == ("A7", (2, 1.0, "a", None))
    assert refused(b"tenure,charge\n1,2\n", "account") == (
        "The header has no column account, which was to be the id."
    )


def test_a_quote_that_is_never_closed_ends_the_file() -> None:
    said = refused(b'tenure,charge,plan\n1,2,"x\n' + b"3,4,y\n" * 50_000)

    assert said.endswith("a quote before it is never closed.")


def test_a_huge_line_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_ROW", 1000)

    said = refused(b"tenure,charge\n1,2\n" + b"1" * 5000)
    spread = refused(b"tenure,charge\n" + b'"\n",' * 600)

    assert said == "Line 3: the row has more than 1000 bytes."
    assert spread.endswith("the row has more than 1000 bytes.")


def test_what_is_no_text_further_on_ends_the_file() -> None:
    assert refused(b"tenure,charge\n" + b"1,2\n" * 2000 + b"\xff\n") == "Line 2002 is not UTF-8."
    assert refused(b"tenure,charge\n" + b"1,2\n" * 2000 + b"\0\n") == "Line 2002 is no text."


# ---------------------------------------------------------------- JSON lines


def test_lines_are_rows_in_either_shape() -> None:
    rows = read(
        b'{"tenure": 1, "charge": 2, "customer_id": 7}\n\n'
        b'{"features": {"tenure": 3, "charge": 4}, "customer_id": "C"}\n'
    )

    assert [(row.customer, checked(row)) for row in rows] == [
        (7, (1, 2.0, "a", None)),
        ("C", (3, 4.0, "a", None)),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"tenure": 1', "row: it is not JSON: Expecting ',' delimiter at line 2, column 1."),
        (b"[1]", "row: must be an object"),
        (b'{"tenure": 1, "charge": NaN}', None),
        (b'{"tenure": 1, "charge": 1e999}', None),
        (b'{"tenure": 1, "charge": null}', "charge must be a number"),
        (b'{"tenure": 1, "charge": 2, "x": 3}', "x is not a feature of this model"),
        (b'{"features": {}, "x": 3}', "row: has beside its features: x"),
        (b'{"tenure": 1, "tenure": 1, "charge": 1}', None),
    ],
)
def test_a_wrong_line_is_its_own_error(line: bytes, said: str | None) -> None:
    first, wrong, last = read(b'{"tenure":1,"charge":2}\n' + line + b'\n{"tenure":3,"charge":4}\n')

    assert (checked(first), checked(last)) == ((1, 2.0, "a", None), (3, 4.0, "a", None))
    if said is None:
        assert wrong.error is not None
    else:
        assert checked(wrong) == said


# ---------------------------------------------------------------- Parquet


@pytest.fixture
def parquet(tmp_path: Path) -> Any:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")

    def write(columns: dict[str, Any], **terms: Any) -> bytes:
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table(columns), path, **terms)
        return path.read_bytes()

    return write


def read_disk(content: bytes, id_column: str = "") -> list[FileRow]:
    """A child is given a descriptor."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the rows close it
    file.write(content)
    file.seek(0)
    rows = open_rows(file, FileFormat.PARQUET, len(content), SCHEMA, id_column)  # type: ignore[arg-type]
    try:
        return list(rows)
    finally:
        rows.close()


def test_parquet_is_read(parquet: Any) -> None:
    content = parquet(
        {
            "customer_id": ["a", "b", None],
            "tenure": [1, 2, 3],
            "charge": [1.5, None, float("nan")],
            "phone": [True, None, False],
        }
    )

    rows = read_disk(content)

    assert [(row.customer, checked(row)) for row in rows] == [
        ("a", (1, 1.5, "a", True)),
        ("b", "charge is required"),
        (None, "charge must be a number"),
    ]


def test_a_header_of_a_hundred_thousand_columns_is_refused_at_once() -> None:
    header = ",".join(f"c{number}" for number in range(100_000)).encode()
    began = monotonic()

    assert refused(header) == (
        "The header has c0, c1, c2, c3, c4 and 99995 more: no feature of this model."
    )
    assert monotonic() - began < 2


def test_a_parquet_header_is_looked_at(parquet: Any) -> None:
    with pytest.raises(BrokenFile, match="The header lacks charge"):
        read_disk(parquet({"tenure": [1]}))


def test_many_rows_come_through(parquet: Any) -> None:
    count = 20_000

    rows = read_disk(parquet({"tenure": range(count), "charge": [0.5] * count, "broken": [1] * count}, compression="snappy"), "broken")  # fmt: skip

    assert [row.features["tenure"] for row in rows] == list(range(count))


def test_a_bomb_is_refused(parquet: Any) -> None:
    """Some kilobytes that would be gigabytes: one long text, named again and again."""
    import pyarrow as pa  # noqa: PLC0415 - as the fixture

    words = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["x" * 2_000_000])
    content = parquet({"tenure": [1] * 5000, "charge": [1.0] * 5000, "plan": words})
    assert len(content) < 300_000

    with pytest.raises(BrokenFile):
        read_disk(content)


@pytest.mark.parametrize("damage", ["cut", "footer", "flipped"])
def test_damaged_parquet_is_refused(parquet: Any, damage: str) -> None:
    content = bytearray(parquet({"tenure": [1] * 1000, "charge": [1.0] * 1000}))
    if damage == "cut":
        content = content[:200]
    elif damage == "footer":
        content[-8:-4] = b"\xff\xff\xff\x7f"
    else:
        content[4:60] = bytes(56)

    with pytest.raises(BrokenFile):
        read_disk(bytes(content))


def test_a_silent_reader_is_given_up(parquet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "SILENCE_SECONDS", 0.0)

    with pytest.raises(BrokenFile, match="next row took more than"):
        read_disk(parquet({"tenure": [1], "charge": [1.0]}))


def test_a_missing_runtime_is_said(parquet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        parquet_rows._Child, "readline", lambda self, size: b'S{"missing": "pyarrow"}\n'
    )

    with pytest.raises(ParquetMissing) as error:
        read_disk(parquet({"tenure": [1], "charge": [1.0]}))

    assert error.value.code == "runtime_missing"


def test_lines_survive_as_json() -> None:
    rows = read(json.dumps({"tenure": 1, "charge": 1, "plan": "ü\u2028"}).encode() + b"\n")

    assert checked(rows[0]) == (1, 1.0, "ü\u2028", None)
