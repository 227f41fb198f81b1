"""Time-outs and cancels of handlers, in the main thread as in a pool child."""

import asyncio
import gc
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from tasks.registry import TaskCancelled
from tasks.worker.calling import HandlerCaller, TimedOut

LONG = 30.0
SHORT = 0.2


def never() -> bool:
    return False


@pytest.fixture
def caller() -> Iterator[HandlerCaller]:
    caller = HandlerCaller()
    yield caller
    caller.close()


def exhaust(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        re.match("a", "a")


@pytest.mark.parametrize("stuck_in", [time.sleep, exhaust, threading.Event().wait], ids=["sleep", "loop", "lock"])
def test_a_handler_ends_at_its_time(caller: HandlerCaller, stuck_in: Callable[[float], Any]):
    begun_at = time.monotonic()

    with pytest.raises(TimedOut):
        caller.call(lambda: stuck_in(LONG), SHORT)

    assert time.monotonic() - begun_at < SHORT + 2


def test_a_handler_within_its_time_leaves_no_alarm_behind(caller: HandlerCaller):
    assert caller.call(lambda: 42, LONG) == 42

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_broad_except_does_not_swallow_the_time_out(caller: HandlerCaller):
    def handler() -> None:
        try:
            time.sleep(LONG)
        except Exception:  # noqa: BLE001 - what a careless handler does
            time.sleep(LONG)

    with pytest.raises(TimedOut):
        caller.call(handler, SHORT)


def test_an_alarm_that_comes_late_rings_for_nobody(caller: HandlerCaller):
    caller.call(lambda: None, LONG)

    signal.raise_signal(signal.SIGALRM)


def test_an_async_handler_returns_its_result(caller: HandlerCaller):
    async def handler() -> int:
        await asyncio.sleep(0)
        return 42

    assert caller.run(handler, LONG, never) == 42


def test_async_handlers_share_one_event_loop(caller: HandlerCaller):
    async def handler() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert caller.run(handler, LONG, never) is caller.run(handler, LONG, never)


def test_an_async_handler_ends_at_its_time_and_may_clean_up(caller: HandlerCaller):
    cleaned: list[bool] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(TimedOut):
        caller.run(handler, SHORT, never)

    assert cleaned == [True]


def test_an_async_handler_that_never_awaits_ends_soon_after_its_time(caller: HandlerCaller):
    async def handler() -> None:
        time.sleep(LONG)  # noqa: ASYNC251 - the fault under test

    begun_at = time.monotonic()
    with pytest.raises(TimedOut):
        caller.run(handler, SHORT, never)

    assert time.monotonic() - begun_at < SHORT + 3
    assert caller.run(_fine, LONG, never) == "fine"


def test_an_async_handler_is_cancelled_while_it_waits(caller: HandlerCaller):
    async def handler() -> None:
        await asyncio.sleep(LONG)

    asked = iter([False, True, True, True])
    with pytest.raises(TaskCancelled):
        caller.run(handler, LONG, lambda: next(asked, True))


def test_a_result_that_came_in_spite_of_a_cancel_counts(caller: HandlerCaller):
    async def handler() -> str:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            return "done"
        return "slept"

    assert caller.run(handler, LONG, lambda: True) == "done"


def test_what_an_async_handler_leaves_running_is_cancelled(caller: HandlerCaller):
    left: list[asyncio.Task[None]] = []

    async def handler() -> None:
        left.append(asyncio.create_task(asyncio.sleep(LONG)))
        await asyncio.sleep(0)

    caller.run(handler, LONG, never)

    assert left[0].cancelled()


def test_its_own_timeout_error_is_no_time_out(caller: HandlerCaller):
    async def handler() -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(LONG)

    with pytest.raises(TimeoutError):
        caller.run(handler, LONG, never)


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt, ValueError, TaskCancelled])
def test_whatever_an_async_handler_raises_comes_out_and_the_next_one_runs(
    caller: HandlerCaller, exception: type[BaseException], caplog: pytest.LogCaptureFixture
):
    async def handler() -> NoReturn:
        await asyncio.sleep(0)
        raise exception

    with pytest.raises(exception):
        caller.run(handler, LONG, never)
    gc.collect()

    assert caplog.text == ""
    assert caller.run(_fine, LONG, never) == "fine"


def test_sys_exit_of_a_sync_handler_comes_out(caller: HandlerCaller):
    with pytest.raises(SystemExit):
        caller.call(lambda: sys.exit(3), LONG)


async def _fine() -> str:
    await asyncio.sleep(0)
    return "fine"
