"""Delays between attempts, as pure decisions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.registry import Backoff

DELAYS = {
    "first": (Backoff(jitter=0), 1, 1.0),
    "doubled": (Backoff(jitter=0), 4, 8.0),
    "at the maximum": (Backoff(jitter=0), 11, 600.0),
    "after very many": (Backoff(jitter=0), 100_000, 600.0),
    "constant": (Backoff(5, factor=1, jitter=0), 9, 5.0),
    "at once": (Backoff(0), 9, 0.0),
}


@pytest.mark.parametrize(("backoff", "failed_attempts", "seconds"), DELAYS.values(), ids=DELAYS)
def test_delay_grows_up_to_its_maximum(backoff: Backoff, failed_attempts: int, seconds: float) -> None:
    assert backoff.delay(failed_attempts, lambda: 0.5) == seconds


@settings(deadline=None, database=None)
@given(failed_attempts=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_shortens_a_delay_by_no_more_than_its_share(failed_attempts: int, chance: float) -> None:
    longest = Backoff(jitter=0).delay(failed_attempts, lambda: chance)

    delay = Backoff(jitter=0.1).delay(failed_attempts, lambda: chance)

    assert 0.9 * longest <= delay <= longest


def test_first_delay_of_one_submission_may_be_above_the_maximum() -> None:
    backoff = Backoff(jitter=0).starting_at(1000)

    assert [backoff.delay(failed, lambda: 0) for failed in (1, 2)] == [1000, 1000]
