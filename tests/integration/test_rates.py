"""Limits over time, counted in a real Valkey; and what happens where there is none."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.servers import Valkey
from tasks import rates
from tasks.rates import RateLimiter
from tests.e2e.support import wait_for


@pytest.fixture
def limiter(redis_url: str) -> RateLimiter:
    return RateLimiter(redis_url, "test")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_so_many_are_allowed_and_the_next_is_told_when_to_come(limiter: RateLimiter) -> None:
    allowed = [limiter.hit("login", "ada", "3/minute") for _ in range(3)]
    refused = limiter.hit("login", "ada", "3/minute")

    assert allowed == [None, None, None]
    assert refused is not None
    assert 0 < refused <= 60


def test_what_is_refused_is_not_counted(limiter: RateLimiter) -> None:
    first = [limiter.hit("login", "ada", "1/hour") for _ in range(3)][1:]

    assert all(seconds is not None and seconds <= 3600 for seconds in first)


def test_room_is_made_again_as_time_goes_by(limiter: RateLimiter) -> None:
    assert limiter.hit("login", "ada", "1/second") is None

    wait_for(lambda: limiter.hit("login", "ada", "1/second") is None, what="the second to be over")


def test_scopes_and_keys_are_counted_apart(limiter: RateLimiter) -> None:
    for scope, key in [("login", "ada"), ("login", "bob"), ("submit", "ada")]:
        assert limiter.hit(scope, key, "1/minute") is None
        assert limiter.hit(scope, key, "1/minute") is not None


def test_the_narrowest_of_several_windows_counts(limiter: RateLimiter) -> None:
    answers = [limiter.hit("login", "ada", "2/minute;3/hour") for _ in range(3)]

    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert answers[2] <= 60


def test_no_limit_asks_nobody() -> None:
    limiter = RateLimiter("redis://127.0.0.1:1", "test")

    assert limiter.hit("login", "ada", "") is None
    assert limiter._ask_again_at is None  # noqa: SLF001 - that nothing was tried


def test_servers_count_together(redis_url: str) -> None:
    here, there = RateLimiter(redis_url, "test"), RateLimiter(redis_url, "test")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda i: (here, there)[i % 2].hit("login", "ada", "10/hour"), range(50)))

    assert answers.count(None) == 10


async def test_loop_goes_on_while_redis_is_asked(limiter: RateLimiter) -> None:
    answers = await asyncio.gather(*(limiter.aside(limiter.hit, "login", "ada", "5/hour") for _ in range(8)))

    assert answers.count(None) == 5
    assert await limiter.aside(limiter.hit, "login", "ada", "") is None


def test_everything_is_allowed_while_redis_is_away_and_the_outage_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "OUTAGE_SECONDS", 0)
    limiter = RateLimiter("redis://127.0.0.1:1", "test")

    answers = [limiter.hit("login", "ada", "1/hour") for _ in range(5)]

    assert answers == [None] * 5
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_redis_that_is_mute_is_asked_once_in_a_while(silent_port: int, caplog: pytest.LogCaptureFixture) -> None:
    limiter = RateLimiter(f"redis://127.0.0.1:{silent_port}", "test")

    assert limiter.hit("login", "ada", "1/hour") is None
    asked_again_at = limiter._ask_again_at  # noqa: SLF001 - that nobody waits a second time
    assert limiter.hit("login", "ada", "1/hour") is None

    assert asked_again_at is not None
    assert len(caplog.records) == 1


def test_limits_hold_again_once_redis_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "OUTAGE_SECONDS", 0)
    valkey = Valkey(tmp_path, durable=False)
    valkey.start()
    try:
        limiter = RateLimiter(valkey.url, "test")
        assert limiter.hit("login", "ada", "1/hour") is None
        valkey.stop()
        away = limiter.hit("login", "ada", "1/hour")
        valkey.start(port=valkey.port)
        back = [limiter.hit("login", "ada", "1/hour") for _ in range(2)]
    finally:
        valkey.stop()

    assert away is None
    assert back[-1] is not None
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "nothing is counted against its limit while Redis is away",
        "Redis is back",
    ]
