"""The steps around Pydantic's own: enums by name, and authors' objects made of their fields and taken apart again."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from tasks.registry.faults import expected, faults_of, refuse
from tasks.registry.shapes import EnumShape, ObjectShape


def attributes(model: BaseModel) -> dict[str, Any]:
    """Return a model's fields by their Python names."""
    return model.__dict__


def enum_reader(shape: EnumShape) -> Callable[[Any], Any]:
    """Take a member by its name, or as the Enum's member that GraphQL made of the name."""
    by_name = {member.graphql_name: member.python_value for member in shape.members}
    what = f"one of {', '.join(by_name)}"

    def read(value: Any) -> Any:
        # GraphQL's own enum for this shape may be another class than the author's: its names are the same.
        name = value.name if isinstance(value, Enum) else value
        if not isinstance(name, str) or name not in by_name:
            refuse(expected(what, value))
        return by_name[name]

    return read


def enum_writer(shape: EnumShape) -> Callable[[Any], str]:
    """Take a real member alone, and give its name."""
    names = {member.python_value: member.graphql_name for member in shape.members}
    of = shape.python_class or str
    what = f"one of {', '.join(map(repr, names))}"

    def write(value: Any) -> str:
        if type(value) is not of or value not in names:
            refuse(expected(what, value))
        return names[value]

    return write


def maker(python_class: type[Any], shape: ObjectShape) -> Callable[[BaseModel], Any]:
    """Make an author's object from fields that were read. What its own checks raise is a fault of the value."""
    graphql_names = {field.python_name: field.graphql_name for field in shape.fields}
    make = _validate_model(python_class) if issubclass(python_class, BaseModel) else _call(python_class)

    def made(model: BaseModel) -> Any:
        try:
            return make(model.__dict__)
        except ValidationError as error:
            raise _renamed(error, graphql_names) from error
        except Exception as error:  # noqa: BLE001 - whatever the author's own checks raise, it is about this value
            refuse(str(error) or type(error).__name__)

    return made


def _call(python_class: type) -> Callable[[dict[str, Any]], Any]:
    return lambda values: python_class(**values)


def _validate_model(model: type[BaseModel]) -> Callable[[dict[str, Any]], Any]:
    validate = model.__pydantic_validator__.validate_python
    return lambda values: validate(values, by_alias=False, by_name=True)


def _renamed(error: ValidationError, graphql_names: Mapping[str, str]) -> ValidationError:
    lines: list[InitErrorDetails] = []
    for fault, detail in zip(faults_of(error), error.errors(include_url=False), strict=False):
        first, *rest = fault.path or ("",)
        path = (graphql_names.get(str(first), first), *rest) if fault.path else ()
        reason = PydanticCustomError("refused", "{reason}", {"reason": fault.message})
        lines.append({"type": reason, "loc": path, "input": detail["input"]})
    return ValidationError.from_exception_data(error.title, lines)


def taker(python_class: type[Any], shape: ObjectShape) -> Callable[[Any], dict[str, Any]]:
    """Take an author's object apart into its fields; of a Pydantic model its own validators are asked first."""
    names = [field.python_name for field in shape.fields]
    what = f"a {python_class.__name__}"

    def take_apart(value: Any) -> dict[str, Any]:
        if not isinstance(value, python_class):
            refuse(expected(what, value))
        try:
            return {name: getattr(value, name) for name in names}
        except AttributeError as error:
            refuse(str(error))

    if not issubclass(python_class, BaseModel):
        return take_apart
    validate = _validate_model(python_class)

    def ask_and_take_apart(value: Any) -> dict[str, Any]:
        values = take_apart(value)
        validate(values)
        return values

    return ask_and_take_apart
