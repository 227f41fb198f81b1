import pytest

from tasks.registry import registry
from tests.unit.handlers.contexts import RecordingContext
from tests.unit.handlers.running import run


async def test_first_attempts_fail_and_the_next_tells_its_number() -> None:
    for attempt in (1, 2):
        with pytest.raises(ConnectionError, match=f"attempt {attempt} fails"):
            await run("fail_sometimes", RecordingContext(attempt), failures=2)

    assert await run("fail_sometimes", RecordingContext(3), failures=2) == 3


def test_it_may_fail_four_times_with_little_delay() -> None:
    task_type = registry.find("fail_sometimes")

    assert task_type is not None
    assert task_type.max_attempts == 5
    assert sum(task_type.backoff.delay(failed, lambda: 0) for failed in range(1, 5)) <= 3
