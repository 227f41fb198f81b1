"""Whether a request may come in: host and origin, judged by Django's own functions and remembered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware

REMEMBERED_VERDICTS = 1_000
_SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Django makes of a request's host, scheme and origin."""

    host_allowed: bool
    trusts_origin: bool
    """There is no Origin header, or it is our own host or one of CSRF_TRUSTED_ORIGINS."""
    has_origin: bool
    redirects: bool
    """SECURE_SSL_REDIRECT sends it to https."""
    headers: tuple[tuple[bytes, bytes], ...]
    """The security headers that Django's middleware would put on the answer; and for an origin among
    CORS_ALLOWED_ORIGINS those that let its pages read it."""
    preflight_headers: tuple[tuple[bytes, bytes], ...] = ()
    """The same for a browser that asks beforehand what such a page may send."""


class Door:
    """Judges by the few headers that count, once for each combination of them. Reads the settings when it is made."""

    def __init__(self) -> None:
        csrf: Any = CsrfViewMiddleware(_nothing)
        self._origin_verified: Callable[[HttpRequest], bool] = csrf._origin_verified  # noqa: SLF001 - Django's own check
        self._security = SecurityMiddleware(_nothing)
        self._frames = XFrameOptionsMiddleware(_nothing)
        self._cors = CorsMiddleware(_nothing)
        self._names = [b"host", b"origin"]
        if settings.USE_X_FORWARDED_HOST:
            self._names.append(b"x-forwarded-host")
        if settings.USE_X_FORWARDED_PORT:
            self._names.append(b"x-forwarded-port")
        if settings.SECURE_PROXY_SSL_HEADER:
            name = settings.SECURE_PROXY_SSL_HEADER[0].removeprefix("HTTP_").replace("_", "-")
            self._names.append(name.lower().encode("ascii"))
        self._known: dict[tuple[Any, ...], Verdict] = {}

    def judge(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Verdict:
        """Return the verdict on an HTTP or WebSocket scope; `headers` are the scope's as a mapping."""
        key = (scope.get("scheme"), tuple(scope.get("server") or ()), *map(headers.get, self._names))
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._judge(scope)
            if len(self._known) >= REMEMBERED_VERDICTS:
                self._known.clear()
            self._known[key] = verdict
        return verdict

    def https_location(self, scope: Mapping[str, Any]) -> str:
        """Return where a request that `redirects` has to go."""
        response = self._security.process_request(ASGIRequest(dict(scope), BytesIO()))
        return str(response["Location"]) if response is not None else ""

    def _judge(self, scope: Mapping[str, Any]) -> Verdict:
        scheme = scope.get("scheme", "http")
        request = ASGIRequest(
            {**scope, "method": "GET", "query_string": b"", "scheme": _SCHEMES.get(scheme, scheme)}, BytesIO()
        )
        try:
            request.get_host()
        except DisallowedHost:
            return Verdict(host_allowed=False, trusts_origin=False, has_origin=True, redirects=False, headers=())
        has_origin = "HTTP_ORIGIN" in request.META
        headers = self._headers(request)
        request.method = "OPTIONS"
        return Verdict(
            host_allowed=True,
            trusts_origin=not has_origin or self._origin_verified(request),
            has_origin=has_origin,
            redirects=self._security.process_request(request) is not None,
            headers=headers,
            preflight_headers=self._headers(request),
        )

    def _headers(self, request: HttpRequest) -> tuple[tuple[bytes, bytes], ...]:
        response = HttpResponse()
        del response["Content-Type"]
        self._frames.process_response(request, self._security.process_response(request, response))
        self._cors.add_response_headers(request, response)
        del response["Vary"]  # every answer has one that says more
        return tuple((name.lower().encode(), value.encode("latin1")) for name, value in response.items())


def header_map(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Return a scope's headers by their lower-case names; what comes more than once is joined as Django joins it."""
    pairs = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        joined: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            joined.setdefault(name, []).append(value)
        headers = {name: (b"; " if name == b"cookie" else b",").join(values) for name, values in joined.items()}
    return headers


def _nothing(_request: Any) -> HttpResponse:
    return HttpResponse()
