"""A reader of one stream of events: it sees what is told while it is told, and can stop reading, or leave."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.asgi_client import Application

DEADLINE_SECONDS = 10.0


@dataclass(frozen=True)
class Told:
    """One event of a stream; or a comment, which has neither."""

    event: str | None
    data: str | None
    id: str | None = None


class Reader:
    """The client's end. `reads` is clear while it takes nothing."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.started: dict[str, Any] | None = None
        self.is_complete = False
        self._leaves = asyncio.Event()
        self._told: asyncio.Queue[Told | None] = asyncio.Queue()
        self._asked = False
        self.serving: asyncio.Task[None]

    async def receive(self) -> dict[str, Any]:
        """Hand out the request, which has no body, and then its end."""
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """Take what the application sends, as a server would that holds what a slow reader does not take."""
        await self.reads.wait()
        assert not self.is_complete
        if message["type"] == "http.response.start":
            self.started = message
            return
        for block in message["body"].decode().split("\n\n")[:-1]:
            self._told.put_nowait(_parsed(block))
        if not message.get("more_body"):
            self.is_complete = True
            self._told.put_nowait(None)

    async def next(self) -> Told | None:
        """Return the next event, None at the end; comments are skipped."""
        while (told := await self.next_of_all()) is not None and told.event is None:
            pass
        return told

    async def next_of_all(self) -> Told | None:
        """Return the next event or comment, None at the end."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._told.get()

    async def rest(self) -> list[Told]:
        """Return all events that are left, until the server ends the response."""
        told = []
        while (one := await self.next()) is not None:
            told.append(one)
        return told

    def leave(self) -> None:
        """Close the connection."""
        self._leaves.set()

    async def served(self) -> None:
        """Wait until the application has returned."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.serving


@asynccontextmanager
async def reading(
    application: Application, headers: Mapping[str, str] | None = None, **parameters: str
) -> AsyncIterator[Reader]:
    """Ask by GET, and read; at the end the client leaves."""
    reader = Reader()
    lines = {"host": "testserver", "accept": "text/event-stream", **(headers or {})}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": urlencode(parameters).encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin1")) for name, value in lines.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }
    reader.serving = asyncio.ensure_future(application(scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.leave()
        reader.reads.set()
        await reader.served()


def _parsed(block: str) -> Told:
    fields = dict(line.partition(":")[::2] for line in block.split("\n") if not line.startswith(":"))
    fields = {name: value.removeprefix(" ") for name, value in fields.items()}
    return Told(fields.get("event"), fields.get("data"), fields.get("id"))
