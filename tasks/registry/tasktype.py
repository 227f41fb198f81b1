"""A named sort of work: everything that was derived from one function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from tasks.registry.backoff import Backoff
from tasks.registry.context import RejectTask, TaskContext
from tasks.registry.faults import ArgumentsInvalid, ResultInvalid, faults_of, summary
from tasks.registry.schemas import SchemaGenerator
from tasks.registry.shapes import ObjectShape, Shape, has_renamed_fields, in_graphql_names
from tasks.registry.storable import STORED
from tasks.status import TaskPriority

Validate = Callable[..., Any]
"""A Pydantic validator: the value, and its context, to what it makes of it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskType:
    """Made once, at start-up, by `task_type`; never changed. Safe to use from any thread."""

    name: str
    """`reverse_string`: how it is stored."""
    handler: Callable[..., Any]
    """The function itself."""
    is_async: bool
    """The handler is an `async def`: calling it gives a coroutine."""
    context_parameter: str | None
    """The parameter that takes the TaskContext, where there is one."""
    description: str
    """The docstring's prose; may be empty."""
    queue: str
    """Where its tasks wait, unless the submission says otherwise."""
    priority: TaskPriority
    """Their priority, unless the submission says otherwise."""
    max_attempts: int
    """How often a handler may run for one task, unless the submission says otherwise."""
    backoff: Backoff
    """How long a task rests between attempts."""
    retry_on: tuple[type[Exception], ...]
    """Exceptions after which another attempt may do better."""
    do_not_retry_on: tuple[type[Exception], ...]
    """Those among them after which it would not."""
    timeout_seconds: float
    """How long one attempt may take, unless the submission says otherwise."""
    type_prefix: str
    """`ReverseString`: what its GraphQL types begin with."""
    input_field: str
    """`reverseString`: its field in TaskInput."""
    graphql_names: Mapping[str, str]
    """Every GraphQL type name that it needs, with what needs it."""
    arguments: ObjectShape
    """All its arguments; perhaps none."""
    arguments_model: type[BaseModel]
    """The same for Pydantic: fields by their Python names, camelCase aliases; either may be given."""
    result_shape: Shape | None
    """What the handler returns; None where it returns nothing."""
    result_is_wrapped: bool
    """It is no object: in GraphQL it is the field `value` of one."""
    result_annotation: Any
    """The annotated Python type; None where it returns nothing."""
    write_arguments: Validate | None
    """Turns the arguments' Python values into JSON; None: they are JSON already."""
    result_reader: TypeAdapter[Any] | None
    """Turns stored JSON into what the handler returned."""
    result_writer: TypeAdapter[Any] | None
    """Checks what the handler returned and turns it into JSON."""

    @property
    def object_type(self) -> str:
        """`ReverseStringTask`."""
        return f"{self.type_prefix}Task"

    @property
    def result(self) -> ObjectShape | None:
        """The result's object type, where it is one by itself."""
        return self.result_shape if isinstance(self.result_shape, ObjectShape) and not self.result_is_wrapped else None

    @cached_property
    def arguments_schema(self) -> dict[str, Any]:
        """JSON Schema, draft 2020-12, in GraphQL names."""
        return self.arguments_model.model_json_schema(schema_generator=SchemaGenerator)

    @cached_property
    def result_schema(self) -> dict[str, Any] | None:
        """JSON Schema of what is stored (never wrapped), in GraphQL names; None where it returns nothing."""
        return self.result_reader and self.result_reader.json_schema(schema_generator=SchemaGenerator)

    @cached_property
    def _read_arguments(self) -> Validate:
        return self.arguments_model.__pydantic_validator__.validate_python

    @cached_property
    def _renames_arguments(self) -> bool:
        return has_renamed_fields(self.arguments)

    @cached_property
    def _renames_result(self) -> bool:
        return self.result_shape is not None and has_renamed_fields(self.result_shape)

    def parse_arguments(self, values: Mapping[str, Any]) -> BaseModel:
        """Check what a client sent, as GraphQL coerced it. Raises ArgumentsInvalid with all faults.

        What may be left out must be absent, not some marker. The placeholder field of an empty input is ignored.
        """
        try:
            return cast(BaseModel, self._read_arguments(values if self.arguments.fields else {}))
        except ValidationError as error:
            raise ArgumentsInvalid(faults_of(error)) from None

    def dump_arguments(self, arguments: BaseModel) -> dict[str, Any]:
        """Return them as they are stored: JSON, with every argument by its Python name, defaults included."""
        if self.write_arguments is None:
            return dict(arguments.__dict__)
        return cast(dict[str, Any], self.write_arguments(arguments.__dict__))

    def load_arguments(self, stored: Mapping[str, Any]) -> BaseModel:
        """Check stored arguments against the function as it is now. Raises ArgumentsInvalid where they misfit."""
        try:
            return cast(BaseModel, self._read_arguments(stored, context=STORED))
        except ValidationError as error:
            raise ArgumentsInvalid(faults_of(error)) from None

    def arguments_json(self, stored: Any) -> Any:
        """Return stored arguments in GraphQL names, as `arguments_schema` says, whether or not they still fit."""
        return in_graphql_names(self.arguments, stored) if self._renames_arguments else stored

    def call(self, arguments: BaseModel, context: TaskContext) -> Any:
        """Run the handler, or for an `async def` return its coroutine. Whatever the handler raises comes through."""
        if self.context_parameter is None:
            return self.handler(**arguments.__dict__)
        return self.handler(**arguments.__dict__, **{self.context_parameter: context})

    def dump_result(self, value: Any) -> Any:
        """Check what a handler returned and give it as JSON. Raises ResultInvalid where it is not what it declares."""
        if self.result_writer is None:
            if value is not None:
                raise ResultInvalid(f"the handler declares to return None, but returned a {type(value).__name__}")
            return None
        try:
            return self.result_writer.validator.validate_python(value)
        except ValidationError as error:
            raise ResultInvalid(f"the result does not fit its declared type: {summary(faults_of(error))}") from None

    def load_result(self, stored: Any) -> Any:
        """Return a stored result as the handler returned it. Raises ResultInvalid where it no longer fits."""
        if self.result_reader is None:
            return None
        try:
            return self.result_reader.validator.validate_python(stored, context=STORED)
        except ValidationError as error:
            raise ResultInvalid(f"the stored result no longer fits: {summary(faults_of(error))}") from None

    def result_json(self, stored: Any) -> Any:
        """Return a stored result in GraphQL names, as `result_schema` describes it, whether or not it still fits."""
        return in_graphql_names(self.result_shape, stored) if self.result_shape and self._renames_result else stored

    def is_worth_another_attempt(self, exception: BaseException) -> bool:
        """Tell whether another attempt may do better than the one that raised this."""
        if isinstance(exception, (RejectTask, *self.do_not_retry_on)):
            return False
        return isinstance(exception, self.retry_on)
