"""Task types are functions: what a team writes, and what is derived from it before anything is served."""

from pydantic import Field

from tasks.registry.backoff import Backoff
from tasks.registry.context import RejectTask, TaskCancelled, TaskContext
from tasks.registry.declaration import task_type
from tasks.registry.derivation import build_task_type
from tasks.registry.discovery import TaskTypes, autodiscover, registry
from tasks.registry.faults import ArgumentsInvalid, Fault, ResultInvalid
from tasks.registry.scalars import BigInt
from tasks.registry.tasktype import TaskType
from tasks.status import LogLevel, TaskPriority

__all__ = [
    "ArgumentsInvalid",
    "Backoff",
    "BigInt",
    "Fault",
    "Field",
    "LogLevel",
    "RejectTask",
    "ResultInvalid",
    "TaskCancelled",
    "TaskContext",
    "TaskPriority",
    "TaskType",
    "TaskTypes",
    "autodiscover",
    "build_task_type",
    "registry",
    "task_type",
]
