"""How many sockets one address and one user have open in this server process."""

from collections import Counter
from collections.abc import Hashable
from typing import Final

TOO_MANY_SOCKETS: Final = "TOO_MANY_SOCKETS"


class Crowd:
    """Counts by whatever tells the many apart. For one loop; whoever enters must leave."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._inside: Counter[Hashable] = Counter()

    def enter(self, key: Hashable) -> bool:
        """Count one more, unless there are as many as may be."""
        if self._inside[key] >= self.limit:
            return False
        self._inside[key] += 1
        return True

    def leave(self, key: Hashable) -> None:
        """Count one less; nothing is kept of a key that is gone."""
        self._inside[key] -= 1
        if self._inside[key] <= 0:
            del self._inside[key]
