"""Channel layers that break what a layer may break: for CHANNEL_LAYER in the environment of real processes."""

import random
from typing import Any, Final

from channels_redis.pubsub import RedisPubSubChannelLayer

LOST: Final = 1 / 3


class DroppingLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # Channels is untyped
    """Loses a third of all messages, at random, and says nothing."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send two thirds."""
        if random.random() > LOST:  # noqa: S311 - nothing is secret here
            await super().group_send(group, message)


class SwappingLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # Channels is untyped
    """Swaps neighbouring messages: the first of each two waits until the second has gone."""

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self._held: tuple[str, dict[str, Any]] | None = None

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send the probe of a listener at once, events out of turn."""
        if "events" not in message:
            await super().group_send(group, message)
        elif self._held is None:
            self._held = (group, message)
        else:
            held, self._held = self._held, None
            await super().group_send(group, message)
            await super().group_send(*held)
