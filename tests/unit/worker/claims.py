"""A claim that no database knows, and task types that only a test knows."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tasks.lifecycle import Claim
from tasks.registry import TaskType, build_task_type, registry
from tasks.registry.options import Options
from tasks.status import TaskPriority


def a_claim(**changes: Any) -> Claim:
    """Make the first of three attempts at a task, or what `changes` say."""
    given: dict[str, Any] = {
        "task_id": uuid4(),
        "claim_id": uuid4(),
        "attempt": 1,
        "type": "reverse_string",
        "queue": "default",
        "priority": TaskPriority.NORMAL,
        "arguments": {},
        "max_attempts": 3,
        "attempts_spent": 0,
        "attempts_returned": 0,
        "timeout_seconds": None,
        "retry_delay_seconds": None,
        "version": 2,
    }
    return Claim(**{**given, **changes})


def register(monkeypatch: pytest.MonkeyPatch, handler: Callable[..., Any], **options: Any) -> TaskType:
    """Add a task type to the process until the test ends. Its GraphQL types are nobody's business here."""
    task_type = build_task_type(handler, Options(**options))
    monkeypatch.setitem(registry._by_name, task_type.name, task_type)  # noqa: SLF001 - a type that goes away again
    return task_type
