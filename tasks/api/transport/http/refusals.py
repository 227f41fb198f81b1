"""A request that ends before GraphQL sees it."""

from collections.abc import Iterable
from typing import Any

from tasks.api.execution.documents import BAD_USER_INPUT
from tasks.api.execution.payloads import fault

Headers = Iterable[tuple[bytes, bytes]]


class Refused(Exception):
    """Answered with `status` and one GraphQL error, as JSON."""

    def __init__(
        self, status: int, message: str, code: str = BAD_USER_INPUT, headers: Headers = (), **extensions: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = list(headers)
        self.body = fault(message, code, **extensions)


class ClientGone(Exception):
    """Nobody is left to answer."""
