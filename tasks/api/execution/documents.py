"""Documents, parsed and validated once and kept by their text."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

import strawberry
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValuesOfCorrectTypeRule,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types.field import StrawberryField

from tasks.api.execution.complexity import Cost, cost_of
from tasks.api.execution.limits import TOO_COMPLEX, TOO_DEEP, TOO_LARGE, TOO_MANY_TOKENS, Limits, exceeded, over, told
from tasks.api.execution.watching import WatchRule
from tasks.errors import NotPermitted, TimedOut

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTROSPECTION_DISABLED = "INTROSPECTION_DISABLED"
CHANGES_DATA = "changes_data"
"""The key, in a Strawberry field's metadata, of a subscription that does what a mutation does before it is followed."""

SHORT: Final = 500
"""Characters. A document up to here, at most as many tokens, is prepared at once: a few milliseconds at the worst."""


class InputValuesRule(ValuesOfCorrectTypeRule):
    """The specified rule; its faults are the user's input and carry that code."""

    def report_error(self, error: GraphQLError) -> None:
        """Mark a fault before it is reported."""
        error.extensions = {**(error.extensions or {}), "code": BAD_USER_INPUT}
        super().report_error(error)


class NoIntrospectionRule(NoSchemaIntrospectionCustomRule):
    """The rule for servers that keep their schema to themselves, in fewer words and with a code."""

    def report_error(self, error: GraphQLError) -> None:
        """Say so of the field where it begins, once."""
        node = error.nodes[0] if error.nodes else None
        if isinstance(node, FieldNode) and node.name.value.startswith("__"):
            problem = "Introspection is off on this server: its schema comes with its documentation."
            super().report_error(GraphQLError(problem, node, extensions={"code": INTROSPECTION_DISABLED}))


class Prepared:
    """A valid document of one schema. Immutable and shared: equal only to itself."""

    __slots__ = (
        "_anonymous",
        "_operations",
        "_varying",
        "_watch_faults",
        "document",
        "fragment_definitions",
        "fragments",
        "limits",
        "schema",
    )

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
        self.schema = schema
        self.document = document
        self.limits = limits
        self.fragment_definitions = {
            d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        self.fragments = {name: FragmentDetails(node, None) for name, node in self.fragment_definitions.items()}
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        self._operations = {d.name.value: d for d in operations if d.name}
        self._anonymous = operations[0] if len(operations) == 1 else None
        self._watch_faults: list[GraphQLError] | None = None
        self._varying: set[str | None] = set()
        """Names of the operations whose cost depends on their variables."""

    def price(self) -> GraphQLError | None:
        """Find out what its operations cost, once, before it is used; return why one is too dear, whatever is sent."""
        operations = [d for d in self.document.definitions if isinstance(d, OperationDefinitionNode)]
        return next(filter(None, map(self._fixed_fault, operations)), None)

    def too_complex(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> GraphQLError | None:
        """Return why an operation of this document costs too much with these variables, if it does."""
        if (operation.name.value if operation.name else None) not in self._varying:
            return None
        return self._fault(operation, self._cost(operation, variables))

    def _fixed_fault(self, operation: OperationDefinitionNode) -> GraphQLError | None:
        cost = self._cost(operation, {})
        if not cost.varies:
            return self._fault(operation, cost)
        self._varying.add(operation.name.value if operation.name else None)
        return None

    def _cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Cost:
        return cost_of(self.schema, self.fragment_definitions, operation, variables, self.limits.max_complexity)

    def _fault(self, operation: OperationDefinitionNode, cost: Cost) -> GraphQLError | None:
        limit = self.limits.max_complexity
        if cost.points <= limit:
            return None
        return over(
            limit, TOO_COMPLEX, f"The operation costs {told(cost.points)} points (page sizes multiply)", operation
        )

    def operation(self, name: str | None = None) -> OperationDefinitionNode | GraphQLError:
        """Return the operation that the client means, or why there is none."""
        if name is None:
            if self._anonymous is not None:
                return self._anonymous
            problem = "Must provide operation name if query contains multiple operations."
            return GraphQLError(
                problem if self._operations else "Must provide an operation.", extensions={"code": BAD_USER_INPUT}
            )
        return self._operations.get(name) or GraphQLError(
            f"Unknown operation named {name!r}.", extensions={"code": BAD_USER_INPUT}
        )

    def changes_data(self, name: str | None = None) -> bool:
        """Tell whether the operation is a mutation, or a subscription to a field that is marked as `CHANGES_DATA`."""
        operation = self.operation(name)
        if isinstance(operation, GraphQLError):
            return False
        if operation.operation is not OperationType.SUBSCRIPTION or self.schema.subscription_type is None:
            return operation.operation is OperationType.MUTATION
        fields = self.schema.subscription_type.fields
        definitions = (
            fields[field].extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            for field in self._root_fields(operation.selection_set)
            if field in fields
        )
        return any(isinstance(found, StrawberryField) and found.metadata.get(CHANGES_DATA) for found in definitions)

    def _root_fields(self, selection_set: SelectionSetNode) -> Iterator[str]:
        """Name the fields of a selection set and of the fragments in it, which validation has kept from cycles."""
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                yield selection.name.value
            elif isinstance(selection, InlineFragmentNode):
                yield from self._root_fields(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                yield from self._root_fields(self.fragment_definitions[selection.name.value].selection_set)

    def operation_type(self, name: str | None = None) -> OperationType | None:
        """Return query, mutation or subscription; None if there is no such operation."""
        operation = self.operation(name)
        return None if isinstance(operation, GraphQLError) else operation.operation

    def watch_faults(self) -> list[GraphQLError]:
        """Return what the holder of a watch token may not select, in any operation or fragment. Found out once."""
        if self._watch_faults is None:
            found = validate(self.schema, self.document, [WatchRule], self.limits.max_errors)
            self._watch_faults = _marked(found, NotPermitted.code)
        return self._watch_faults


class Documents:
    """The cache of prepared documents of one schema. One per process; for one loop, or for one thread.

    Only valid documents are kept, within the bounds of `limits`, the least recently used leave first.
    """

    def __init__(self, schema: strawberry.Schema, limits: Limits | None = None) -> None:
        self.schema: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
        self.limits = limits or Limits()
        rules = [InputValuesRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules]
        self._rules: Sequence[type[ASTValidationRule]] = [*rules, MaybeNullValidationRule]
        if not self.limits.introspection:
            self._rules = [*self._rules, NoIntrospectionRule]
        self._cache: OrderedDict[str, Prepared] = OrderedDict()
        self._characters = 0
        self._aside: ThreadPoolExecutor | None = None

    def prepare(self, query: str) -> Prepared | list[GraphQLError]:
        """Return the document ready for execution, or what is wrong with it, with codes."""
        known = self._known(query)
        return known if known is not None else self._keep(query, self._made(query))

    def at_once(self, query: str) -> Prepared | list[GraphQLError] | None:
        """Do as `prepare` where that takes no time to speak of; None: await `aside`."""
        return self.prepare(query) if len(query) <= SHORT else self._known(query)

    async def aside(self, query: str) -> Prepared | list[GraphQLError]:
        """Do as `prepare` in a thread, the only one: whatever this document costs, others are answered meanwhile.

        One that waits for as long as an operation may take is not looked at any more.
        """
        if len(query) > self.limits.max_characters:
            return self._made(query)
        if self._aside is None:
            self._aside = ThreadPoolExecutor(1, thread_name_prefix="documents")
        try:
            async with asyncio.timeout(self.limits.max_seconds):
                made = await asyncio.get_running_loop().run_in_executor(self._aside, self._made, query)
        except TimeoutError:
            problem = "Too many documents are waiting to be looked at, try again in a moment."
            return [GraphQLError(problem, extensions={"code": TimedOut.code})]
        return self._keep(query, made)

    def _known(self, query: str) -> Prepared | None:
        prepared = self._cache.get(query)
        if prepared is not None:
            self._cache.move_to_end(query)
        return prepared

    def _made(self, query: str) -> Prepared | list[GraphQLError]:
        limits = self.limits
        if len(query) > limits.max_characters:
            return [over(limits.max_characters, TOO_LARGE, f"The document has {len(query):,} characters")]
        try:
            document = parse(query, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
        except GraphQLError as error:
            # The parser has no error of its own for its limits.
            if "contains more than" in error.message:
                return [over(limits.max_tokens, TOO_MANY_TOKENS, "The document has too many tokens or comments")]
            return _marked([error], PARSE_FAILED)
        errors = self._check(document)
        if errors:
            return errors
        prepared = Prepared(self.schema, document, limits)
        fault = prepared.price()
        return prepared if fault is None else [fault]

    def _check(self, document: DocumentNode) -> list[GraphQLError]:
        try:
            fault = exceeded(document, self.limits)
        except RecursionError:
            fault = over(self.limits.max_depth, TOO_DEEP, "The document is nested too deeply")
        if fault is not None:
            return [fault]
        max_errors, quiet = self.limits.max_errors, not self.limits.introspection
        return _marked(
            validate(self.schema, document, self._rules, max_errors, hide_suggestions=quiet), VALIDATION_FAILED
        )

    def _keep(self, query: str, made: Prepared | list[GraphQLError]) -> Prepared | list[GraphQLError]:
        if not isinstance(made, Prepared) or query in self._cache:
            return made
        self._cache[query] = made
        self._characters += len(query)
        while len(self._cache) > self.limits.cached_documents or self._characters > self.limits.cached_characters:
            dropped, _ = self._cache.popitem(last=False)
            self._characters -= len(dropped)
        return made


def _marked(errors: list[GraphQLError], code: str) -> list[GraphQLError]:
    for error in errors:
        own = BAD_USER_INPUT if isinstance(error, StrawberryInputCoercionError) else code
        error.extensions = {"code": own, **cast("dict[str, object]", error.extensions or {})}
    return errors
