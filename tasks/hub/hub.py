"""The hub: one per server process, between the channel layer and all the subscriptions of that process."""

import asyncio
import contextlib
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from tasks import channel, database
from tasks.errors import StoreUnavailable
from tasks.hub.audience import Audience
from tasks.hub.frames import Released, position_frame
from tasks.hub.intake import Intake
from tasks.hub.reading import LogReader
from tasks.models.snapshots import TaskSnapshot

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

JOIN_SECONDS = 3.0
"""How long a start waits for the channel layer before it goes on with the log alone."""
QUIET_SECONDS = 15.0
"""How often a feed is told where it may resume from, while it has nothing else to tell."""
MAX_BACK_OFF_SECONDS = 5.0


class Hub:
    """Listens to the channel layer, reads on in the log, and tells each event once and in order to who wants it.

    Belongs to one event loop and is used on it alone. Starts when it is first used, and again after `stop`. While the
    channel layer is away events come from the log, `TAIL_SECONDS` late at most.
    """

    def __init__(self) -> None:
        self.audience = Audience()
        self.is_listening = False
        """True while the channel layer brings events."""
        self._log = LogReader(self.audience)
        self._start_task: asyncio.Task[None] | None = None
        self._stop_task: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ready = False
        self._joined = asyncio.Event()
        self._replaying: deque[asyncio.Future[None]] = deque()

    # ---- its life --------------------------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """True while it knows the log's end and reads on from there."""
        return self._is_ready

    @property
    def lag_seconds(self) -> float:
        """How long ago it was last known that nothing in the log is unread. Await `ready` first."""
        return self._log.lag_seconds

    async def ready(self) -> None:
        """Return once nothing can pass unseen any more. Starts the hub; costs nothing once it runs.

        Raises `StoreUnavailable` where the database can't be reached; the next call tries again.
        """
        if self._is_ready:
            return
        if self._start_task is None:
            self._start_task = asyncio.create_task(self._start())
        await asyncio.shield(self._start_task)

    async def stop(self) -> None:
        """End everything that runs. Subscriptions that are left fail as `UNAVAILABLE`: another server takes them."""
        self._is_ready = False
        running = [task for task in (self._start_task, *self._tasks) if task is not None]
        self._tasks = []
        await _cancel(running)
        self._start_task = None
        error = StoreUnavailable("this server stops, resume from your last cursor")
        for watcher in self.audience.everybody():
            watcher.on_fault(error)
        self._log.stop(error)

    # ---- what it knows ---------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> UUID:
        """The log's epoch, part of every cursor. Await `ready` first."""
        return self._running().epoch

    @property
    def mark(self) -> int:
        """The id up to which everything has been told, and below which nothing can appear. Await `ready` first."""
        return self._running().ids.mark

    @property
    def settled(self) -> int:
        """The id up to which the log is complete, told or not. Await `ready` first."""
        return self._running().ids.settled

    @property
    def waiting(self) -> int:
        """How many events have come that nobody has been told of yet. Await `ready` first."""
        return self._running().waiting

    @property
    def highest(self) -> int:
        """The highest id seen. Await `ready` first."""
        return self._running().ids.highest

    async def read(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read from the database, and make sure that it is still the one whose epoch is told.

        After a fail-over or a restore it is not: then whoever watches learns it first, by `on_new_epoch`. Raises
        `StoreUnavailable` where the database can't be reached.
        """
        found = await database.read(fn, *args, **kwargs)
        while self._is_ready and not self._log.is_proved:
            await self._log.prove()
        return found

    def introduce(self, task: TaskSnapshot, watcher: Any) -> None:
        """Make use of what `watcher`, who watches the task, has just read."""
        self._running().introduce(task, watcher)

    def expect(self, task: TaskSnapshot) -> None:
        """Be ready for a task that this process is about to store. Costs nothing where nobody wants to know of it."""
        if self._is_ready:
            self._running().expect(task)

    def told_above(self, mark: int) -> set[int]:
        """The ids told lately that a cursor at `mark` does not cover."""
        return self._running().told_above(mark)

    def tell_positions(self) -> None:
        """Tell all feeds where they may resume from, those excepted that know. Called every `QUIET_SECONDS`."""
        frame = position_frame(self.epoch, self.mark)
        for feed in self.audience.feeds():
            feed.on_quiet(frame)

    async def turn(self) -> None:
        """Let the loop do something else. Of all who wait here at a time, one goes on in each of its rounds."""
        loop = asyncio.get_running_loop()
        if not self._replaying:
            loop.call_soon(self._next_turn)
        waiting: asyncio.Future[None] = loop.create_future()
        self._replaying.append(waiting)
        await waiting

    def _next_turn(self) -> None:
        while self._replaying:
            waiting = self._replaying.popleft()
            if not waiting.done():
                waiting.set_result(None)
                break
        if self._replaying:
            asyncio.get_running_loop().call_soon(self._next_turn)

    @contextlib.asynccontextmanager
    async def final_waiter(self, task_id: UUID) -> AsyncIterator[asyncio.Future[TaskSnapshot]]:
        """Attach to a task, which need not exist yet: the future gets the task once it is final.

        Events from before this is entered don't count. Holds no thread and no connection.
        """
        await self.ready()
        waiter = _FinalWaiter()
        self.audience.watch_task(task_id, waiter)
        try:
            yield waiter.future
        finally:
            self.audience.leave_task(task_id, waiter)
            if not waiter.future.cancel() and not waiter.future.cancelled():
                waiter.future.exception()  # nobody may be left who would look at it

    # ---- starting --------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        try:
            self._joined.clear()
            self._run(self._listen())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), JOIN_SECONDS)
            await self._log.begin()
            self._run(self._log.keep_up())
            self._run(self._log.fetch())
            self._run(self._log.take_turns())
            self._run(self._tell_positions())
            self._is_ready = True
        except BaseException:
            tasks, self._tasks = self._tasks, []
            await _cancel(tasks)
            raise
        finally:
            self._start_task = None

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """None of them ever ends by itself. If one does, nobody is left waiting: the next use starts anew."""
        if task.cancelled() or task not in self._tasks:
            return
        logger.error("the hub failed, its subscriptions end", exc_info=task.exception())
        self._tasks.remove(task)
        self._stop_task = asyncio.create_task(self.stop())

    def _running(self) -> Intake:
        intake = self._log.intake
        if intake is None:
            raise RuntimeError("the hub is not running: expected `await hub.ready()` before its first use")
        return intake

    # ---- the channel layer -----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        back_off = 0.1
        while True:
            try:
                async with channel.Listener() as listener:
                    self.is_listening = True
                    self._joined.set()
                    self._log.look_soon()
                    back_off = 0.1
                    while True:
                        self._log.arrive(await listener.receive())
            except Exception as error:  # noqa: BLE001 - whatever a layer raises, the log has the events
                logger.warning("channel layer away: %r; live updates come from the log meanwhile", error)
            self.is_listening = False
            self._joined.set()
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, MAX_BACK_OFF_SECONDS)

    async def _tell_positions(self) -> None:
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            self.tell_positions()


class _FinalWaiter:
    """Waits for one task's end."""

    def __init__(self) -> None:
        self.future: asyncio.Future[TaskSnapshot] = asyncio.get_running_loop().create_future()

    def on_event(self, released: Released) -> None:
        if released.is_final and not self.future.done():
            self.future.set_result(released.task)

    def on_lost(self) -> None:
        """What is lost is not the end: a task is pruned long after it."""

    def on_new_epoch(self) -> None:
        """Whoever waits reads the task when the time is over."""

    def on_fault(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


_hubs: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = weakref.WeakKeyDictionary()


def current_hub() -> Hub:
    """The running loop's hub, made on first use."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
    return hub


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
