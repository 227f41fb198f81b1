"""The parameters of a GraphQL request: read from the body or the query string, and type-checked."""

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Never
from urllib.parse import parse_qsl

import orjson

from tasks.api.transport.http.refusals import ClientGone, Refused

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

BODY_SECONDS = 60.0
"""How long a client may take to send its body."""
DRAINED = 16
"""A body of up to this many times the limit is read to its end and thrown away, so that the client, which may not
listen before it has sent everything, learns why it was refused."""

# orjson turns an integer over 64 bits into a float without a word. Digits like that go the exact way.
_long_number = re.compile(rb"[0-9]{19}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """One GraphQL request, each part of the right type."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None


async def read_body(receive: Receive, content_length: bytes | None, limit: int) -> bytes:
    """Return the whole body. Raises `Refused` (over `limit`, too slow) or `ClientGone`."""
    if content_length is not None and len(content_length) < 20 and content_length.isdigit():  # noqa: PLR2004 - of int64
        await _check_length(receive, int(content_length), limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                body: bytes = message.get("body", b"")
                if len(body) > limit:
                    raise _too_large(limit)
                return body
            return await _read_on(receive, message, limit)
    except TimeoutError:
        raise Refused(408, f"The body did not come within {BODY_SECONDS:.0f} seconds") from None


async def _read_on(receive: Receive, message: Mapping[str, Any], limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit * DRAINED:
            break
        if not message.get("more_body"):
            break
        message = await receive()
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


async def _check_length(receive: Receive, length: int, limit: int) -> None:
    if length <= limit:
        return
    if length <= limit * DRAINED:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await _read_on(receive, await receive(), limit)
        except TimeoutError:
            pass  # it is refused all the same
    raise _too_large(limit)


def from_body(body: bytes) -> Parameters:
    """Read the parameters from a JSON body. Raises `Refused`, whatever the bytes are."""
    if not body:
        raise Refused(400, 'The body is empty: expected {"query": "..."}')
    parameters = _json(body, "the body")
    if not isinstance(parameters, dict):
        what = "a batch, which is not served" if isinstance(parameters, list) else _kind(parameters)
        raise Refused(400, f'The body is {what}: expected one object, {{"query": "..."}}')
    return _checked(parameters)


def from_query_string(query_string: bytes) -> Parameters:
    """Read the parameters from a URL, where `variables` and `extensions` are JSON. Raises `Refused`."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=50)
    except ValueError:
        raise Refused(400, "The query string is not percent-encoded UTF-8") from None
    parameters: dict[str, Any] = dict(pairs)
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _json(parameters[name].encode(), name)
    return _checked(parameters)


def _checked(parameters: dict[str, Any]) -> Parameters:
    query = parameters.get("query")
    if not isinstance(query, str):
        raise Refused(400, f"query is {_kind(query) if 'query' in parameters else 'missing'}: expected a string")
    operation_name = parameters.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise Refused(400, f"operationName is {_kind(operation_name)}: expected a string or null")
    for name in ("variables", "extensions"):
        value = parameters.get(name)
        if value is not None and not isinstance(value, dict):
            raise Refused(400, f"{name} is {_kind(value)}: expected an object or null")
    return Parameters(query, operation_name, parameters.get("variables"), parameters.get("extensions"))


def _json(text: bytes, what: str) -> Any:
    """Parse JSON exactly: long integers keep their digits, and lone surrogates are left for the types to refuse."""
    try:
        if not _long_number.search(text):
            return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text.decode("utf-8"), parse_float=_finite, parse_constant=_no_constant)
    except RecursionError:
        raise Refused(400, f"{what} is nested too deeply") from None
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not valid JSON"
        raise Refused(400, f"{what} is {reason}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _no_constant(text: str) -> Never:
    raise ValueError(text)


def _kind(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The body is over {limit} bytes", code="TOO_LARGE")
