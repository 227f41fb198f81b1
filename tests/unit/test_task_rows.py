from datetime import UTC, datetime
from uuid import UUID

from tasks.models import Task
from tasks.status import TaskStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = {
    "id": UUID(int=1),
    "type": "count_words",
    "owner_id": UUID(int=2),
    "queue": "default",
    "arguments": {"text": "a b"},
    "arguments_digest": b"digest",
    "tags": ["x"],
    "attempt_allowance": 3,
    "max_attempts": 3,
    "status": TaskStatus.QUEUED,
    "created_at": NOW,
    "updated_at": NOW,
}


def test_a_row_made_without_the_constructor_is_the_same_row():
    made, constructed = Task.made(**VALUES), Task(**VALUES)

    columns = [field.attname for field in Task._meta.concrete_fields]  # noqa: SLF001 - Django's documented API
    assert {name: getattr(made, name) for name in columns} == {name: getattr(constructed, name) for name in columns}
    assert made == constructed
    assert made._state.adding  # noqa: SLF001 - as above
