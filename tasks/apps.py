"""Django's hook at start-up: every task type is known, and refused if it can't be mapped, before anything is served."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """The one app of the project."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Find the task types of all installed apps. Raises `Misconfigured` with all that is wrong with one."""
        from tasks.registry import autodiscover  # noqa: PLC0415 - the app registry must be full first

        autodiscover()
