"""What the client sends and what it wants back, read from `Content-Type` and `Accept`. Pure."""

import re
from functools import lru_cache
from typing import Final

from django.http import HttpRequest
from django.utils.http import parse_header_parameters

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
HTML = "text/html"
EVENTS = "text/event-stream"

NOT_ACCEPTABLE = (
    f"none of the media types in Accept can be given: expected {GRAPHQL_RESPONSE}, {JSON} or {EVENTS}. "
    "Subscriptions go over a WebSocket with the subprotocol graphql-transport-ws too, at this same address"
)
MAX_CHARACTERS: Final = 1_000
"""Of a header that is read here, several times as much as any client sends. Django takes the square of it in time."""
_charset = re.compile(r";\s*charset\s*=[^;,]*", re.IGNORECASE)


@lru_cache(maxsize=256)
def media_type(accept: str, *, html: bool) -> str | None:
    """Return the media type of the answer, the client's order among equals; None if there is none it would take.

    Without a header, or for a wildcard, or for one that is too long to be read, it is `application/json`: clients that
    know the newer type name it. A stream of events is for those who take nothing else, and for subscriptions (see
    `streams`).
    """
    if len(accept) > MAX_CHARACTERS or not accept.strip():
        return JSON
    request = _asking_for(accept)
    preferred: str | None = request.get_preferred_type([JSON, GRAPHQL_RESPONSE, *([HTML] if html else [])])
    return preferred or request.get_preferred_type([EVENTS])


@lru_cache(maxsize=256)
def streams(accept: str) -> bool:
    """Tell whether a subscription may be answered with a stream of events: they are named, and not refused."""
    if len(accept) > MAX_CHARACTERS:
        return False
    return EVENTS in accept.lower() and _asking_for(accept).get_preferred_type([EVENTS]) is not None


@lru_cache(maxsize=256)
def content_fault(content_type: str, content_encoding: str) -> tuple[int, str] | None:
    """Return the status and the reason why such a body can't be read, or None if it can: JSON in UTF-8, as it is."""
    if not content_type:
        return 415, f"Content-Type is missing: expected {JSON}"
    if len(content_type) > MAX_CHARACTERS:
        return 415, f"Content-Type is too long: expected {JSON}"
    kind, parameters = parse_header_parameters(content_type)
    if kind != JSON:
        return 415, f"Content-Type {content_type[:100]!r} is not understood: expected {JSON}"
    charset = parameters.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        return 415, f"charset {charset[:100]!r} is not understood: expected utf-8"
    if content_encoding.lower() not in ("", "identity"):
        return 400, f"Content-Encoding {content_encoding[:100]!r} is not understood: send the body as it is"
    return None


def _asking_for(accept: str) -> HttpRequest:
    request = HttpRequest()
    request.META["HTTP_ACCEPT"] = _charset.sub("", accept)
    return request
