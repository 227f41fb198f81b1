"""The rows. Only `tasks.lifecycle` writes tasks, attempts and events."""

from tasks.models.attempts import Attempt
from tasks.models.events import Event, EventLog
from tasks.models.tasks import Task
from tasks.models.users import AccessToken, User
from tasks.models.workers import WorkerProcess

__all__ = ["AccessToken", "Attempt", "Event", "EventLog", "Task", "User", "WorkerProcess"]
