"""All task types of the process, and how they are found at start-up."""

import pkgutil
from difflib import get_close_matches
from importlib import import_module

from django.utils.module_loading import autodiscover_modules

from tasks.errors import Misconfigured
from tasks.registry.names import RESERVED_NAMES
from tasks.registry.tasktype import TaskType


class TaskTypes:
    """Task types by their names. Filled while the process starts, only read afterwards."""

    def __init__(self) -> None:
        self.reserved_names: set[str] = set(RESERVED_NAMES)
        """GraphQL type names that no task type may need. Whoever adds some calls `check_names` afterwards."""
        self._by_name: dict[str, TaskType] = {}
        self._by_input_field: dict[str, TaskType] = {}
        self._names: dict[str, TaskType] = {}

    def add(self, task_type: TaskType) -> None:
        """Take a task type in. Raises Misconfigured where one of its names is taken."""
        where = _where(task_type)
        if other := self._by_name.get(task_type.name):
            raise Misconfigured(
                f"two functions are the task type {task_type.name!r}: {_where(other)} and {where}. "
                "Rename one, as in @task_type(name=...)"
            )
        if other := self._by_input_field.get(task_type.input_field):
            raise Misconfigured(
                f"the task types {other.name!r} and {task_type.name!r} ({where}) are both {task_type.input_field!r} "
                "in TaskInput. Rename one, as in @task_type(name=...)"
            )
        for graphql_name, needed_by in task_type.graphql_names.items():
            if other := self._names.get(graphql_name):
                raise Misconfigured(
                    f"{needed_by} of the task type {task_type.name!r} ({where}) would be called {graphql_name!r} "
                    f"in the schema, as is {other.graphql_names[graphql_name]} of {other.name!r}. Rename one of them"
                )
        self._refuse_reserved(task_type)
        self._by_name[task_type.name] = task_type
        self._by_input_field[task_type.input_field] = task_type
        self._names.update(dict.fromkeys(task_type.graphql_names, task_type))

    def all(self) -> list[TaskType]:
        """Return all of them, by name."""
        return sorted(self._by_name.values(), key=lambda task_type: task_type.name)

    def find(self, name: str) -> TaskType | None:
        """Return the one of that name; None where this process has none (any more)."""
        return self._by_name.get(name)

    def by_input_field(self, name: str) -> TaskType:
        """Return the one whose field in TaskInput that is. Raises KeyError, with the nearest, where there is none."""
        try:
            return self._by_input_field[name]
        except KeyError:
            near = get_close_matches(name, self._by_input_field, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"no task type has the field {name!r}{hint}") from None

    def check_names(self) -> None:
        """Raise Misconfigured where a task type needs a reserved name."""
        for task_type in self._by_name.values():
            self._refuse_reserved(task_type)

    def _refuse_reserved(self, task_type: TaskType) -> None:
        for graphql_name, needed_by in task_type.graphql_names.items():
            if graphql_name in self.reserved_names:
                raise Misconfigured(
                    f"the task type {task_type.name!r} (function {_where(task_type)}): {needed_by} would be called "
                    f"{graphql_name!r}, which the schema has already. Rename it, as in @task_type(name=...)"
                )


registry = TaskTypes()
"""The task types of this process."""


def autodiscover() -> None:
    """Import every module of `tasks.handlers` and the `task_types` module of each installed app, which registers them.

    Called once Django's apps are loaded, so that a handler may define models. Doing it again finds nothing new.
    """
    handlers = import_module("tasks.handlers")
    for module in pkgutil.walk_packages(handlers.__path__, f"{handlers.__name__}."):
        import_module(module.name)
    autodiscover_modules("task_types")
    registry.check_names()


def _where(task_type: TaskType) -> str:
    return f"{task_type.handler.__module__}.{task_type.handler.__qualname__}"
