"""The operations: each around the fragment of the model that its task is read into."""

from pathlib import Path
from typing import Final

from graphql import FragmentDefinitionNode, parse, print_ast

from taskfeed_client.generated.types import Frame, TaskBase

_COMMON: Final = {
    found.name.value: print_ast(found)
    for found in parse(Path(__file__).with_name("fragments.graphql").read_text()).definitions
    if isinstance(found, FragmentDefinitionNode)
}
"""The generator keeps the text of a fragment, though not that of one on an interface."""
_PAYLOAD: Final = "{ task { __typename ...TASK } errors { __typename ...UserError } }"
_FRAME: Final = "{ ...Frame task { __typename ...TASK } }"


def watch(task: type[TaskBase]) -> str:
    """Return the subscription to one task."""
    operation = f"subscription ($id: ID!, $after: EventCursor) {{ taskUpdated(id: $id, after: $after) {_FRAME} }}"
    return _with_fragments(operation, task, Frame.Meta.document)


def run(task: type[TaskBase]) -> str:
    """Return the subscription that submits a task and follows it."""
    variables = "($input: RunTaskInput!, $after: EventCursor)"
    operation = f"subscription {variables} {{ runTask(input: $input, after: $after) {_FRAME} }}"
    return _with_fragments(operation, task, Frame.Meta.document)


def submit(task: type[TaskBase]) -> str:
    """Return the mutation that submits a task."""
    operation = f"mutation ($input: SubmitTaskInput!) {{ submitTask(input: $input) {_PAYLOAD} }}"
    return _with_fragments(operation, task, _COMMON["UserError"])


def cancel(task: type[TaskBase]) -> str:
    """Return the mutation that cancels a task."""
    operation = f"mutation ($id: ID!) {{ cancelTask(input: {{ id: $id }}) {_PAYLOAD} }}"
    return _with_fragments(operation, task, _COMMON["UserError"])


def _with_fragments(operation: str, task: type[TaskBase], other: str) -> str:
    meta = getattr(task, "Meta", None)
    name, text = (meta.name, meta.document) if meta else ("Task", _COMMON["Task"])
    return "\n".join([operation.replace("TASK", name), text, other])
