"""What can't be a task type stops the start, with function, place, what was found and what would do instead."""

# ruff: noqa: D101, D102 - each class is an example, and its name says what is wrong with it

from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar, Union
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, PlainValidator, RootModel, computed_field

from tasks.errors import Misconfigured
from tasks.registry import Backoff, BigInt, Field, TaskContext, TaskPriority, build_task_type
from tasks.registry.options import Options

T = TypeVar("T")


class Number(IntEnum):
    ONE = 1


class Accent(Enum):
    grün = "g"  # noqa: PLC2401 - the name is the example


class Truth(Enum):
    true = "t"


class Empty(Enum):
    pass


class Typed(TypedDict):
    a: int


class Pair(NamedTuple):
    a: int


@dataclass
class Mutable:
    a: int


@dataclass(frozen=True)
class Hollow:
    pass


@dataclass(frozen=True)
class Deep:
    raw: bytes


@dataclass(frozen=True)
class Deeper:
    deep: list[Deep]


@dataclass(frozen=True)
class Node:
    children: list["Node"]


@dataclass(frozen=True)
class Box(Generic[T]):
    content: T


@dataclass(frozen=True)
class Result:
    a: int


@dataclass(frozen=True)
class SubTask:
    a: int


@dataclass(frozen=True)
class Fresh:
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Secret:
    a: int = field(init=False, default=1)


@dataclass(frozen=True)
class Initialised:
    a: int
    b: InitVar[int]


@dataclass(frozen=True)
class Twins:
    a_b: int
    aB: int  # noqa: N815 - the clash is the example


@dataclass(frozen=True)
class WrongDefault:
    a: int = "x"  # type: ignore[assignment]


@dataclass(frozen=True)
class Lost:
    a: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - the lost name is the example


class Rows(RootModel[list[int]]):
    pass


class Computing(BaseModel):
    a: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return 2 * self.a


class Plain:
    pass


Row1: Any = dataclass(frozen=True)(type("Row", (), {"__annotations__": {"a": int}, "__module__": "one"}))
Row2: Any = dataclass(frozen=True)(type("Row", (), {"__annotations__": {"a": int}, "__module__": "two"}))

ANNOTATIONS: dict[str, tuple[Any, str, str]] = {
    "bytes": (bytes, "bytes", "base64"),
    "timedelta": (timedelta, "timedelta", "_seconds"),
    "set": (set[int], "set[int]", "list"),
    "frozenset": (frozenset[int], "frozenset[int]", "list"),
    "tuple": (tuple[int, str], "tuple[int, str]", "frozen dataclass"),
    "namedtuple": (namedtuple("P", "a"), "P", "frozen dataclass"),  # noqa: PYI024 - as people write it
    "NamedTuple": (Pair, "Pair", "frozen dataclass"),
    "TypedDict": (Typed, "Typed", "frozen dataclass"),
    "Any": (Any, "Any", "dict[str, Any]"),
    "object": (object, "object", "dict[str, Any]"),
    "bare list": (list, "list", "list[str]"),
    "bare dict": (dict, "dict", "dict[str, Any]"),
    "typed dict": (dict[str, int], "dict[str, int]", "dict[str, Any]"),
    "Sequence": (Sequence[int], "Sequence[int]", "list"),
    "complex": (complex, "complex", "two float"),
    "None": (type(None), "NoneType", "Leave it out"),
    "union": (int | str, "int | str", "Optional"),
    "union with None": (Union[int, str, None], "Union[int, str, NoneType]", "Optional"),  # noqa: UP007
    "callable": (Callable[[], int], "Callable", "Use str, int"),
    "Path": (Path, "Path", "Use str"),
    "plain class": (Plain, "Plain", "frozen dataclass"),
    "TaskContext inside": (TaskContext | None, "TaskContext", "alone"),
    "mixed Literal": (Literal["a", 1], "Literal['a', 1]", "Enum"),
    "Literal that is no name": (Literal["a b"], "'a b'", "Use an Enum or str"),
    "Literal with a reserved name": (Literal["true"], "'true'", "Use an Enum or str"),
    "Enum of numbers": (Number, "ONE is 1", "string"),
    "Enum with a name beyond ASCII": (Accent, "'grün'", "Rename it"),
    "Enum with a reserved name": (Truth, "'true'", "Rename it"),
    "Enum without members": (Empty, "Empty", "Give it one"),
    "mutable dataclass": (Mutable, "Mutable", "frozen=True"),
    "class without fields": (Hollow, "Hollow", "give it a field"),
    "unmapped field deep inside": (Deeper, "bytes at Deep.raw at Deeper.deep", "base64"),
    "recursive class": (Node, "Node, which contains itself", "dict[str, Any]"),
    "generic class": (Box, "Box", "plain class"),
    "generic class, filled": (Box[int], "Box", "Use str"),
    "class with init=False": (Secret, "Secret.a", "plain field"),
    "class with an InitVar": (Initialised, "'b'", "plain fields"),
    "class with two names for one": (Twins, "'a_b' and 'aB'", "Rename"),
    "class with a default that does not fit": (WrongDefault, "the default 'x' of 'a'", "Give a default that fits"),
    "class with an unknown name": (Lost, "Nowhere", "import"),
    "class called as the result": (Result, "DoItResult", "Rename"),
    "class called as a task": (SubTask, "DoItSubTask", "Rename"),
    "class with a varying default": (Fresh, "uuid4", "Optional"),
    "RootModel": (Rows, "Rows", "inside"),
    "computed field": (Computing, "'double'", "plain field"),
    "bound on the wrong type": (Annotated[str, Field(ge=1)], "ge=1", "max_length"),
    "length of a number": (Annotated[int, Field(max_length=1)], "max_length=1", "multiple_of"),
    "bound on an enum": (Annotated[Literal["a"], Field(max_length=1)], "an enum", "field inside"),
    "bound beyond 32 bits": (Annotated[int, Field(le=2**31)], "le=2147483648", "BigInt"),
    "infinity": (Annotated[float, Field(allow_inf_nan=True)], "allow_inf_nan=True", "Optional[float]"),
    "look-around pattern": (Annotated[str, Field(pattern="(?=a)")], "Pydantic", "look-around"),
    "PlainValidator": (Annotated[int, PlainValidator(int)], "PlainValidator", "AfterValidator"),
    "default inside Annotated": (Annotated[int, Field(default=1)], "default=1", "behind the annotation"),
}


@pytest.mark.parametrize(("annotation", "found", "advice"), ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_unmappable_parameter_is_refused_with_what_would_do(annotation: Any, found: str, advice: str) -> None:
    def do_it(some_value: Any) -> None:
        """Do it."""

    do_it.__annotations__["some_value"] = annotation

    message = refusal(do_it)

    assert "parameter 'some_value'" in message
    assert found in message
    assert advice in message


VARYING = {"class with a varying default"}  # a result is always complete, so how its defaults are made does not matter
RESULTS = {
    name: case for name, case in ANNOTATIONS.items() if name not in VARYING | {"None", "class called as the result"}
}


@pytest.mark.parametrize(("annotation", "found", "advice"), RESULTS.values(), ids=RESULTS)
def test_unmappable_result_is_refused_with_what_would_do(annotation: Any, found: str, advice: str) -> None:
    def do_it() -> Any:
        """Do it."""

    do_it.__annotations__["return"] = list[annotation] if annotation is SubTask else annotation

    message = refusal(do_it)

    assert "the return value" in message
    assert found in message
    assert advice in message


def variadic(*rows: int) -> None: ...
def keywords(**rows: int) -> None: ...
def positional(row: int, /) -> None: ...
def unannotated(row) -> None: ...  # noqa: ANN001
def without_return(row: int): ...
def private(_row: int) -> None: ...
def dunder(a__b: int) -> None: ...
def accented(größe: int) -> None: ...  # noqa: PLC2401 - the name is the example
def reserved(model_config: int) -> None: ...
def clashing(a_b: int, aB: int) -> None: ...  # noqa: N803
def two_contexts(a: TaskContext, b: TaskContext) -> None: ...
def wrong_default(a: int = "x") -> None: ...  # type: ignore[assignment]
def default_out_of_bounds(a: Annotated[int, Field(ge=1)] = 0) -> None: ...
def none_for_int(a: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013
def field_as_default(a: int = Field(5, ge=0)) -> None: ...
def naive_default(a: datetime = datetime(2026, 1, 1)) -> None: ...  # noqa: DTZ001
def float_for_decimal(a: Decimal = 1.5) -> None: ...  # type: ignore[assignment]
def unknown_name(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


def same_class_names(a: Row1, b: Row2) -> None: ...


FUNCTIONS: dict[str, tuple[Any, str, str]] = {
    "*args": (variadic, "*rows", "list[...]"),
    "**kwargs": (keywords, "**rows", "dict[str, Any]"),
    "positional-only": (positional, "positional-only", "Drop the slash"),
    "parameter without annotation": (unannotated, "parameter 'row': found no annotation", "row: str"),
    "no return annotation": (without_return, "the return value: found no annotation", "-> None"),
    "private name": (private, "'_row'", "beginning with a letter"),
    "double underscore": (dunder, "'a__b'", "single underscores"),
    "name beyond ASCII": (accented, "'größe'", "ASCII"),
    "Pydantic's own name": (reserved, "'model_config'", "choose another"),
    "two parameters with one GraphQL name": (clashing, "'a_b' and 'aB'", "Rename one"),
    "two contexts": (two_contexts, "a second TaskContext", "Use 'a'"),
    "default of another type": (wrong_default, "'x'", "expected a whole number"),
    "default out of bounds": (default_out_of_bounds, "the default 0", "at least 1"),
    "None for an int": (none_for_int, "None", "Optional[...]"),
    "Field as default": (field_as_default, "FieldInfo", "Annotated[..., Field(...)]"),
    "datetime without offset": (naive_default, "datetime", "offset"),
    "float for Decimal": (float_for_decimal, "1.5", "Decimal"),
    "unknown name": (unknown_name, "Nowhere", "import"),
    "generator": (generator, "generator", "emit"),
    "async generator": (async_generator, "generator", "emit"),
    "lambda": (lambda: None, "'<lambda>'", "snake_case"),
    "callable that is no function": (partial(variadic), "no function", "def"),
    "class": (Plain, "no function", "def"),
    "two classes of one name": (same_class_names, "two.Row", "Rename one"),
}


@pytest.mark.parametrize(("function", "found", "advice"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_function_that_can_be_no_handler_is_refused(function: Any, found: str, advice: str) -> None:
    message = refusal(function)

    assert getattr(function, "__name__", "partial") in message
    assert found in message
    assert advice in message


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "name with a capital": ({"name": "Export"}, "snake_case"),
    "name with a hyphen": ({"name": "export-it"}, "snake_case"),
    "name with two underscores": ({"name": "export__it"}, "snake_case"),
    "empty name": ({"name": ""}, "snake_case"),
    "long name": ({"name": "a" * 101}, "100 characters"),
    "empty queue": ({"queue": ""}, "1 to 100"),
    "priority as a number": ({"priority": 2}, "TaskPriority.HIGH"),
    "no attempt": ({"max_attempts": 0}, "at least 1"),
    "backoff as a number": ({"backoff": 5}, "Backoff(first_seconds=5)"),
    "one exception": ({"retry_on": OSError}, "(OSError,)"),
    "no exception": ({"do_not_retry_on": (int,)}, "(OSError,)"),
    "time-out of zero": ({"timeout_seconds": 0}, "above 0"),
    "endless time-out": ({"timeout_seconds": float("inf")}, "finite"),
}


@pytest.mark.parametrize(("options", "advice"), OPTIONS.values(), ids=OPTIONS)
def test_option_that_makes_no_sense_is_refused(options: dict[str, Any], advice: str) -> None:
    def do_it() -> None:
        """Do it."""

    message = refusal(do_it, **options)

    assert repr(next(iter(options.values()))) in message
    assert advice in message


def test_everything_that_is_wrong_is_told_at_once() -> None:
    def do_it(a: bytes, b: set[int], c: int = "x") -> tuple[int]:  # type: ignore[assignment]
        raise NotImplementedError

    message = refusal(do_it)

    for place in ("parameter 'a'", "parameter 'b'", "parameter 'c'", "the return value"):
        assert place in message


def test_varying_default_does_no_harm_in_a_result() -> None:
    def do_it() -> Fresh:
        return Fresh()

    task_type = build_task_type(do_it)

    assert set(task_type.dump_result(do_it())) == {"id"}


BACKOFFS: dict[str, dict[str, float]] = {
    "negative": {"first_seconds": -1},
    "beyond its maximum": {"first_seconds": 601},
    "endless": {"max_seconds": float("inf")},
    "shrinking": {"factor": 0.5},
    "too much jitter": {"jitter": 1.5},
}


@pytest.mark.parametrize("options", BACKOFFS.values(), ids=BACKOFFS)
def test_backoff_that_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(Misconfigured, match="Backoff"):
        Backoff(**options)


def test_good_options_are_taken() -> None:
    def do_it(a: BigInt) -> None:
        """Do it."""

    options = Options(
        name="other_name",
        queue="slow",
        priority=TaskPriority.HIGH,
        max_attempts=1,
        backoff=Backoff(5),
        retry_on=(OSError,),
        do_not_retry_on=(FileNotFoundError,),
        timeout_seconds=5,
    )

    task_type = build_task_type(do_it, options)

    assert (task_type.name, task_type.input_field, task_type.object_type) == (
        "other_name",
        "otherName",
        "OtherNameTask",
    )
    assert (task_type.queue, task_type.priority, task_type.max_attempts) == ("slow", TaskPriority.HIGH, 1)
    assert (task_type.backoff.first_seconds, task_type.timeout_seconds) == (5, 5.0)


def refusal(function: Callable[..., Any], **options: Any) -> str:
    """Return what the refused function's author reads."""
    with pytest.raises(Misconfigured) as raised:
        build_task_type(function, Options(**options))
    return str(raised.value)
