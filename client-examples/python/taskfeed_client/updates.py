"""What a watched task yields, and what a refused one was refused for."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from taskfeed_client.generated.types import (
    Frame,
    TaskBase,
    UserErrorCatch,
    UserErrorQueueFull,
    UserErrorRateLimited,
    UserErrorTooLarge,
)

TaskT = TypeVar("TaskT", bound=TaskBase)

Mistake = Annotated[
    UserErrorTooLarge | UserErrorRateLimited | UserErrorQueueFull | UserErrorCatch, Field(union_mode="left_to_right")
]
"""Those that say more than code, message and path; all others, new ones as well, are a `UserErrorCatch`."""


class Update(Frame, Generic[TaskT]):
    """One frame: a SNAPSHOT, an EVENT, or a GAP, which says in `gap` why events are missing; a SNAPSHOT follows it.

    An event of a kind that the client does not know is a `FrameEventBaseCatchAll`.
    """

    task: TaskT
