from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.registry import ArgumentsInvalid
from tests.unit.handlers.contexts import RecordingContext
from tests.unit.handlers.running import run


async def test_receipt_says_to_whom_and_when() -> None:
    before = datetime.now(UTC)
    context = RecordingContext()

    receipt = await run("send_message", context, recipient="ada@example.org", text="Hello")

    assert receipt["recipient"] == "ada@example.org"
    assert before <= datetime.fromisoformat(receipt["sent_at"]) <= datetime.now(UTC)
    assert [message for _, message in context.lines] == [f"sent as {receipt['message_id']}"]


async def test_second_attempt_carries_the_id_of_the_first() -> None:
    first = await run("send_message", RecordingContext(1), recipient="ada", text="Hello")
    second = await run("send_message", RecordingContext(2), recipient="ada", text="Hello")

    assert first["message_id"] == second["message_id"]


@pytest.mark.parametrize("arguments", [{"recipient": "", "text": "a"}, {"recipient": "a", "text": ""}], ids=str)
async def test_empty_message_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid, match="at least 1"):
        await run("send_message", **arguments)
