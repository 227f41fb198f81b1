"""The graphql-http package's audit of our HTTP door, over a real server. Skipped, aloud, where Node.js is missing."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import uvicorn

from tasks.api.execution import Documents
from tasks.api.schema import schema
from tasks.api.transport.http import GraphQLHTTP
from tests.e2e import node

HERE = Path(__file__).parent
AUDITS = 61


class Server(uvicorn.Server):
    """One that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()


@pytest.fixture
async def address() -> AsyncGenerator[str]:
    server = Server(
        uvicorn.Config(GraphQLHTTP(Documents(schema)), port=0, log_level="warning", lifespan="off", ws="none")
    )
    serving = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.listening.wait(), 10)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/graphql"
    server.should_exit = True
    await serving


async def test_the_whole_audit_passes(address: str, tmp_path: Path) -> None:
    folder = await asyncio.to_thread(node.install, HERE, tmp_path / "audit")
    printed = await asyncio.to_thread(node.run, node.program("node"), "audit.mjs", address, folder=folder)

    results = [json.loads(line) for line in printed.splitlines()]

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == AUDITS
