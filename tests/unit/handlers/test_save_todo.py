"""What it refuses; what it stores is seen in tests/integration."""

from typing import Any

import pytest

from tasks.registry import ArgumentsInvalid
from tests.unit.handlers.running import run


@pytest.mark.parametrize("arguments", [{"title": ""}, {"title": "a" * 201}, {"title": "a\0"}], ids=ascii)
async def test_title_that_the_table_would_refuse_is_a_fault(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid, match="title: "):
        await run("save_todo", **arguments)
