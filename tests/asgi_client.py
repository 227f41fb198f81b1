"""A client that calls an ASGI application in this very loop: no socket, no server, no thread."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

Application = Callable[..., Awaitable[None]]


@dataclass
class Response:
    """What the application sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for key, value in self.headers if key == name]

    def json(self) -> Any:
        """Return the body, which must be JSON."""
        return json.loads(self.body)


@dataclass
class AsgiClient:
    """Sends one request at a time. `disconnect` ends the connection while the application is at work."""

    application: Application
    headers: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "http"
    peer: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.disconnect = asyncio.Event()

    async def get(self, headers: Mapping[str, str] | None = None, **parameters: str) -> Response:
        """Send a GET with these in the query string."""
        return await self.request("GET", query_string=urlencode(parameters).encode(), headers=headers)

    async def post(self, body: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Send a POST: bytes as they are, anything else as JSON."""
        content = {"content-type": "application/json", **(headers or {})}
        chunks = [body if isinstance(body, bytes) else json.dumps(body).encode()]
        return await self.request("POST", headers=content, chunks=chunks)

    async def request(
        self,
        method: str,
        *,
        path: str = "/graphql",
        query_string: bytes = b"",
        headers: Mapping[str, str] | None = None,
        chunks: Sequence[bytes] = (b"",),
    ) -> Response:
        """Return the answer, one of status 0 if there was none, as there must not be once the client has gone."""
        sent: list[dict[str, Any]] = []
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": i < len(chunks) - 1} for i, chunk in enumerate(chunks)
        ]
        lines = {"host": "testserver", **self.headers, **(headers or {})}

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop(0)
            await self.disconnect.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query_string,
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin1")) for name, value in lines.items()],
            "client": (self.peer, 50000),
            "server": ("testserver", 80),
        }
        await self.application(scope, receive, send)
        if not sent:
            return Response(0, [], b"")
        start, *rest = sent
        received = [(name.decode(), value.decode("latin1")) for name, value in start["headers"]]
        return Response(start["status"], received, b"".join(message.get("body", b"") for message in rest))
