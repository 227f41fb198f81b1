"""How a handler is called: within its time, in the main thread of a pool child, sync or async.

The time-out is armed around the handler alone, never around database work of our own. It raises in the main thread, so
`time.sleep` ends at its time; a handler stuck in C code is ended from outside, with its process (`Children`).
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final, TypeVar

from tasks.registry import TaskCancelled

T = TypeVar("T")
logger = logging.getLogger(__name__)

CANCEL_CHECK_SECONDS: Final = 0.25
"""How often a cancel of an async handler is looked for while it awaits something."""
UNWIND_SECONDS: Final = 0.5
"""How long an async handler that is told to stop may take to clean up."""
_LEFTOVER_SECONDS: Final = 0.25
_STUCK_SECONDS: Final = 1.0
"""How much later than its time-out an async handler that never awaits is interrupted."""


class TimedOut(BaseException):
    """Raised inside a handler when its time is over."""


class Alarm:
    """Raises TimedOut in the main thread when a call takes too long, and never after the call has ended."""

    def __init__(self) -> None:
        self._is_armed = False

    def within(self, seconds: float, call: Callable[[], T]) -> T:
        """Call `call` and return what it returns, or raise TimedOut from inside it."""
        signal.signal(signal.SIGALRM, self._ring)
        self._is_armed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return call()
        finally:
            self._is_armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_armed:
            self._is_armed = False
            raise TimedOut


class HandlerCaller:
    """Calls handlers one after the other. It keeps an event loop for the async ones between attempts."""

    def __init__(self) -> None:
        self._alarm = Alarm()
        self._runner: asyncio.Runner | None = None

    def call(self, handler: Callable[[], T], seconds: float) -> T:
        """Call a sync handler. Raises TimedOut, or whatever it raises."""
        return self._alarm.within(seconds, handler)

    def run(self, handler: Callable[[], Coroutine[Any, Any, T]], seconds: float, is_cancelled: Callable[[], bool]) -> T:
        """Run an async handler. Raises TimedOut or TaskCancelled, or whatever it raises.

        What it leaves running is cancelled. A loop that does not come to rest is given up for a new one.
        """
        runner = self._runner = self._runner or asyncio.Runner()
        try:
            return self._alarm.within(
                seconds + _STUCK_SECONDS, lambda: runner.run(_supervised(handler, seconds, is_cancelled))
            )
        finally:
            if asyncio.all_tasks(runner.get_loop()):
                self.close()

    def close(self) -> None:
        """Close the event loop, whatever is left in it: something was interrupted, would not stop, or all is over."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        try:
            self._alarm.within(_LEFTOVER_SECONDS, runner.close)
        except (TimedOut, Exception):
            logger.warning("An async handler's event loop did not close", exc_info=True)


async def _supervised(
    start: Callable[[], Coroutine[Any, Any, T]], seconds: float, is_cancelled: Callable[[], bool]
) -> T:
    """Await the handler within its time, looking for a cancel meanwhile, and leave no task of it behind."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    handler = loop.create_task(start())
    handler.add_done_callback(_look_at)
    try:
        while not handler.done():
            remaining = ends_at - loop.time()
            if remaining <= 0:
                await _unwind(handler)
                raise TimedOut
            await asyncio.wait([handler], timeout=min(remaining, CANCEL_CHECK_SECONDS))
            if not handler.done() and is_cancelled():
                await _unwind(handler)
        if handler.cancelled() and is_cancelled():
            raise TaskCancelled("a cancel was asked for this task")
        return handler.result()
    finally:
        await _sweep(asyncio.all_tasks() - {asyncio.current_task()})


def _look_at(handler: "asyncio.Task[Any]") -> None:
    """A SystemExit ends the loop before anybody asks for it; asyncio would say later that nobody did."""
    if not handler.cancelled():
        handler.exception()


async def _unwind(handler: "asyncio.Task[Any]") -> None:
    handler.cancel()
    await asyncio.wait([handler], timeout=UNWIND_SECONDS)
    if not handler.done():
        raise TimedOut


async def _sweep(leftovers: "set[asyncio.Task[Any]]") -> None:
    for task in leftovers:
        task.cancel()
    if leftovers:
        await asyncio.wait(leftovers, timeout=_LEFTOVER_SECONDS)
