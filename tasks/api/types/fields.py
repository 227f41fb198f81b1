"""How fields get their values: computed from the source alone, or by a resolver."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Self, TypeVar, cast

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from tasks.api.execution.documents import CHANGES_DATA

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


def subscribed(description: str, *, changes_data: bool = False) -> Callable[[F], F]:
    """Make a function the resolver of a subscription.

    Its argument `after`, where it has one, is what a Last-Event-ID says, whatever the document says. With
    `changes_data` it is as guarded as a mutation: no GET opens it.
    """

    def subscription(resolver: F) -> F:
        metadata = {CHANGES_DATA: True} if changes_data else None
        opener = _resumed(resolver) if "after" in signature(resolver).parameters else resolver
        return cast("F", strawberry.subscription(opener, description=description, metadata=metadata))

    return subscription


def _resumed(resolver: F) -> F:
    @wraps(resolver)
    async def resumed(*args: Any, info: Info, **arguments: Any) -> Any:
        if info.context.resume_after is not None:
            arguments["after"] = info.context.resume_after
        return await resolver(*args, info=info, **arguments)

    return cast("F", resumed)
