"""What it stores is seen in tests/integration; here is what it asks of the table."""

from typing import Any

import pytest

from tasks.handlers.save_todo import Todo
from tasks.registry import ArgumentsInvalid
from tests.unit.handlers.contexts import TASK_ID
from tests.unit.handlers.running import run


class Rows:
    """Rows by task, as the table's unique constraint keeps them."""

    def __init__(self) -> None:
        self.by_task: dict[object, Todo] = {}

    def get_or_create(self, defaults: dict[str, Any], **key: Any) -> tuple[Todo, bool]:
        """Do as a manager does."""
        is_new = key["task_id"] not in self.by_task
        row = self.by_task.setdefault(key["task_id"], Todo(id=2**40 + len(self.by_task), **key, **defaults))
        return row, is_new


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Stand in for the table."""
    monkeypatch.setattr(Todo, "objects", rows := Rows())
    return rows


async def test_todo_is_stored_and_its_key_is_the_result(rows: Rows) -> None:
    result = await run("save_todo", title="Buy milk", description="Two litres")

    assert result == {"id": str(2**40)}
    assert (rows.by_task[TASK_ID].title, rows.by_task[TASK_ID].description) == ("Buy milk", "Two litres")


async def test_second_attempt_finds_the_row_of_the_first(rows: Rows) -> None:
    first = await run("save_todo", title="Buy milk")
    second = await run("save_todo", title="Buy milk")

    assert first == second
    assert len(rows.by_task) == 1


def test_a_task_stores_no_more_than_one_row() -> None:
    field = Todo._meta.get_field("task_id")  # noqa: SLF001 - Django's own way to ask

    assert getattr(field, "unique", False)


@pytest.mark.parametrize("arguments", [{"title": ""}, {"title": "a" * 201}, {"title": "a\0"}], ids=ascii)
async def test_title_that_the_table_would_refuse_is_a_fault(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid, match="title: "):
        await run("save_todo", **arguments)
