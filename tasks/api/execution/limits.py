"""What a document may cost before it is looked at closely."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from django.conf import settings
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
)

from tasks.registry.sizes import size_of

TOO_LARGE: Final = "TOO_LARGE"
TOO_MANY_TOKENS: Final = "TOO_MANY_TOKENS"
TOO_MANY_DEFINITIONS: Final = "TOO_MANY_DEFINITIONS"
TOO_MANY_DIRECTIVES: Final = "TOO_MANY_DIRECTIVES"
TOO_MANY_ROOT_FIELDS: Final = "TOO_MANY_ROOT_FIELDS"
TOO_MANY_ALIASES: Final = "TOO_MANY_ALIASES"
TOO_MANY_FIELDS: Final = "TOO_MANY_FIELDS"
TOO_MANY_VALUES: Final = "TOO_MANY_VALUES"
TOO_DEEP: Final = "TOO_DEEP"
TOO_COMPLEX: Final = "TOO_COMPLEX"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document, on its variables and on the cache of documents. Built once, shared by every request."""

    max_characters: int = 64 * 1024
    """Of source text. A token may be as long as it likes, and the lexer reads each character."""
    max_tokens: int = 2_000
    """Lexical tokens; the parser stops there. So does it at as many comments."""
    max_definitions: int = 50
    """Operations and fragments."""
    max_directives: int = 50
    """As written, fragments not followed."""
    max_depth: int = 15
    """Selections inside selections, fragments followed; introspection has graphql-core's own bound."""
    max_aliases: int = 100
    """Aliased fields, each counted as often as its fragment is spread."""
    max_root_fields: int = 50
    """Of a mutation: they are carried out one after the other."""
    max_fields: int = 5_000
    """Fields after every fragment has been put in its place."""
    max_overlaps: int = 10_000
    """Pairs of fields that would answer under one name in one place: validation compares them pair by pair."""
    max_complexity: int = 18_000
    """What an operation may cost by `tasks.api.execution.complexity`, page sizes multiplied: all there is to say of a
    thousand events is within it, a page of a hundred tasks under ninety-five aliases is not."""
    max_errors: int = 5
    """Faults reported of one document or of one set of variables."""
    max_variables_bytes: int = 512 * 1024
    """Of all variables as JSON."""
    max_values: int = 20_000
    """Values in all variables, lists and objects and what is in them."""
    max_seconds: float = 10.0
    """From the start of an operation to its answer, a subscription's until it is open; waitSeconds comes on top. A long
    document waits for no longer than that to be looked at, besides."""
    introspection: bool = True
    """Whether `__schema` and `__type` are answered, and messages suggest names."""
    cached_documents: int = 1_000
    cached_characters: int = 256 * 1024
    """Of source text, over all cached documents: a token costs a few hundred bytes of memory."""

    @classmethod
    def of_settings(cls) -> Self:
        """Read the bounds from the settings; those of the cache and what follows from others are our own."""
        return cls(
            max_characters=settings.MAX_DOCUMENT_CHARACTERS,
            max_tokens=settings.MAX_TOKENS,
            max_definitions=settings.MAX_DEFINITIONS,
            max_directives=settings.MAX_DIRECTIVES,
            max_depth=settings.MAX_DEPTH,
            max_aliases=settings.MAX_ALIASES,
            max_root_fields=settings.MAX_ROOT_FIELDS,
            max_fields=settings.MAX_FIELDS,
            max_overlaps=settings.MAX_OVERLAPS,
            max_complexity=settings.MAX_COMPLEXITY,
            max_errors=settings.MAX_VALIDATION_ERRORS,
            max_variables_bytes=settings.MAX_VARIABLES_BYTES,
            max_values=settings.MAX_VARIABLES_VALUES,
            max_seconds=settings.MAX_OPERATION_SECONDS,
            introspection=settings.INTROSPECTION,
        )


def over(limit: int, code: str, problem: str, node: Node | None = None) -> GraphQLError:
    """Return the error that answers a request which breaks this limit; `problem` is what it has too much of."""
    message = f"{problem}, at most {limit:,} are allowed."
    return GraphQLError(message, node, extensions={"code": code, "limit": limit})


def oversized(variables: Mapping[str, Any], limits: Limits) -> GraphQLError | None:
    """Return why there is too much in these variables to be looked at closely, if there is."""
    if not variables:
        return None
    size = size_of(variables, limits.max_values, limits.max_variables_bytes)
    if size.bytes > limits.max_variables_bytes:
        return over(limits.max_variables_bytes, TOO_LARGE, f"The variables have over {size.bytes - 1:,} bytes as JSON")
    if size.values > limits.max_values:
        return over(limits.max_values, TOO_MANY_VALUES, f"The variables hold at least {size.values:,} values")
    return None


@dataclass(slots=True)
class _Size:
    """What a selection set amounts to with its fragments put in place."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0

    def take_in(self, other: "_Size", below: int) -> None:
        self.depth = max(self.depth, other.depth + below)
        self.fields += other.fields
        self.aliases += other.aliases


class _Measure:
    """Measures each fragment once, so that fragments which spread each other twice cost nothing."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.sizes: dict[str, _Size] = {}
        self.root_fields: dict[str, int] = {}

    def of(self, selection_set: SelectionSetNode | None) -> _Size:
        size = _Size()
        for selection in selection_set.selections if selection_set else ():
            self._add(selection, size)
        return size

    def roots(self, selection_set: SelectionSetNode) -> int:
        """Count the fields of a root selection set, fragments put in place."""
        return sum(map(self._roots_of, selection_set.selections))

    def _roots_of(self, selection: SelectionNode) -> int:
        if isinstance(selection, FieldNode):
            return 1
        if isinstance(selection, InlineFragmentNode):
            return self.roots(selection.selection_set)
        name = selection.name.value  # type: ignore[attr-defined]  # a spread, the third sort of selection
        if name not in self.root_fields:
            self.root_fields[name] = 0  # a cycle ends here
            fragment = self.fragments.get(name)
            self.root_fields[name] = self.roots(fragment.selection_set) if fragment else 0
        return self.root_fields[name]

    def _add(self, selection: SelectionNode, size: _Size) -> None:
        if isinstance(selection, FragmentSpreadNode):
            size.take_in(self._of_fragment(selection.name.value), 0)
            return
        nested = self.of(selection.selection_set)  # type: ignore[attr-defined]  # fields and inline fragments have one
        if not isinstance(selection, FieldNode):
            size.take_in(nested, 0)
            return
        if selection.name.value.startswith("__"):
            nested.depth = 0
        size.take_in(nested, 1)
        size.fields += 1
        size.aliases += selection.alias is not None

    def _of_fragment(self, name: str) -> _Size:
        if name not in self.sizes:
            self.sizes[name] = _Size()  # a cycle ends here; validation refuses it
            fragment = self.fragments.get(name)
            self.sizes[name] = self.of(fragment.selection_set if fragment else None)
        return self.sizes[name]


def exceeded(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """Return the first limit that this document breaks. Linear in its size, whatever its fragments do."""
    return next(_faults(document, limits), None)


def _faults(document: DocumentNode, limits: Limits) -> Iterator[GraphQLError]:
    if len(document.definitions) > limits.max_definitions:
        number = len(document.definitions)
        yield over(
            limits.max_definitions, TOO_MANY_DEFINITIONS, f"The document has {number:,} operations and fragments"
        )
    directives = sum(map(_directives, document.definitions))
    if directives > limits.max_directives:
        yield over(limits.max_directives, TOO_MANY_DIRECTIVES, f"The document has {directives:,} directives")
    measure = _Measure(document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield from _faults_of_operation(definition, measure, limits)
    overlaps = _overlaps(document)
    if overlaps > limits.max_overlaps:
        yield over(limits.max_overlaps, TOO_COMPLEX, f"Fields overlap {overlaps:,} times")


def _faults_of_operation(
    operation: OperationDefinitionNode, measure: _Measure, limits: Limits
) -> Iterable[GraphQLError]:
    size = measure.of(operation.selection_set)
    if size.depth > limits.max_depth:
        yield over(limits.max_depth, TOO_DEEP, f"The operation is {size.depth} selections deep", operation)
    if size.aliases > limits.max_aliases:
        yield over(limits.max_aliases, TOO_MANY_ALIASES, f"The operation has {told(size.aliases)} aliases", operation)
    if size.fields > limits.max_fields:
        yield over(limits.max_fields, TOO_MANY_FIELDS, f"The operation selects {told(size.fields)} fields", operation)
    if operation.operation is OperationType.MUTATION:
        roots = measure.roots(operation.selection_set)
        if roots > limits.max_root_fields:
            problem = f"The mutation asks for {told(roots)} changes"
            yield over(limits.max_root_fields, TOO_MANY_ROOT_FIELDS, problem, operation)


def told(number: int) -> str:
    """Write a number for people. Fragments that double give some of a thousand digits."""
    return f"{number:,}" if number < 10**9 else "over a thousand million"


def _directives(node: Any) -> int:
    """Count the directives of a definition and of all below it."""
    number = 0
    stack = [node]
    while stack:
        node = stack.pop()
        number += len(getattr(node, "directives", None) or ())
        selection_set = getattr(node, "selection_set", None)
        stack += selection_set.selections if selection_set else ()
        stack += getattr(node, "variable_definitions", None) or ()
    return number


def _overlaps(document: DocumentNode) -> int:
    """Count the pairs of fields of one response name in one place.

    A place is the response names on the way to it. Fragments on one type are taken for being in the same place, as
    they are where they are all spread together.
    """
    places: dict[tuple[Hashable, str], int] = {}
    times: Counter[int] = Counter()
    stack: list[tuple[Hashable, SelectionSetNode]] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            stack.append((("operation", id(definition)), definition.selection_set))
        elif isinstance(definition, FragmentDefinitionNode):
            stack.append((("fragment", definition.type_condition.name.value), definition.selection_set))
    while stack:
        place, selection_set = stack.pop()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                name = (selection.alias or selection.name).value
                here = places.setdefault((place, name), len(places))
                times[here] += 1
                if selection.selection_set:
                    stack.append((here, selection.selection_set))
            elif isinstance(selection, InlineFragmentNode):
                stack.append((place, selection.selection_set))
    return sum(n * (n - 1) // 2 for n in times.values())
