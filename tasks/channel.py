"""The sole owner of the channel layer: tells every server process about stored events.

The layer is only the fast path. It may lose, double or reorder anything; `tasks.hub` puts it right from the log.
"""

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4

import msgpack
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from tasks.errors import TaskfeedError
from tasks.models import Event
from tasks.models.events import EVENT_COLUMNS, EVENT_TIME_COLUMNS, EVENT_UUID_COLUMNS
from tasks.status import EventKind, TaskStatus

logger = logging.getLogger(__name__)

GROUP = "tasks"
MAX_EVENT_BYTES = 16 * 1024
"""A larger event is told by its ids alone: Redis cuts off a reader that falls too far behind."""
EVENTS_AT_ONCE = 200
SEND_TIMEOUT_SECONDS = 1.0
CONFIRM_TIMEOUT_SECONDS = 2.0
LINGER_SECONDS = 0.005
"""How long news that an attempt has begun waits for what follows: many end sooner, and then one message tells both."""
GATHER_SECONDS = 0.003
"""What comes alone is told at once; so soon after it, the next waits for others, to be told in one message."""
MAX_WAITING_EVENTS = 20_000
"""While the layer is away no more than this many are held for it; listeners read the rest from the log."""
_UUIDS = [position for position, column in enumerate(EVENT_COLUMNS) if column in EVENT_UUID_COLUMNS]
_TIMES = [position for position, column in enumerate(EVENT_COLUMNS) if column in EVENT_TIME_COLUMNS]


class ChannelLayerAway(TaskfeedError):
    """The layer did not confirm that it carries our messages."""


def publish(events: Sequence[Event]) -> None:
    """Tell every server process about stored events. Call after the commit; returns at once, from any thread.

    Best effort: if the channel layer is full or away we log it and go on, since a task must not fail for want of an
    audience. Listeners catch up from the log.
    """
    if events:
        _publisher().put(events)


def flush(timeout_seconds: float) -> None:
    """Wait until what was published is sent or given up, for a process that is about to end."""
    if _current is not None:
        _current.flush(timeout_seconds)


class Listener:
    """Membership of the group, as an async context manager: entered once the layer is proved to deliver.

    Raises `ChannelLayerAway` where the layer can't be reached or does not answer in time.
    """

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self._channel = ""

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
                self._channel = await self._layer.new_channel()
                await self._layer.group_add(GROUP, self._channel)
                await self._confirm()
        except Exception as error:
            await self.__aexit__()
            raise ChannelLayerAway(f"the channel layer did not confirm within {CONFIRM_TIMEOUT_SECONDS} s") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._channel:
            try:
                async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
                    await self._layer.group_discard(GROUP, self._channel)
            except Exception:
                logger.info("could not leave the channel layer's group", exc_info=True)

    async def receive(self) -> list[Event]:
        """Wait for the next events. One that was too big has its id, task id and version alone, and kind ''."""
        message = await self._layer.receive(self._channel)
        return [_decoded(values) for values in message.get("events", ())]

    async def _confirm(self) -> None:
        """Send ourselves a message: a subscription that Redis has not registered yet would lose the first events."""
        probe = uuid4().hex
        await self._layer.group_send(GROUP, {"type": "tasks.probe", "probe": probe})
        while (await self._layer.receive(self._channel)).get("probe") != probe:
            pass


Message = dict[str, Any]


class _Publisher:
    """One thread with one connection to the layer, for all threads of the process."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque(maxlen=MAX_WAITING_EVENTS)
        self._awake = threading.Event()
        self._hurry = threading.Event()
        self._flushed: deque[threading.Event] = deque()
        self._send = _sender()
        self._is_away = False
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def put(self, events: Sequence[Event]) -> None:
        self._waiting.extend(events)
        if any(event.kind != EventKind.STATUS or event.status != TaskStatus.RUNNING for event in events):
            self._hurry.set()
        self._awake.set()

    def flush(self, timeout_seconds: float) -> None:
        done = threading.Event()
        self._flushed.append(done)
        self._hurry.set()
        self._awake.set()
        done.wait(timeout_seconds)

    def _note(self, error: Exception | None) -> None:
        """Log the beginning and the end of an outage, not each message that it costs."""
        if error is not None and not self._is_away:
            logger.warning("channel layer away: %r; live updates come from the log meanwhile", error)
        elif error is None and self._is_away:
            logger.warning("channel layer back")
        self._is_away = error is not None

    def _run(self) -> None:
        gathers_until = 0.0
        while True:
            self._awake.wait()
            self._hurry.wait(LINGER_SECONDS)
            if (pause := gathers_until - time.monotonic()) > 0:
                time.sleep(pause)
            gathers_until = time.monotonic() + GATHER_SECONDS
            self._awake.clear()
            self._hurry.clear()
            # Noted first: they wait for what was put before them, and that is there by now.
            flushed = [self._flushed.popleft() for _ in range(len(self._flushed))]
            while self._waiting:
                events = [self._waiting.popleft() for _ in range(min(EVENTS_AT_ONCE, len(self._waiting)))]
                message = {"type": "tasks.events", "events": [_encoded(event) for event in events]}
                try:
                    self._send(message)
                except Exception as error:  # noqa: BLE001 - whatever a layer raises, the log has the events
                    self._waiting.clear()
                    self._note(error)
                else:
                    self._note(None)
            for done in flushed:
                done.set()


def _sender() -> Callable[[Message], None]:
    """How this thread sends a message to the group.

    To Redis' Pub/Sub layer as a plain PUBLISH of the layer's own message: an event loop's detour costs eight times as
    much. To any other layer by its own `group_send`, on one event loop that stays.
    """
    layer = get_channel_layer()
    if type(layer) is not RedisPubSubChannelLayer:
        return _loop_sender(layer)
    pool = ConnectionPool.from_url(
        settings.REDIS_URL,
        socket_timeout=SEND_TIMEOUT_SECONDS,
        socket_connect_timeout=SEND_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    connection = pool.make_connection()
    group = f"{settings.CHANNEL_PREFIX}__group__{GROUP}"

    def publish(data: bytes) -> None:
        connection.send_command("PUBLISH", group, data)  # type: ignore[no-untyped-call]  # redis-py has it untyped
        connection.read_response()

    def send(message: Message) -> None:
        data = layer.serialize(message)
        try:
            publish(data)
        except RedisConnectionError:
            # Redis may have closed it while nothing was to be said.
            publish(data)

    return send


def _loop_sender(layer: Any) -> Callable[[Message], None]:
    loop = asyncio.new_event_loop()

    async def send(message: Message) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
            await layer.group_send(GROUP, message)

    return lambda message: loop.run_until_complete(send(message))


_current: _Publisher | None = None
_lock = threading.Lock()


def _publisher() -> _Publisher:
    """The process's own publisher, made on first use."""
    global _current  # noqa: PLW0603 - one per process
    if _current is None:
        with _lock:
            if _current is None:
                _current = _Publisher()
    return _current


def _begin_anew() -> None:
    """Leave to the parent its thread and connection, and a lock that one of its threads may hold just now."""
    global _current, _lock
    _current, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


def _encoded(event: Event) -> list[Any]:
    values = [getattr(event, column) for column in EVENT_COLUMNS]
    for position in _UUIDS:
        if values[position] is not None:
            values[position] = values[position].bytes
    for position in _TIMES:
        if values[position] is not None:
            values[position] = values[position].timestamp()
    if _is_portable(event, values):
        return values
    return [event.id, event.task_id.bytes, event.version]


def _is_portable(event: Event, values: list[Any]) -> bool:
    """Whether the event is small enough, and holds no whole number beyond 64 bits, which msgpack refuses."""
    if not event.body and event.result is None and event.progress is None and event.failure is None:
        return True
    try:
        return len(msgpack.packb(values)) <= MAX_EVENT_BYTES
    except OverflowError:
        return False


def _decoded(values: list[Any]) -> Event:
    if len(values) != len(EVENT_COLUMNS):
        event_id, task_id, version = values
        return Event(id=event_id, task_id=UUID(bytes=task_id), version=version, kind="")
    for position in _UUIDS:
        if values[position] is not None:
            values[position] = UUID(bytes=values[position])
    for position in _TIMES:
        if values[position] is not None:
            values[position] = datetime.fromtimestamp(values[position], UTC)
    return Event.from_db("default", EVENT_COLUMNS, values)
