"""What happens to an operation whose client has gone: a query is cancelled, a mutation told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tasks.api.transport.http.body import Receive
from tasks.api.transport.http.refusals import ClientGone

T = TypeVar("T")

UNWATCHED_SECONDS = 0.25
"""Most operations are done by then; watching would cost each of them a task."""


async def unless_disconnected(work: Awaitable[T], receive: Receive) -> T:
    """Await `work`, cancelled if the client goes away meanwhile: then raises `ClientGone`."""
    waiting = asyncio.current_task()
    assert waiting is not None  # noqa: S101 - a coroutine runs in a task
    is_gone = False

    def gone() -> None:
        nonlocal is_gone
        is_gone = True
        waiting.cancel()

    try:
        with watched(receive, gone):
            return await work
    except asyncio.CancelledError:
        if is_gone:
            waiting.uncancel()
            raise ClientGone from None
        raise


@contextmanager
def watched(receive: Receive, gone: Callable[[], None]) -> Iterator[None]:
    """Have `gone` called if the client goes away before the block ends.

    The request's body must have been read, so that all that `receive` has left to say is the disconnect.
    """
    watchers: list[asyncio.Task[None]] = []
    finished = False

    def ended(watcher: asyncio.Task[None]) -> None:
        if not finished and not watcher.cancelled():
            gone()

    def watch() -> None:
        watcher = asyncio.ensure_future(_disconnect(receive))
        watcher.add_done_callback(ended)
        watchers.append(watcher)

    timer = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, watch)
    try:
        yield
    finally:
        finished = True
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
