"""The vocabulary of graphql-transport-ws: message types, close codes, what a valid message is. Pure.

The rules are those of PROTOCOL.md in the graphql-ws repository. A message that breaks one is a `Refusal`, which
names the close code; nothing here knows of a socket.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from json import JSONDecoder, JSONEncoder
from typing import Any, Final, Never

SUBPROTOCOL: Final = "graphql-transport-ws"
MAX_REASON_BYTES: Final = 123
"""What RFC 6455 leaves for the reason in a close frame."""


class CloseCode(IntEnum):
    """Why the server closes a socket. Clients come back by themselves except after the ones marked fatal.

    All are in the range for private use, since daphne refuses to send another one.
    """

    BAD_REQUEST = 4400
    """Fatal. A message that the protocol does not know, of the wrong shape, or over MAX_BODY_BYTES."""
    UNAUTHORIZED = 4401
    """Fatal. An operation before the connection was acknowledged."""
    FORBIDDEN = 4403
    """A bad or expired token, or nothing but a cookie from a foreign page."""
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    """Fatal. The client does not offer graphql-transport-ws."""
    INITIALISATION_TIMEOUT = 4408
    """No connection_init in time."""
    ALREADY_EXISTS = 4409
    """Fatal. The id of an operation that is still running."""
    TOO_MANY_INITIALISATIONS = 4429
    """Fatal. A second connection_init."""
    TERMINATED = 4499
    """The peer did not answer a ping."""
    INTERNAL = 4500
    """Fatal. Our fault; the log has the traceback."""
    TRY_AGAIN_LATER = 4503
    """What would tell who this is can't be reached just now."""


class Refusal(Exception):
    """The peer broke a rule of the protocol, and the socket is to be closed. `reason` fits a close frame."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = fit_reason(reason)


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The first message of a connection, with whatever the client presents as credentials."""

    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Start one operation: query, mutation or subscription. All its messages carry `id`."""

    id: str
    query: str
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Complete:
    """The client has heard enough of `id`. An id that is not running is no fault: both sides may end at once."""

    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered by a pong with the same payload."""

    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    """A sign of life, asked for or not."""

    payload: dict[str, Any] | None


Message = ConnectionInit | Subscribe | Complete | Ping | Pong

# --- what comes in -------------------------------------------------------------------------------------------------


def parse(frame: str | bytes, max_bytes: int) -> Message:
    """Read the message in one frame, text or binary alike. Raises `Refusal`."""
    message = _decode(frame, max_bytes)
    if not isinstance(message, dict):
        raise _bad(f"expected a message to be an object, got {_named(message)}")
    kind = message.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        known = ", ".join(_READERS)
        raise _bad(f"expected 'type' to be one of {known}, got {_quoted(kind)}")
    return read(message)


def fit_reason(reason: str) -> str:
    """Cut a close reason to what a close frame holds, between characters."""
    encoded = reason.encode("utf-8", "backslashreplace")
    if len(encoded) > MAX_REASON_BYTES:
        encoded = encoded[: MAX_REASON_BYTES - 3]
        return encoded.decode("utf-8", "ignore") + "..."
    return encoded.decode()


def _decode(frame: str | bytes, max_bytes: int) -> Any:
    size = len(frame)
    # A character is one to four bytes, so most frames need no encoding to be measured.
    if size > max_bytes or (isinstance(frame, str) and size * 4 > max_bytes and len(frame.encode()) > max_bytes):
        raise _bad(f"expected a message of at most {max_bytes} bytes")
    try:
        return _DECODER.decode(frame if isinstance(frame, str) else frame.decode())
    except UnicodeDecodeError:
        raise _bad("expected a message in UTF-8") from None
    except (ValueError, RecursionError):
        raise _bad("expected a message in JSON") from None


def _read_init(message: dict[str, Any]) -> ConnectionInit:
    return ConnectionInit(_object_or_none(message, "payload", "'payload'"))


def _read_ping(message: dict[str, Any]) -> Ping:
    return Ping(_object_or_none(message, "payload", "'payload'"))


def _read_pong(message: dict[str, Any]) -> Pong:
    return Pong(_object_or_none(message, "payload", "'payload'"))


def _read_complete(message: dict[str, Any]) -> Complete:
    return Complete(_id(message))


def _read_subscribe(message: dict[str, Any]) -> Subscribe:
    identifier = _id(message)
    payload = message.get("payload")
    if not isinstance(payload, dict):
        raise _bad(f"expected 'payload' to be an object, got {_named(payload)}")
    query, name = payload.get("query"), payload.get("operationName")
    if not isinstance(query, str):
        raise _bad(f"expected 'payload.query' to be a string, got {_named(query)}")
    if name is not None and not isinstance(name, str):
        raise _bad(f"expected 'payload.operationName' to be a string or null, got {_named(name)}")
    variables = _object_or_none(payload, "variables", "'payload.variables'")
    extensions = _object_or_none(payload, "extensions", "'payload.extensions'")
    return Subscribe(identifier, query, name, variables, extensions)


_READERS: Final[dict[str, Callable[[dict[str, Any]], Message]]] = {
    "connection_init": _read_init,
    "subscribe": _read_subscribe,
    "complete": _read_complete,
    "ping": _read_ping,
    "pong": _read_pong,
}
"""What a client may send. `next`, `error` and `connection_ack` are the server's alone."""


def _id(message: dict[str, Any]) -> str:
    identifier = message.get("id")
    if not isinstance(identifier, str):
        raise _bad(f"expected 'id' to be a string, got {_named(identifier)}")
    if not identifier:
        raise _bad("expected 'id' to be a string that is not empty")
    return identifier


def _object_or_none(holder: dict[str, Any], key: str, name: str) -> dict[str, Any] | None:
    value = holder.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise _bad(f"expected {name} to be an object or null, got {_named(value)}")


def _bad(reason: str) -> Refusal:
    return Refusal(CloseCode.BAD_REQUEST, reason)


def _named(value: object) -> str:
    """JSON's word for the type of a decoded value."""
    return _JSON_NAMES.get(type(value), "an object")


_JSON_NAMES: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
}


def _quoted(kind: object) -> str:
    return repr(kind[:40]) if isinstance(kind, str) else _named(kind)


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


# The standard decoder, since integers of any size must arrive unrounded; NaN and Infinity are no JSON.
_DECODER: Final = JSONDecoder(parse_constant=_no_constant)

# --- what goes out -------------------------------------------------------------------------------------------------

# Only ASCII leaves: whatever string a client chose as its id, a lone surrogate too, comes back as it was.
_ENCODER: Final = JSONEncoder(ensure_ascii=True, separators=(",", ":"))

ACK: Final = '{"type":"connection_ack"}'
PING: Final = '{"type":"ping"}'
_PONG: Final = '{"type":"pong"}'


def pong(payload: dict[str, Any] | None) -> str:
    """Answer a ping, with its payload. Raises `Refusal` where that is too deep to be written again."""
    if payload is None:
        return _PONG
    try:
        return f'{{"type":"pong","payload":{_ENCODER.encode(payload)}}}'
    except RecursionError:
        raise _bad("expected 'payload' to be less deeply nested") from None


def next_prefix(identifier: str) -> str:
    """Write what stands before the payload of each `next` of one operation; `}` closes it."""
    return f'{{"id":{_ENCODER.encode(identifier)},"type":"next","payload":'


def error(identifier: str, errors: str) -> str:
    """Write the `error` that ends an operation; `errors` is an encoded, non-empty list of GraphQL errors."""
    return f'{{"id":{_ENCODER.encode(identifier)},"type":"error","payload":{errors}}}'


def complete(identifier: str) -> str:
    """Write the end of an operation that had no fault."""
    return f'{{"id":{_ENCODER.encode(identifier)},"type":"complete"}}'
