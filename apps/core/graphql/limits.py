"""What a document may cost: judged before it runs, with every fragment opened, in time linear to its text.

Brackets are counted before the parser may recurse; fragments are measured once and remembered, so that a bomb of
fragments is arithmetic, not work. Nodes are rows: page sizes multiplied down the levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    parse,
)
from graphql.utilities import get_operation_root_type

from apps.core.errors import AppError, Invalid, Malformed, Unauthenticated
from apps.core.graphql.connections import DEFAULT_FIRST, MAX_FIRST

MAX_DEPTH = 10
MAX_ALIASES = 30
MAX_TOKENS = 2_000
MAX_NODES = 10_000
MAX_FIELDS = 400
"""Fields after expansion; the check for conflicting fields compares pairs, so this bounds its square."""
MAX_BRACKETS = 64
"""Nesting of brackets in the text: the parser recurses on each, and arguments nest too."""
MAX_INTROSPECTION_LISTS = 3
"""`fields { type { fields { …` grows with the schema's size at each step; GraphiQL needs one step."""

_BRACKETS = re.compile(
    r'''"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n\r]++|\\.)*+"?|#[^\n\r]*|[{}()\[\]]'''
)
"""Strings as GraphQL's lexer ends them; possessive, and closed by the end of the text too, so that it stays linear."""
_NUL = re.compile(r"\\u(?:0000|\{0+\})")
"""As an escape of GraphQL's own, which the JSON around it does not see."""
_INTROSPECTION_LISTS = frozenset({"fields", "interfaces", "possibleTypes", "inputFields"})


def read_document(text: str) -> DocumentNode:
    """Parse within bounds; `Malformed` names where it is not GraphQL."""
    _refuse_deep(text)
    if _NUL.search(text):
        raise Invalid.field("query", "holds a NUL", "unstorable")
    try:
        return parse(text, no_location=False, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        if "tokens" in error.message:
            raise Malformed(
                f"The document has more than {MAX_TOKENS} tokens.", code="too_complex"
            ) from None
        place = (
            f" (line {error.locations[0].line}, column {error.locations[0].column})"
            if error.locations
            else ""
        )
        raise Malformed(f"{error.message}{place}", code="syntax_error") from None


def _refuse_deep(text: str) -> None:
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        match bracket.group()[0]:
            case "{" | "(" | "[":
                depth += 1
                if depth > MAX_BRACKETS:
                    raise Malformed(
                        f"The document is nested deeper than {MAX_BRACKETS} brackets.",
                        code="too_complex",
                    )
            case "}" | ")" | "]":
                depth -= 1


@dataclass(slots=True)
class Cost:
    """Of a selection with its fragments opened."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    nodes: int = 0
    introspection: int = 0
    """The longest chain of introspective lists; 0 without introspection."""
    roots: int = 0
    """Fields at its own level; for an operation, the calls it stands for."""

    def add(self, other: Cost) -> None:
        self.depth = max(self.depth, other.depth)
        self.aliases += other.aliases
        self.fields += other.fields
        self.nodes += other.nodes
        self.introspection = max(self.introspection, other.introspection)
        self.roots += other.roots


@dataclass(slots=True)
class Meter:
    """Measures the operations of one document."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    _known: dict[str, Cost] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def measure(self, selections: SelectionSetNode, parent: Any) -> Cost:
        total = Cost()
        for selection in selections.selections:
            total.add(self._selection(selection, parent))
        return total

    def _selection(self, selection: SelectionNode, parent: Any) -> Cost:
        if isinstance(selection, FieldNode):
            return self._field(selection, parent)
        if isinstance(selection, InlineFragmentNode):
            condition: NamedTypeNode | None = selection.type_condition
            inner = parent if condition is None else self.schema.get_type(condition.name.value)
            return self.measure(selection.selection_set, inner)
        assert isinstance(selection, FragmentSpreadNode)
        return self.fragment(selection.name.value)

    def fragment(self, name: str) -> Cost:
        if name in self._open:
            raise Invalid.field("query", f"the fragment {name} contains itself", "fragment_cycle")
        if len(self._open) >= MAX_BRACKETS:
            raise too_complex(f"Fragments are nested deeper than {MAX_BRACKETS}.")
        if name not in self._known and name in self.fragments:
            self._open.append(name)
            self._known[name] = self._measure_fragment(self.fragments[name])
            self._open.pop()
        return self._known.get(name) or Cost()  # validation names the unknown

    def _measure_fragment(self, fragment: FragmentDefinitionNode) -> Cost:
        kind = fragment.type_condition.name.value
        cost = self.measure(fragment.selection_set, self.schema.get_type(kind))
        if kind.startswith("__"):
            cost.depth = 0
        return cost

    def _field(self, node: FieldNode, parent: Any) -> Cost:
        name = node.name.value
        cost = Cost(depth=1, aliases=int(node.alias is not None), fields=1, roots=1)
        kind = self._type_of(name, parent)
        if node.selection_set is not None:
            inner = self.measure(node.selection_set, kind)
            self._nest(cost, inner, self._page_size(node, kind))
            cost.introspection = self._introspection(name, inner)
        elif name in ("__schema", "__type"):
            cost.introspection = 1
        if name.startswith("__"):
            cost.depth = 0  # GraphiQL's own question is deep and bounded by its lists
        return cost

    def _nest(self, cost: Cost, inner: Cost, rows: int | None) -> None:
        cost.depth += inner.depth
        cost.aliases += inner.aliases
        cost.fields += inner.fields
        cost.nodes += inner.nodes if rows is None else rows * (1 + inner.nodes)

    def _introspection(self, name: str, inner: Cost) -> int:
        if name in ("__schema", "__type"):
            return max(1, inner.introspection)
        return inner.introspection + (name in _INTROSPECTION_LISTS)

    def _type_of(self, name: str, parent: Any) -> Any:
        found = getattr(parent, "fields", {}).get(name)
        return get_named_type(found.type) if found is not None else None

    def _page_size(self, node: FieldNode, kind: Any) -> int | None:
        """Rows of a connection; None for what is no connection."""
        if kind is None or not kind.name.endswith("Connection"):
            return None
        value: Any = DEFAULT_FIRST
        for argument in node.arguments:
            if argument.name.value == "first":
                value = self._value(argument.value)
        if isinstance(value, int) and not isinstance(value, bool) and not 1 <= value <= MAX_FIRST:
            raise Invalid.field("first", f"must be from 1 to {MAX_FIRST}", "range")
        return value if isinstance(value, int) else DEFAULT_FIRST

    def _value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            value = self.variables.get(node.name.value, MAX_FIRST)
            # GraphQL takes 100.0 for an Int, so anything that is no integer is counted as the largest page.
            return value if value is None or type(value) is int else MAX_FIRST
        return int(node.value[:20]) if isinstance(node, IntValueNode) else DEFAULT_FIRST


def judge(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Mapping[str, Any],
    *,
    is_anonymous: bool,
) -> dict[str | None, Cost]:
    """The cost of each operation by name, or the first limit that one of them breaks."""
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    meter = Meter(schema, fragments, variables)
    costs: dict[str | None, Cost] = {}
    for operation in _operations(document):
        cost = meter.measure(operation.selection_set, _root_of(schema, operation))
        _refuse_costly(cost)
        if cost.introspection and is_anonymous:
            raise Unauthenticated("Introspection needs a key, token or session.")
        costs[operation.name.value if operation.name else None] = cost
    for name in fragments:
        _refuse_costly(meter.fragment(name))
    return costs


def _refuse_costly(cost: Cost) -> None:
    limits: Iterable[tuple[str, int, int]] = (
        ("levels deep", cost.depth, MAX_DEPTH),
        ("aliases", cost.aliases, MAX_ALIASES),
        ("fields", cost.fields, MAX_FIELDS),
        ("nodes", cost.nodes, MAX_NODES),
        ("introspective lists deep", cost.introspection, MAX_INTROSPECTION_LISTS),
    )
    for what, value, limit in limits:
        if value > limit:
            raise too_complex(f"The operation is more than {limit} {what}.")


def too_complex(message: str) -> AppError:
    return Invalid(message, code="too_complex")


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]


def _root_of(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Any:
    try:
        return get_operation_root_type(schema, operation)
    except GraphQLError:
        return None
