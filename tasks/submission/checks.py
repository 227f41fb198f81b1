"""Every rule a request must meet before anything is stored. All faults are found at once."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from uuid_utils.compat import uuid7

from tasks.errors import InvalidArguments, TooLarge, UserError
from tasks.models import Task
from tasks.registry import ArgumentsInvalid
from tasks.registry.faults import MAX_FAULTS
from tasks.registry.sizes import size_of
from tasks.registry.storable import faults_of_json
from tasks.status import TaskStatus
from tasks.submission.requests import Json, SubmitRequest

MAX_DELAY_SECONDS = 10 * 366 * 24 * 3600.0
"""Ten years: what lies further ahead is a mistake in the unit."""
MAX_KEY_CHARACTERS = 255


def checked(request: SubmitRequest, owner_id: UUID) -> Task | list[UserError]:
    """The row to store, or everything that is wrong with the request."""
    errors = list(islice(_faults(request), MAX_FAULTS))
    arguments, as_json = _arguments(request, errors)
    if errors:
        return errors
    return _row(request, owner_id, arguments, as_json)


def _faults(request: SubmitRequest) -> Iterator[UserError]:
    yield from _times(request)
    yield from _queue(request)
    yield from _numbers(request)
    yield from _texts(request)
    yield from _sizes(request)


def _times(request: SubmitRequest) -> Iterator[UserError]:
    if request.scheduled_for is not None and request.delay_seconds is not None:
        yield _invalid("expected scheduledFor or delaySeconds, got both: leave one out", "delaySeconds")
    yield from _within(request.delay_seconds, "delaySeconds", 0, MAX_DELAY_SECONDS)
    yield from _within(request.retry_delay_seconds, "retryDelaySeconds", 0, MAX_DELAY_SECONDS)
    yield from _positive(request.expires_in_seconds, "expiresInSeconds", MAX_DELAY_SECONDS)
    yield from _positive(request.timeout_seconds, "timeoutSeconds", settings.MAX_TIMEOUT_SECONDS)
    if not 0 <= request.wait_seconds <= settings.MAX_WAIT_SECONDS:
        limits = f"expected 0 to {settings.MAX_WAIT_SECONDS:g}, got {request.wait_seconds:g}"
        yield InvalidArguments(limits, ["waitSeconds"])
    latest = datetime.now(UTC) + timedelta(seconds=MAX_DELAY_SECONDS)
    if request.scheduled_for is not None and request.scheduled_for > latest:
        yield _invalid(f"expected a time within ten years, got {request.scheduled_for.isoformat()}", "scheduledFor")


def _queue(request: SubmitRequest) -> Iterator[UserError]:
    if request.queue is not None and request.queue not in settings.QUEUES:
        known = ", ".join(map(repr, settings.QUEUES))
        yield _invalid(f"expected one of the queues {known}, got {request.queue!r}", "queue")


def _numbers(request: SubmitRequest) -> Iterator[UserError]:
    yield from _within(request.max_attempts, "maxAttempts", 1, settings.MAX_ATTEMPTS)


def _texts(request: SubmitRequest) -> Iterator[UserError]:
    key = request.idempotency_key
    if key is not None and not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        yield _invalid(f"expected 1 to {MAX_KEY_CHARACTERS} characters, got {len(key)}", "idempotencyKey")
    values = {"idempotencyKey": key, "tags": list(request.tags or ()), "metadata": request.metadata}
    for path, message in faults_of_json(values):
        yield _invalid(message, *map(str, path))


def _sizes(request: SubmitRequest) -> Iterator[UserError]:
    tags = request.tags or ()
    if len(tags) > settings.MAX_TAGS:
        yield _too_large(f"expected at most {settings.MAX_TAGS} tags, got {len(tags)}", settings.MAX_TAGS, "tags")
    for position, tag in enumerate(tags[: settings.MAX_TAGS]):
        yield from _size(len(tag.encode("utf-8", "replace")), settings.MAX_TAG_BYTES, "tags", str(position))
        if not tag:
            yield _invalid("expected a tag of at least one character, got ''", "tags", str(position))
    if request.metadata is not None:
        yield from _size(len(_json(request.metadata)), settings.MAX_METADATA_BYTES, "metadata")


def _arguments(request: SubmitRequest, errors: list[UserError]) -> tuple[dict[str, Json], bytes]:
    """The arguments as they are stored, and as their digest is made of; what is wrong is added to `errors`."""
    at = ("input", "task", request.task_type.input_field)
    limit = settings.MAX_ARGUMENTS_BYTES
    if size_of(request.values, limit, limit).bytes > limit:
        # Before they are validated, which may cost far more than to look at them.
        errors.append(TooLarge(f"expected at most {limit} bytes as JSON, got more", list(at), limit=limit))
        return {}, b""
    try:
        stored = request.task_type.dump_arguments(request.task_type.parse_arguments(request.values))
    except ArgumentsInvalid as invalid:
        errors += [InvalidArguments(fault.message, [*at, *map(str, fault.path)]) for fault in invalid.faults]
        return {}, b""
    as_json = _json(stored)
    if len(as_json) > limit:
        errors.append(TooLarge(f"expected at most {limit} bytes as JSON, got {len(as_json)}", list(at), limit=limit))
    return stored, as_json


def _row(request: SubmitRequest, owner_id: UUID, arguments: dict[str, Json], as_json: bytes) -> Task:
    now = datetime.now(UTC)
    task_type = request.task_type
    scheduled_for = request.scheduled_for
    if request.delay_seconds:
        scheduled_for = now + timedelta(seconds=request.delay_seconds)
    rests = scheduled_for is not None and scheduled_for > now
    attempts = task_type.max_attempts if request.max_attempts is None else request.max_attempts
    return Task.made(
        id=uuid7(),
        type=task_type.name,
        owner_id=owner_id,
        queue=request.queue or task_type.queue,
        priority=request.priority,
        arguments=arguments,
        arguments_digest=hashlib.sha256(f"{task_type.name}\n".encode() + as_json).digest(),
        idempotency_key=request.idempotency_key,
        tags=list(request.tags or ()),
        metadata=request.metadata,
        timeout_seconds=task_type.timeout_seconds if request.timeout_seconds is None else request.timeout_seconds,
        retry_delay_seconds=request.retry_delay_seconds,
        attempt_allowance=attempts,
        max_attempts=attempts,
        scheduled_for=scheduled_for,
        due_at=scheduled_for if rests else None,
        status=TaskStatus.SCHEDULED if rests else TaskStatus.QUEUED,
        expires_at=now + timedelta(seconds=request.expires_in_seconds) if request.expires_in_seconds else None,
        created_at=now,
        updated_at=now,
    )


def _within(value: float | None, field: str, low: float, high: float) -> Iterator[UserError]:
    if value is not None and not low <= value <= high:
        yield _invalid(f"expected {low:g} to {high:g}, got {value:g}", field)


def _positive(value: float | None, field: str, high: float) -> Iterator[UserError]:
    if value is not None and not 0 < value <= high:
        yield _invalid(f"expected more than 0 and at most {high:g}, got {value:g}", field)


def _size(size: int, limit: int, *path: str) -> Iterator[UserError]:
    if size > limit:
        yield _too_large(f"expected at most {limit} bytes, got {size}", limit, *path)


def _invalid(message: str, *path: str) -> InvalidArguments:
    return InvalidArguments(message, ["input", *path])


def _too_large(message: str, limit: int, *path: str) -> TooLarge:
    return TooLarge(message, ["input", *path], limit=limit)


def _json(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")
