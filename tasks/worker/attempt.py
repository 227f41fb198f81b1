"""One attempt, from the claim to its end. Read it from top to bottom: that is what happens."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from billiard.common import terminate_handler_fired  # type: ignore[attr-defined]  # newer than its stubs
from django.conf import settings
from pydantic import BaseModel
from pydantic_core import to_json

from tasks import lifecycle
from tasks.lifecycle import Claim
from tasks.registry import ArgumentsInvalid, RejectTask, ResultInvalid, TaskCancelled, TaskType, registry
from tasks.worker.calling import HandlerCaller, TimedOut
from tasks.worker.context import AttemptContext
from tasks.worker.failures import failure_of, retry_in
from tasks.worker.flusher import Flusher
from tasks.worker.outcomes import Cancelled, Failed, Lost, Outcome, Returned, Succeeded
from tasks.worker.recorder import Recorder
from tasks.worker.slots import Slot
from tasks.worker.store import AWAY, lasting

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where attempts run: one pool child, and what it keeps from one attempt to the next."""

    incarnation: UUID
    """The start of the worker process that this child belongs to."""
    worker: str
    """Its name, for people."""
    pid: int
    slot: Slot
    caller: HandlerCaller
    flusher: Flusher
    queues: tuple[str, ...] = ()
    """From which it may take messages itself."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An attempt whose handler can be called."""

    claim: Claim
    task_type: TaskType
    arguments: BaseModel
    recorder: Recorder
    timeout_seconds: float
    """How long the handler may run."""
    times_out_at: float
    """When that is over, as `time.monotonic` tells it."""


def run(task_id: UUID, place: Place) -> None:
    """Attempt the task, if it can be claimed. However its handler ends, this process lives on."""
    claim = _claim(task_id, place)
    if claim is None:
        return
    place.slot.hold(claim.claim_id)
    try:
        _end(claim, _perform(claim, place))
    except Exception:
        # The main process finds an attempt that nobody holds, and ends it.
        place.slot.release()
        raise
    place.slot.release()
    if terminate_handler_fired():
        # Celery's SIGTERM was in the middle of ending this process when it interrupted the handler.
        raise SystemExit


def _claim(task_id: UUID, place: Place) -> Claim | None:
    """Take the task, or leave quietly: a second delivery, a cancelled or an expired task finds nothing to claim."""
    claim_id = uuid4()
    place.slot.intend(claim_id)
    try:
        claim = lasting(
            lambda: lifecycle.claim(
                task_id, claim_id=claim_id, incarnation=place.incarnation, worker=place.worker, pid=place.pid
            )
        )
    except AWAY:
        logger.exception("The database is away; upkeep will enqueue the task again", extra={"task_id": str(task_id)})
        place.slot.release()
        return None
    if claim is None:
        place.slot.release()
        logger.debug("There is nothing to claim: task_id=%s", task_id)
    return claim


def _perform(claim: Claim, place: Place) -> Outcome:
    """Prepare the arguments, call the handler and judge what comes of it."""
    task_type = registry.find(claim.type)
    if task_type is None:
        known = ", ".join(known.name for known in registry.all())
        refusal = RejectTask(f"expected a known task type, got: {claim.type!r}; this worker knows {known}")
        return Failed(failure_of(refusal, 0), None)
    try:
        arguments = task_type.load_arguments(claim.arguments)
    except ArgumentsInvalid as error:
        return Failed(failure_of(error, 0), None)
    seconds = claim.timeout_seconds or task_type.timeout_seconds
    recorder = Recorder(claim, place.slot, place.flusher)
    attempt = Prepared(claim, task_type, arguments, recorder, seconds, time.monotonic() + seconds)
    try:
        return _outcome_of_call(attempt, place)
    finally:
        recorder.end()
        lasting(recorder.flush)


def _outcome_of_call(attempt: Prepared, place: Place) -> Outcome:
    try:
        value = _call(attempt, place)
        return Succeeded(_stored(attempt.task_type, value))
    except BaseException as exception:  # noqa: BLE001 - whatever ends a handler ends its attempt, not the worker
        return _outcome_of_exception(attempt, exception)


def _call(attempt: Prepared, place: Place) -> Any:
    """Call the handler. From here until it returns, it may be interrupted or its process ended."""
    context = AttemptContext(attempt.claim, attempt.recorder)
    seconds = attempt.timeout_seconds

    def handler() -> Any:
        return attempt.task_type.call(attempt.arguments, context)

    with place.slot.limited(attempt.times_out_at):
        if attempt.task_type.is_async:
            return place.caller.run(handler, seconds, attempt.recorder.is_cancelled)
        return place.caller.call(handler, seconds)


def _stored(task_type: TaskType, value: Any) -> Any:
    """Return the result as it is stored. Raises ResultInvalid where it does not fit its type or the store."""
    result = task_type.dump_result(value)
    size = len(to_json(result))
    if size > settings.MAX_RESULT_BYTES:
        raise ResultInvalid(f"expected a result of at most {settings.MAX_RESULT_BYTES} bytes as JSON, got: {size}")
    return result


def _outcome_of_exception(attempt: Prepared, exception: BaseException) -> Outcome:
    recorder = attempt.recorder
    if recorder.is_claim_lost:
        return Lost()
    if isinstance(exception, TaskCancelled) and recorder.is_cancelled():
        return Cancelled()
    if terminate_handler_fired():
        # Either the worker stops, or Celery's hard limit begins with SIGTERM.
        if time.monotonic() < attempt.times_out_at:
            return Returned()
        exception = TimedOut()
    failure = failure_of(exception, attempt.timeout_seconds)
    return Failed(failure, retry_in(attempt.claim, attempt.task_type, failure.code, exception))


def _end(claim: Claim, outcome: Outcome) -> None:
    """Record how the attempt ended, also over a restart of the database: the claim sees to it that it counts once."""
    if not lasting(_ending(claim, outcome)):
        logger.info("The attempt was ended by somebody else: task_id=%s attempt=%s", claim.task_id, claim.attempt)


def _ending(claim: Claim, outcome: Outcome) -> Callable[[], bool]:
    match outcome:
        case Succeeded(result):
            return lambda: lifecycle.succeed(claim, result)
        case Failed(failure, retry_in_seconds):
            return lambda: lifecycle.fail(claim, failure, retry_in_seconds=retry_in_seconds)
        case Cancelled():
            return lambda: lifecycle.cancelled(claim)
        case Returned():
            return lambda: lifecycle.give_back(claim)
        case Lost():
            return lambda: False
