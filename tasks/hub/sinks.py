"""The sinks that a source has of its own: none yet, and the one of an `async for`."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from tasks.hub.frames import Frame, Sink

MAX_PULLED: Final = 256
MAX_PULLED_BYTES: Final = 1024 * 1024
"""Frames that wait for an `async for`."""


class PulledFrames:
    """The sink of an `async for`."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._waiting: asyncio.Future[None] | None = None
        self._has_ended = False
        self._error: Exception | None = None
        self._owes_resume = False

    @property
    def full(self) -> bool:
        """Whether the source is to wait; then it is told when to go on."""
        if len(self._frames) >= MAX_PULLED or self._bytes >= MAX_PULLED_BYTES:
            self._owes_resume = True
        return self._owes_resume

    def put(self, frame: Frame) -> None:
        """Keep a frame until it is asked for."""
        self._frames.append(frame)
        self._bytes += frame.weight
        self._wake()

    def end(self) -> None:
        """Nothing comes after what is there."""
        self._has_ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """After what is there comes an error."""
        self._error = error
        self.end()

    async def get(self, resume: Callable[[], None]) -> Frame:
        """Wait for the next frame; once half of them are taken, have the source go on."""
        while not self._frames:
            if self._has_ended:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        frame = self._frames.popleft()
        self._bytes -= frame.weight
        if self._owes_resume and len(self._frames) <= MAX_PULLED // 2 and self._bytes <= MAX_PULLED_BYTES // 2:
            self._owes_resume = False
            resume()
        return frame

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class _NoSink:
    """Before anybody listens."""

    full = False

    def put(self, frame: Frame) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: Exception) -> None: ...


NO_SINK: Final[Sink] = _NoSink()
