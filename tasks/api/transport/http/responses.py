"""Answers as ASGI messages."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from graphql import ExecutionResult

from tasks.api.transport.http.negotiation import GRAPHQL_RESPONSE

Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

OK, NO_CONTENT, BAD_REQUEST = 200, 204, 400
# Answers depend on who asks and on when.
VARY: Header = (b"vary", b"Accept, Authorization, Cookie, Origin")
_COMMON: tuple[Header, ...] = ((b"cache-control", b"no-store"), VARY)


async def respond(send: Send, status: int, media_type: str, body: bytes, headers: Iterable[Header]) -> None:
    """Send a whole answer. Text is always UTF-8."""
    if status == NO_CONTENT:
        await respond_nothing(send, (*_COMMON, *headers))
        return
    await begin(send, media_type, ((b"content-length", b"%d" % len(body)), *_COMMON, *headers), status)
    await send({"type": "http.response.body", "body": body})


async def begin(send: Send, media_type: str, headers: Iterable[Header], status: int = OK) -> None:
    """Send all that comes before the body."""
    content_type = (b"content-type", media_type.encode("ascii") + b"; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [content_type, *headers]})


async def respond_nothing(send: Send, headers: Iterable[Header]) -> None:
    """Send a 204, which must say nothing of a body, not even that it has no length."""
    await send({"type": "http.response.start", "status": NO_CONTENT, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b""})


def status_of(result: ExecutionResult, media_type: str) -> int:
    """Return 400 where nothing was executed and the client knows how to read that; `application/json` is always 200."""
    if media_type == GRAPHQL_RESPONSE and getattr(result, "not_executed", False):
        return BAD_REQUEST
    return OK


def session_cookie(session_key: str) -> list[Header]:
    """Return the headers that give the browser this session, or with "" take its session away, as Django would."""
    response = HttpResponse()
    if session_key:
        response.set_cookie(
            settings.SESSION_COOKIE_NAME,
            session_key,
            max_age=None if settings.SESSION_EXPIRE_AT_BROWSER_CLOSE else settings.SESSION_COOKIE_AGE,
            domain=settings.SESSION_COOKIE_DOMAIN,
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=settings.SESSION_COOKIE_HTTPONLY,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
    else:
        response.delete_cookie(
            settings.SESSION_COOKIE_NAME,
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
    return [(b"set-cookie", morsel.OutputString().encode("latin1")) for morsel in response.cookies.values()]
