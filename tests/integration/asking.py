"""Asking the real schema, as HTTP does it, without a door before it."""

from collections.abc import Callable
from inspect import isawaitable
from typing import Any, TypeVar

from tasks import database
from tasks.api.execution import Context, Documents, Prepared, execute
from tasks.api.execution.payloads import payload
from tasks.api.schema import schema
from tasks.api.viewer import ANONYMOUS, Viewer
from tasks.models import User

T = TypeVar("T")
DOCUMENTS = Documents(schema)


async def sync(fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Let test set-up write where it may: the event loop is no place for the ORM."""
    return await database.write(fn, *args, **kwargs)


def viewer_of(user: User) -> Viewer:
    return Viewer(user.pk, user.is_staff, None, None)


async def answer(query: str, user: User | None, **variables: Any) -> dict[str, Any]:
    prepared = DOCUMENTS.prepare(query)
    assert isinstance(prepared, Prepared), prepared
    result = execute(prepared, None, variables, Context(ANONYMOUS if user is None else viewer_of(user)))
    return payload(await result if isawaitable(result) else result)


async def data(query: str, user: User | None, **variables: Any) -> Any:
    found = await answer(query, user, **variables)
    assert "errors" not in found, found["errors"]
    return found["data"]


async def code(query: str, user: User | None, **variables: Any) -> str:
    found = await answer(query, user, **variables)
    return str(found["errors"][0]["extensions"]["code"])
