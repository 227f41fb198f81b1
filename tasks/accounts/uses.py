"""When each token was last used, kept for the admin without a write per request."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

from django.db.models import Q

from tasks import database
from tasks.errors import StoreUnavailable
from tasks.models import AccessToken

logger = logging.getLogger(__name__)

STORED_EVERY_SECONDS = 60.0
"""For each token, over all servers together."""
GATHERED_SECONDS = 1.0
"""From the first use that is to be stored, for others to go with it."""
REMEMBERED_TOKENS = 10_000


class TokenUses:
    """Gathers which tokens are used, and stores it a moment later, all at once. One per process, on one loop.

    Nobody waits for it. A server that is killed, or a database that is away, loses the last uses and nothing else.
    """

    def __init__(self) -> None:
        self._noted: dict[UUID, float] = {}
        self._waiting: set[UUID] = set()
        self._storing: asyncio.Task[None] | None = None

    def note(self, token_id: UUID) -> None:
        """Take notice of a use. Cheap: most of the time it was stored less than a minute ago."""
        now = monotonic()
        noted = self._noted.get(token_id)
        if noted is not None and now - noted < STORED_EVERY_SECONDS:
            return
        if len(self._noted) >= REMEMBERED_TOKENS:
            self._noted.clear()
        self._noted[token_id] = now
        self._waiting.add(token_id)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(GATHERED_SECONDS, self._begin)

    def _begin(self) -> None:
        gathered, self._waiting = self._waiting, set()
        self._storing = asyncio.ensure_future(self._store(gathered))

    async def _store(self, token_ids: set[UUID]) -> None:
        try:
            await database.write(_store, token_ids)
        except StoreUnavailable:
            logger.warning("when %d tokens were last used could not be stored", len(token_ids))


def _store(token_ids: Iterable[UUID]) -> None:
    now = datetime.now(UTC)
    # Another server may just have done it.
    is_due = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=STORED_EVERY_SECONDS))
    AccessToken.objects.filter(is_due, pk__in=token_ids).update(last_used_at=now)
