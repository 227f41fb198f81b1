"""One HTTP request: what it says in its headers, and where it comes from."""

from typing import Any, NamedTuple

from django.conf import settings

from tasks.api.transport.http import negotiation
from tasks.api.transport.http.body import Receive
from tasks.api.transport.http.door import Verdict
from tasks.api.transport.http.refusals import Refused
from tasks.api.viewer import Credentials, session_key_of


class Request(NamedTuple):
    """One HTTP request, and what the door makes of it."""

    scope: dict[str, Any]
    receive: Receive
    headers: dict[bytes, bytes]
    verdict: Verdict
    method: str

    def header(self, name: bytes) -> str:
        """Return a header's value, "" where it is missing."""
        return self.headers.get(name, b"").decode("latin1")

    def credentials(self, is_from_our_page: bool) -> Credentials:
        """Return what the caller shows to be known by. A cookie counts only where no foreign page can have sent it."""
        cookie = self.header(b"cookie")
        authorization = self.header(b"authorization") if b"authorization" in self.headers else None
        return Credentials(authorization, session_key_of(cookie) if cookie and is_from_our_page else None)

    def streams(self) -> bool:
        """Tell whether a subscription may be answered with a stream of events."""
        return negotiation.streams(self.header(b"accept"))

    def media_type(self) -> str | None:
        """Return the media type of the answer, None where the client would take none that we have."""
        return negotiation.media_type(self.header(b"accept"), html=self.method == "GET" and settings.GRAPHIQL)


def check_origin(request: Request) -> bool:
    """Tell whether a program or a page that may use our cookies sent this, and not a foreign page with a token.

    Raises `Refused` for a foreign page without one: a browser adds its cookies to such a request, but never a bearer
    token of its own accord; and a login or a registration from there is no better for having no cookie yet.
    """
    verdict = request.verdict
    foreign = request.headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and not verdict.has_origin
    if b"authorization" in request.headers:
        return verdict.trusts_origin and not foreign
    if not verdict.trusts_origin:
        raise Refused(403, "this Origin is not trusted: see CSRF_TRUSTED_ORIGINS, or send a token", "FORBIDDEN")
    if foreign and (request.method == "POST" or request.streams()):
        raise Refused(403, "a page of another site sent this: expected an Origin that is trusted", "FORBIDDEN")
    return True
