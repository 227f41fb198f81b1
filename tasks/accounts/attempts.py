"""How often somebody may try to sign in: counted per address and per name, by whatever way they try."""

import hashlib
from collections.abc import Iterator

from django.conf import settings

from tasks import rates

Count = tuple[str, str, str]
"""What `RateLimiter.hit` is asked: a scope, a key, and the limit."""


async def refused_for(address: str | None, username: str | None) -> float | None:
    """Do as `refused_for_blocking` from the event loop."""
    return await rates.limiter().aside(refused_for_blocking, address, username)


def refused_for_blocking(address: str | None, username: str | None) -> float | None:
    """Count an attempt; return None where it may be made, else the seconds until one may.

    The `address` of the client is None where the door does not tell it, the `username` where it is not what is tried.
    """
    for count in _counts(address, username):
        seconds = rates.limiter().hit(*count)
        if seconds is not None:
            return seconds
    return None


async def forgive(username: str) -> None:
    """Do as `forgive_blocking` from the event loop."""
    await rates.limiter().aside(forgive_blocking, username)


def forgive_blocking(username: str) -> None:
    """Forget the attempts under a name: who knows its password may sign in as often as they like."""
    rates.limiter().forget(*_of_name(username))


def _counts(address: str | None, username: str | None) -> Iterator[Count]:
    if address is not None:
        yield "login-address", address, settings.LOGIN_ATTEMPTS_PER_ADDRESS
    if username is not None:
        yield _of_name(username)


def _of_name(username: str) -> Count:
    # Names come in any length; keys of Redis had better not.
    digest = hashlib.sha256(username.encode("utf-8", "replace")).hexdigest()
    return "login-name", digest, settings.LOGIN_ATTEMPTS_PER_NAME
