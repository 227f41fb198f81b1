"""A worker with one child, which is the test process, on the real store."""

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tasks.models import Attempt, Task
from tasks.worker import attempt
from tasks.worker.attempt import Place
from tasks.worker.calling import HandlerCaller
from tasks.worker.flusher import Flusher
from tasks.worker.slots import Slots
from tests.integration.rows import stored
from tests.unit.worker.claims import register


class Scene:
    """The worker, and one task after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.slots = Slots(4)
        self.place = Place(uuid4(), "worker@here", os.getpid(), self.slots[0], HandlerCaller(), Flusher())

    def submit(self, handler: Callable[..., Any], arguments: Any = None, **changes: Any) -> Task:
        """Store a QUEUED task whose type is this handler alone."""
        options = {key: changes.pop(key) for key in ("retry_on", "do_not_retry_on") if key in changes}
        register(self.monkeypatch, handler, name="under_test", **options)
        return stored(None, **{"type": "under_test", "arguments": arguments or {}, "timeout_seconds": 20, **changes})

    def run(self, handler: Callable[..., Any], arguments: Any = None, **changes: Any) -> Task:
        """Submit and attempt it once; return the row as it is then."""
        task = self.submit(handler, arguments, **changes)
        attempt.run(task.id, self.place)
        task.refresh_from_db()
        return task


def last_attempt(task: Task) -> Attempt:
    """Return the newest attempt of a task."""
    return Attempt.objects.filter(task=task).latest("number")
