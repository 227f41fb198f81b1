"""What a neighbour feels while others send the dearest documents: `python -m tests.bench.hostile [--seconds 10]`.

Starts the server on a free port (SQLite, no Redis: the documents never get that far), then asks `{ __typename }` time
after time, alone and beside four clients that send `tests.hostile_documents.DEAREST` in a loop: p50 and p99 of both.
"""

import argparse
import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event as Flag

import aiohttp

from project.servers import free_port
from tests.hostile_documents import DEAREST, REFUSED

CLIENTS = 4
PLAIN = {"query": "{ __typename }"}
START_SECONDS = 60.0


@contextmanager
def served() -> Iterator[str]:
    """Run a server; its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{directory}/bench.sqlite3",
            "DATA_DIR": directory,
            "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "SECRET_KEY": "bench",
            "ALLOWED_HOSTS": "127.0.0.1",
            "PORT": str(port),
            "LOG_LEVEL": "ERROR",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True)
        with subprocess.Popen([sys.executable, "-m", "project.server"], env=environment) as server:
            try:
                yield f"http://127.0.0.1:{port}/graphql"
            finally:
                server.terminate()


async def answered(url: str) -> None:
    """Wait for the server's first answer."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(START_SECONDS):
        while True:
            try:
                async with session.post(url, json=PLAIN):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def latencies(url: str, seconds: float) -> list[float]:
    """Ask for one name after the other; milliseconds, sorted."""
    found = []
    ends_at = time.perf_counter() + seconds
    async with aiohttp.ClientSession() as session:
        while (began := time.perf_counter()) < ends_at:
            async with session.post(url, json=PLAIN) as response:
                assert (await response.json())["data"] == {"__typename": "Query"}
            found.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(0.005)
    return sorted(found)


def attack(url: str, stop: Flag, refused: "multiprocessing.Queue[int]") -> None:
    """Send the dearest documents, over CLIENTS connections, until told to stop."""
    refused.put(asyncio.run(_attack(url, stop)))


async def _attack(url: str, stop: Flag) -> int:
    async with aiohttp.ClientSession() as session:
        return sum(await asyncio.gather(*(_send(session, url, number, stop) for number in range(CLIENTS))))


async def _send(session: aiohttp.ClientSession, url: str, number: int, stop: Flag) -> int:
    sent = 0
    while not stop.is_set():
        # Each of its own text, so that nothing could be remembered of it.
        document = f"{REFUSED[DEAREST[(number + sent) % len(DEAREST)]][0]} #{number} {sent}"
        async with session.post(url, json={"query": document}) as response:
            assert "errors" in await response.json()
        sent += 1
    return sent


def report(name: str, found: list[float]) -> None:
    """Print one line."""
    p50, p99 = (found[int(len(found) * share)] for share in (0.5, 0.99))
    sys.stdout.write(f"{name:34} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   worst {found[-1]:6.1f} ms   of {len(found)}\n")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    with served() as url:
        asyncio.run(answered(url))
        report("alone", asyncio.run(latencies(url, seconds)))
        stop = multiprocessing.Event()
        refused: multiprocessing.Queue[int] = multiprocessing.Queue()
        attackers = multiprocessing.Process(target=attack, args=(url, stop, refused))
        attackers.start()
        try:
            report(f"beside {CLIENTS} hostile clients", asyncio.run(latencies(url, seconds)))
        finally:
            stop.set()
            sys.stdout.write(f"hostile documents refused a second: {refused.get(timeout=60) / seconds:.0f}\n")
            attackers.join()


if __name__ == "__main__":
    main()
