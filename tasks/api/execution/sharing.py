"""One execution and one encoding of an event for everybody who asked for the same and may see the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Hashable
from typing import Protocol, cast
from weakref import WeakValueDictionary

import orjson
from graphql import ExecutionResult, FragmentSpreadNode, GraphQLError, InlineFragmentNode, SelectionSetNode
from strawberry.execution import optimized_is_awaitable

from tasks.api.execution.operations import Subscription
from tasks.api.execution.payloads import encode
from tasks.api.viewer import Viewer


class SharedEvent(Protocol):
    """An event whose `key` is equal where its content is."""

    @property
    def key(self) -> Hashable:
        """Hashable, and equal only for events that every document shows alike."""


def rights_of(viewer: Viewer) -> Hashable:
    """Return all that a task's fields may depend on: staff see everything alike, others what they may see."""
    return "staff" if viewer.is_staff else viewer.rights


class Scope:
    """What a subscription shares its executions under: the same object for all that may share."""

    __slots__ = ("__weakref__", "last_event", "last_payload")

    def __init__(self) -> None:
        self.last_event: SharedEvent | None = None
        self.last_payload = b""


class SharedExecutions:
    """Remembers the encoded results of events, the least recently used leave first. One per process, on one loop.

    A result that came at once depends on the event alone and is kept. One that had to be waited for has read
    something as of now: it is shared with those who ask meanwhile, and then forgotten. So are errors.
    """

    def __init__(self, entries: int = 2_048, total_bytes: int = 16 * 1024 * 1024) -> None:
        self.entries = entries
        self.total_bytes = total_bytes
        self._scopes: WeakValueDictionary[Hashable, Scope] = WeakValueDictionary()
        self._done: OrderedDict[Hashable, bytes] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[bytes]] = {}
        self._bytes = 0

    def scope(self, subscription: Subscription, viewer: Viewer) -> Scope | None:
        """Return what a subscription may share its executions under, once for all its events; None: nothing.

        Only a document that selects a single root field is shared; that is what validation lets through anyway,
        but for `__typename`.
        """
        operation = subscription.prepared.operation(subscription.operation_name)
        if isinstance(operation, GraphQLError) or not _is_single(operation.selection_set):
            return None
        try:
            variables = orjson.dumps(subscription.variables, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            return None
        key = (subscription.prepared, subscription.operation_name, variables, rights_of(viewer))
        return self._scopes.setdefault(key, Scope())

    def payload(self, subscription: Subscription, scope: Scope | None, event: SharedEvent) -> bytes | Awaitable[bytes]:
        """Return the event's result as JSON, `{"data": ...}`, at once where nothing has to be waited for.

        The awaitable may be dropped: the others who wait for the same execution get theirs.
        """
        if scope is None:
            return _encoded(subscription.execute(event))
        if scope.last_event is event:
            return scope.last_payload
        key = (scope, event.key)
        known = self._done.get(key)
        if known is not None:
            self._done.move_to_end(key)
            scope.last_event, scope.last_payload = event, known
            return known
        running = self._running.get(key)
        if running is not None:
            return asyncio.shield(running)
        result = subscription.execute(event)
        if isinstance(result, ExecutionResult):
            return self._keep(key, result)
        task = asyncio.ensure_future(_awaited(result))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return asyncio.shield(task)

    def _keep(self, key: Hashable, result: ExecutionResult) -> bytes:
        encoded = encode(result)
        if not result.errors:
            self._done[key] = encoded
            self._bytes += len(encoded)
            while len(self._done) > self.entries or self._bytes > self.total_bytes:
                self._bytes -= len(self._done.popitem(last=False)[1])
        return encoded


def _is_single(selection_set: SelectionSetNode) -> bool:
    """Tell whether there is one root field, written straight away, so that nothing else can depend on the viewer."""
    selections = selection_set.selections
    return len(selections) == 1 and not isinstance(selections[0], FragmentSpreadNode | InlineFragmentNode)


def _encoded(result: ExecutionResult | Awaitable[ExecutionResult]) -> bytes | Awaitable[bytes]:
    if optimized_is_awaitable(result):
        return _awaited(cast("Awaitable[ExecutionResult]", result))
    return encode(cast("ExecutionResult", result))


async def _awaited(result: Awaitable[ExecutionResult]) -> bytes:
    return encode(await result)
