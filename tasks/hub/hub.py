"""The hub: one per server process, between the channel layer and all the subscriptions of that process."""

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.conf import settings

from tasks import channel, database
from tasks.errors import StoreUnavailable
from tasks.hub import lookups, position, tail
from tasks.hub.audience import Audience
from tasks.hub.frames import Released, position_frame
from tasks.hub.intake import Intake
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

SOON_SECONDS = 0.05
"""How long what is missing may still come by itself before it is read."""
JOIN_SECONDS = 3.0
"""How long a start waits for the channel layer before it goes on with the log alone."""
SETTLE_SECONDS = 0.5
"""How long a start waits for the transactions that are open."""
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
        self._intake: Intake | None = None
        self._start_task: asyncio.Task[None] | None = None
        self._stop_task: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ready = False
        self._joined = asyncio.Event()
        self._wants_read = asyncio.Event()
        self._wants_round = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._pace = SOON_SECONDS
        self._server = ""
        self._is_away = False
        self._proved = 0
        """The count of opened connections up to which all are known to lead to the log of this epoch."""
        self._proof: asyncio.Future[None] | None = None
        self._read_on_at = 0.0

    # ---- its life --------------------------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """True while it knows the log's end and reads on from there."""
        return self._is_ready

    @property
    def lag_seconds(self) -> float:
        """How long ago it was last known that nothing in the log is unread. Await `ready` first."""
        return asyncio.get_running_loop().time() - self._read_on_at

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
        self._settle_proof(StoreUnavailable("this server stops, resume from your last cursor"))
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        for watcher in self.audience.everybody():
            watcher.on_fault(StoreUnavailable("this server stops, resume from your last cursor"))
        self._intake = None

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
    def highest(self) -> int:
        """The highest id seen. Await `ready` first."""
        return self._running().ids.highest

    async def read(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read from the database, and make sure that it is still the one whose epoch is told.

        After a fail-over or a restore it is not: then whoever watches learns it first, by `on_new_epoch`. Raises
        `StoreUnavailable` where the database can't be reached.
        """
        found = await database.read(fn, *args, **kwargs)
        while self._is_ready and database.connections_opened() != self._proved:
            if self._proof is None:
                self._proof = asyncio.get_running_loop().create_future()
            self._wants_round.set()
            await asyncio.shield(self._proof)
        return found

    def introduce(self, task: TaskSnapshot, watcher: Any) -> None:
        """Make use of what `watcher`, who watches the task, has just read."""
        self._running().introduce(task, watcher)

    def expect(self, task: TaskSnapshot) -> None:
        """Be ready for a task that this process is about to store. Costs nothing where nobody wants to know of it."""
        if self._is_ready and self._intake is not None:
            self._intake.expect(task)

    def told_above(self, mark: int) -> set[int]:
        """The ids told lately that a cursor at `mark` does not cover."""
        return self._running().told_above(mark)

    def tell_positions(self) -> None:
        """Tell all feeds where they may resume from, those excepted that know. Called every `QUIET_SECONDS`."""
        frame = position_frame(self.epoch, self.mark)
        for feed in self.audience.feeds():
            feed.on_quiet(frame)

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
            self._proved = database.connections_opened()
            await self._begin_log()
            while await self._round():
                pass
            self._read_on_at = asyncio.get_running_loop().time()
            self._run(self._tail())
            self._run(self._read())
            self._run(self._tell_positions())
            self._is_ready = True
        except BaseException:
            tasks, self._tasks = self._tasks, []
            await _cancel(tasks)
            raise
        finally:
            self._start_task = None

    async def _begin_log(self) -> None:
        """Find the epoch, and an id below which nothing can appear any more."""
        _, self._server = await database.read(position.head_and_server)
        epoch = await database.write(position.bind_epoch)
        self._intake = Intake(self.audience, epoch, await _find_floor())

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
        if self._intake is None:
            raise RuntimeError("the hub is not running: expected `await hub.ready()` before its first use")
        return self._intake

    # ---- the channel layer -----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        back_off = 0.1
        while True:
            try:
                async with channel.Listener() as listener:
                    self.is_listening = True
                    self._joined.set()
                    self._wants_round.set()
                    back_off = 0.1
                    while True:
                        self._arrive(await listener.receive())
            except Exception as error:  # noqa: BLE001 - whatever a layer raises, the log has the events
                logger.warning("channel layer away: %r; live updates come from the log meanwhile", error)
            self.is_listening = False
            self._joined.set()
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, MAX_BACK_OFF_SECONDS)

    def _arrive(self, events: list[Event]) -> None:
        intake = self._intake
        if intake is None:
            # What is stored before the log's end has been found will be found with it.
            return
        intake.arrive(events)
        self._ask(intake)

    def _ask(self, intake: Intake) -> None:
        """Have read what the intake lacks."""
        if intake.is_wanting:
            self._wants_read.set()
        if intake.ids.has_holes and self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(self._pace, self._now)

    def _now(self) -> None:
        self._soon = None
        self._wants_round.set()

    # ---- the log ---------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read what live delivery lacks, all that is lacking at a time in one go."""
        while True:
            await self._wants_read.wait()
            self._wants_read.clear()
            intake = self._running()
            while (wanted := intake.wanted()) is not None:
                try:
                    found = await database.read(lookups.find, wanted)
                except StoreUnavailable:
                    await asyncio.sleep(settings.TAIL_SECONDS)
                    continue
                if intake is not self._intake:
                    break
                intake.supply(wanted, found)
                self._ask(intake)

    async def _tail(self) -> None:
        """Read on at the log's end: now and then, and soon after something is found to be missing."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.TAIL_SECONDS):
                    await self._wants_round.wait()
            self._wants_round.clear()
            opened = database.connections_opened()
            try:
                while await self._round():
                    pass
                self._is_away = False
                self._proved = opened
                self._settle_proof(None)
                self._read_on_at = asyncio.get_running_loop().time()
            except StoreUnavailable as error:
                self._settle_proof(error)
                if not self._is_away:
                    logger.warning("database away: live updates go on as far as the channel layer brings them")
                self._is_away = True

    def _settle_proof(self, error: Exception | None) -> None:
        proof, self._proof = self._proof, None
        if proof is None:
            return
        if error is None:
            proof.set_result(None)
        else:
            proof.set_exception(error)

    async def _round(self) -> bool:
        """Look at the log's end once. True: there is more to read."""
        intake = self._running()
        ids = intake.ids
        top, mark = ids.highest, ids.mark
        holes = ids.missing(tail.HOLES_AT_ONCE)
        look = await database.read(tail.read_round, holes, top, ids.awaited(), ids.has_unnoted(top))
        if look.position is not None and look.position.server != self._server:
            # Our connections are new ones: what they lead to may be another database.
            await self._check_epoch(await database.write(position.bind_epoch))
            self._server = look.position.server
            return True
        if look.position is None or look.position.head < top:
            # Ids that were handed out are not any more: an older state of the database was restored.
            await self._check_epoch(await database.write(position.new_epoch, intake.epoch))
            return True
        if look.position.epoch != intake.epoch:
            await self._check_epoch(look.position.epoch)
            return True
        intake.arrive(look.events)
        if look.horizon == tail.EVER:
            ids.note(0, top)
        ids.give_up(look.horizon, look.read_through)
        if look.number is not None:
            ids.note(look.number, top)
        self._pace = SOON_SECONDS if ids.mark > mark else min(self._pace * 2, settings.TAIL_SECONDS)
        self._ask(intake)
        return look.has_more

    async def _check_epoch(self, epoch: UUID) -> None:
        """Begin again with another log, and have everybody told."""
        if epoch == self._running().epoch:
            return
        logger.warning("the event log has a new epoch: subscriptions go on with a gap")
        await self._begin_log()
        for watcher in self.audience.everybody():
            watcher.on_new_epoch()

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


async def _find_floor() -> int:
    """An id below which nothing can appear: the log's end, once all who may hold an earlier id have ended."""
    found = await database.read(position.log_position)
    floor = await database.read(tail.last_visible, found.pruned_through if found is not None else 0)
    # The number is drawn after the id was handed out, so that whoever holds an id below it has a lower number.
    number = await database.read(tail.draw_number)
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while not await database.read(tail.is_settled, number):
        if asyncio.get_running_loop().time() > deadline:
            return await database.read(tail.settled_floor, floor)
        await asyncio.sleep(SOON_SECONDS / 2)
    return floor


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
