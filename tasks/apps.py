"""Django's hook at start-up: every task type is known, and refused if it can't be mapped, before anything is served."""

from collections import deque

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tasks.errors import Misconfigured


class TasksConfig(AppConfig):
    """The one app of the project."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Find the task types of all installed apps. Raises `Misconfigured` with all that is wrong with one."""
        from tasks.registry import autodiscover, registry  # noqa: PLC0415 - the app registry must be full first

        autodiscover()
        for task_type in registry.all():
            if task_type.queue not in settings.QUEUES:
                raise Misconfigured(
                    f"the task type {task_type.name!r} has the queue {task_type.queue!r}, from which no worker takes:"
                    f" expected one of QUEUES, {', '.join(settings.QUEUES)}"
                )
        if settings.DEBUG:
            connection_created.connect(_keep_no_queries)


def _keep_no_queries(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Django keeps the last 9,000 statements of a connection where DEBUG is set, and ours stay open for good."""
    connection.queries_log = deque(maxlen=0)
