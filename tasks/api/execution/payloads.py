"""Results as bytes, and the one place where an error becomes what the client reads of it."""

import json
import logging
from typing import Any, Final
from uuid import uuid4

import orjson
from graphql import ExecutionResult, GraphQLError
from graphql.language import FieldNode

from tasks.api.execution.documents import BAD_USER_INPUT
from tasks.errors import Misconfigured, TaskfeedError

logger = logging.getLogger("tasks.api")

INTERNAL = "INTERNAL"
MAX_MESSAGE_CHARACTERS: Final = 600
_OURS_ALONE = (INTERNAL, Misconfigured.code)


def encode(result: ExecutionResult) -> bytes:
    """Return `{"data": ..., "errors": [...]}` as JSON. No `data` at all where nothing was executed."""
    return dumps(payload(result))


def payload(result: ExecutionResult) -> dict[str, Any]:
    """Return the result as the object that goes over the wire."""
    if not result.errors:
        return {"data": result.data}
    errors = formatted(result.errors)
    if result.data is None and getattr(result, "not_executed", False):
        return {"errors": errors}
    return {"data": result.data, "errors": errors}


def formatted(errors: list[GraphQLError]) -> list[dict[str, Any]]:
    """Return errors as the client may see them; whatever nobody expected is logged and told by an id alone."""
    return [_formatted(error) for error in errors]


def fault(message: str, code: str, **extensions: Any) -> bytes:
    """Return a response of one error that no document had a part in, as JSON."""
    return dumps({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]})


def dumps(value: Any) -> bytes:
    """Return JSON, also of what orjson refuses: integers over 64 bits, lone surrogates, 255 levels and more."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def _formatted(error: GraphQLError) -> dict[str, Any]:
    cause = _cause(error)
    extensions = dict(error.extensions or {})
    message = error.message
    if isinstance(cause, TaskfeedError) and cause.code not in _OURS_ALONE:
        extensions["code"] = cause.code
    elif _is_about_the_request(error):
        extensions.setdefault("code", BAD_USER_INPUT)
        message = message.partition(", but encountered error")[0]  # what follows is a scalar's exception
    else:
        message, extensions = "Internal error", {"code": INTERNAL, "id": _logged(error, cause)}
    answer: dict[str, Any] = {"message": _cut(message)}
    if error.locations:
        answer["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        answer["path"] = error.path
    answer["extensions"] = extensions
    return answer


def _cut(message: str) -> str:
    """Shorten what repeats a large part of the request: each of several faults would send it back whole."""
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else message[: MAX_MESSAGE_CHARACTERS - 1] + "…"


def _cause(error: GraphQLError) -> Exception | None:
    """Return what was raised underneath, which GraphQL wraps once for each level it passes."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _is_about_the_request(error: GraphQLError) -> bool:
    """Tell faults in the request from graphql-core's complaints about what a resolver returned.

    Both are bare GraphQLErrors. Those about the request have a code of ours, or no path since nothing ran, or they
    point at an argument; those about a resolver's answer have a path and point at the field.
    """
    origin: GraphQLError = error
    while isinstance(origin.original_error, GraphQLError):
        origin = origin.original_error
    if "code" in (error.extensions or {}) or "code" in (origin.extensions or {}):
        return True
    if not error.path:
        return bool(error.nodes) or error.original_error is None
    return origin.nodes is not None and not isinstance(origin.nodes[0], FieldNode)


def _logged(error: GraphQLError, cause: Exception | None) -> str:
    error_id = uuid4().hex
    logger.error(
        "Unexpected error %s at %s",
        error_id,
        ".".join(map(str, error.path or ())) or "the operation",
        exc_info=cause or error,
        extra={"error_id": error_id, "path": error.path},
    )
    return error_id
