"""What the generated types are made of, beside Pydantic."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class OpenEnum(StrEnum):
    """An enum that takes members which the server has got since the client was generated.

    Such a member is not among those listed, has `is_known` false, and compares equal to its text.
    """

    @property
    def is_known(self) -> bool:
        """Whether the schema that the client was generated from has it."""
        return self.name in type(self).__members__

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


@dataclass(frozen=True)
class ServerDefault:
    """Marks an input's field that the server fills in where it is left out; `value` is what it takes."""

    value: Any
