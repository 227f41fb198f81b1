import pytest

from tasks.registry import ArgumentsInvalid, TaskCancelled
from tests.unit.handlers.contexts import RecordingContext
from tests.unit.handlers.running import run


async def test_no_time_at_all_is_over_at_once_and_has_no_result() -> None:
    context = RecordingContext()

    assert await run("wait", context, seconds=0) is None
    assert context.progress == [(1.0, None)]


async def test_cancel_ends_an_hour_at_the_next_slice() -> None:
    context = RecordingContext(cancel_after=1)

    with pytest.raises(TaskCancelled):
        await run("wait", context, seconds=3600)

    ((fraction, message),) = context.progress
    assert fraction == pytest.approx(0, abs=0.001)
    assert message == "3600 s left"


@pytest.mark.parametrize("seconds", [-1, 3601, float("nan")])
async def test_time_out_of_range_is_a_fault(seconds: float) -> None:
    with pytest.raises(ArgumentsInvalid, match="seconds: expected"):
        await run("wait", seconds=seconds)
