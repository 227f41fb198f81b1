"""JSON Schema, draft 2020-12, of arguments and results."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema


class SchemaGenerator(GenerateJsonSchema):
    """JSON Schema with its dialect named, and without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say no."""
        del schema
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Add the dialect."""
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}
