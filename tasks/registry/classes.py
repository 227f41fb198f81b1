"""The fields of authors' own classes: frozen dataclasses and Pydantic models, seen alike."""

import dataclasses
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, RootModel
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo

from tasks.registry.constraints import Unmappable
from tasks.registry.docs import docs_of_class
from tasks.registry.shapes import NO_DEFAULT


@dataclass(frozen=True, slots=True)
class ClassField:
    """One attribute of a class, as its author wrote it."""

    name: str
    """The attribute."""
    annotation: Any
    """With what stands beside the type."""
    default: Any
    """NO_DEFAULT where there is none that is the same for every task."""
    varying_default: str | None
    """The name of a factory that may give something else each time: no default that a schema could show."""
    description: str | None
    """What the class's docs say of it."""


def is_mappable_class(annotation: Any) -> bool:
    """Tell whether it is a class whose fields can be read: a dataclass or a Pydantic model."""
    return isinstance(annotation, type) and (dataclasses.is_dataclass(annotation) or issubclass(annotation, BaseModel))


def fields_of_class(python_class: type) -> list[ClassField]:
    """Read a class's fields. Raises Unmappable where the class is none that can be made from its fields alone."""
    name = python_class.__name__
    if get_args(python_class) or getattr(python_class, "__parameters__", ()):
        raise Unmappable(f"the generic class {name}", "Write a plain class with the types that you use")
    fields = _fields_of_model if issubclass(python_class, BaseModel) else _fields_of_dataclass
    try:
        found = list(fields(python_class))
    except (NameError, PydanticUndefinedAnnotation) as error:
        raise Unmappable(f"{name}, where {error}", "Define or import that name at the top of the module") from error
    if not found:
        raise Unmappable(f"{name}, which has no fields", "GraphQL has no empty types: give it a field or use bool")
    return found


def _fields_of_dataclass(python_class: type) -> Iterator[ClassField]:
    name = python_class.__name__
    if not python_class.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise Unmappable(f"{name}, a dataclass that is not frozen", "Write @dataclass(frozen=True)")
    hints = get_type_hints(python_class, include_extras=True)
    descriptions = docs_of_class(python_class).of_names
    known = {field.name for field in dataclasses.fields(python_class)}
    if unknown := [parameter for parameter in inspect.signature(python_class).parameters if parameter not in known]:
        advice = "Use plain fields: it is made from its fields alone, by name"
        raise Unmappable(f"{name}, whose __init__ takes {unknown[0]!r}, which is none of its fields", advice)
    for field in dataclasses.fields(python_class):
        if not field.init:
            raise Unmappable(f"{name}.{field.name}, a field with init=False", "Make it a plain field or a property")
        missing = field.default is dataclasses.MISSING
        factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
        default, varying = _default(NO_DEFAULT if missing else field.default, factory)
        yield ClassField(field.name, hints[field.name], default, varying, descriptions.get(field.name))


def _fields_of_model(model: type[BaseModel]) -> Iterator[ClassField]:
    name = model.__name__
    if issubclass(model, RootModel):
        raise Unmappable(f"the RootModel {name}", "Annotate what is inside it")
    if computed := list(model.__pydantic_decorators__.computed_fields):
        raise Unmappable(f"{name}, with the computed field {computed[0]!r}", "Make it a plain field")
    if not model.__pydantic_complete__:
        model.model_rebuild()
    descriptions = docs_of_class(model).of_names
    for attribute, info in model.model_fields.items():
        # `Optional[...]` and the like come without what stood beside them, which the field keeps apart.
        annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        default, varying = _default_of(info)
        yield ClassField(attribute, annotation, default, varying, info.description or descriptions.get(attribute))


def _default_of(info: FieldInfo) -> tuple[Any, str | None]:
    if info.is_required():
        return NO_DEFAULT, None
    return _default(NO_DEFAULT if info.default_factory else info.default, info.default_factory)


def _default(default: Any, factory: Any) -> tuple[Any, str | None]:
    if factory is list or factory is dict:
        return factory(), None
    if factory is not None:
        return NO_DEFAULT, getattr(factory, "__qualname__", repr(factory))
    return default, None
