"""Clients that watch over sockets as a browser would: each comes back with its last cursor, and keeps what it heard."""

import asyncio
import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, pairwise
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.e2e.support import Api, wait_for

_EVENT: Final = "event { at version ... on TaskLogged { message } ... on TaskOutput { chunk } }"
_FIELDS: Final = f"kind cursor task {{ id version status }} {_EVENT} gap {{ reason }}"
TASK_UPDATED: Final = (
    f"subscription($id: ID!, $after: EventCursor) {{ frame: taskUpdated(id: $id, after: $after) {{ {_FIELDS} }} }}"
)
TASKS_UPDATED: Final = f"subscription($after: EventCursor) {{ frame: tasksUpdated(after: $after) {{ {_FIELDS} }} }}"
RUN_TASK: Final = (
    "subscription($input: RunTaskInput!, $after: EventCursor) "
    f"{{ frame: runTask(input: $input, after: $after) {{ {_FIELDS} }} }}"
)
SMALL_WINDOW_BYTES: Final = 16 * 1024
_PAUSE_SECONDS: Final = 0.05
"""Between two tries to connect."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame as a client got it."""

    kind: str
    task_id: str | None
    version: int | None
    gap: str | None
    heard_at: float
    """By the wall clock."""
    delay_seconds: float | None
    """From the event to the frame; both clocks are this machine's."""
    characters: int
    """Of an output's chunk or a log's line."""


@dataclass(eq=False)
class Watch:
    """One operation that a client follows, over as many connections as it takes."""

    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    """From where the next connection goes on."""
    heard: list[Heard] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    is_over: bool = False
    """The server has completed it, or ended it with an error that is not UNAVAILABLE."""

    @classmethod
    def of_task(cls, task_id: str, after: str | None = None) -> Self:
        """Follow one task."""
        return cls(TASK_UPDATED, {"id": task_id}, after)

    @classmethod
    def of_all(cls, after: str | None = None) -> Self:
        """Follow all tasks of the user."""
        return cls(TASKS_UPDATED, {}, after)

    @classmethod
    def of_run(cls, task: dict[str, Any]) -> Self:
        """Submit a task and follow it from its first event; coming again finds the same one by its key."""
        return cls(RUN_TASK, {"input": {"task": task, "idempotencyKey": str(uuid4())}})

    def versions(self, task_id: str | None = None) -> list[int]:
        """Return the versions heard of a task, or of all, in the order they came."""
        return [h.version for h in self.heard if h.version is not None and task_id in (None, h.task_id)]

    @property
    def gaps(self) -> list[str]:
        """The reasons of all gaps."""
        return [heard.gap for heard in self.heard if heard.gap]

    def take(self, message: dict[str, Any]) -> None:
        """Take in one message of the protocol."""
        if message["type"] == "next" and "errors" not in message["payload"]:
            self._hear(message["payload"]["data"]["frame"])
        elif message["type"] == "complete":
            self.is_over = True
        else:
            errors = message["payload"]
            errors = errors if isinstance(errors, list) else errors["errors"]
            self.errors += errors
            self.is_over = any(error["extensions"]["code"] != "UNAVAILABLE" for error in errors)

    def _hear(self, frame: dict[str, Any]) -> None:
        self.cursor = frame["cursor"]
        task, event, gap = frame["task"] or {}, frame["event"] or {}, frame["gap"] or {}
        now = time.time()
        delay = now - _seconds(event["at"]) if event else None
        version = event.get("version") if event else task.get("version")
        length = len(event.get("chunk") or event.get("message") or "")
        self.heard.append(Heard(frame["kind"], task.get("id"), version, gap.get("reason"), now, delay, length))


class Line:
    """One client with one socket at a time and several operations on it. Connects again until all of them are over."""

    def __init__(self, apis: Sequence[Api], watches: Iterable[Watch], *, small_window: bool = False) -> None:
        self.watches = list(watches)
        self.codes: list[int] = []
        """With which each connection ended; 1006: without a word."""
        self.connected_at: list[float] = []
        """When each connection had its first frame."""
        self._apis = apis
        self._small_window = small_window
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._is_wanted = True

    def stall(self) -> None:
        """Read nothing any more; the kernel's and the library's buffers fill up."""
        self._may_read.clear()

    def read_on(self) -> None:
        """End `stall`."""
        self._may_read.set()

    async def run(self) -> None:
        """Follow all operations to their ends, one server after the other."""
        for number in count():
            if self._has_ended():
                return
            api = self._apis[number % len(self._apis)]
            try:
                await self._follow(api)
            except ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else 1006)
            except (OSError, InvalidHandshake, InvalidMessage, TimeoutError):
                pass  # it is not there, or not yet
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow(self, api: Api) -> None:
        async with connect(
            api.socket_url,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]  # a NewType of str
            compression=None,
            max_queue=1,
            max_size=None,
            ping_interval=None,
            close_timeout=1,
            proxy=None,
            sock=_small_socket(api) if self._small_window else None,
        ) as opened:
            await _say(opened, {"type": "connection_init", "payload": {"authorization": f"Bearer {api.token}"}})
            assert json.loads(await opened.recv())["type"] == "connection_ack"
            by_id = {str(number): watch for number, watch in enumerate(self.watches) if not watch.is_over}
            for identifier, watch in by_id.items():
                payload = {"query": watch.document, "variables": {**watch.variables, "after": watch.cursor}}
                await _say(opened, {"type": "subscribe", "id": identifier, "payload": payload})
            has_heard = False
            while not self._has_ended():
                await self._may_read.wait()
                message = json.loads(await opened.recv())
                if message["type"] == "ping":
                    await _say(opened, {"type": "pong"})
                    continue
                if not has_heard:
                    has_heard = True
                    self.connected_at.append(time.time())
                by_id[message["id"]].take(message)
                if message["type"] == "error" and not by_id[message["id"]].is_over:
                    return  # UNAVAILABLE: come again

    def _has_ended(self) -> bool:
        return not self._is_wanted or all(watch.is_over for watch in self.watches)

    def hang_up(self) -> None:
        """Connect no more."""
        self._is_wanted = False


class Clients:
    """Lines on an event loop in a thread of its own, so that a test may wait for facts about them meanwhile."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clients", daemon=True)
        self._running: dict[Line, Any] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def start(self, apis: Sequence[Api] | Api, watches: Iterable[Watch], *, small_window: bool = False) -> Line:
        """Open a line; the server after the first of `apis` is tried when a connection has ended."""
        line = Line([apis] if isinstance(apis, Api) else apis, watches, small_window=small_window)
        self._running[line] = asyncio.run_coroutine_threadsafe(line.run(), self._loop)
        return line

    def do(self, call: Callable[[], None]) -> None:
        """Call something on the loop, as a line's methods want to be."""
        self._loop.call_soon_threadsafe(call)

    def check(self) -> bool:
        """Raise what a line has failed with, or what an operation was told; for `wait_for`. Always True."""
        for line, running in self._running.items():
            if running.done():
                running.result()
            assert not any(watch.errors for watch in line.watches if watch.is_over), [w.errors for w in line.watches]
        return True

    def await_fact(self, fact: Callable[[], Any], seconds: float, what: str) -> None:
        """Return once the fact holds, unless a client fails first."""
        wait_for(lambda: self.check() and fact(), seconds, what)

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=15)


def holes_in(versions: Sequence[int], first: int | None = None, last: int | None = None) -> tuple[int, int]:
    """How many versions are missing and how many too many, between the first (or `first`) and the last (or `last`)."""
    if not versions:
        return (0 if last is None else last - (first or 1) + 1), 0
    begin, end = versions[0] if first is None else first, max(versions) if last is None else last
    missing = len(set(range(begin, end + 1)) - set(versions))
    repeated = sum(1 for before, after in pairwise(versions) if after <= before)
    return missing, repeated


def first_told(watch: Watch) -> dict[str, list[int]]:
    """Each task's versions as a feed's client keeps them: one that it had before is dropped."""
    kept: dict[str, list[int]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    for heard in watch.heard:
        if heard.kind == "EVENT" and heard.task_id and heard.version and (heard.task_id, heard.version) not in seen:
            seen.add((heard.task_id, heard.version))
            kept[heard.task_id].append(heard.version)
    return kept


def _small_socket(api: Api) -> socket.socket:
    """A connected socket that the kernel keeps little for."""
    url = urlsplit(api.base_url)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW_BYTES)
    try:
        made.connect((url.hostname or "", url.port or 0))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def _say(opened: ClientConnection, message: dict[str, Any]) -> None:
    await opened.send(json.dumps(message))
