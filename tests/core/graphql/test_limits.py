"""Bombs: each is refused within a second, by the limit it breaks, without a RecursionError."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
from graphql import get_introspection_query

from apps.core.errors import AppError
from apps.core.graphql.execution import Operation, house_schema, prepare
from apps.core.graphql.limits import judge, read_document

pytestmark = pytest.mark.unit


def refusal_of(query: str, *, is_anonymous: bool = False, **variables: Any) -> tuple[str, str]:
    started = perf_counter()
    try:
        prepare(Operation(query, variables, None), is_anonymous=is_anonymous)
    except AppError as error:
        return error.code, error.message
    finally:
        assert perf_counter() - started < 1
    return "", ""


def chain(depth: int, leaf: str = "version") -> str:
    """Fragments that each spread the next one twice: 2^depth fields when opened."""
    links = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(depth)]
    return f"{{ ...f0 }} {' '.join(links)} fragment f{depth} on Query {{ {leaf} }}"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ a" * 1_000, "The document is nested deeper than 64 brackets."),
        ("{ version(a: " + "[" * 1_000, "The document is nested deeper than 64 brackets."),
        ("query q($a: " + "[" * 500 + "Int", "The document is nested deeper than 64 brackets."),
        ("{" + "version " * 2_001 + "}", "The document has more than 2000 tokens."),
        ("{" + "version " * 401 + "}", "The operation is more than 400 fields."),
        ("{" + "a: version " * 31 + "}", "The operation is more than 30 aliases."),
        (chain(60, "a: version"), "The operation is more than 30 aliases."),
        (chain(60), "The operation is more than 400 fields."),
        (
            "{" + " ".join(f"... {{ a{n}: version }}" for n in range(31)) + "}",
            "The operation is more than 30 aliases.",
        ),
        ("{" + "a{" * 11 + "b" + "}" * 12, "The operation is more than 10 levels deep."),
        (
            (
                "{ ...a } fragment a on Query { a { b { c { d { e { ...b } } } } } } "
                "fragment b on E { f { g { h { i { j { k } } } } } }"
            ),
            "The operation is more than 10 levels deep.",
        ),
        (
            "{"
            + " ".join(f"a{n}: auditEntries(first: 100) {{ nodes {{ id }} }}" for n in range(30))
            + "}",
            "",
        ),
    ],
)
def test_bomb_is_refused_by_its_limit(query: str, message: str) -> None:
    assert refusal_of(query) == (("too_complex", message) if message else ("", ""))


@pytest.mark.parametrize("unit", ['\\"""\n', '"""', '"', '"\\', '"""\\', '#"""\n"'])
def test_text_of_unclosed_strings_is_judged_in_linear_time(unit: str) -> None:
    query = "{ version }" + unit * (200_000 // len(unit))

    assert refusal_of(query)[0] == "syntax_error"


def test_bracket_after_a_block_string_that_ends_in_a_backslash_counts() -> None:
    query = '{ a(x: """a\\\n""", y: ' + "[" * 1_500 + '"""'

    assert refusal_of(query) == (
        "too_complex",
        "The document is nested deeper than 64 brackets.",
    )


def test_brackets_in_strings_and_comments_do_not_count() -> None:
    brackets = "{" * 100
    query = (
        f'# {brackets}\n{{ auditEntries(action: "{brackets} \\" {brackets}") {{ totalCount }} }}'
    )

    assert refusal_of(query) == ("", "")


@pytest.mark.parametrize(
    "query",
    [
        "{ ...a } fragment a on Query { ...a }",
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ version } fragment a on Query { ... { ...a } }",
    ],
)
def test_fragment_cycle_is_named(query: str) -> None:
    assert refusal_of(query) == ("validation_error", "query: the fragment a contains itself")


@pytest.mark.parametrize(
    ("first", "code"), [("0", "validation_error"), ("101", "validation_error"), ("100", "")]
)
def test_page_size_is_bounded(first: str, code: str) -> None:
    assert refusal_of(f"{{ auditEntries(first: {first}) {{ totalCount }} }}")[0] == code


@pytest.mark.parametrize(
    ("first", "code"), [(0, "validation_error"), (101, "validation_error"), (100, "")]
)
def test_page_size_by_variable_is_bounded(first: int, code: str) -> None:
    query = "query q($n: Int) { auditEntries(first: $n) { totalCount } }"

    assert refusal_of(query, n=first)[0] == code


@pytest.mark.parametrize("first", [100.0, True, "100", [100]])
def test_page_size_that_is_no_integer_counts_as_the_largest(first: Any) -> None:
    document = read_document("query q($n: Int) { auditEntries(first: $n) { nodes { id } } }")

    (cost,) = judge(house_schema(), document, {"n": first}, is_anonymous=False).values()

    assert cost.nodes == 100


def test_nodes_are_page_sizes_multiplied() -> None:
    document = read_document(
        "{ a: auditEntries(first: 50) { nodes { id } } b: auditEntries { ...more } } "
        "fragment more on AuditEntryConnection { nodes { id actor { id } } }"
    )

    (cost,) = judge(house_schema(), document, {}, is_anonymous=False).values()

    assert (cost.nodes, cost.aliases, cost.depth, cost.roots) == (70, 2, 4, 2)


def test_introspection_needs_a_credential() -> None:
    query = "{ __schema { queryType { name } } }"

    assert refusal_of(query, is_anonymous=True)[0] == "unauthenticated"
    assert refusal_of(query) == ("", "")
    assert (
        refusal_of(
            '{ ...a } fragment a on Query { __type(name: "Query") { name } }', is_anonymous=True
        )[0]
        == "unauthenticated"
    )


def test_typename_needs_no_credential() -> None:
    assert refusal_of("{ __typename version }", is_anonymous=True) == ("", "")


def test_graphiql_s_own_introspection_passes() -> None:
    assert refusal_of(
        get_introspection_query(input_value_deprecation=True, specified_by_url=True)
    ) == ("", "")


def test_long_chain_of_fragments_is_refused() -> None:
    links = [f"fragment f{n} on Query {{ ...f{n + 1} }}" for n in range(200)]
    query = f"{{ ...f0 }} {' '.join(links)} fragment f200 on Query {{ version }}"

    assert refusal_of(query) == ("too_complex", "Fragments are nested deeper than 64.")


@pytest.mark.parametrize("escape", ["\\u0000", "\\u{0}", "\\u{0000}"])
def test_nul_in_a_string_is_refused(escape: str) -> None:
    query = f'{{ auditEntries(action: "a{escape}") {{ totalCount }} }}'

    assert refusal_of(query) == ("validation_error", "query: holds a NUL")


@pytest.mark.parametrize("escape", ["\\ud800", "\\u{d800}", "\\u{110000}"])
def test_half_a_surrogate_pair_is_refused(escape: str) -> None:
    query = f'{{ auditEntries(action: "a{escape}") {{ totalCount }} }}'

    assert refusal_of(query)[0] in ("syntax_error", "too_complex")


def test_introspection_bomb_is_refused() -> None:
    query = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"

    assert refusal_of(query) == (
        "too_complex",
        "The operation is more than 3 introspective lists deep.",
    )


def test_conflicting_fields_are_compared_in_time() -> None:
    query = (
        "{" + " ".join("auditEntries(first: 1) { nodes { id action } }" for _ in range(95)) + "}"
    )

    assert refusal_of(query) == ("", "")
