"""Users and tasks as tests put them into the store, and the claims of the worker that a test plays."""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from uuid_utils.compat import uuid7

from tasks import lifecycle
from tasks.lifecycle import Claim, Failure
from tasks.models import Event, Task, User
from tasks.status import FailureCode, TaskStatus

BOOM = Failure(FailureCode.EXCEPTION, "boom", "ValueError", "Traceback: boom")


def new_owner() -> User:
    return User.objects.create(username=f"user-{uuid4()}")


def new_task(owner: User | None, **changes: Any) -> Task:
    """Make a QUEUED task of three attempts, or what `changes` say, without storing it."""
    now = datetime.now(UTC)
    given = {
        "id": uuid7(),
        "type": "reverse_string",
        "owner": owner,
        "queue": "default",
        "arguments": {"text": "abc"},
        "arguments_digest": b"digest",
        "status": TaskStatus.QUEUED,
        "attempt_allowance": 3,
        "max_attempts": 3,
        "created_at": now,
        "updated_at": now,
    }
    return Task(**{**given, **changes})


def stored(owner: User | None, **changes: Any) -> Task:
    """Store what `new_task` makes."""
    task = new_task(owner, **changes)
    lifecycle.insert([task])
    return task


def try_claim(task: Task) -> Claim | None:
    return lifecycle.claim(task.id, claim_id=uuid4(), incarnation=uuid4(), worker="worker@here", pid=os.getpid())


def claimed(task: Task) -> Claim:
    claim = try_claim(task)
    assert claim is not None
    return claim


def statuses(task: Task) -> list[str]:
    """The statuses as the log tells them."""
    return list(Event.objects.filter(task_id=task.id, kind="STATUS").order_by("id").values_list("status", flat=True))
