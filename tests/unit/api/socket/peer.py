"""A raw graphql-transport-ws client and the servers it talks to. It keeps to no rule that a test does not ask for."""

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

DEADLINE_SECONDS = 20.0
"""Nothing here takes longer than a moment; this is for a machine that does other work, too."""
START_SECONDS = 60.0
"""For a server's process, whose imports alone take seconds."""

ROOT = Path(__file__).parents[4]
APPLICATION = "tests.unit.api.socket.asgi:application"
COMMANDS = {
    "uvicorn": [
        *(sys.executable, "-m", "uvicorn", APPLICATION, "--port", "0", "--no-access-log", "--lifespan", "off"),
        *("--ws", "websockets-sansio", "--ws-per-message-deflate", "false"),
    ],
    "daphne": [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", "0", APPLICATION],
}
_LISTENING = re.compile(r"(?:running on http://|Listening on TCP address )127\.0\.0\.1:(\d+)")


class Peer:
    """One client's end of a socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        """Send a message, whatever it is."""
        await self.connection.send(json.dumps(message))

    async def subscribe(self, identifier: str, query: str, **payload: Any) -> None:
        """Begin an operation."""
        await self.say(id=identifier, type="subscribe", payload={"query": query, **payload})

    async def hear(self) -> dict[str, Any]:
        """Return the next message, in the order of arrival."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            message = json.loads(await self.connection.recv())
        assert isinstance(message, dict)
        return message

    async def hear_answer(self) -> dict[str, Any]:
        """Return the next message that is no ping; pings are answered."""
        while (message := await self.hear()) == {"type": "ping"}:
            await self.say(type="pong")
        return message

    async def hear_result(self, identifier: str, query: str, **payload: Any) -> Any:
        """Run a query or mutation, and return its data. Nothing else but a ping may arrive meanwhile."""
        await self.subscribe(identifier, query, **payload)
        result = await self.hear_answer()
        assert (result["id"], result["type"]) == (identifier, "next"), result
        assert await self.hear_answer() == {"id": identifier, "type": "complete"}
        return result["payload"]["data"]

    async def closed(self) -> tuple[int, str]:
        """Wait for the server to close, and return code and reason. Nothing else may arrive first."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            try:
                message = await self.connection.recv()
            except websockets.ConnectionClosed as closed:
                if closed.rcvd is None:
                    raise AssertionError("the connection was lost without a close frame") from closed
                return closed.rcvd.code, closed.rcvd.reason
        raise AssertionError(f"expected the socket to be closed, got {message!r}")


class Server:
    """A running server, and how to reach it."""

    def __init__(self, name: str, port: int, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.url = f"ws://127.0.0.1:{port}"
        self.origin = f"http://127.0.0.1:{port}"
        self.port = port

    @asynccontextmanager
    async def connect(self, path: str = "/graphql", **options: Any) -> AsyncIterator[Peer]:
        """Open a socket, of the right sub-protocol unless told otherwise, and say nothing yet."""
        given: dict[str, Any] = {
            "subprotocols": ["graphql-transport-ws"],
            "ping_interval": None,
            "compression": None,
            "close_timeout": 1,
            "max_size": None,
            "proxy": None,
        }
        async with websockets.connect(f"{self.url}{path}", **{**given, **options}) as connection:
            yield Peer(connection)

    @asynccontextmanager
    async def connected(self, path: str = "/graphql", **init: Any) -> AsyncIterator[Peer]:
        """Open a socket and have it acknowledged."""
        async with self.connect(path) as peer:
            await peer.say(type="connection_init", **init)
            assert await peer.hear() == {"type": "connection_ack"}
            yield peer


@contextmanager
def serve(name: str) -> Generator[Server]:
    """Start a server on a free port, and stop it at the end."""
    with subprocess.Popen(
        COMMANDS[name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        log: list[str] = []
        listening = threading.Event()
        reader = threading.Thread(target=_read, args=(child, log, listening))
        reader.start()
        try:
            listening.wait(START_SECONDS)
            found = _LISTENING.search("".join(log))
            assert found, f"{name} does not listen:\n{''.join(log)}"
            yield Server(name, int(found[1]), child.pid)
        finally:
            child.terminate()
            try:
                child.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
            reader.join()


def _read(child: "subprocess.Popen[str]", log: list[str], listening: threading.Event) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        log.append(line)
        if _LISTENING.search(line):
            listening.set()
    listening.set()
