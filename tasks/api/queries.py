"""Reading: what a user may see of tasks, and the registry."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import strawberry
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from tasks.api.filters import select
from tasks.api.pages import PageRequest, read_page
from tasks.api.types.enums import TaskOrder
from tasks.api.types.fields import resolved
from tasks.api.types.info import Info
from tasks.api.types.inputs import FilterArgument
from tasks.api.types.lists import TaskConnection
from tasks.api.types.node import TASK_TYPE_PREFIX, Node
from tasks.api.types.scalars import parse_uuid
from tasks.api.types.task_types import TaskType
from tasks.api.types.tasks import Task
from tasks.api.types.users import User
from tasks.errors import BadUserInput
from tasks.hub import current_hub
from tasks.registry import registry


@strawberry.type(description="Reading.")
class Query:
    """The roots of reading."""

    @resolved("Who asks; null without a login.")
    async def me(self, info: Info) -> User | None:
        """Read the viewer's own row."""
        user_id = info.context.viewer.user_id
        return None if user_id is None else await info.context.loaders.users.load(user_id)  # type: ignore[return-value]

    @resolved("Whatever has this id, as far as the user may see it; null otherwise.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002 - the contract's name
        """Find a task type, a task or a user."""
        viewer = info.context.viewer
        viewer.require_sight()
        if id.startswith(TASK_TYPE_PREFIX) and viewer.watches is None:
            return registry.find(id.removeprefix(TASK_TYPE_PREFIX))  # type: ignore[return-value]  # its source
        node_id = read_id(id)
        if node_id is None:
            return None
        found = await info.context.loaders.tasks.load(node_id)
        if found is None and (viewer.is_staff or node_id == viewer.user_id):
            return await info.context.loaders.users.load(node_id)  # type: ignore[return-value]  # its source
        return found  # type: ignore[return-value]  # its source

    @resolved("Null for an unknown id and for somebody else's task alike.")
    async def task(self, info: Info, id: strawberry.ID) -> Task | None:  # noqa: A002 - the contract's name
        """Find a task."""
        info.context.viewer.require_sight()
        task_id = read_id(id)
        return None if task_id is None else await info.context.loaders.tasks.load(task_id)  # type: ignore[return-value]

    @resolved("`first` or `last` at most 100, default 20.")
    async def tasks(  # noqa: PLR0913, PLR0917 - the contract's arguments
        self,
        info: Info,
        filter: FilterArgument = strawberry.UNSET,  # noqa: A002 - the contract's name
        order_by: TaskOrder = TaskOrder.NEWEST_FIRST,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: str | None = strawberry.UNSET,
    ) -> TaskConnection:
        """Read a page."""
        selection = select(filter or None, info.context.viewer)
        page = PageRequest.of(selection, order_by, *map(_given, (first, after, last, before)))
        return await read_page(page, await _mark(info))  # type: ignore[return-value]  # its source

    @resolved("What can be submitted, in the order of the names.")
    def task_types(self) -> list[TaskType]:
        """List the registry."""
        return registry.all()  # type: ignore[return-value]  # their sources


def read_id(text: str) -> UUID | None:
    """Read the id of a task or a user; None for what can't be one, which is unknown like any other."""
    try:
        return parse_uuid(text)
    except BadUserInput:
        return None


def _given(value: Any) -> Any:
    return None if value is strawberry.UNSET else value


async def _mark(info: Info) -> int:
    """Return the event log's mark of this moment, or 0 where nobody asks for it, so that nobody waits for it."""
    raw = info._raw_info  # noqa: SLF001 - Strawberry's own way to the selection builds all of it
    if not any(_selects(node.selection_set, "eventCursor", raw.fragments) for node in raw.field_nodes):
        return 0
    hub = current_hub()
    await hub.ready()
    return hub.mark


def _selects(selections: SelectionSetNode | None, name: str, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    for selection in selections.selections if selections else ():
        match selection:
            case FieldNode():
                found = selection.name.value == name
            case FragmentSpreadNode():
                found = _selects(fragments[selection.name.value].selection_set, name, fragments)
            case InlineFragmentNode():
                found = _selects(selection.selection_set, name, fragments)
            case _:
                found = False
        if found:
            return True
    return False
