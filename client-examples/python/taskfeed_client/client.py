"""Submit tasks and follow them, through lost connections and restarted servers."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self, TypedDict, TypeVar, Unpack, overload
from uuid import uuid4

from gql import GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from pydantic import BaseModel, TypeAdapter
from pydantic.alias_generators import to_camel

from taskfeed_client import documents
from taskfeed_client.faults import OtherTaskType, Refused, lasting
from taskfeed_client.generated.types import TaskBase, TaskCatch, TaskInput, TaskPriority, UpdateKind
from taskfeed_client.patience import Patience
from taskfeed_client.socket import Socket
from taskfeed_client.task_type import TaskType
from taskfeed_client.updates import Update

ArgumentsT = TypeVar("ArgumentsT", bound=BaseModel)
TaskT = TypeVar("TaskT", bound=TaskBase)
_TASK_INPUT: Final[TypeAdapter[Any]] = TypeAdapter(TaskInput)


class Options(TypedDict, total=False):
    """What may be said of a task beside its arguments; see SubmitTaskInput."""

    priority: TaskPriority
    queue: str
    delay_seconds: float
    expires_in_seconds: float
    max_attempts: int
    retry_delay_seconds: float
    timeout_seconds: float
    tags: list[str]
    metadata: Any


class Taskfeed:
    """One user's view of one server, over one socket: `async with Taskfeed(url, token) as taskfeed`.

    Whatever passes by itself is waited for, up to `patience_seconds` without a sign of the server; then `Unreachable`.
    What does not pass ends the operation with an `OperationFailed`.
    """

    def __init__(self, url: str, token: str, *, patience_seconds: float = 300.0) -> None:
        self._socket = Socket(url, token)
        self._patience_seconds = patience_seconds

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()

    async def submit(
        self,
        task_type: TaskType[ArgumentsT, TaskT],
        arguments: ArgumentsT,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> TaskT:
        """Return the task as it is stored. Sent again where no answer came, which the key makes safe."""
        values = _input(arguments, idempotency_key, options)
        payload = await self._mutate(documents.submit(task_type.task), input=values)
        return _task(task_type.task, payload)

    async def cancel_task(self, task_id: str) -> TaskCatch:
        """Ask for the cancel, and return the task as it stands now."""
        return _task(TaskCatch, await self._mutate(documents.cancel(TaskCatch), id=task_id))

    @overload
    def watch_task(self, task_id: str, after: str | None = None) -> AsyncIterator[Update[TaskCatch]]: ...

    @overload
    def watch_task(
        self, task_id: str, after: str | None = None, *, of: TaskType[ArgumentsT, TaskT]
    ) -> AsyncIterator[Update[TaskT]]: ...

    def watch_task(
        self, task_id: str, after: str | None = None, *, of: TaskType[Any, Any] | None = None
    ) -> AsyncIterator[Update[Any]]:
        """Yield each update up to the final event, each once and in order.

        Begins with a SNAPSHOT or, with the cursor of an update in `after`, with what has come since. `of` has the
        updates' tasks typed with the arguments and result of that task type.
        """
        task = of.task if of is not None else TaskCatch
        return self._follow(documents.watch(task), task, after, id=task_id)

    def run_task(
        self,
        task_type: TaskType[ArgumentsT, TaskT],
        arguments: ArgumentsT,
        *,
        idempotency_key: str | None = None,
        after: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[Update[TaskT]]:
        """Submit a task and yield its updates from its first event, or from `after`, to its end.

        Sent again with the same key it goes on with the same task. Without a key it has one of its own.
        """
        values = _input(arguments, idempotency_key, options)
        return self._follow(documents.run(task_type.task), task_type.task, after, input=values)

    async def _mutate(self, document: str, **variables: Any) -> dict[str, Any]:
        patience = Patience(self._patience_seconds)
        while True:
            session = None
            try:
                session = await self._socket.session()
                answer = await session.execute(GraphQLRequest(document, variable_values=variables))
            except (TransportError, OSError) as fault:
                await self._recover(fault, session, patience)
            else:
                [payload] = answer.values()
                return dict(payload)

    async def _follow(
        self, document: str, task: type[TaskT], after: str | None, **variables: Any
    ) -> AsyncIterator[Update[TaskT]]:
        patience, seen = Patience(self._patience_seconds), 0
        while True:
            session = None
            request = GraphQLRequest(document, variable_values={**variables, "after": after})
            try:
                session = await self._socket.session()
                async with aclosing(session.subscribe(request)) as answers:
                    async for answer in answers:
                        patience.refresh()
                        update = _update(task, *answer.values())
                        after = update.cursor
                        if update.kind == UpdateKind.EVENT and update.task.version <= seen:
                            continue
                        # After a gap the log may have begun anew, so that its versions did, too.
                        seen = 0 if update.kind == UpdateKind.GAP else update.task.version
                        yield update
            except (TransportError, OSError) as fault:
                await self._recover(fault, session, patience)
            else:
                return  # the server completes it when the task is final

    async def _recover(self, fault: TransportError | OSError, session: Any, patience: Patience) -> None:
        """Wait until it is worth another try; raise where it never will be."""
        if session is not None and not isinstance(fault, TransportQueryError):
            await self._socket.drop(session)
        if (error := lasting(fault)) is not None:
            raise error from fault
        await patience.wait(fault)


def _input(arguments: BaseModel, key: str | None, options: Options) -> dict[str, Any]:
    task = _TASK_INPUT.dump_python(arguments, mode="json", by_alias=True, exclude_unset=True)
    return {
        "task": task,
        "idempotencyKey": key or str(uuid4()),
        **{to_camel(name): value for name, value in options.items()},
    }


def _task(model: type[TaskT], payload: dict[str, Any]) -> TaskT:
    if payload["errors"]:
        raise Refused(payload["errors"])
    return model.model_validate(payload["task"])


def _update(model: type[TaskT], frame: dict[str, Any]) -> Update[TaskT]:
    expected = getattr(model.model_fields.get("typename"), "default", None)
    found = frame["task"]["__typename"]
    if isinstance(expected, str) and found != expected:
        raise OtherTaskType(f"expected a task of type {expected}, got a {found}", "OTHER_TASK_TYPE")
    return Update[model].model_validate(frame)  # type: ignore[valid-type]  # the model is known at run time alone
