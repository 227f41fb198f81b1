"""From a request to a stored and enqueued task, and on request to its end."""

import asyncio
import logging
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from tasks import broker, database, lifecycle
from tasks.errors import IdempotencyConflict, RateLimited, StoreUnavailable
from tasks.hub import current_hub
from tasks.models import Task
from tasks.models.snapshots import TaskSnapshot, snapshot, snapshots
from tasks.status import TaskPriority, TaskStatus
from tasks.submission.admission import admission
from tasks.submission.checks import checked
from tasks.submission.inserter import Inserter
from tasks.submission.requests import SubmitAnswer, SubmitRequest

logger = logging.getLogger(__name__)

INSERT_TRIES = 3
"""The task that had the key may be pruned just then."""

_inserters: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Inserter]" = weakref.WeakKeyDictionary()
_waiters: Counter[UUID] = Counter()


async def submit(owner_id: UUID, request: SubmitRequest, abandoned: asyncio.Event | None = None) -> SubmitAnswer:
    """Store the task and have it enqueued. An answer with a task means that it is committed.

    With `wait_seconds`: answers when the task is final, or after that long, holding no thread and no connection
    meanwhile; `abandoned` ends the waiting: nobody is there any more. Raises `StoreUnavailable` where the database
    can't be reached.
    """
    row = checked(request, owner_id)
    if not isinstance(row, Task):
        return SubmitAnswer(None, errors=row)
    if request.wait_seconds and _too_many_wait(owner_id):
        message = "too many requests wait for their tasks: submit without waitSeconds, or later"
        return SubmitAnswer(None, errors=[RateLimited(message, ["waitSeconds"], retry_after_seconds=1.0)])
    refused = admission().refused(owner_id, row.queue, ["input"])
    if refused is not None:
        # What stands already is no more work: it must be found again however full it is.
        found = await _found_by_key(row) if row.idempotency_key is not None else None
        return found or SubmitAnswer(None, errors=[refused])
    if not request.wait_seconds:
        return await _stored(row)
    with _counted(owner_id):
        return await _awaited(row, request.wait_seconds, abandoned)


async def _stored(row: Task) -> SubmitAnswer:
    new = TaskSnapshot.of_row(row, 0)
    current_hub().expect(new)
    for _ in range(INSERT_TRIES):
        event = await _inserter().insert(row)
        if event is not None:
            break
        found = await _found_by_key(row)
        if found is not None:
            return found
    else:
        raise RuntimeError(f"task {row.id} was not stored, and no other has its idempotency key")
    if row.status == TaskStatus.QUEUED:
        enqueue(row)
    return SubmitAnswer(TaskSnapshot.of_event(new, event))


async def _awaited(row: Task, wait_seconds: float, abandoned: asyncio.Event | None) -> SubmitAnswer:
    """Attached before the row commits, so that no event can pass unseen."""
    hub = current_hub()
    async with hub.final_waiter(row.id) as final:
        answer = await _stored(row)
        if answer.task is None:
            return answer
        if answer.deduplicated:
            return await _awaited_other(answer, wait_seconds, abandoned)
        return SubmitAnswer(await _final(answer.task, final, wait_seconds, abandoned))


async def _awaited_other(answer: SubmitAnswer, wait_seconds: float, abandoned: asyncio.Event | None) -> SubmitAnswer:
    """Wait for the task that was found by its key: attach first, then look whether it has ended already.

    An end that a retry has undone since may be told late: then the wait goes on.
    """
    assert answer.task is not None  # noqa: S101 - only called with one
    task_id = answer.task.id
    deadline = time.monotonic() + wait_seconds
    while True:
        async with current_hub().final_waiter(task_id) as final:
            now = await _present(answer.task)
            if now.status.is_final:
                return SubmitAnswer(now, deduplicated=True)
            then = await _final(now, final, max(0.0, deadline - time.monotonic()), abandoned)
        if then.version >= now.version:
            return SubmitAnswer(then, deduplicated=True)


async def _final(
    task: TaskSnapshot, final: "asyncio.Future[TaskSnapshot]", wait_seconds: float, abandoned: asyncio.Event | None
) -> TaskSnapshot:
    """The task at its end, if that comes in time; else as it stands then. It is stored, whatever becomes of this."""
    gone = asyncio.ensure_future(abandoned.wait()) if abandoned else None
    try:
        awaited: list[asyncio.Future[Any]] = [final, gone] if gone else [final]
        await asyncio.wait(awaited, timeout=wait_seconds, return_when=asyncio.FIRST_COMPLETED)
        if final.done() and final.exception() is None:
            return final.result()
        return await _present(task)
    finally:
        if gone:
            gone.cancel()


async def _present(task: TaskSnapshot) -> TaskSnapshot:
    """The task as it stands now; as it stood where it is gone, or the database is away: its id must not get lost."""
    try:
        return await database.read(snapshot, task.id) or task
    except StoreUnavailable:
        return task


async def _found_by_key(row: Task) -> SubmitAnswer | None:
    """The task that has this owner's key already, if it is the same task; else a conflict. None: it is pruned now."""
    found = await database.read(_by_key, row)
    if found is None:
        return None
    standing, same = found
    if same:
        return SubmitAnswer(standing, deduplicated=True)
    message = f"the key {row.idempotency_key!r} belongs to a task of another type or with other arguments"
    return SubmitAnswer(None, errors=[IdempotencyConflict(message, ["input", "idempotencyKey"], task_id=standing.id)])


def _by_key(row: Task) -> tuple[TaskSnapshot, bool] | None:
    with_key = Task.objects.filter(owner_id=row.owner_id, idempotency_key=row.idempotency_key)
    digest = with_key.values_list("arguments_digest", flat=True).first()
    found = snapshots(with_key)
    return (found[0], bytes(digest) == row.arguments_digest) if found and digest is not None else None


def _too_many_wait(owner_id: UUID) -> bool:
    at_most: int = settings.MAX_WAITERS_PER_USER
    return _waiters[owner_id] >= at_most or _waiters.total() >= settings.MAX_WAITERS


@contextmanager
def _counted(owner_id: UUID) -> Iterator[None]:
    _waiters[owner_id] += 1
    try:
        yield
    finally:
        _waiters[owner_id] -= 1
        if not _waiters[owner_id]:
            del _waiters[owner_id]


def _inserter() -> Inserter:
    loop = asyncio.get_running_loop()
    if loop not in _inserters:
        _inserters[loop] = Inserter()
    return _inserters[loop]


@cache
def _sender() -> broker.Sender:
    return broker.Sender(on_sent=lambda sent: database.guarded(lifecycle.mark_enqueued, sent))


def enqueue(task: Task | TaskSnapshot) -> None:
    """Have a QUEUED task's message sent soon."""
    _sender().put(broker.Message(task.id, task.queue, TaskPriority(task.priority), task.version))
