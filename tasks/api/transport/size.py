"""Requests and handshakes with more headers than anybody may make us read: no server of ours has a limit of its own."""

from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings

from tasks.api.execution.limits import TOO_LARGE
from tasks.api.execution.payloads import fault
from tasks.api.transport.http.negotiation import JSON
from tasks.api.transport.http.responses import Send, respond


def has_too_many_headers(scope: Mapping[str, Any]) -> bool:
    """Tell whether the headers, names and values, are over MAX_HEADERS_BYTES."""
    size, limit = 0, cast("int", settings.MAX_HEADERS_BYTES)
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    return size > limit


async def refuse_headers(send: Send) -> None:
    """Answer 431."""
    body = fault(f"The headers are over {settings.MAX_HEADERS_BYTES} bytes", TOO_LARGE)
    await respond(send, 431, JSON, body, ())
