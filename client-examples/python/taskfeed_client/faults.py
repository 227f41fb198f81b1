"""Why an operation has ended without its result. What passes by itself is retried, and never seen here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gql.transport.exceptions import TransportError, TransportQueryError
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed, InvalidStatus

from taskfeed_client.updates import Mistake

PASSING_CODES: Final = frozenset({"UNAVAILABLE", "TIMED_OUT"})
"""Codes of a server that can't do it just now."""
PASSING_STATUSES: Final = frozenset({429, 500, 502, 503, 504})
"""Of a server, or of a proxy before it, that opens no socket just now."""
LASTING_CLOSES: Final = frozenset({4400, 4401, 4406, 4409, 4429, 4500})
"""Closes after which the same would happen again: the client's fault, or the server's."""
EXPIRED_CLOSE: Final = 4403
_MISTAKES: Final[TypeAdapter[list[Mistake]]] = TypeAdapter(list[Mistake])


class OperationFailed(Exception):
    """The server has refused the operation, and would again. `code` is its stable name."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Unauthenticated(OperationFailed):
    """The token is unknown, or has expired."""


class Denied(OperationFailed):
    """This user, or this watch token, may not do it."""


class NotFound(OperationFailed):
    """No such task, as far as this user may know."""


class OtherTaskType(OperationFailed):
    """The task is there, and of another type than it was asked for as."""


class Refused(OperationFailed):
    """It was not done. `mistakes` says what to mend, each with its `path` into the input."""

    def __init__(self, mistakes: Sequence[Mapping[str, Any]]) -> None:
        # Of runTask they come without their type, in an error's extensions.
        self.mistakes = _MISTAKES.validate_python([{"__typename": "", **mistake} for mistake in mistakes])
        super().__init__("; ".join(mistake.message for mistake in self.mistakes), self.mistakes[0].code)


class Unreachable(Exception):
    """Nothing was heard from the server for `patience_seconds`; `__cause__` is the last thing that went wrong."""


_BY_CODE: Final[Mapping[str, type[OperationFailed]]] = {
    "UNAUTHENTICATED": Unauthenticated,
    "FORBIDDEN": Denied,
    "NOT_FOUND": NotFound,
}


def lasting(fault: TransportError | OSError | TimeoutError) -> OperationFailed | None:
    """Return the error to end with; None where the operation is worth sending again."""
    if isinstance(fault, TransportQueryError):
        return _answered((fault.errors or [{"message": str(fault)}])[0])
    for cause in _causes(fault):
        if isinstance(cause, ConnectionClosed) and cause.rcvd is not None:
            return _closed(cause.rcvd.code, cause.rcvd.reason)
        if isinstance(cause, InvalidStatus) and cause.response.status_code not in PASSING_STATUSES:
            return OperationFailed(str(cause), f"HTTP_{cause.response.status_code}")
    return None


def _answered(error: Mapping[str, Any]) -> OperationFailed | None:
    extensions = error.get("extensions") or {}
    code = str(extensions.get("code", "UNKNOWN"))
    if code in PASSING_CODES:
        return None
    if extensions.get("errors"):
        return Refused(extensions["errors"])
    return _BY_CODE.get(code, OperationFailed)(str(error.get("message")), code)


def _closed(code: int, reason: str) -> OperationFailed | None:
    if code == EXPIRED_CLOSE:
        return Unauthenticated(reason, "UNAUTHENTICATED")
    return OperationFailed(reason, f"CLOSED_{code}") if code in LASTING_CLOSES else None


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__
