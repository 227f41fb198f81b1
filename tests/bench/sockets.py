"""What a socket costs: memory of an idle subscription, and CPU of a frame delivered to each of many subscribers.

    DEBUG=1 SECRET_KEY=x .venv/bin/python -m tests.bench.sockets [sockets] [frames] [uvicorn | daphne]

A real server in a process of its own, the real door, and the stand-in schema: no database, no hub. The subscribers all
follow one room with the same document, so that executions are shared; a peer of one socket rings. One JSON line.
"""

import asyncio
import json
import os
import sys
import time
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from struct import pack

from tests.unit.api.socket.peer import Server, serve

DOCUMENT = 'subscription { rung(room: "bench") { number text } }'
MARK = b'"type":"next"'
TICKS = os.sysconf("SC_CLK_TCK")
HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


def masked(message: dict[str, object]) -> bytes:
    """One text frame of a client, masked with zeros."""
    text = json.dumps(message).encode()
    size = pack("!B", 0x80 | len(text)) if len(text) < 126 else pack("!BH", 0x80 | 126, len(text))
    return b"\x81" + size + bytes(4) + text


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that no other has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Private_Clean:")))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def subscriber(port: int) -> tuple[StreamReader, StreamWriter]:
    """Follow the room."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE % b"/patient")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(masked({"type": "connection_init"}))
    await reader.readuntil(b"connection_ack")
    writer.write(masked({"id": "1", "type": "subscribe", "payload": {"query": DOCUMENT}}))
    return reader, writer


async def count(reader: StreamReader, frames: int) -> None:
    """Read until so many frames have come."""
    kept = b""
    while frames > 0:
        data = kept + await reader.read(262_144)
        found = data.count(MARK)
        frames -= found
        kept = data[data.rfind(MARK) + len(MARK) :][-len(MARK) :] if found else data[-len(MARK) :]


async def measure(server: Server, sockets: int, frames: int) -> dict[str, float | str]:
    """Open the sockets, then ring."""
    warm = [await subscriber(server.port) for _ in range(50)]
    async with server.connected("/patient") as ringer:
        ring = f'mutation {{ ring(room: "bench", times: {frames}) }}'
        await ringer.hear_result("warm", 'mutation { ring(room: "bench", times: 20) }')
        for _, writer in warm:
            writer.close()
        while (await ringer.hear_result("wait", '{ listeners(room: "bench") }'))["listeners"]:
            pass
        before = resident_bytes(server.pid)

        peers = [await subscriber(server.port) for _ in range(sockets)]
        while (await ringer.hear_result("wait", '{ listeners(room: "bench") }'))["listeners"] != sockets:
            pass
        memory = (resident_bytes(server.pid) - before) / sockets

        cpu, wall = cpu_seconds(server.pid), time.perf_counter()
        readers = [asyncio.create_task(count(reader, frames)) for reader, _ in peers]
        for number in range(frames):
            await ringer.hear_result(str(number), 'mutation { ring(room: "bench") }')
        await asyncio.gather(*readers)
        cpu, wall = cpu_seconds(server.pid) - cpu, time.perf_counter() - wall

        burst_cpu, burst_wall = cpu_seconds(server.pid), time.perf_counter()
        readers = [asyncio.create_task(count(reader, frames)) for reader, _ in peers]
        await ringer.hear_result("burst", ring)
        await asyncio.gather(*readers)
        burst_cpu, burst_wall = cpu_seconds(server.pid) - burst_cpu, time.perf_counter() - burst_wall
        for _, writer in peers:
            writer.close()
    delivered = sockets * frames
    return {
        "server": server.name,
        "kilobytes_per_idle_subscription": round(memory / 1024, 1),
        "cpu_microseconds_per_frame": round(cpu / delivered * 1e6, 1),
        "frames_per_second": round(delivered / wall),
        "burst_cpu_microseconds_per_frame": round(burst_cpu / delivered * 1e6, 1),
        "burst_frames_per_second": round(delivered / burst_wall),
    }


def main() -> None:
    """Run once and print."""
    given = dict(enumerate(sys.argv[1:]))
    sockets, frames, name = int(given.get(0, "1000")), int(given.get(1, "100")), given.get(2, "uvicorn")
    with serve(name) as server:
        sys.stdout.write(json.dumps(asyncio.run(measure(server, sockets, frames))) + "\n")


if __name__ == "__main__":
    main()
