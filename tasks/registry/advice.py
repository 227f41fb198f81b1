"""What would do instead of an annotation that maps to nothing."""

import collections.abc
import datetime as dt
import types
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, get_args, get_origin, is_typeddict

from tasks.registry.constraints import Unmappable
from tasks.registry.context import TaskContext

_ADVICE: Mapping[Any, str] = MappingProxyType(
    {
        Any: "Annotate the type that you expect, or dict[str, Any] for free JSON",
        object: "Annotate the type that you expect, or dict[str, Any] for free JSON",
        bytes: "Use str with the bytes in base64, or a URL or path to where they are",
        bytearray: "Use str with the bytes in base64, or a URL or path to where they are",
        dt.timedelta: "Use float, and name the parameter ..._seconds",
        set: "Use list[...]",
        frozenset: "Use list[...]",
        tuple: "Use list[...], or a frozen dataclass with named fields",
        list: "Say of what: list[str]",
        dict: "Use dict[str, Any] for free JSON, or a frozen dataclass, or a list of them",
        collections.abc.Sequence: "Use list[...]",
        collections.abc.Iterable: "Use list[...]",
        collections.abc.Mapping: "Use dict[str, Any] for free JSON, or a frozen dataclass, or a list of them",
        complex: "Use a frozen dataclass with two float fields",
        TaskContext: "Annotate a parameter with TaskContext alone, not inside something else",
        None: "Leave it out: a value that is always null says nothing",
        types.NoneType: "Leave it out: a value that is always null says nothing",
    }
)
_EVERYTHING = (
    "Use str, int, float, bool, BigInt, Decimal, datetime, date, time, UUID, an Enum, a Literal of strings, list[...], "
    "Optional[...], a frozen dataclass, a Pydantic model, or dict[str, Any]"
)


def unmapped(annotation: Any) -> Unmappable:
    """Return the refusal of an annotation that maps to nothing."""
    sort = get_origin(annotation) or annotation
    return Unmappable(named(annotation), _ADVICE.get(sort) or _advice_for_class(annotation) or _EVERYTHING)


def named(annotation: Any) -> str:
    """Return an annotation as its author wrote it, or nearly."""
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else repr(annotation)


def _advice_for_class(annotation: Any) -> str | None:
    if is_typeddict(annotation):
        return "Write a frozen dataclass instead of the TypedDict"
    if isinstance(annotation, type) and issubclass(annotation, tuple):
        return "Write a frozen dataclass with named fields, or list[...]"
    if isinstance(annotation, type) and not issubclass(annotation, Enum) and annotation.__module__ != "builtins":
        return "Use str, or a frozen dataclass or Pydantic model with the fields that matter"
    return None
