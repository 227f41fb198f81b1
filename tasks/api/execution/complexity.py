"""What an operation may cost to answer: its fields and objects, as many times as page sizes allow. Pure.

A field costs 1, and so does each object, with what is selected of it. A field with `first` or `last` is taken for as
many objects as they say (without them, for the default), below `edges` and `nodes` alike; any other list for
`LIST_ITEMS`. So pages within pages multiply. A field with `limit`, which counts, costs a tenth of it on top. Of
fragments on several object types the dearest one counts, since an object has one type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

LIST_ITEMS: Final = 10
"""What a list without a page size is taken to hold."""
DEFAULT_PAGE: Final = 20
"""What `first` is where neither the client nor the schema says so."""
COUNTED_PER_POINT: Final = 10
INTROSPECTIONS: Final = 3
"""So many `__schema` and `__type` fields reach the whole limit; how deep they go is bounded by graphql-core."""
_PAGE_SIZES: Final = ("first", "last")
_LARGEST: Final = 2**31


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation, with the variables it was asked for."""

    points: int
    varies: bool
    """Whether other variables might give another cost."""


def cost_of(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    limit: int,
) -> Cost:
    """Return what a valid operation costs with these variables, as the client sent them."""
    meter = _Meter(schema, fragments, _with_defaults(operation, variables), limit)
    root = cast("GraphQLObjectType", schema.get_root_type(operation.operation))
    points = meter.of(operation.selection_set, root, None)
    return Cost(points, meter.varies)


def _with_defaults(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    defaults = {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    return {**defaults, **variables} if defaults else variables


class _Meter:
    """Walks one operation. A fragment is measured once for each page it is spread in, however often it is spread."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        limit: int,
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
        self.introspection = limit // INTROSPECTIONS + 1
        self.varies = False
        self.known: dict[tuple[str, int | None], int] = {}

    def of(self, selection_set: SelectionSetNode, parent: GraphQLNamedType, page: int | None) -> int:
        """Add up a selection on `parent`; `page` is the size of the page that its lists hold, if it is one."""
        points = 0
        alternatives: dict[str, int] = {}
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                points += self._field(selection, parent, page)
                continue
            name, cost = self._fragment(selection, parent, page)
            if name == parent.name or not isinstance(self.schema.type_map[name], GraphQLObjectType):
                points += cost
            else:
                alternatives[name] = alternatives.get(name, 0) + cost
        return points + max(alternatives.values(), default=0)

    def _fragment(self, selection: Any, parent: GraphQLNamedType, page: int | None) -> tuple[str, int]:
        """Return the type that a fragment is on, and what it costs."""
        if isinstance(selection, InlineFragmentNode):
            name = selection.type_condition.name.value if selection.type_condition else parent.name
            return name, self.of(selection.selection_set, self.schema.type_map[name], page)
        fragment = self.fragments[cast("FragmentSpreadNode", selection).name.value]
        name = fragment.type_condition.name.value
        key = (fragment.name.value, page)
        if key not in self.known:
            self.known[key] = self.of(fragment.selection_set, self.schema.type_map[name], page)
        return name, self.known[key]

    def _field(self, node: FieldNode, parent: GraphQLNamedType, page: int | None) -> int:
        name = node.name.value
        if name.startswith("__"):
            return 1 if node.selection_set is None else self.introspection
        field: GraphQLField = parent.fields[name]  # type: ignore[attr-defined]  # a valid document selects fields there
        points = 1
        if "limit" in field.args:
            points += self._size(node.arguments, field, ("limit",)) // COUNTED_PER_POINT
        if node.selection_set is None:
            return points
        named = get_named_type(field.type)
        if any(argument in field.args for argument in _PAGE_SIZES):
            return points + self.of(node.selection_set, named, self._size(node.arguments, field, _PAGE_SIZES))
        if is_list_type(get_nullable_type(field.type)):
            return points + (LIST_ITEMS if page is None else page) * (1 + self.of(node.selection_set, named, None))
        return points + 1 + self.of(node.selection_set, named, None)

    def _size(self, arguments: Sequence[ArgumentNode] | None, field: GraphQLField, names: Sequence[str]) -> int:
        given = {argument.name.value: argument.value for argument in arguments or ()}
        sizes = [self._number(given[name]) for name in names if name in given]
        known = [size for size in sizes if size is not None]
        if not known:
            defaults = (field.args[name].default_value for name in names if name in field.args)
            known = [default for default in defaults if isinstance(default, int)] or [DEFAULT_PAGE]
        return max(known)

    def _number(self, value: Any) -> int | None:
        """Read a size; None for null and for what is no number, which is refused where it is used."""
        if isinstance(value, IntValueNode):
            return max(int(value.value), 0)  # 32 bits, since the document is valid
        if not isinstance(value, VariableNode):
            return None
        self.varies = True
        sent = self.variables.get(value.name.value)
        if not isinstance(sent, int | float):
            return None
        return int(min(max(sent, 0), _LARGEST))  # JSON knows 1e999, too
