"""Shows work that keeps a processor busy, for minutes if asked to, and yet tells how far it is and can be cancelled."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Annotated

from tasks.registry import Field, TaskContext, task_type

_SEGMENT = 2**15
"""Odd numbers sieved between two words to the context: a few milliseconds of work, and small enough for the cache."""


@dataclass(frozen=True)
class Primes:
    """The primes up to a limit."""

    count: int
    """How many there are."""
    largest: int | None
    """The last of them; null where there is none."""


@task_type(timeout_seconds=3600)
def count_primes(context: TaskContext, limit: Annotated[int, Field(ge=0, le=2_147_483_647)]) -> Primes:
    """Count the primes up to a limit, with a sieve that works in segments.

    Args:
        limit: The last number to look at. A million takes no time, two thousand million take minutes.
    """
    count, largest = (1, 2) if limit >= 2 else (0, None)  # noqa: PLR2004 - the only even prime
    for first, odds in _sieved(limit):
        count += odds.count(1)
        last = odds.rfind(1)
        if last >= 0:
            largest = first + 2 * last
        # Every call may raise TaskCancelled: there is nothing to clean up, so it may end the handler right here.
        context.report_progress(min(1.0, (first + 2 * len(odds)) / limit), f"{count:,} primes up to {largest:,}")
    return Primes(count, largest)


def _sieved(limit: int) -> Iterator[tuple[int, bytearray]]:
    """Yield the odd numbers from 3 on in segments: a segment's first number, and a byte for each, 1 for a prime."""
    divisors = _odd_primes(isqrt(limit))
    for first in range(3, limit + 1, 2 * _SEGMENT):
        size = min(_SEGMENT, (limit - first) // 2 + 1)
        last = first + 2 * (size - 1)
        odds = bytearray(b"\x01") * size
        for prime in divisors:
            if prime * prime > last:
                break
            multiple = max(prime * prime, (first + prime - 1) // prime * prime)
            start = (multiple + (prime if multiple % 2 == 0 else 0) - first) // 2
            if start < size:
                odds[start::prime] = bytes((size - start - 1) // prime + 1)
        yield first, odds


def _odd_primes(limit: int) -> list[int]:
    odds = bytearray(b"\x01") * max(0, (limit - 1) // 2)
    for index in range((isqrt(limit) - 1) // 2):
        if odds[index]:
            prime = 2 * index + 3
            start = (prime * prime - 3) // 2
            odds[start::prime] = bytes((len(odds) - start - 1) // prime + 1)
    return [2 * index + 3 for index, is_prime in enumerate(odds) if is_prime]
