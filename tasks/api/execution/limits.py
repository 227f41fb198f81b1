"""What a document may cost before it is looked at closely."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document and on the cache of documents. Built once, shared by every request."""

    max_tokens: int = 4_000
    """Lexical tokens; the parser stops there."""
    max_depth: int = 15
    """Selections inside selections, fragments followed; introspection has graphql-core's own bound."""
    max_aliases: int = 100
    """Aliased fields, each counted as often as its fragment is spread."""
    max_fields: int = 5_000
    """Fields after every fragment has been put in its place."""
    max_overlaps: int = 20_000
    """Pairs of fields that would answer under one name in one place: validation compares them pair by pair."""
    max_errors: int = 5
    """Faults reported of one document or of one set of variables."""
    cached_documents: int = 1_000
    cached_characters: int = 256 * 1024
    """Of source text, over all cached documents: a token costs a few hundred bytes of memory."""


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

    def of(self, selection_set: SelectionSetNode | None) -> _Size:
        size = _Size()
        for selection in selection_set.selections if selection_set else ():
            self._add(selection, size)
        return size

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
    measure = _Measure(document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            size = measure.of(definition.selection_set)
            for fault in _faults(size, limits):
                return GraphQLError(fault, [definition])
    overlaps = _overlaps(document)
    if overlaps > limits.max_overlaps:
        return GraphQLError(f"Fields overlap {overlaps} times, at most {limits.max_overlaps} are allowed.")
    return None


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


def _faults(size: _Size, limits: Limits) -> Iterable[str]:
    if size.depth > limits.max_depth:
        yield f"The operation is {size.depth} selections deep, at most {limits.max_depth} are allowed."
    if size.aliases > limits.max_aliases:
        yield f"The operation has {size.aliases} aliases, at most {limits.max_aliases} are allowed."
    if size.fields > limits.max_fields:
        yield f"The operation selects {size.fields} fields, at most {limits.max_fields} are allowed."
