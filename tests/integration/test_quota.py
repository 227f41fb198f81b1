"""How much a user may submit: exact in one process, shared by way of Redis, and open where Redis is away."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from project.servers import free_port
from tasks import rates
from tasks.rates import RateLimiter
from tasks.submission.quota import Quota
from tests.waiting import until

ANNA, BEN = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def _own_limiter(settings: Settings, redis_url: str) -> Iterator[None]:  # noqa: ARG001 - emptied
    settings.MAX_SUBMISSIONS_PER_MINUTE = 4
    rates.limiter.cache_clear()
    yield
    rates.limiter.cache_clear()


def taken(quota: Quota, user_id: UUID, times: int) -> int:
    """Submit as often as that; return how often it was let through."""
    return [quota.take(user_id) for _ in range(times)].count(None)


async def test_one_process_keeps_the_limit_to_the_letter() -> None:
    quota = Quota()

    assert taken(quota, ANNA, 10) == 4
    assert taken(quota, BEN, 1) == 1


async def test_what_one_process_let_through_counts_in_another() -> None:
    first, second = Quota(), Quota()
    assert taken(first, ANNA, 3) == 3
    await until(lambda: first._telling is None)  # noqa: SLF001 - all is told

    assert taken(second, ANNA, 1) == 1
    await until(lambda: second._telling is None)  # noqa: SLF001 - all is told

    seconds = second.take(ANNA)
    assert seconds is not None
    assert 0 < seconds <= 60


async def test_without_redis_everybody_may_go_on(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    quota = Quota()
    assert taken(quota, ANNA, 4) == 4

    await until(lambda: quota.take(ANNA) is None)


def test_a_number_beyond_the_room_is_counted_as_far_as_there_is_room(redis_url: str) -> None:
    limiter = RateLimiter(redis_url, "test")

    rooms = [limiter.count("submit", "anna", number, 10) for number in (0, 4, 100, 1)]

    assert [room.number for room in rooms if room is not None] == [10, 6, 0, 0]
    assert rooms[-1] is not None
    assert 0 < rooms[-1].opens_in_seconds <= 60


async def test_no_limit_is_no_limit(settings: Settings) -> None:
    settings.MAX_SUBMISSIONS_PER_MINUTE = 0

    assert taken(Quota(), ANNA, 1_000) == 1_000
