"""Executing prepared documents: queries and mutations at once, subscriptions event by event."""

from collections.abc import AsyncIterable, Awaitable
from copy import copy
from typing import Any, cast

from graphql import ExecutionResult, FieldNode, GraphQLError, GraphQLSchema, OperationType
from graphql.execution import Executor, create_source_event_stream
from graphql.execution.collect_fields import GroupedFieldSet, collect_fields
from graphql.execution.executor import CollectedErrors, default_field_resolver, default_type_resolver
from graphql.execution.values import get_variable_values
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from tasks.api.execution.context import Context
from tasks.api.execution.documents import BAD_USER_INPUT, Prepared
from tasks.api.execution.limits import oversized
from tasks.errors import TimedOut


class RequestError(ExecutionResult):
    """Nothing was executed: the answer has no `data` entry, and over HTTP may have a status of 400."""

    __slots__ = ()
    not_executed = True


class _Executor(Executor[None]):
    """Plain graphql-core execution (no @defer, no @stream) with the `info` that Strawberry's resolvers expect."""

    operation_extensions: dict[str, Any] | None = None
    # Needs nothing of its own class that ours has not.
    build_resolve_info = StrawberryGraphQLCoreExecutionContext.build_resolve_info


class Subscription:
    """A running subscription: its source, and what executing one of its events needs, prepared once.

    `source` is the very object that the resolver returned. Who iterates it closes it.
    """

    __slots__ = ("_context", "_executor", "_fields", "operation_name", "prepared", "source", "variables")

    def __init__(
        self, prepared: Prepared, operation_name: str | None, variables: dict[str, Any], executor: Executor[Any]
    ) -> None:
        self.prepared = prepared
        self.operation_name = operation_name
        self.variables = variables
        """As the client sent them."""
        self.source: AsyncIterable[Any]
        self._executor = executor
        self._context: Context = executor.context_value
        self._fields: GroupedFieldSet | None = None

    def execute(self, event: Any) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Execute the selections on one event, with a context of its own. At once where no resolver is async."""
        executor = copy(self._executor)
        executor.root_value = event
        executor.context_value = self._context.fresh()
        executor.collected_errors = CollectedErrors()
        root_type = executor.schema.subscription_type
        assert root_type is not None  # noqa: S101 - subscribe() has looked
        if self._fields is None:
            # The fields collected below these are remembered under the identity of these lists, in a dictionary
            # that all copies of the executor share. Collecting anew for each event would make it grow for ever.
            self._fields = collect_fields(
                executor.schema, executor.fragments, executor.variable_values, root_type, executor.operation
            ).grouped_field_set
        try:
            data = executor.execute_fields(root_type, event, None, self._fields, None)
        except GraphQLError as error:
            return _without_data(executor, error)
        if optimized_is_awaitable(data):
            return _finish(executor, cast("Awaitable[dict[str, Any]]", data))
        return _result(executor, cast("dict[str, Any]", data))


def execute(
    prepared: Prepared,
    operation_name: str | None,
    variables: dict[str, Any] | None,
    context: Context,
    root_value: Any = None,
) -> ExecutionResult | Awaitable[ExecutionResult]:
    """Execute a query or a mutation; a mutation's fields one after the other. At once where no resolver is async.

    What goes wrong in a field is in the result's errors; only cancellation is ever raised.
    """
    executor = _build(prepared, operation_name, variables, context, root_value)
    if isinstance(executor, RequestError):
        return executor
    if executor.operation.operation is OperationType.SUBSCRIPTION:
        return _refused(
            "A subscription can't be answered once: subscribe to it over the graphql-transport-ws socket, or accept"
            " text/event-stream."
        )
    return cast("ExecutionResult | Awaitable[ExecutionResult]", executor.execute_operation())


async def in_time(result: Awaitable[ExecutionResult], prepared: Prepared, context: Context) -> ExecutionResult:
    """Await a result, no longer than an operation may take: then it is answered that it took too long.

    What it waits for is abandoned: a read ends by its own time limit, a change may have been carried out.
    """
    seconds = prepared.limits.max_seconds
    try:
        async with context.time_limit(seconds):
            return await result
    except TimeoutError:
        return ExecutionResult(None, [_timed_out(seconds)])


async def subscribe(
    prepared: Prepared, operation_name: str | None, variables: dict[str, Any] | None, context: Context
) -> Subscription | ExecutionResult:
    """Open the source of a subscription. Errors before its first event come back as a result without data."""
    executor = _build(prepared, operation_name, variables, context, None)
    if isinstance(executor, RequestError):
        return executor
    if executor.operation.operation is not OperationType.SUBSCRIPTION or executor.schema.subscription_type is None:
        return _refused("Expected a subscription operation.")
    subscription = Subscription(prepared, operation_name, variables or {}, executor)
    source = create_source_event_stream(executor)
    if optimized_is_awaitable(source):
        seconds = prepared.limits.max_seconds
        try:
            async with context.time_limit(seconds):
                source = await cast("Awaitable[AsyncIterable[Any] | ExecutionResult]", source)
        except TimeoutError:
            return RequestError(None, [_timed_out(seconds)])
    if isinstance(source, ExecutionResult):
        return RequestError(None, source.errors)
    subscription.source = cast("AsyncIterable[Any]", source)
    return subscription


def located(fault: Exception, subscription: Subscription | None) -> GraphQLError:
    """Wrap what a source or our own code raised. Its path tells it from faults in the request, when formatted."""
    if isinstance(fault, GraphQLError):
        return fault
    place = "operation"
    if subscription is not None:
        operation = subscription.prepared.operation(subscription.operation_name)
        field = None if isinstance(operation, GraphQLError) else operation.selection_set.selections[0]
        if isinstance(field, FieldNode):
            place = (field.alias or field.name).value
    return GraphQLError(str(fault), path=[place], original_error=fault)


def _build(
    prepared: Prepared,
    operation_name: str | None,
    variables: dict[str, Any] | None,
    context: Context,
    root_value: Any,
) -> Executor[Any] | RequestError:
    operation = prepared.operation(operation_name)
    if isinstance(operation, GraphQLError):
        return RequestError(None, [operation])
    if context.viewer.watches is not None and (faults := prepared.watch_faults()):
        return RequestError(None, faults)
    schema: GraphQLSchema = prepared.schema
    limits = prepared.limits
    given = variables or {}
    fault = oversized(given, limits) or prepared.too_complex(operation, given)
    if fault is not None:
        return RequestError(None, [fault])
    quiet = not limits.introspection
    coerced = get_variable_values(
        schema, operation.variable_definitions or (), given, max_errors=limits.max_errors, hide_suggestions=quiet
    )
    if isinstance(coerced, list):
        return RequestError(None, coerced)
    return _Executor(
        schema,
        prepared.fragment_definitions,
        prepared.fragments,
        root_value,
        context,
        operation,
        coerced,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        hide_suggestions=quiet,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # says bool where a TypeGuard is asked for
    )


def _timed_out(seconds: float) -> GraphQLError:
    problem = f"This took longer than {seconds:g} seconds. If it was a change, whether it was carried out is not known."
    return GraphQLError(problem, extensions={"code": TimedOut.code})


def _refused(message: str) -> RequestError:
    return RequestError(None, [GraphQLError(message, extensions={"code": BAD_USER_INPUT})])


async def _finish(executor: Executor[Any], data: Awaitable[dict[str, Any]]) -> ExecutionResult:
    try:
        return _result(executor, await data)
    except GraphQLError as error:
        return _without_data(executor, error)


def _without_data(executor: Executor[Any], error: GraphQLError) -> ExecutionResult:
    executor.collected_errors.add(error, None)
    return _result(executor, None)


def _result(executor: Executor[Any], data: dict[str, Any] | None) -> ExecutionResult:
    return ExecutionResult(data, executor.collected_errors.errors or None)
