from typing import Any

import pytest

from tasks.handlers import tell_story
from tasks.registry import ArgumentsInvalid, TaskCancelled
from tests.unit.handlers.contexts import RecordingContext
from tests.unit.handlers.running import run


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell_story, "PAUSE_SECONDS", 0)


async def test_chunks_make_up_the_story() -> None:
    context = RecordingContext()

    result = await run("tell_story", context, topic="a blue {lamp}", sentences=2)

    assert result["text"] == (
        "Once upon a time there was a blue {lamp}. Nobody had ever asked what a blue {lamp} might want."
    )
    assert "".join(context.chunks).rstrip() == result["text"]
    assert len(context.chunks) == result["words"]


async def test_same_arguments_make_the_same_story() -> None:
    assert await run("tell_story", topic="Ada", sentences=30) == await run("tell_story", topic="Ada", sentences=30)


async def test_story_ends_when_it_is_cancelled() -> None:
    context = RecordingContext(cancel_after=4)

    with pytest.raises(TaskCancelled):
        await run("tell_story", context, topic="Ada")

    assert context.chunks == ["Once ", "upon ", "a ", "time "]


@pytest.mark.parametrize("arguments", [{"topic": ""}, {"topic": "a" * 101}, {"topic": "a", "sentences": 0}], ids=str)
async def test_story_about_nothing_or_without_end_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid):
        await run("tell_story", **arguments)
