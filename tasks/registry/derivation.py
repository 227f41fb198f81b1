"""From a function to its task type, or to a refusal that says everything that is wrong with it."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, get_type_hints

from pydantic import PydanticUserError, TypeAdapter
from pydantic_core import SchemaError

from tasks.errors import Misconfigured
from tasks.registry.classes import ClassField
from tasks.registry.codec import Codec, is_json_already
from tasks.registry.constraints import Unmappable
from tasks.registry.context import TaskContext
from tasks.registry.docs import Docs, docs_of_function
from tasks.registry.mapping import Mapper, check_distinct
from tasks.registry.names import camel_case, pascal_case
from tasks.registry.options import Options
from tasks.registry.shapes import NO_DEFAULT, FieldShape, ObjectShape, Shape
from tasks.registry.tasktype import TaskType

_KINDS = {
    inspect.Parameter.VAR_POSITIONAL: ("*{}", "Use a parameter that is a list: {}: list[...]"),
    inspect.Parameter.VAR_KEYWORD: ("**{}", "Name each parameter, or use {}: dict[str, Any]"),
    inspect.Parameter.POSITIONAL_ONLY: ("{}, which is positional-only", "Drop the slash: arguments are passed by name"),
}


def build_task_type(function: Callable[..., Any], options: Options | None = None) -> TaskType:
    """Derive everything from a function. Raises Misconfigured with all that is wrong; registers nothing."""
    return _Derivation(function, options or Options()).task_type()


class _Derivation:
    """One function on its way to a task type; `problems` collects what stands in it."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function = function
        self.options = options
        self.where = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"
        self.name: str = getattr(function, "__name__", "") if options.name is None else options.name
        self.problems = options.faults(self.name)
        self.context_parameter: str | None = None
        self.codec = Codec()

    def task_type(self) -> TaskType:
        hints = self._hints()
        self._stop_at_problems()
        prefix = pascal_case(self.name)
        mapper, docs = Mapper(prefix), docs_of_function(self.function)
        arguments = self._arguments(mapper, docs, hints, prefix)
        result, is_wrapped = self._result(mapper, docs, hints)
        self._stop_at_problems()
        options = self.options
        return TaskType(
            name=self.name,
            handler=self.function,
            is_async=inspect.iscoroutinefunction(self.function),
            context_parameter=self.context_parameter,
            description=docs.description,
            queue=options.queue,
            priority=options.priority,
            max_attempts=options.max_attempts,
            backoff=options.backoff,
            retry_on=options.retry_on,
            do_not_retry_on=options.do_not_retry_on,
            timeout_seconds=float(options.timeout_seconds),
            type_prefix=prefix,
            input_field=camel_case(self.name),
            graphql_names=dict(mapper.claimed),
            arguments=arguments,
            arguments_model=self.codec.reading_model(arguments),
            write_arguments=self._writer_of_arguments(arguments),
            result_shape=result,
            result_is_wrapped=is_wrapped,
            result_annotation=None if result is None else hints["return"],
            result_reader=TypeAdapter(self.codec.reader(result)) if result else None,
            result_writer=TypeAdapter(self.codec.writer(result)) if result else None,
        )

    def _hints(self) -> dict[str, Any]:
        if not inspect.isfunction(self.function):
            self.problems.append("it is no function: decorate a plain `def` or `async def` at the top of a module")
            return {}
        if inspect.isgeneratorfunction(self.function) or inspect.isasyncgenfunction(self.function):
            self.problems.append("it is a generator: return the result, and stream with context.emit(chunk)")
        try:
            return get_type_hints(self.function, include_extras=True)
        except (NameError, TypeError, SyntaxError) as error:
            self.problems.append(f"its annotations can't be read ({error}): define or import the name before")
            return {}

    def _arguments(self, mapper: Mapper, docs: Docs, hints: dict[str, Any], prefix: str) -> ObjectShape:
        fields: list[FieldShape] = []
        for parameter in inspect.signature(self.function).parameters.values():
            with self._at(f"parameter {parameter.name!r}"):
                field = self._argument(mapper, docs, parameter, hints)
                if field is not None:
                    self.codec.check(field)
                    fields.append(field)
        with self._at("parameters"):
            check_distinct(fields)
        return ObjectShape(f"{prefix}Arguments", f"{prefix}Input", None, tuple(fields), docs.description or None)

    def _argument(
        self, mapper: Mapper, docs: Docs, parameter: inspect.Parameter, hints: dict[str, Any]
    ) -> FieldShape | None:
        name = parameter.name
        if parameter.kind in _KINDS:
            found, advice = _KINDS[parameter.kind]
            raise Unmappable(found.format(name), advice.format(name))
        if name not in hints:
            raise Unmappable("no annotation", f"Annotate it, as in {name}: str")
        if hints[name] is TaskContext:
            if self.context_parameter is not None:
                raise Unmappable("a second TaskContext", f"Use {self.context_parameter!r}")
            self.context_parameter = name
            return None
        default = NO_DEFAULT if parameter.default is parameter.empty else parameter.default
        field = ClassField(name, hints[name], default, None, docs.of_names.get(name))
        return mapper.field(field, owner=mapper.prefix)

    def _result(self, mapper: Mapper, docs: Docs, hints: dict[str, Any]) -> tuple[Shape | None, bool]:
        with self._at("the return value"):
            if "return" not in hints:
                raise Unmappable("no annotation", "Annotate it; a function that returns nothing with -> None")
            if hints["return"] is type(None):
                return None, False
            shape, is_wrapped = mapper.result(hints["return"])
            if isinstance(shape, ObjectShape) and not is_wrapped:
                shape = replace(shape, description=shape.description or docs.returns)
            self.codec.check_shape(shape)
            return shape, is_wrapped
        return None, False

    def _writer_of_arguments(self, arguments: ObjectShape) -> Callable[..., Any] | None:
        if all(is_json_already(field.shape) for field in arguments.fields):
            return None
        return TypeAdapter(self.codec.writer(arguments)).validator.validate_python

    @contextmanager
    def _at(self, place: str) -> Iterator[None]:
        try:
            yield
        except Unmappable as error:
            self.problems.append(f"{place}: found {error.found}. {error.advice}.")
        except (PydanticUserError, SchemaError, TypeError) as error:
            self.problems.append(f"{place}: Pydantic refuses what is beside the type. {error}")

    def _stop_at_problems(self) -> None:
        if self.problems:
            lines = "".join(f"\n  - {problem}" for problem in self.problems)
            raise Misconfigured(f"the task type {self.name!r} (function {self.where}) can't be used:{lines}")
