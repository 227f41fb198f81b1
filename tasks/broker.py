"""The sole caller of the broker's send: hands due tasks to Celery's workers, by Redis.

The message is Celery's own (protocol 2) in kombu's envelope, written by hand: ten times cheaper than `apply_async`, and
a whole batch in one round trip. A test compares it with what Celery writes.
"""

import base64
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from queue import Empty, SimpleQueue
from uuid import UUID

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from uuid_utils import uuid7

from tasks.errors import StoreUnavailable
from tasks.status import TaskPriority

logger = logging.getLogger(__name__)

CELERY_TASK = "tasks.run"
SEND_TIMEOUT_SECONDS = 0.2
BREAK_SECONDS = 1.0
"""After a failed send, how long the broker is left alone."""
GATHER_SECONDS = 0.003
"""What comes alone is sent at once; so soon after it, the next waits for others, to share a round trip with them."""
STAMP_SECONDS = 0.5
"""How long a sent task's `enqueued_at` may wait to be written with others; most have started by then and need none."""
PRIORITY_STEPS = {TaskPriority.HIGH: 0, TaskPriority.NORMAL: 3, TaskPriority.LOW: 6}
"""Kombu keeps one list for each step and empties the lower numbers first."""
_SEPARATOR = "\x06\x16"


@dataclass(frozen=True, slots=True)
class Message:
    """What the broker has to know of a due task."""

    task_id: UUID
    queue: str
    priority: TaskPriority
    version: int
    """Of the task when it was queued: what happened to it since is none of this message's business."""


def send(messages: Sequence[Message]) -> bool:
    """Append the messages to their queues, all in one round trip. False, at once or within 200 ms: the broker is away.

    A failed send may have arrived all the same; the claim makes a second delivery harmless.
    """
    global _broken_until  # noqa: PLW0603 - the process's one breaker
    if not messages:
        return True
    if time.monotonic() < _broken_until:
        return False
    try:
        pipeline = _redis().pipeline(transaction=False)
        for message in messages:
            pipeline.lpush(_list_name(message.queue, message.priority), _envelope(message))
        pipeline.execute()
    except RedisError as error:
        _broken_until = time.monotonic() + BREAK_SECONDS
        logger.warning("broker away: %r; %d tasks wait in the database for upkeep", error, len(messages))
        return False
    return True


_broken_until = 0.0


@dataclass(frozen=True, slots=True)
class Next:
    """The message that a worker would take next from one queue and priority."""

    is_there: bool
    sent_at: datetime | None
    """None as well for a message that is not ours: it tells nothing about those behind it."""


def next_message(queue: str, priority: TaskPriority) -> Next:
    """Look at the message to be taken next. Raises `redis.RedisError` where the broker is away: nothing is known."""
    raw = _redis().lindex(_list_name(queue, priority), -1)
    if raw is None:
        return Next(is_there=False, sent_at=None)
    try:
        return Next(is_there=True, sent_at=datetime.fromtimestamp(json.loads(raw)["headers"]["sent_at"], UTC))
    except (ValueError, KeyError, TypeError):
        return Next(is_there=True, sent_at=None)


def take(queues: Sequence[str]) -> UUID | None:
    """Take the message that a worker of these queues would be given next, and return its task's id.

    None, at once or within 200 ms: there is none, or the next one is for Celery itself, or the broker is away.
    """
    global _broken_until  # noqa: PLW0603 - the process's one breaker
    if time.monotonic() < _broken_until:
        return None
    keys = [_list_name(queue, priority) for priority in PRIORITY_STEPS for queue in queues]
    try:
        raw = _take(os.getpid())(keys=keys, args=[f'"task": "{CELERY_TASK}"'])
    except RedisError as error:
        _broken_until = time.monotonic() + BREAK_SECONDS
        logger.info("broker away: %r; the next task comes through Celery", error)
        return None
    if raw is None:
        return None
    try:
        [[task_id], _, _] = json.loads(base64.b64decode(json.loads(raw)["body"]))
        return UUID(task_id)
    except (ValueError, TypeError, KeyError, AttributeError):
        logger.warning("A message without a task's id: %.100r", raw)
        return None


class Sender:
    """Sends from a thread of its own, so that an answer waits for the commit alone.

    `on_sent(messages)` is called on that thread, half a second after the send, for many tasks at once.
    """

    def __init__(self, on_sent: Callable[[list[Message]], None]) -> None:
        self._on_sent = on_sent
        self._waiting: SimpleQueue[Message] = SimpleQueue()
        self._sent: list[Message] = []
        self._gathers_until = 0.0
        threading.Thread(target=self._run, name="sender", daemon=True).start()

    def put(self, message: Message) -> None:
        """Have it sent soon. If that fails, upkeep finds the task in the database."""
        self._waiting.put(message)

    def _run(self) -> None:
        stamp_at = 0.0
        while True:
            batch = self._gathered(max(stamp_at - time.monotonic(), 0) if self._sent else None)
            if batch and self._is_sent(batch):
                if not self._sent:
                    stamp_at = time.monotonic() + STAMP_SECONDS
                self._sent += batch
            if self._sent and time.monotonic() >= stamp_at:
                self._stamp()

    def _gathered(self, timeout_seconds: float | None) -> list[Message]:
        """What waits by now: one at least, unless the time is over."""
        try:
            first = self._waiting.get(timeout=timeout_seconds)
        except Empty:
            return []
        if (pause := self._gathers_until - time.monotonic()) > 0:
            time.sleep(pause)
        self._gathers_until = time.monotonic() + GATHER_SECONDS
        return [first, *(self._waiting.get() for _ in range(self._waiting.qsize()))]

    def _is_sent(self, batch: list[Message]) -> bool:
        try:
            return send(batch)
        except Exception:
            logger.exception("could not send %d tasks; upkeep will", len(batch))
            return False

    def _stamp(self) -> None:
        sent, self._sent = self._sent, []
        try:
            self._on_sent(sent)
        except StoreUnavailable as error:
            logger.warning("could not note that %d tasks were enqueued: %s", len(sent), error)
        except Exception:
            logger.exception("could not note that tasks were enqueued; upkeep may send them again")


def _redis() -> Redis:
    """This process's own client: a thread of the parent may have held the lock of its own in the moment of the fork."""
    return _client(os.getpid())


@cache
def _client(_pid: int) -> Redis:
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=SEND_TIMEOUT_SECONDS,
        socket_connect_timeout=SEND_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


@cache
def _take(_pid: int) -> Callable[..., bytes | None]:
    """Look through the lists in the order in which kombu does; what Celery alone understands stays where it is."""
    return _redis().register_script(
        """
        for _, key in ipairs(KEYS) do
          local next = redis.call('LINDEX', key, -1)
          if next then
            return string.find(next, ARGV[1], 1, true) and redis.call('RPOP', key)
          end
        end
        """
    )


def _list_name(queue: str, priority: TaskPriority) -> str:
    step = PRIORITY_STEPS[priority]
    return f"{queue}{_SEPARATOR}{step}" if step else queue


def _envelope(message: Message) -> str:
    """One task as Celery's protocol 2 has it, in kombu's envelope for Redis. The message id is new with each send."""
    body = base64.b64encode(f'[["{message.task_id}"], {{}}, {_EMBED}]'.encode()).decode()
    return _template(message.queue, message.priority) % {"id": uuid7(), "body": body, "sent_at": repr(time.time())}


@cache
def _template(queue: str, priority: TaskPriority) -> str:
    """The envelope with places for what differs from message to message: `id`, `body` and `sent_at`."""
    properties = {
        "correlation_id": _ID,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": PRIORITY_STEPS[priority],
        "body_encoding": "base64",
        "delivery_tag": _ID,
        "reply_to": "",
    }
    envelope = {
        "body": _BODY,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {**_HEADERS, "id": _ID, "root_id": _ID, "sent_at": _SENT_AT},
        "properties": properties,
    }
    template = json.dumps(envelope).replace("%", "%%")
    for mark, place in ((_ID, "%(id)s"), (_BODY, "%(body)s")):
        template = template.replace(json.dumps(mark), f'"{place}"')
    return template.replace(json.dumps(_SENT_AT), "%(sent_at)s")


_ID, _BODY, _SENT_AT = "\0id", "\0body", "\0sent_at"
"""Marks that no text of ours has."""
_EMBED = json.dumps({"callbacks": None, "errbacks": None, "chain": None, "chord": None})
_HEADERS: dict[str, object] = {
    "lang": "py",
    "task": CELERY_TASK,
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],  # tasks.worker limits attempts itself, also while the broker is away
    "parent_id": None,
    "argsrepr": "",
    "kwargsrepr": "",
    "origin": "taskfeed",
    "ignore_result": True,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}
