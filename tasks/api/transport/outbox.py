"""The way out of one socket: frames in order, a bound on what waits, and no task while nothing waits."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import Any

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
"""The server's `send`: it returns when the frame is in the transport's buffer, and waits while that is full."""

CLOSE_SECONDS = 5.0
"""How long a close frame may wait for a peer that does not read."""


class Outbox:
    """The frames of one socket on their way to the server.

    `put` hands a frame straight to the server, which takes it at once unless the peer reads too slowly. Only then
    does a backlog exist, and one task that writes it. `is_full` asks the producers to stop; what they put none the
    less is kept, so they must ask. Lives as long as its socket; to be used on the event loop alone.
    """

    __slots__ = (
        "_backlog",
        "_closed",
        "_max_characters",
        "_max_frames",
        "_on_room",
        "_send",
        "_size",
        "_writer",
        "progressed",
    )

    def __init__(self, send: Send, max_frames: int, max_characters: int) -> None:
        self._send = send
        self._max_frames = max_frames
        self._max_characters = max_characters
        self._backlog: deque[str] | None = None
        self._size = 0
        self._writer: asyncio.Task[None] | None = None
        self._on_room: list[Callable[[], None]] | None = None
        self._closed = False
        self.progressed = False
        """Set when a peer that was slow took a frame, which is a sign of life; for others to reset."""

    @property
    def is_full(self) -> bool:
        """True while as much waits as may. The end of that is told to whom `when_empty` was given."""
        backlog = self._backlog
        return backlog is not None and (len(backlog) >= self._max_frames or self._size >= self._max_characters)

    @property
    def is_idle(self) -> bool:
        """True while nothing waits."""
        return self._writer is None

    def put(self, text: str) -> None:
        """Send a text frame, after all that were put before. Never waits, never raises."""
        if self._closed:
            return
        if self._backlog is not None:
            self._backlog.append(text)
            self._size += len(text)
            return
        # Most of the time the server takes a frame without waiting: running its coroutine up to there and seeing it
        # end saves a task for each frame. If it stops to wait, a task goes on from that very point.
        steps = self._send({"type": "websocket.send", "text": text}).__await__()
        try:
            waits_for = next(steps)
        except StopIteration:
            return
        except Exception:
            self._closed = True
            logger.debug("could not send a frame", exc_info=True)
            return
        self._backlog = deque()
        self._writer = asyncio.get_running_loop().create_task(self._write(steps, waits_for))

    def when_empty(self, call: Callable[[], None]) -> None:
        """Have `call` called once, as soon as nothing waits any more or the outbox is closed."""
        if self._writer is None:
            call()
        elif self._on_room is None:
            self._on_room = [call]
        else:
            self._on_room.append(call)

    async def room(self) -> None:
        """Wait while the outbox is full."""
        while self.is_full:
            emptied = asyncio.get_running_loop().create_future()
            self.when_empty(lambda emptied=emptied: emptied.done() or emptied.set_result(None))  # type: ignore[misc]
            await emptied

    def shut(self) -> None:
        """Drop what waits and whatever comes. Nothing is sent any more."""
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()

    async def close(self, code: int, reason: str) -> bool:
        """Drop what waits and close the socket. False: the peer takes nothing, so it could not be told."""
        self.shut()
        writer = self._writer
        if writer is not None:
            await asyncio.wait([writer])
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})
        except Exception:
            logger.debug("could not send the close frame", exc_info=True)
            return False
        return True

    async def _write(self, steps: Generator[Any, Any, None], waits_for: object) -> None:
        """Finish the send that stopped, then write the backlog."""
        backlog = self._backlog
        assert backlog is not None  # noqa: S101 - `put` made it together with this task
        try:
            await _rest(steps, waits_for)
            self.progressed = True
            while backlog:
                text = backlog.popleft()
                self._size -= len(text)
                await self._send({"type": "websocket.send", "text": text})
                self.progressed = True
        except Exception:
            self._closed = True
            logger.debug("could not send the backlog", exc_info=True)
        finally:
            self._backlog = self._writer = None
            self._size = 0
            waiting, self._on_room = self._on_room, None
            for call in waiting or ():
                call()


@coroutine
def _rest(steps: Generator[Any, Any, None], waits_for: object) -> Generator[Any, Any, None]:
    """Await what is left of an awaitable that was begun outside a task and stopped at the future `waits_for`."""
    try:
        yield waits_for
    except BaseException:
        steps.close()
        raise
    return (yield from steps)
