"""What authors add to a type in `Annotated[...]`: constraints and validators, kept where they mean something."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any

from annotated_types import BaseMetadata, GroupedMetadata, Predicate
from pydantic import AfterValidator, AllowInfNan, BeforeValidator, PlainValidator, Strict, WrapValidator
from pydantic.fields import FieldInfo

from tasks.registry.scalars import INT_MAXIMUM, INT_MINIMUM, LENGTH_BOUNDS, SCALARS, BigIntMarker
from tasks.registry.shapes import ListShape, OptionalShape, ScalarShape, Shape


class Unmappable(Exception):
    """Something an author wrote has no counterpart in GraphQL; `found` says what, `advice` what would do."""

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found, advice)
        self.found = found
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Metadata:
    """What stands beside a type in `Annotated[...]`."""

    constraints: tuple[Any, ...]
    """Bounds and validators, in the author's order."""
    is_big_int: bool
    """Marked by `BigInt`."""
    description: str | None
    """Of `Field(description=...)`."""


def read_metadata(metadata: Iterable[Any]) -> Metadata:
    """Sort what stands beside a type. Raises Unmappable for what would change the type itself."""
    items = list(metadata)
    constraints = []
    for item in _flat(items):
        if isinstance(item, PlainValidator | WrapValidator):
            raise Unmappable(type(item).__name__, "Use AfterValidator, which leaves the type as it is declared")
        if isinstance(item, AllowInfNan) and item.allow_inf_nan:
            raise Unmappable(repr(item), "JSON has no such numbers: use Optional[float], with None in their place")
        if isinstance(item, BaseMetadata | AfterValidator | BeforeValidator) and not isinstance(item, Strict):
            constraints.append(item)
    descriptions = [item.description for item in items if isinstance(item, FieldInfo) and item.description]
    is_big_int = any(isinstance(item, BigIntMarker) for item in items)
    return Metadata(tuple(constraints), is_big_int, descriptions[-1] if descriptions else None)


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, FieldInfo):
            if not item.is_required():
                raise Unmappable(repr(item), "Write the default behind the annotation, as in `= 5`")
            yield from _flat(item.metadata)
        elif isinstance(item, GroupedMetadata):
            yield from _flat(item)
        else:
            yield item


def bounds(constraint: Any) -> dict[str, Any]:
    """Return what a constraint bounds, by Pydantic's names: `{"ge": 0}`. Empty for validators."""
    if isinstance(constraint, AfterValidator | BeforeValidator | Predicate):
        return {}
    values = (
        {field.name: getattr(constraint, field.name) for field in fields(constraint)}
        if is_dataclass(constraint)
        else vars(constraint)
    )
    return {name: value for name, value in values.items() if value is not None}


def check_constraints(shape: Shape, constraints: tuple[Any, ...]) -> None:
    """Raise Unmappable for the first constraint that means nothing for this shape."""
    what, known = "an enum or a class", frozenset[str]()
    if isinstance(shape, ScalarShape):
        what, known = shape.name, SCALARS[shape.name].bounds
    elif isinstance(shape, ListShape):
        what, known = "a list", LENGTH_BOUNDS
    elif constraints:
        raise Unmappable(f"{constraints[0]!r} on {what}", "Put the constraint on a field inside it")
    for constraint in constraints:
        for bound, value in bounds(constraint).items():
            if bound not in known:
                advice = f"Of {what} can be said: {', '.join(sorted(known)) or 'nothing'}"
                raise Unmappable(f"the constraint {bound}={value!r} on {what}", advice)
            beyond_int = what == "Int" and bound in {"ge", "le"} and not INT_MINIMUM <= value <= INT_MAXIMUM
            if beyond_int:
                advice = "Annotate BigInt from tasks.registry, or keep the bound within 32 bits"
                raise Unmappable(f"the constraint {bound}={value!r} on int, which is GraphQL's Int of 32 bits", advice)


_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "ge": "at least {}",
        "gt": "more than {}",
        "le": "at most {}",
        "lt": "less than {}",
        "multiple_of": "a multiple of {}",
        "pattern": "matching {}",
        "max_digits": "at most {} digits",
        "decimal_places": "at most {} decimal places",
    }
)


def in_words(shape: Shape) -> str:
    """Say a shape's constraints as a sentence: `At least 0, at most 10.` Empty where there are none."""
    parts = list(_parts(shape))
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _parts(shape: Shape) -> Iterator[str]:
    match shape:
        case OptionalShape(of=of):
            yield from _parts(of)
        case ScalarShape(constraints=constraints):
            yield from _bounds_in_words(constraints, "characters")
        case ListShape(of=of, constraints=constraints):
            yield from _bounds_in_words(constraints, "items")
            if each := ", ".join(_parts(of)):
                yield f"each {each}"
        case _:
            return


def _bounds_in_words(constraints: tuple[Any, ...], counted: str) -> Iterator[str]:
    lengths = {"min_length": f"at least {{}} {counted}", "max_length": f"at most {{}} {counted}"}
    for constraint in constraints:
        for bound, value in bounds(constraint).items():
            if template := _WORDS.get(bound) or lengths.get(bound):
                text = template.format(value.pattern if isinstance(value, re.Pattern) else value)
                yield text.removesuffix("s") if bound in lengths and value == 1 else text
