"""What every subscription's source is made of: frames pushed into a sink, or pulled by `async for`."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import Enum, auto
from time import perf_counter
from typing import ParamSpec, Self, TypeVar

from tasks.errors import StoreUnavailable, TaskfeedError
from tasks.hub import position
from tasks.hub.frames import Frame, Released, Sink
from tasks.hub.hub import Hub
from tasks.hub.sinks import NO_SINK, PulledFrames
from tasks.status import EventKind

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

Kinds = frozenset[EventKind] | frozenset[str]

MAX_EARLY = 256
MAX_EARLY_BYTES = 1024 * 1024
"""Events that are kept while a source reads from the log. Beyond either it reads them from the log as well."""
RETRY_SECONDS = 1.0
FRAMES_AT_ONCE, REPLAY_SECONDS = 16, 0.002
"""How many frames of the log are told at least, and how long, before others have their turn."""


class Phase(Enum):
    """How a source stands."""

    NEW = auto()
    CATCHING_UP = auto()
    """It has a task, which reads from the log."""
    LIVE = auto()
    """The hub calls it, and nothing else of it runs."""
    PAUSED = auto()
    """Its sink is full. It has left the hub and remembers no more than how far it came."""
    ENDED = auto()


class EventSource(ABC, AsyncIterator[Frame]):
    """The frames of one subscription, either pulled (`async for`) or pushed (`listen`), never both.

    It joins the hub before it reads anything, so that nothing falls between what it reads and what it is told live.
    A sink that is full stops it: it goes on from the log, at the sink's pace, once the sink calls `resume`.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._phase = Phase.NEW
        self._sink: Sink = NO_SINK
        self._task: asyncio.Task[None] | None = None
        self._early: deque[Released] | None = None
        self._early_bytes = 0
        self._room: asyncio.Future[None] | None = None
        self._has_told = False
        self._told_at_once = 0
        self._tells_until = 0.0

    def listen(self, sink: Sink) -> None:
        """From now on have `sink.put` called for each frame, in order, and at the end `sink.end` or `sink.fail`."""
        if self._phase is not Phase.NEW:
            raise RuntimeError(f"expected a source that nobody listens to yet, got one that is {self._phase.name}")
        self._sink = sink
        self._begin_catching_up()

    def resume(self) -> None:
        """Go on, since the sink has room again."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        if self._phase is Phase.PAUSED:
            self._begin_catching_up()

    async def aclose(self) -> None:
        """Stop for good, at once and without a word."""
        task = self._task
        self._leave()
        if isinstance(self._sink, PulledFrames):
            self._sink.end()
        if task is not None and task is not asyncio.current_task():
            await asyncio.wait([task])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        if self._phase is Phase.NEW:
            self.listen(PulledFrames())
        if not isinstance(self._sink, PulledFrames):
            raise TypeError("expected to be the only reader of this source: it pushes its frames into a sink")
        return await self._sink.get(self.resume)

    # ---- what the hub calls ----------------------------------------------------------------------------------------

    def on_event(self, released: Released) -> None:
        """Take one event, now or, while reading from the log, later."""
        if self._phase is Phase.LIVE:
            self._take(released)
        elif self._early is not None:
            self._early.append(released)
            self._early_bytes += released.weight
            if len(self._early) > MAX_EARLY or self._early_bytes > MAX_EARLY_BYTES:
                self._early = None
                self._detach()

    def on_new_epoch(self) -> None:
        """Begin again; `_catch_up` finds out why."""
        if self._phase in (Phase.LIVE, Phase.CATCHING_UP):
            self._begin_catching_up()

    def on_fault(self, error: Exception) -> None:
        """End with an error."""
        if self._phase is not Phase.ENDED:
            self._leave()
            self._sink.fail(error)

    # ---- what each kind of source does for itself ------------------------------------------------------------------

    @abstractmethod
    def _attach(self) -> None:
        """Join the hub's audience."""

    @abstractmethod
    def _detach(self) -> None:
        """Leave it; no matter if it was left."""

    @abstractmethod
    async def _catch_up(self) -> None:
        """Tell all that is due from the log, then go live or end."""

    @abstractmethod
    def _take(self, released: Released) -> None:
        """Tell one event live."""

    # ---- for them to use -------------------------------------------------------------------------------------------

    def _join(self) -> None:
        """Join the hub and keep what it tells from now on."""
        self._early = deque()
        self._early_bytes = 0
        self._attach()

    def _next_early(self) -> Released | None:
        """Take out the next event of those that came since `_join`; None: there is none, or some were dropped."""
        if not self._early:
            return None
        released = self._early.popleft()
        self._early_bytes -= released.weight
        return released

    def _go_live(self) -> None:
        self._early = None
        self._phase = Phase.LIVE
        if self._sink.full:
            self._pause()

    def _put(self, frame: Frame) -> None:
        """Tell a frame while live."""
        self._sink.put(frame)
        if self._sink.full and self._phase is Phase.LIVE:
            self._pause()

    def _pause(self) -> None:
        """Leave the hub until the sink has room."""
        self._phase = Phase.PAUSED
        self._detach()

    async def _tell(self, frame: Frame) -> None:
        """Tell a frame while catching up, as soon as there is room and others have had their turn."""
        if self._told_at_once >= FRAMES_AT_ONCE and perf_counter() >= self._tells_until:
            await self._hub.turn()
            self._told_at_once, self._tells_until = 0, perf_counter() + REPLAY_SECONDS
        while self._sink.full:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
            self._room = None
        self._sink.put(frame)
        self._has_told = True
        self._told_at_once += 1

    def _complete(self) -> None:
        """End: everything has been told."""
        self._leave()
        self._sink.end()

    async def _read(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read from the hub's database. A subscription that has told something outlives a database that is away."""
        while True:
            try:
                return await self._hub.read(fn, *args, **kwargs)
            except StoreUnavailable:
                if not self._has_told:
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    async def _is_beyond_head(self, event_id: int) -> bool:
        """True for an id that this log never handed out."""
        return event_id > self._hub.highest and event_id > await self._read(position.head)

    def _begin_catching_up(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._phase = Phase.CATCHING_UP
        self._early = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        me = asyncio.current_task()
        try:
            await self._hub.ready()
            await self._catch_up()
        except Exception as error:
            if not isinstance(error, TaskfeedError):
                logger.exception("a subscription could not be caught up")
            self.on_fault(error)
        finally:
            if self._task is me:
                self._task = None

    def _leave(self) -> None:
        self._phase = Phase.ENDED
        self._early = None
        self._detach()
        if self._task is not None and self._task is not _current_task():
            self._task.cancel()


def _current_task() -> "asyncio.Task[object] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
