"""From shapes to Pydantic, in two ways: reading what GraphQL or storage gives, and writing what handlers give as JSON.

Reading takes a scalar as GraphQL coerced it or as it was stored, and keys in GraphQL or Python names; it makes the
author's own objects. Writing takes real Python values alone, strictly, checks them by the same rules, and gives what is
stored: keys in Python names, enums by their member's name. The author's own validators run in both, so what they return
must pass them unchanged.
"""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from tasks.registry.constraints import Unmappable
from tasks.registry.converters import attributes, enum_reader, enum_writer, maker, taker
from tasks.registry.faults import faults_of, summary
from tasks.registry.scalars import SCALARS
from tasks.registry.shapes import (
    NO_DEFAULT,
    EnumShape,
    FieldShape,
    ListShape,
    ObjectShape,
    OptionalShape,
    ScalarShape,
    Shape,
    in_graphql_names,
)

_READ_CONFIG = ConfigDict(extra="forbid", validate_by_alias=True, validate_by_name=True, protected_namespaces=())
_WRITE_CONFIG = ConfigDict(extra="forbid", protected_namespaces=())
_PLAIN_SCALARS = frozenset({"String", "Int", "Float", "Boolean", "JSON"})


def is_json_already(shape: Shape) -> bool:
    """Tell whether the checked Python values are what is stored, so that nothing is left to write."""
    match shape:
        case ScalarShape(name=name):
            return name in _PLAIN_SCALARS
        case ListShape(of=of) | OptionalShape(of=of):
            return is_json_already(of)
        case _:
            return False


class Codec:
    """Makes the Pydantic types of one task type. Each class is made once, for reading and for writing."""

    def __init__(self) -> None:
        self._readers: dict[str, type[BaseModel]] = {}
        self._writers: dict[str, type[BaseModel]] = {}

    def check(self, field: FieldShape) -> None:
        """Raise Unmappable where a field's default does not fit, Pydantic's errors where its constraints don't."""
        self.check_shape(field.shape)
        self._reading(field)

    def check_shape(self, shape: Shape) -> None:
        """Raise what `check` raises, for what has no default."""
        TypeAdapter(self.reader(shape))

    # --- reading -------------------------------------------------------------------------------------------------

    def reader(self, shape: Shape) -> Any:
        """Return the annotation that reads this shape."""
        match shape:
            case ScalarShape(name=name, constraints=constraints):
                scalar = SCALARS[name]
                after = (AfterValidator(scalar.clean),) if scalar.clean else ()
                before = (BeforeValidator(scalar.read),) if scalar.read else ()
                described = (WithJsonSchema(dict(scalar.json_schema)),) if scalar.json_schema else ()
                return Annotated[(scalar.python_type, *scalar.checks, *constraints, *after, *before, *described)]
            case EnumShape():
                names = [member.graphql_name for member in shape.members]
                schema = {"type": "string", "enum": names}
                if shape.description:
                    schema["description"] = shape.description
                return Annotated[Any, PlainValidator(enum_reader(shape)), WithJsonSchema(schema)]
            case ListShape(of=of, constraints=constraints):
                return Annotated[(list[self.reader(of)], Strict(), *constraints)]  # type: ignore[misc]
            case OptionalShape(of=of):
                return self.reader(of) | None
            case ObjectShape(python_class=python_class):
                model = self.reading_model(shape)
                return Annotated[model, AfterValidator(maker(python_class, shape))] if python_class else model

    def reading_model(self, shape: ObjectShape) -> type[BaseModel]:
        """Return the model that reads an object's fields; its instances have them by their Python names."""
        if shape.graphql_name not in self._readers:
            fields = {field.python_name: (self.reader(field.shape), self._reading(field)) for field in shape.fields}
            self._readers[shape.graphql_name] = _model(shape, _READ_CONFIG, fields)
        return self._readers[shape.graphql_name]

    def _reading(self, field: FieldShape) -> Any:
        known: dict[str, Any] = {"alias": field.graphql_name, "description": field.description}
        if field.default is not NO_DEFAULT:
            default = in_graphql_names(field.shape, self._default_as_json(field))
            return Field(default=field.default, json_schema_extra={"default": default}, **known)
        if isinstance(field.shape, OptionalShape):
            # In GraphQL whatever may be null may be left out.
            return Field(default=None, **known)
        return Field(**known)

    def _default_as_json(self, field: FieldShape) -> Any:
        try:
            return TypeAdapter(self.writer(field.shape)).validate_python(field.default)
        except ValidationError as error:
            faults = summary(faults_of(error))
            found = f"the default {field.default!r} of {field.python_name!r}, which its annotation refuses ({faults})"
            raise Unmappable(found, "Give a default that fits, or Optional[...] for None") from error

    # --- writing -------------------------------------------------------------------------------------------------

    def writer(self, shape: Shape) -> Any:
        """Return the annotation that checks real Python values of this shape and turns them into JSON."""
        match shape:
            case ScalarShape(name=name, constraints=constraints):
                scalar = SCALARS[name]
                after = tuple(AfterValidator(function) for function in (scalar.clean, scalar.write) if function)
                return Annotated[(scalar.python_type, *scalar.checks, *constraints, *after)]
            case EnumShape():
                return Annotated[Any, PlainValidator(enum_writer(shape))]
            case ListShape(of=of, constraints=constraints):
                return Annotated[(list[self.writer(of)], Strict(), *constraints)]  # type: ignore[misc]
            case OptionalShape(of=of):
                return self.writer(of) | None
            case ObjectShape(python_class=python_class):
                take_apart = (BeforeValidator(taker(python_class, shape)),) if python_class else ()
                return Annotated[(self._writing_model(shape), *take_apart, AfterValidator(attributes))]

    def _writing_model(self, shape: ObjectShape) -> type[BaseModel]:
        if shape.graphql_name not in self._writers:
            fields = {field.python_name: (self.writer(field.shape), Field()) for field in shape.fields}
            self._writers[shape.graphql_name] = _model(shape, _WRITE_CONFIG, fields)
        return self._writers[shape.graphql_name]


def _model(shape: ObjectShape, config: ConfigDict, fields: Mapping[str, Any]) -> type[BaseModel]:
    with warnings.catch_warnings():
        # A parameter may well be called `json` or `copy`: we never call these methods of the model.
        warnings.filterwarnings("ignore", message="Field name .* shadows an attribute", category=UserWarning)
        model: type[BaseModel] = create_model(
            shape.graphql_name, __config__=config, __doc__=shape.description, __module__=__name__, **fields
        )
    return model
