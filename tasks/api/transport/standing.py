"""Whether somebody who stays connected, by a socket or a stream, may still stay."""

import logging
from datetime import UTC, datetime
from typing import Final, Protocol

from tasks.api.viewer import ANONYMOUS, Credentials, Viewer
from tasks.errors import StoreUnavailable, Unauthenticated

logger = logging.getLogger(__name__)

MAX_BEAT_SECONDS: Final = 30.0
"""Between two beats, whatever SOCKET_PING_SECONDS is, since a beat also finds out who has logged out."""


class FindsViewers(Protocol):
    """What `tasks.api.viewer.Viewers` does for a socket."""

    async def of(self, credentials: Credentials) -> Viewer:
        """Tell whose these are. Raises `Unauthenticated`."""

    def forget(self, viewer: Viewer, session_key: str | None) -> None:
        """Look a viewer up anew from now on, who has logged out."""


def has_expired(viewer: Viewer) -> bool:
    """Tell whether the viewer's token has come to its end."""
    return viewer.expires_at is not None and viewer.expires_at <= datetime.now(UTC)


async def look_again(viewers: FindsViewers, credentials: Credentials, viewer: Viewer) -> Viewer | None:
    """Return who shows these credentials now; None if they are good for nobody any more, or for other rights.

    That is after a logout elsewhere, a deactivation, a new password or a new staff flag. Where it can't be found out
    the answer is `viewer`, since nobody is sent away for that: ask again at the next beat. Those who show the same
    credentials share a query.
    """
    try:
        now = await viewers.of(credentials)
    except Unauthenticated:
        now = ANONYMOUS
    except StoreUnavailable:
        return viewer
    except Exception:
        logger.exception("a viewer who stays connected could not be looked up again")
        return viewer
    return now if now.rights == viewer.rights else None
