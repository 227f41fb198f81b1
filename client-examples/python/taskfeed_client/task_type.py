"""A task type as its client sees it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from taskfeed_client.generated.types import TaskBase

ArgumentsT = TypeVar("ArgumentsT", bound=BaseModel)
TaskT = TypeVar("TaskT", bound=TaskBase)


@dataclass(frozen=True)
class TaskType(Generic[ArgumentsT, TaskT]):
    """Ties the arguments of a task type to the model of its tasks, so that a checker knows both from one name."""

    arguments: type[ArgumentsT]
    task: type[TaskT]
