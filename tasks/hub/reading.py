"""What a hub reads of the log: its end, again and again, and what live delivery lacks."""

import asyncio
import contextlib
import logging
from time import perf_counter
from typing import Final
from uuid import UUID

from django.conf import settings

from tasks import database
from tasks.errors import StoreUnavailable
from tasks.hub import lookups, position, tail
from tasks.hub.audience import Audience
from tasks.hub.intake import Intake
from tasks.hub.pace import SOON_SECONDS, Pace
from tasks.models import Event

logger = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 0.5
"""How long a start waits for the transactions that are open."""
AT_ONCE_SECONDS: Final = 0.003
"""How long events are told before the loop does something else."""


class LogReader:
    """Keeps up with the log for one hub, and hands what it finds to the intake, which puts it in order.

    A log that turns out to be another one (a fail-over, a restore) is begun anew, and the audience is told.
    """

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._intake: Intake | None = None
        self._wants_read = asyncio.Event()
        self._wants_round = asyncio.Event()
        self._wants_turns = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._soon_through = 0
        """The highest id when that timer was set: a hole above is younger than it."""
        self._waited_through = 0
        """The same once the time is over: what is missing up to there has been waited for."""
        self.pace = Pace(settings.TAIL_SECONDS)
        """How long what is missing may still come live."""
        self._server = ""
        self._is_away = False
        self._proved = 0
        """The count of opened connections up to which all are known to lead to the log of this epoch."""
        self._proof: asyncio.Future[None] | None = None
        self._read_on_at = 0.0

    @property
    def intake(self) -> Intake | None:
        """Where events go; None until the log's end is found. It is another one with each epoch."""
        return self._intake

    @property
    def lag_seconds(self) -> float:
        """How long ago it was last known that nothing in the log is unread."""
        return asyncio.get_running_loop().time() - self._read_on_at

    async def begin(self) -> None:
        """Find the log's end, and read what was stored meanwhile."""
        self._proved = database.connections_opened()
        await self._begin_log()
        while await self._round():
            pass
        self._read_on_at = asyncio.get_running_loop().time()

    def stop(self, error: Exception) -> None:
        """Forget the log; who waits for a proof gets the error. `keep_up`, `fetch` and `take_turns` must have ended."""
        self._settle_proof(error)
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._intake = None

    # ---- between its reads -----------------------------------------------------------------------------------------

    def look_soon(self) -> None:
        """Look at the log's end without waiting for the next round's time."""
        self._wants_round.set()

    def arrive(self, events: list[Event]) -> None:
        """Take in what came live."""
        if self._intake is not None:
            self.pace.came({event.id for event in events})
            self._intake.arrive(events, perf_counter() + AT_ONCE_SECONDS)
            self._ask(self._intake)
        # Else it will be found with the log's end.

    @property
    def is_proved(self) -> bool:
        """Whether all connections are known to lead to the log of this epoch."""
        return database.connections_opened() == self._proved

    async def prove(self) -> None:
        """Return once the log's end was looked at anew, its identity too. Raises `StoreUnavailable`."""
        if self._proof is None:
            self._proof = asyncio.get_running_loop().create_future()
        self._wants_round.set()
        await asyncio.shield(self._proof)

    def _settle_proof(self, error: Exception | None) -> None:
        proof, self._proof = self._proof, None
        if proof is None:
            return
        if error is None:
            proof.set_result(None)
        else:
            proof.set_exception(error)
            proof.exception()  # nobody may be left who would look at it

    def _ask(self, intake: Intake) -> None:
        """Have read what the intake lacks."""
        if intake.is_wanting:
            self._wants_read.set()
        if intake.waiting:
            self._wants_turns.set()
        if intake.ids.has_holes and self._soon is None:
            self._soon_through = intake.ids.highest
            self._soon = asyncio.get_running_loop().call_later(self.pace.seconds, self._now)

    def _now(self) -> None:
        self._soon = None
        intake = self._running()
        if intake.ids.misses_through(self._soon_through):
            self._waited_through = self._soon_through
            self._wants_round.set()
        else:
            self.pace.was_enough()
            self._ask(intake)

    # ---- its reads -------------------------------------------------------------------------------------------------

    async def fetch(self) -> None:
        """Read what live delivery lacks, all that is lacking at a time in one go, for ever."""
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

    async def take_turns(self) -> None:
        """Tell what came faster than it could be told, a little at a time, for ever."""
        while True:
            await self._wants_turns.wait()
            self._wants_turns.clear()
            intake = self._running()
            intake.take_turns(perf_counter() + AT_ONCE_SECONDS)
            self._ask(intake)
            await asyncio.sleep(0)

    async def keep_up(self) -> None:
        """Read on at the log's end, now and then and soon after something is found to be missing, for ever."""
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

    async def _round(self) -> bool:
        """Look at the log's end once. True: there is more to read."""
        intake = self._running()
        ids = intake.ids
        top, forgotten, waited_through = ids.highest, ids.forgotten, self._waited_through
        self._waited_through = 0
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
        found = [event.id for event in look.events if event.id <= waited_through and ids.lacks(event.id)]
        intake.arrive(look.events, perf_counter() + AT_ONCE_SECONDS)
        if ids.forgotten == forgotten:
            # Else there are new holes below `top`, of what is stored and was not looked for.
            if look.horizon == tail.EVER:
                ids.note(0, top)
            ids.give_up(look.horizon, look.read_through)
        if look.number is not None:
            ids.note(look.number, top)
        # The first look at a hole draws the number with which a later one settles it.
        settled = look.number is not None or ids.missing(1) != holes[:1] or not holes
        self.pace.looked(found, asyncio.get_running_loop().time(), settled=settled)
        self._ask(intake)
        return look.has_more

    # ---- which log it is -------------------------------------------------------------------------------------------

    async def _begin_log(self) -> None:
        """Find the epoch, and an id below which nothing can appear any more."""
        _, self._server = await database.read(position.head_and_server)
        epoch = await database.write(position.bind_epoch)
        self._intake = Intake(self._audience, epoch, await _find_floor())

    async def _check_epoch(self, epoch: UUID) -> None:
        """Begin again with another log, and have everybody told."""
        if epoch == self._running().epoch:
            return
        logger.warning("the event log has a new epoch: subscriptions go on with a gap")
        await self._begin_log()
        for watcher in self._audience.everybody():
            watcher.on_new_epoch()

    def _running(self) -> Intake:
        if self._intake is None:
            raise RuntimeError("the log was not begun: expected `await begin()` before its first use")
        return self._intake


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
