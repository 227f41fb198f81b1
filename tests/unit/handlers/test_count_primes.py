import pytest

from tasks.handlers import count_primes
from tasks.registry import ArgumentsInvalid, TaskCancelled
from tests.unit.handlers.contexts import RecordingContext
from tests.unit.handlers.running import run

COUNTS = [(0, 0, None), (1, 0, None), (2, 1, 2), (3, 2, 3), (4, 2, 3), (100, 25, 97), (1_000_000, 78_498, 999_983)]


@pytest.mark.parametrize(("limit", "count", "largest"), COUNTS)
async def test_primes_are_counted(limit: int, count: int, largest: int | None) -> None:
    assert await run("count_primes", limit=limit) == {"count": count, "largest": largest}


async def test_counts_agree_with_trial_division_wherever_segments_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_primes, "_SEGMENT", 7)
    primes = [number for number in range(2, 300) if all(number % divisor for divisor in range(2, number))]

    for limit in range(300):
        found = [prime for prime in primes if prime <= limit]
        assert await run("count_primes", limit=limit) == {"count": len(found), "largest": max(found, default=None)}


async def test_progress_grows_to_one_with_a_word_on_each_segment() -> None:
    context = RecordingContext()

    await run("count_primes", context, limit=1_000_000)

    fractions = [fraction or 0.0 for fraction, _ in context.progress]
    assert fractions == sorted(fractions)
    assert len(fractions) == 16
    assert context.progress[-1] == (1.0, "78,498 primes up to 999,983")


async def test_cancel_ends_it_at_the_next_segment() -> None:
    context = RecordingContext(cancel_after=3)

    with pytest.raises(TaskCancelled):
        await run("count_primes", context, limit=2_147_483_647)

    assert len(context.progress) == 3


@pytest.mark.parametrize("limit", [-1, 2**31])
async def test_limit_out_of_range_is_a_fault(limit: int) -> None:
    with pytest.raises(ArgumentsInvalid, match="limit: expected at"):
        await run("count_primes", limit=limit)
