"""Documents, parsed and validated once and kept by their text."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import cast

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

from tasks.api.execution.limits import Limits, exceeded

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
LIMIT_EXCEEDED = "DOCUMENT_LIMIT_EXCEEDED"
CHANGES_DATA = "changes_data"
"""The key, in a Strawberry field's metadata, of a subscription that does what a mutation does before it is followed."""


class InputValuesRule(ValuesOfCorrectTypeRule):
    """The specified rule; its faults are the user's input and carry that code."""

    def report_error(self, error: GraphQLError) -> None:
        """Mark a fault before it is reported."""
        error.extensions = {**(error.extensions or {}), "code": BAD_USER_INPUT}
        super().report_error(error)


class Prepared:
    """A valid document of one schema. Immutable and shared: equal only to itself."""

    __slots__ = ("_anonymous", "_operations", "document", "fragment_definitions", "fragments", "max_errors", "schema")

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, max_errors: int) -> None:
        self.schema = schema
        self.document = document
        self.max_errors = max_errors
        self.fragment_definitions = {
            d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        self.fragments = {name: FragmentDetails(node, None) for name, node in self.fragment_definitions.items()}
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        self._operations = {d.name.value: d for d in operations if d.name}
        self._anonymous = operations[0] if len(operations) == 1 else None

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


class Documents:
    """The cache of prepared documents of one schema. One per process; not for several threads.

    Only valid documents are kept, within the bounds of `limits`, the least recently used leave first.
    """

    def __init__(self, schema: strawberry.Schema, limits: Limits | None = None) -> None:
        self.schema: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
        self.limits = limits or Limits()
        rules = [InputValuesRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules]
        self._rules: Sequence[type[ASTValidationRule]] = [*rules, MaybeNullValidationRule]
        self._cache: OrderedDict[str, Prepared] = OrderedDict()
        self._characters = 0

    def prepare(self, query: str) -> Prepared | list[GraphQLError]:
        """Return the document ready for execution, or what is wrong with it, with codes."""
        prepared = self._cache.get(query)
        if prepared is not None:
            self._cache.move_to_end(query)
            return prepared
        try:
            document = parse(query, max_lexical_tokens=self.limits.max_tokens, max_comments=self.limits.max_tokens)
        except GraphQLError as error:
            return _marked([error], PARSE_FAILED)
        errors = self._check(document)
        if errors:
            return errors
        return self._keep(query, Prepared(self.schema, document, self.limits.max_errors))

    def _check(self, document: DocumentNode) -> list[GraphQLError]:
        try:
            over = exceeded(document, self.limits)
        except RecursionError:
            over = GraphQLError("The document is nested too deeply.")
        if over is not None:
            return _marked([over], LIMIT_EXCEEDED)
        return _marked(validate(self.schema, document, self._rules, self.limits.max_errors), VALIDATION_FAILED)

    def _keep(self, query: str, prepared: Prepared) -> Prepared:
        self._cache[query] = prepared
        self._characters += len(query)
        while len(self._cache) > self.limits.cached_documents or self._characters > self.limits.cached_characters:
            dropped, _ = self._cache.popitem(last=False)
            self._characters -= len(dropped)
        return prepared


def _marked(errors: list[GraphQLError], code: str) -> list[GraphQLError]:
    for error in errors:
        own = BAD_USER_INPUT if isinstance(error, StrawberryInputCoercionError) else code
        error.extensions = {"code": own, **cast("dict[str, object]", error.extensions or {})}
    return errors
