"""How fields get their values: computed from the source alone, or by a resolver."""

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

Compute = Callable[[Any], Any]
F = TypeVar("F", bound=Callable[..., Any])


class DerivedField(StrawberryField):
    """A field whose value is `compute(source)`.

    Strawberry takes it for a plain attribute (it has no resolver), so it pays for neither an Info nor arguments.
    """

    compute: Compute

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: Any) -> Any:  # noqa: ARG002 - Strawberry's signature
        """Compute the value."""
        return self.compute(source)

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.compute = self.compute
        return copied


def derived(compute: Compute, description: str | None = None, name: str | None = None) -> Any:
    """Declare a field as `compute(source)`; `name` is its GraphQL name where Python has no such name."""
    field = DerivedField(graphql_name=name, description=description)
    field.compute = compute
    return field


def resolved(description: str) -> Callable[[F], F]:
    """Make a function the resolver of a field. Like `strawberry.field`, which takes a function's types from mypy."""
    return cast("Callable[[F], F]", strawberry.field(description=description))


def subscribed(description: str) -> Callable[[F], F]:
    """Make a function the resolver of a subscription."""
    return cast("Callable[[F], F]", strawberry.subscription(description=description))
